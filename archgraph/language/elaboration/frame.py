"""One body under elaboration: its names, its stacks, and what crosses its border."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from archgraph.errors import Mark, WiringError
from archgraph.graph.builder import Builder
from archgraph.graph.types import Call, Graph, Node, Value
from archgraph.language.definitions import Definitions
from archgraph.language.elaboration.bindings import BoundName, Located, Reader, broken
from archgraph.language.elaboration.name_errors import no_stack, unreadable
from archgraph.language.schema.references import base_name, parsed
from archgraph.language.schema.spec import BodySpec, Path
from archgraph.records import record

if TYPE_CHECKING:
    from archgraph.language.elaboration.tied_weights import Tie
    from archgraph.language.reading.document import Document

Kind = TypeVar("Kind", Node, Call)


@dataclass(slots=True)
class Stack:
    """Values pushed and not yet popped. Belongs to the frame that declared it.

    `uncertain`: a node that would have pushed or popped has failed, so nothing can be said of it any more.
    """

    name: str
    entries: list[tuple[BoundName, Reader]] = field(default_factory=list)
    uncertain: bool = False


@record()
class FramePlace:
    """Where a frame stands: in the source, and in the module tree."""

    document: Document
    definitions: Definitions
    address: str = ""
    module: str = ""

    def value(self, *path: str | int) -> Mark | None:
        """Where a value stands in the file."""
        return self.document.marks.value(*path)

    def key(self, *path: str | int) -> Mark | None:
        """Where a key stands in the file."""
        return self.document.marks.key(*path)


class BodyFrame:
    """A body being built. A group sees the names of its parents; a block has no parent.

    `scope` holds the names of its expressions. `main` is what stands before a group. `twin` is the body whose modules
    this one applies again. `pushed` are its entries on stacks, here or around. `passed` leads from the input of any
    body to the value that was handed to it. `ties` are those of weights in it that nodes around it state, by key.
    `selects`: only what its outputs need is kept of it.
    """

    def __init__(self, builder: Builder, place: FramePlace, scope: dict[str, Any], parent: BodyFrame | None = None):
        self.builder = builder
        self.place = place
        self.scope = scope
        self.parent = parent
        self.names: dict[str, BoundName] = {}
        self.stacks: dict[str, Stack] = {}
        self.prev: BoundName | None = None
        self.main: BoundName | None = None
        self.failed = False
        self.selects = False
        self.twin: Graph | None = None
        self.spec = BodySpec()
        self.where: Path = ()
        self.block_module: str = parent.block_module if parent else place.module
        self.ties: dict[str, Tie] = parent.ties if parent else {}
        self.pushed: list[tuple[str, BoundName]] = []
        self.training_outputs: dict[str, Located] = {}
        self.passed: dict[Value, Value] = parent.passed if parent else {}
        self._captured: dict[Value, Value] = {}

    def child(self, name: str, place: FramePlace, scope: dict[str, Any], main: BoundName | None) -> BodyFrame:
        """The frame of a group or repetition inside this one, which starts from `main`."""
        inner = BodyFrame(Builder(name, self.builder.facts), place, scope, self)
        inner.prev = inner.main = main
        return inner

    # -- values ------------------------------------------------------------------------------------------------------

    def bring(self, located: Located) -> Value:
        """The value as this body sees it: its own, or an input through which it crosses the border."""
        if located.frame is self:
            return located.value
        if self.parent is None:
            raise AssertionError(f"{located.value!r} is out of reach of {self.place.address or self.builder.name}")
        outer = self.parent.bring(located)
        if outer not in self._captured:
            ours = self.builder.input(outer.name, outer.shape, outer.dtype, outer.origin)
            self._captured[outer] = ours
            self.passed[ours] = outer
        return self._captured[outer]

    def main_input(self) -> Value | None:
        """The body's input that stands for what is before it, if something inside reads it."""
        if self.main is None or self.main.state != "present" or self.parent is None:
            return None
        outer = self.parent._seen(self.main.main)
        return self._captured.get(outer) if outer is not None else None

    def _seen(self, located: Located) -> Value | None:
        if located.frame is self or self.parent is None:
            return located.value
        outer = self.parent._seen(located)
        return self._captured.get(outer) if outer is not None else None

    def captured(self) -> Mapping[Value, Value]:
        """What crosses into this body: this body's input → the parent's value."""
        return {ours: theirs for theirs, ours in self._captured.items()}

    def twin_item(self, kind: type[Kind], name: str) -> Kind | None:
        """The operation or call at this position of the body whose modules are applied again, when this one shares
        them. Of a body of which only what some outputs need was kept, it is the one of this name, if it was kept.

        Raises WiringError for one of another kind."""
        item = self._twin(name)
        if item is not None and not isinstance(item, kind):
            raise WiringError("the block that is applied again has another structure here")
        return item

    def check_twin(self) -> None:
        """Raises WiringError where the body that is applied again holds more than this one."""
        twin = self._twin_body()
        if twin is not None and self.builder.count != len(twin.items):
            raise WiringError("the block that is applied again has another structure here")

    def _twin_body(self) -> Graph | None:
        if self.twin is not None or self.parent is None:
            return self.twin
        call = self.parent.twin_item(Call, self.builder.name)
        return call.body if call is not None else None

    def _twin(self, name: str) -> Node | Call | None:
        twin = self._twin_body()
        if twin is None:
            return None
        if self.selects:
            found = next((item for item in twin.items if item.name == name), None)
            return found and (found.shares or found)
        if self.builder.count >= len(twin.items):
            raise WiringError("the block that is applied again has another structure here")
        item = twin.items[self.builder.count]
        return item.shares or item

    @property
    def in_training(self) -> bool:
        """Whether what is applied now is computed in training only: here, or in a group around."""
        return self.builder.training or (self.parent is not None and self.parent.in_training)

    def is_training(self, text: str) -> bool:
        """Whether a name means what is computed in training only."""
        return (binding := self.names.get(base_name(text))) is not None and binding.training

    def require_mode(self, binding: BoundName) -> None:
        """Raises WiringError for a value that is there in training only, where it is needed in evaluation too, or where
        it is handed to a group that evaluation computes."""
        if not binding.training:
            return
        owner: BodyFrame = self
        while owner.parent is not None and binding not in owner.names.values():
            owner = owner.parent
        if owner.in_training:
            return
        if self.in_training:
            raise WiringError(
                f"'{binding.name}' is computed in training only, and is read in a group that evaluation computes too",
                hint="write 'training: only' on the group, or put this node outside of it",
            )
        raise WiringError(
            f"'{binding.name}' is computed in training only, and this is read in evaluation too",
            hint="write 'training: only' here too, or take it away there",
        )

    # -- names -------------------------------------------------------------------------------------------------------

    def lookup(self, name: str) -> BoundName | None:
        """The binding of a name here or around."""
        frame: BodyFrame | None = self
        while frame is not None:
            if name in frame.names:
                return frame.names[name]
            frame = frame.parent
        return None

    def visible(self) -> list[str]:
        """All names that can be read here."""
        around = self.parent.visible() if self.parent else []
        return list(dict.fromkeys([*self.names, *around]))

    def read(self, text: str, reader: Reader, *, noted: bool = True) -> BoundName:
        """What `in: text` names: a value, one of its ports or copies, or the top of a stack.

        A reader that is not `noted` hands the value out. Raises UnknownNameError or WiringError, saying why a name
        cannot be read.
        """
        if text == "prev":
            return self.default(reader)
        wanted = parsed(text)
        if wanted.port == "pop" and wanted.name not in self.names:
            return self.pop(wanted.name)
        binding = self.lookup(wanted.name)
        if binding is None:
            raise unreadable(self, wanted.name, reader.address)
        self.require_mode(binding)
        if noted:
            binding.read(reader)
        else:
            binding.take()
        if binding.state != "present":
            return binding
        found = binding.output(wanted.port) if wanted.port else binding
        return found if wanted.parts is None else found.sliced(wanted.parts)

    def default(self, reader: Reader) -> BoundName:
        """What stands right before. Raises WiringError where nothing does."""
        if self.prev is None:
            hint = "" if self.names or self.parent else "give what holds it an input: inputs: {x: […]}"
            message = "nothing stands before this node that it could read"
            raise WiringError(message, expected="'in:' and a name", hint=hint)
        self.prev.read(reader.unnamed())
        return self.prev

    # -- stacks ------------------------------------------------------------------------------------------------------

    def stack(self, name: str) -> Stack | None:
        """The stack of that name, declared here or around."""
        if name in self.stacks:
            return self.stacks[name]
        return self.parent.stack(name) if self.parent else None

    def known_stacks(self) -> list[str]:
        """The names of all stacks declared here or around."""
        return [*self.stacks, *(self.parent.known_stacks() if self.parent else ())]

    def push(self, name: str, binding: BoundName, reader: Reader) -> None:
        """Pushes what a node hands on. Raises UnknownNameError."""
        stack = self.stack(name)
        if stack is None:
            raise no_stack(self, name)
        binding.take()
        entry = BoundName(binding.name, {}, binding.state, "popped", binding.address, binding.mark)
        entry.outputs = {port: Located(at.frame, at.value) for port, at in binding.outputs.items()}
        stack.entries.append((entry, reader))
        self.pushed.append((name, entry))

    def pop(self, name: str) -> BoundName:
        """The value pushed last. Raises WiringError when there is none."""
        stack = self.stack(name)
        if stack is None:
            raise no_stack(self, name)
        if stack.uncertain:
            return broken(name)
        if not stack.entries:
            raise WiringError(
                f"the stack '{name}' is empty here",
                expected="one push for every pop",
                hint=f"'push: {name}' at an earlier node puts a value there",
            )
        entry, _ = stack.entries.pop()
        entry.taken = True
        return entry

    def held(self) -> list[tuple[str, Located]]:
        """What this body has pushed and nobody has popped, by stack. It belongs to the body around from now on."""
        kept = [(name, entry) for name, entry in self.pushed if not entry.taken]
        if self.parent is not None:
            self.parent.pushed += kept
        return [(name, at) for name, entry in kept for at in entry.outputs.values() if at.frame is self]

    def fail(self) -> None:
        """Notes here and around that a node has failed: what it would have read or pushed is no news."""
        frame: BodyFrame | None = self
        while frame is not None and not frame.failed:
            frame.failed = True
            frame = frame.parent

    def abandon(self) -> None:
        """Breaks what this body has pushed to stacks around it: the body will never be finished."""
        for _, entry in self.pushed:
            if any(located.frame is self for located in entry.outputs.values()):
                entry.state = "broken"

    def unsettle(self, names: Iterable[str]) -> None:
        """Notes that nothing is known of these stacks any more; of all, where a name is wrong and may mean any."""
        wanted = list(names)
        known = self.known_stacks()
        for name in known if any(name not in known for name in wanted) else wanted:
            stack = self.stack(name)
            assert stack is not None
            stack.uncertain = True
