"""The end of a body: who reads what by default, what nobody reads, stacks that are not empty, names in `order`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import chain

from archgraph.errors import Problem, nearest
from archgraph.graph.types import Call, Item, Node, joined
from archgraph.language.elaboration.bindings import BoundName, Reader
from archgraph.language.elaboration.evaluation import names_in
from archgraph.language.elaboration.frame import BodyFrame, Stack
from archgraph.language.elaboration.module_paths import UNKNOWN, first_levels, has_path
from archgraph.language.elaboration.name_errors import listed, references
from archgraph.language.schema.references import base_name
from archgraph.language.schema.spec import BlockSpec, NodeSpec

MOST_READERS = 12
"""So many of those who read a value too are named."""


def check_body(frame: BodyFrame, tied: Collection[str]) -> list[Problem]:
    """All problems that only show at the end of a body. What a failed node would have read is no news.

    `tied` are the keys of weights that others are tied to: they are read there.
    """
    problems = [problem for binding in frame.names.values() for problem in _ambiguous(frame, binding)]
    if not frame.failed and not frame.selects:
        problems += [problem for binding in frame.names.values() for problem in _unread(frame, binding, tied)]
        problems += [problem for stack in frame.stacks.values() for problem in _left_over(stack)]
        problems += _order(frame)
    return problems


def owns_weights(item: Item) -> bool:
    """Whether an item, or anything inside it, holds tensors of its own."""
    if isinstance(item, Call):
        return item.shares is None and any(map(owns_weights, item.body.items))
    return bool(item.weights or item.ties)


def _ambiguous(frame: BodyFrame, binding: BoundName) -> Iterator[Problem]:
    """A value with several readers must be named by each of them."""
    readers = binding.readers
    if binding.kind == "input" or len({reader.node for reader in readers}) < 2:
        return
    for reader in readers:
        if not reader.named:
            others = [other for other in readers[: MOST_READERS + 1] if other.node != reader.node]
            yield _unnamed(binding.name, reader, others, frame.place.address)


def _unnamed(name: str, reader: Reader, others: list[Reader], body: str) -> Problem:
    names = list(dict.fromkeys(f"'{other.address.removeprefix(body).strip('.')}'" for other in others))
    verb = "reads" if len(names) == 1 else "read"
    return Problem(
        f"this node reads '{name}' only because it stands before it, but {' and '.join(names)} {verb} '{name}' too",
        reader.mark,
        reader.address,
        expected="a value with several readers is named by each of them",
        hint=f"write in: {name}, or the name of what it should read",
        notes=tuple((f"{other.address} reads it here", other.mark) for other in others if other.mark),
    )


def _unread(frame: BodyFrame, binding: BoundName, tied: Collection[str]) -> Iterator[Problem]:
    """A value that nobody reads: an error, or a warning where it is only work without weights."""
    if binding.used or binding.training or binding.state != "present" or binding.kind == "alias":
        return
    if _lends(frame, binding.item, tied):
        return
    address = binding.address or f"{frame.place.address}.{binding.name}".strip(".")
    if binding.kind == "input" and _is_named(frame, binding):
        return  # by a node that is left out here
    if binding.kind == "input" and frame.place.address and binding.sizes & _sizes_read(binding.block):
        return
    if binding.kind == "input":
        hint = "name it in an 'in:', or remove it from 'inputs'"
        yield Problem(f"nobody reads the input '{binding.name}'", binding.mark, address, hint=hint)
        return
    owned = ", which owns weights" if binding.owns_weights else ""
    hint = "name it in an 'in:' or in 'outputs:', or remove it"
    problem = Problem(f"nobody reads '{binding.name}'{owned}", binding.mark, address, hint=hint)
    yield problem if binding.owns_weights else replace(problem, severity="warning")


def _lends(frame: BodyFrame, item: Item | None, tied: Collection[str]) -> bool:
    """Whether a node has a weight that another one is tied to; of a group or block, each node with weights."""
    if item is None:
        return False
    owners = list(_owners(item, frame.place.module))
    return bool(owners) and all(any(key in tied for key in keys) for keys in owners)


def _owners(item: Item, module: str) -> Iterator[list[str]]:
    """The keys of each node with weights, at every depth."""
    path = module if item.hidden else joined(module, item.name)
    if isinstance(item, Node):
        keys = [joined(path, weight.name) for weight in item.weights]
        yield from [keys] if keys else []
    else:
        for inner in item.body.items:
            yield from _owners(inner, path)


def _sizes_read(block: BlockSpec | None) -> set[str]:
    """The names that expressions of a block read: an input may be there for its sizes."""
    if block is None:
        return set()
    derived = [kind.default for kind in block.params.values()]
    return {*names_in([*block.let.values(), *derived]), *chain.from_iterable(map(_names_of, block.body.nodes))}


def _names_of(node: NodeSpec) -> Iterator[str]:
    """The names that the expressions of a node read, and those of the nodes inside it."""
    shape = list(node.input.shape) if node.input is not None else []
    yield from names_in([node.arguments, node.when, node.repeat, node.loop, node.let, shape])
    for inner in node.body.nodes if node.body is not None else ():
        yield from _names_of(inner)


def _is_named(frame: BodyFrame, binding: BoundName) -> bool:
    return any(base_name(text) == binding.name for node in frame.spec.nodes for text in references(node))


def _left_over(stack: Stack) -> Iterator[Problem]:
    if not stack.entries or stack.uncertain:
        return
    reader = stack.entries[-1][1]
    count = len(stack.entries)
    pushed = list(dict.fromkeys(entry.address for entry, _ in stack.entries))
    yield Problem(
        f"the stack '{stack.name}' still holds {count} value{'s' if count > 1 else ''} at the end",
        reader.mark,
        reader.address,
        expected=f"one '{stack.name}.pop' for every push",
        received=f"left over from {', '.join(pushed)}",
        hint=f"read '{stack.name}.pop' {count} more time{'s' if count > 1 else ''}, or push less",
    )


def _order(frame: BodyFrame) -> Iterator[Problem]:
    """Paths in `order` that nothing in this body has, whatever is left out."""
    for at, name in enumerate(frame.spec.order):
        levels = name.split(".")
        if not has_path(frame.spec, frame.place.definitions, levels):
            known = sorted({level for node in frame.spec.nodes for level in first_levels(node) if UNKNOWN not in level})
            below = has_path(frame.spec, frame.place.definitions, levels[:1])
            yield Problem(
                f"'order' names '{name}', and nothing here has that path",
                frame.place.value(*frame.where, "order", at),
                frame.place.address,
                expected=f"a path below '{levels[0]}'" if below else listed(known),
                hint="" if below else nearest(levels[0], known),
            )
