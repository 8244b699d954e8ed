"""What a name of the value namespace stands for while a body is elaborated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from archgraph.errors import Mark, WiringError
from archgraph.graph.types import Call, Node, Value
from archgraph.language.elaboration.name_errors import no_output

if TYPE_CHECKING:
    from archgraph.language.elaboration.frame import BodyFrame
    from archgraph.language.elaboration.resolve import Target
    from archgraph.language.schema.spec import BlockSpec


class Broken(Exception):  # noqa: N818 - no error of its own: its cause was noted already
    """What a node reads has failed before."""


@dataclass(slots=True)
class Located:
    """A value and the frame it belongs to. When that frame is finished, what stays on a stack moves to the parent."""

    frame: BodyFrame
    value: Value


class Reader(NamedTuple):
    """Somebody who reads a binding: by its name, or by default because it stands right after it.

    `node` is the identity of the node in the source: copies of one node are one reader.
    """

    node: int
    address: str
    mark: Mark | None
    named: bool

    def unnamed(self) -> Reader:
        """The same reader, reading by default."""
        return Reader(self.node, self.address, self.mark, False)


State = Literal["present", "absent", "broken"]


@dataclass(slots=True)
class BoundName:
    """A name, the values behind it by port, and who reads it.

    `absent`: a conditional input that is not there. `broken`: its node failed, so whoever reads it is passed over in
    silence instead of failing for the same reason again. `taken`: pushed, or handed out by `outputs:`. `through` is the
    binding whose readers these are: a group reads what stands before it only when something inside does. `training`: it
    is computed in training only.
    """

    name: str
    outputs: dict[str, Located] = field(default_factory=dict)
    state: State = "present"
    kind: Literal["node", "input", "alias", "forward", "popped"] = "node"
    address: str = ""
    mark: Mark | None = None
    _readers: dict[tuple[int, bool], Reader] = field(default_factory=dict)
    taken: bool = False
    through: BoundName | None = None
    named: bool = False
    owns_weights: bool = False
    copies: tuple[str, ...] = ()
    item: Node | Call | None = None
    applied: Target | None = None
    sizes: frozenset[str] = frozenset()
    block: BlockSpec | None = None
    training: bool = False

    def read(self, reader: Reader) -> None:
        """Notes a reader, here or in the binding this one forwards."""
        if self.through is not None:
            self.through.read(Reader(reader.node, reader.address, reader.mark, self.named or reader.named))
        else:
            self._readers.setdefault((reader.node, reader.named), reader)

    def take(self) -> None:
        """Notes that the value is used, though nobody reads it as an input."""
        self.taken = True
        if self.through is not None:
            self.through.take()

    @property
    def used(self) -> bool:
        """Whether anybody wants the value."""
        return bool(self._readers) or self.taken

    @property
    def readers(self) -> list[Reader]:
        """Who reads it: copies of one node are one reader."""
        return list(self._readers.values())

    @property
    def main(self) -> Located:
        """The only value, or the first of several."""
        return next(iter(self.outputs.values()))

    def output(self, port: str) -> BoundName:
        """One output of it, or one of its copies. Raises UnknownNameError."""
        name = f"{self.name}.{port}"
        if port in self.outputs:
            return BoundName(name, {"": self.outputs[port]}, "present", "alias", self.address, self.mark)
        below = f"{port}."
        several = {key.removeprefix(below): at for key, at in self.outputs.items() if key.startswith(below)}
        if several:
            return BoundName(name, several, "present", "alias", self.address, self.mark)
        raise no_output(self, port)

    def sliced(self, parts: slice) -> BoundName:
        """Some of its numbered outputs or copies, numbered anew. Raises WiringError where it has none."""
        numbered = [self.outputs[str(at)] for at in range(len(self.outputs)) if str(at) in self.outputs]
        wanted = {str(at): value for at, value in enumerate(numbered[parts])}
        if not wanted:
            ends = ":".join("" if end is None else str(end) for end in (parts.start, parts.stop))
            raise WiringError(
                f"'{self.name}[{ends}]' holds no value",
                expected=f"some of the {len(numbered)} parts of '{self.name}'" if numbered else "a value with parts",
            )
        return BoundName(self.name, wanted, "present", "alias", self.address, self.mark)

    def forwarded(self, named: bool = False) -> BoundName:
        """The same values for the inside of a group or repetition, where reading them is reading this."""
        return BoundName(self.name, dict(self.outputs), self.state, "forward", through=self, named=named)


def broken(name: str) -> BoundName:
    """The binding of a node that failed."""
    return BoundName(name, state="broken")
