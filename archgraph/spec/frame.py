"""One body under elaboration: its names, its stacks, and what crosses its border."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from archgraph.errors import Mark, Problem, UnknownNameError, WiringError, nearest
from archgraph.graph.builder import Builder
from archgraph.graph.types import Graph, Item, Origin, Value, joined
from archgraph.spec.bindings import Binding, Located, Reader
from archgraph.spec.library import Definitions
from archgraph.spec.schema import BodySpec, NodeSpec

if TYPE_CHECKING:
    from archgraph.spec.read import Document


@dataclass(slots=True)
class Stack:
    """Values pushed and not yet popped. Belongs to the frame that declared it."""

    name: str
    entries: list[tuple[Binding, Reader]] = field(default_factory=list)


@dataclass(slots=True)
class Place:
    """Where a frame stands: in the source, and in the module tree."""

    document: Document
    definitions: Definitions
    address: str = ""
    module: str = ""


class Frame:
    """A body being built. A group sees the names of its parents; a block has no parent."""

    def __init__(
        self, name: str, builder: Builder, place: Place, expressions: dict[str, Any], parent: Frame | None = None
    ):
        self.name = name
        self.builder = builder
        self.place = place
        self.expressions = expressions
        self.parent = parent
        self.names: dict[str, Binding] = {}
        self.stacks: dict[str, Stack] = {}
        self.prev: Binding | None = None
        self.failed = False
        self.twin: Graph | None = None
        self.spec: BodySpec | None = None
        self.where: tuple[str | int, ...] = ()
        self.block_module = parent.block_module if parent else place.module
        self.main: Binding | None = None
        self._captured: dict[Value, Value] = {}

    def child(self, name: str, place: Place, expressions: dict[str, Any]) -> Frame:
        """A group's frame inside this one."""
        return Frame(name, Builder(name, self.builder.facts), place, expressions, self)

    def bring(self, located: Located) -> Value:
        """The value as this body sees it: its own, or an input through which it crosses the border."""
        if located.frame is self:
            return located.value
        if self.parent is None:
            raise AssertionError(f"{located.value!r} is out of reach of {self.place.address or self.name}")
        outer = self.parent.bring(located)
        if outer not in self._captured:
            self._captured[outer] = self.builder.input(outer.name, outer.shape, outer.dtype, outer.origin)
        return self._captured[outer]

    def peek_value(self, located: Located) -> Value | None:
        """The value as this body sees it, if it has crossed the border already."""
        if located.frame is self or self.parent is None:
            return located.value
        outer = self.parent.peek_value(located)
        return self._captured.get(outer) if outer is not None else None

    def twin_of(self, kind: type[Item]) -> Item | None:
        """The item at this position of the body whose modules are applied again, when this one shares them."""
        if self.twin is None:
            return None
        position = self.builder.count
        item = self.twin.items[position] if position < len(self.twin.items) else None
        if not isinstance(item, kind):
            raise WiringError("the block that is applied again has another structure here")
        return item

    def captured(self) -> Mapping[Value, Value]:
        """What crosses into this body: the parent's value → this body's input."""
        return self._captured

    # -- names -------------------------------------------------------------------------------------------------------

    def lookup(self, name: str) -> Binding | None:
        """The binding of a name here or around."""
        frame: Frame | None = self
        while frame is not None:
            if name in frame.names:
                return frame.names[name]
            frame = frame.parent
        return None

    def visible(self) -> list[str]:
        """All names that can be read here."""
        names = list(self.names)
        return names + self.parent.visible() if self.parent else names

    def stack(self, name: str) -> Stack | None:
        """The stack of that name, declared here or around."""
        if name in self.stacks:
            return self.stacks[name]
        return self.parent.stack(name) if self.parent else None

    def push(self, name: str, binding: Binding, reader: Reader) -> None:
        """Pushes what a node hands on. Raises UnknownNameError."""
        stack = self.stack(name)
        if stack is None:
            raise UnknownNameError(f"there is no stack '{name}'", hint=f"declare it: stacks: [{name}]")
        binding.pushed = True
        entry = Binding(binding.name, dict(binding.outputs), binding.state, "popped", binding.address, binding.mark)
        entry.outputs = {port: Located(at.frame, at.value) for port, at in binding.outputs.items()}
        stack.entries.append((entry, reader))

    def pop(self, name: str) -> Binding:
        """The value pushed last. Raises WiringError when there is none."""
        stack = self.stack(name)
        if stack is None:
            raise UnknownNameError(f"there is no stack '{name}'", hint=f"declare it: stacks: [{name}]")
        if not stack.entries:
            raise WiringError(
                f"the stack '{name}' is empty here", expected="as many pushes as pops", hint="every pop takes one push"
            )
        return stack.entries.pop()[0]

    def read(self, text: str, reader: Reader) -> Binding:
        """What `in: text` names: a value, one of its ports or copies, or the top of a stack.

        Raises UnknownNameError or WiringError, saying why a name cannot be read.
        """
        if text == "prev":
            return self.default(reader)
        name, _, port = text.partition(".")
        if port == "pop" and self.stack(name) is not None:
            return self.pop(name)
        binding = self.lookup(name)
        if binding is None:
            raise self._unknown(name, reader)
        binding.read(reader)
        if not port or binding.state != "present":
            return binding
        if port not in binding.outputs:
            known = [key for key in binding.outputs if key]
            raise UnknownNameError(
                f"'{name}' has no output '{port}'",
                expected=f"one of {', '.join(known)}" if known else f"'{name}' has a single output: read it as '{name}'",
                hint=nearest(port, known),
            )
        return Binding(text, {"": binding.outputs[port]}, "present", "alias", binding.address, binding.mark)

    def peek(self, text: str, reader: Reader) -> Binding:
        """What a name stands for, without noting a reader: a group's input is read by what is inside it, if at all."""
        name, _, port = text.partition(".")
        binding = self.lookup(name)
        if binding is None or port:
            return self.read(text, reader)
        return binding

    def default(self, reader: Reader) -> Binding:
        """What stands right before. Raises WiringError where nothing does."""
        if self.prev is None:
            raise WiringError("nothing stands before this node", expected="in: followed by a name")
        self.prev.read(Reader(reader.node, reader.address, reader.mark, False))
        return self.prev

    def _unknown(self, name: str, reader: Reader) -> WiringError | UnknownNameError:
        frame: Frame | None = self
        while frame is not None:
            later = next((node for node in (frame.spec.nodes if frame.spec else ()) if node.name == name), None)
            if later is not None:
                return _too_late(frame.spec, later, reader.address.removeprefix(frame.place.address).strip("."))
            frame = frame.parent
        stack = self.stack(name)
        if stack is not None:
            return WiringError(f"'{name}' is a stack", hint=f"take the value pushed last: {name}.pop")
        hint = nearest(name, self.visible())
        return UnknownNameError(
            f"there is no value '{name}' here", expected=f"one of {', '.join(self.visible())}", hint=hint
        )


