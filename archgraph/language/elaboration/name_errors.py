"""Why a name cannot be read, in words that say what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from archgraph.errors import UnknownNameError, WiringError, nearest
from archgraph.language.schema.references import base_name
from archgraph.language.schema.spec import BodySpec, NodeSpec

if TYPE_CHECKING:
    from archgraph.language.elaboration.bindings import BoundName
    from archgraph.language.elaboration.frame import BodyFrame

MOST_NAMES = 12


def listed(names: Sequence[str]) -> str:
    """'one of a, b, c', cut where they are many."""
    if not names:
        return ""
    return f"one of {', '.join(names[:MOST_NAMES])}{' …' if len(names) > MOST_NAMES else ''}"


def unreadable(frame: BodyFrame, name: str, reader: str) -> WiringError | UnknownNameError:
    """What to say to the node at the address `reader`, for which there is no value of this name."""
    around: BodyFrame | None = frame
    while around is not None:
        later = next((node for node in around.spec.nodes if node.name == name), None)
        if later is not None:
            return _too_late(around.spec, later, reader.removeprefix(around.place.address).strip("."))
        around = around.parent
    if frame.stack(name) is not None:
        return WiringError(f"'{name}' is a stack, and no value", hint=f"'{name}.pop' takes the value pushed last")
    if name in frame.scope:
        hint = "arguments take expressions; 'in' takes the names of values"
        return WiringError(
            f"'{name}' is a name for expressions, and no value", expected=listed(frame.visible()), hint=hint
        )
    inside = _inside(frame, name)
    if inside:
        hint = f"'{inside}' can hand it out: outputs: [{name}], read as '{inside}.{name}'"
        return WiringError(f"'{name}' stands inside '{inside}', and is not seen from here", hint=hint)
    known = frame.visible()
    return UnknownNameError(
        f"there is no value '{name}' here",
        expected=listed(known) or "no name: nothing stands before",
        hint="names stand without 'self.'" if name == "self" else nearest(name, known),
    )


def no_stack(frame: BodyFrame, name: str) -> UnknownNameError:
    """What to say of a stack that is not declared."""
    known = frame.known_stacks()
    return UnknownNameError(
        f"there is no stack '{name}'",
        expected=listed(known),
        hint=nearest(name, known) or f"declare it: stacks: [{name}]",
    )


def no_output(binding: BoundName, port: str) -> UnknownNameError:
    """What to say of an output or a copy that a value does not have."""
    name, known = binding.name, [key for key in binding.outputs if key]
    if binding.copies and port.isdecimal():
        return UnknownNameError(f"'{name}' has no copy {port}", expected=listed(binding.copies))
    if not known:
        expected = f"'{name}' alone, for it has a single output"
        return UnknownNameError(f"'{name}' has no output '{port}'", expected=expected)
    return UnknownNameError(
        f"'{name}' has no output '{port}'",
        expected=listed([f"{name}.{key}" for key in known]),
        hint=nearest(port, known),
    )


def _too_late(body: BodySpec, later: NodeSpec, reader: str) -> WiringError:
    """Why a name that comes later cannot be read; says so when the two read each other."""
    here = reader.partition(".")[0]
    nodes = {node.name: node for node in body.nodes}
    if here == later.name:
        return WiringError(f"'{here}' reads itself", expected="a name that comes earlier")
    if here in _all_reads(nodes, later):
        return WiringError(
            f"'{here}' and '{later.name}' read each other",
            expected="a graph without cycles",
            hint="only names that come earlier can be read",
        )
    return WiringError(
        f"'{later.name}' comes later",
        expected="a name that comes earlier",
        hint=f"move '{later.name}' up, or this node down",
    )


def _all_reads(nodes: Mapping[str, NodeSpec], start: NodeSpec) -> set[str]:
    """The names that a node reads, directly or through others of the same body."""
    order = list(nodes)
    seen: set[str] = set()
    todo = [start]
    while todo:
        node = todo.pop()
        reads = {base_name(text) for text in references(node)}
        if node.inputs is None and order.index(node.name) > 0:
            reads.add(order[order.index(node.name) - 1])
        for name in reads - seen:
            seen.add(name)
            if name in nodes:
                todo.append(nodes[name])
    return seen


def _inside(frame: BodyFrame, name: str) -> str:
    """The group of an enclosing body that holds a node of this name."""
    around: BodyFrame | None = frame
    while around is not None:
        for node in around.spec.nodes:
            if node.body is not None and any(inner.name == name for inner in node.body.nodes):
                return node.name
        around = around.parent
    return ""


def references(node: NodeSpec) -> Iterator[str]:
    """The texts after `in:` and `else:` of a node and of all nodes inside it, and its body's `outputs:`."""
    given = node.inputs
    if node.otherwise is not None:
        yield node.otherwise
    if isinstance(given, str):
        yield given
    elif given is not None:
        for value in given.values() if isinstance(given, dict) else given:
            yield from [value] if isinstance(value, str) else value
    if node.body is not None:
        for inner in node.body.nodes:
            yield from references(inner)
        yield from node.body.handed_out


def unsettled_stacks(node: NodeSpec) -> Iterator[str]:
    """The stacks of which nothing is known once a node has failed as a whole: what it pushes by itself is known."""
    yield from (text.removesuffix(".pop") for text in references(node) if text.endswith(".pop"))
    if node.push is not None and (node.body is not None or node.repeated):
        yield node.push
    for inner in node.body.nodes if node.body is not None else ():
        yield from _pushes(inner)


def _pushes(node: NodeSpec) -> Iterator[str]:
    if node.push is not None:
        yield node.push
    if node.body is not None:
        for inner in node.body.nodes:
            yield from _pushes(inner)