def _too_late(body: BodySpec | None, later: NodeSpec, reader: str) -> WiringError:
    """Why a name that comes later cannot be read; says so when the two read each other."""
    here = reader.partition(".")[0]
    nodes = {node.name: node for node in (body.nodes if body else ())}
    if here in _all_reads(nodes, later):
        return WiringError(
            f"'{here}' and '{later.name}' read each other",
            expected="a graph without cycles",
            hint="only nodes that come earlier can be read",
        )
    return WiringError(
        f"'{later.name}' comes later in the file", expected="a name that comes earlier", hint=f"move '{later.name}' up"
    )


def _all_reads(nodes: Mapping[str, NodeSpec], start: NodeSpec) -> set[str]:
    """The names that a node reads, directly or through others of the same body."""
    order = list(nodes)
    seen: set[str] = set()
    todo = [start]
    while todo:
        node = todo.pop()
        reads = static_reads(node)
        if node.inputs is None and order.index(node.name) > 0:
            reads.add(order[order.index(node.name) - 1])
        for name in reads - seen:
            seen.add(name)
            if name in nodes:
                todo.append(nodes[name])
    return seen


def static_reads(node: NodeSpec) -> set[str]:
    """The names (without ports) that a node and what is inside it read by `in:` or `outputs:`."""
    return {text.partition(".")[0] for text in static_references(node)}


def static_references(node: NodeSpec) -> set[str]:
    """The texts after `in:` of a node and of all nodes inside it, and its body's `outputs:`."""
    found: set[str] = set()
    given = node.inputs
    if isinstance(given, str):
        found.add(given)
    elif isinstance(given, list):
        found.update(given)
    elif isinstance(given, dict):
        for value in given.values():
            found.update([value] if isinstance(value, str) else value)
    if node.body is not None:
        for inner in node.body.nodes:
            found |= static_references(inner)
        found.update(node.body.outputs.values())
    return found


def origin_of(frame: Frame, node: NodeSpec, copy: str = "") -> Origin:
    """The address and the place of a node, or of one of its copies."""
    mark: Mark | None = frame.place.document.marks.key(*node.where)
    return Origin(joined(frame.place.address, node.name, copy), mark)


def unread(frame: Frame) -> list[tuple[Binding, Problem]]:
    """Bindings of a finished body that nobody reads, each with the problem it is."""
    found = []
    for binding in frame.names.values():
        if binding.readers or binding.pushed or binding.state != "present" or binding.kind == "alias":
            continue
        what = "input" if binding.kind == "input" else "value"
        severe = binding.kind == "input" or binding.owns_weights
        problem = Problem(
            f"the {what} '{binding.name}' is never read",
            binding.mark,
            binding.address,
            hint="name it in an `in:` or in `outputs:`, or remove it",
            severity="error" if severe else "warning",
        )
        found.append((binding, problem))
    return found


def ambiguous(frame: Frame) -> list[Problem]:
    """Rule 11: a value with several readers must be named by each of them."""
    problems = []
    for binding in frame.names.values():
        if binding.kind == "input" or len({reader.node for reader in binding.readers}) < 2:
            continue
        for reader in binding.readers:
            if not reader.named:
                others = ", ".join(sorted({f"'{other.address}'" for other in binding.readers} - {f"'{reader.address}'"}))
                problems.append(
                    Problem(
                        f"this node reads '{binding.name}' by default, and {others} reads it too",
                        reader.mark,
                        reader.address,
                        expected="a value with several readers is named by each of them",
                        hint=f"write in: {binding.name}, if that is what it should read",
                    )
                )
    return problems
