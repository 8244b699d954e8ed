"""Views of a program: which values share memory, how the whole is made anew after a part of it changed, and the part
after the whole."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import fx

_aten = torch.ops.aten
_SHAPES = frozenset(
    ["view", "reshape", "_unsafe_view", "flatten", "unflatten", "squeeze", "unsqueeze", "view_as", "reshape_as"]
)
"""What holds the numbers of the whole in their order."""
_SAME = frozenset(["alias", "detach", "contiguous", "to", "dropout", "feature_dropout", "lift_fresh"])
"""What may hand on what it reads."""


def operation_name(node: fx.Node) -> str:
    """The name of an operation without its overload, and without the mark of a change in place."""
    if isinstance(node.target, torch._ops.OpOverload):
        name = node.target._schema.name.rpartition("::")[2]
        return name.removesuffix("_") if node.target._schema.is_mutable else name
    if node.target is operator.getitem:
        return "getitem"
    return getattr(node.target, "__name__", str(node.target))


def arguments_by_name(node: fx.Node) -> dict[str, Any]:
    """The arguments of an operation by their names, those by default included."""
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return {str(place): value for place, value in enumerate(node.args)} | dict(node.kwargs)
    given = dict(zip((argument.name for argument in schema.arguments), node.args, strict=False)) | node.kwargs
    return {argument.name: given.get(argument.name, argument.default_value) for argument in schema.arguments}


def changes_its_input(node: fx.Node) -> bool:
    """Whether an operation works in place."""
    if node.op != "call_function" or not isinstance(node.target, torch._ops.OpOverload):
        return False
    return node.target._schema.is_mutable and bool(node.args) and isinstance(node.args[0], fx.Node)


@dataclass(frozen=True, slots=True)
class TensorView:
    """What a value shares its memory with, and the operation that makes the value of it."""

    form: fx.Node
    whole: fx.Node


def view(node: fx.Node) -> TensorView | None:
    """What a value is a view of; None where it has memory of its own."""
    source = _shared(node)
    if source is None or not isinstance(source.meta.get("val"), (list, tuple)):
        return None if source is None else TensorView(node, source)
    whole = _shared(source)
    return None if whole is None else TensorView(node, whole)


def views_of(node: fx.Node) -> Iterator[fx.Node]:
    """The views of a value; the parts that a split makes are views of what is split."""
    for reader in node.users:
        if _shared(reader) is node:
            several = isinstance(reader.meta.get("val"), (list, tuple))
            yield from reader.users if several else (reader,)


def parts_apart(form: fx.Node) -> Iterator[fx.Node]:
    """The other results of a split or unbind, which do not overlap with one of them."""
    if operation_name(form) == "getitem":
        yield from (other for other in form.args[0].users if other is not form)  # type: ignore[union-attr]


def _shared(node: fx.Node) -> fx.Node | None:
    """What an operation reads, where it makes no memory of its own for its result."""
    if node.op != "call_function" or not node.args or not isinstance(node.args[0], fx.Node):
        return None
    shared = not changes_its_input(node) and _memory(node) & _memory(node.args[0])
    return node.args[0] if shared else None


def _memory(node: fx.Node) -> set[int]:
    """The memory of a value; of several, where an operation has several results."""
    found = node.meta.get("val")
    parts = found if isinstance(found, (list, tuple)) else [found]
    return {part.untyped_storage()._cdata for part in parts if isinstance(part, torch.Tensor)}


def with_part(graph: fx.Graph, origin: TensorView, value: fx.Node) -> fx.Node | None:
    """The whole with another value in the place of a view of it; None where that has no form."""
    form, whole = origin.form, origin.whole
    name = operation_name(form)
    made: _Made | None
    if name in _SHAPES:
        made = (_aten.reshape_as.default, (value, whole), {})
    elif name in _SAME:
        made = (_aten.alias.default, (value,), {})
    else:
        made = _FORMS[name](form, whole, value) if name in _FORMS else None
    if made is None:
        return None
    target, args, kwargs = made
    with graph.inserting_after(value):
        return graph.call_function(target, args, kwargs)


def part_of(graph: fx.Graph, form: fx.Node, whole: fx.Node) -> list[fx.Node]:
    """The operations that make a view once more, of another whole."""
    source = form.args[0]
    assert isinstance(source, fx.Node)
    made: list[fx.Node] = []
    for one, read in (
        [(source, source.args[0]), (form, source)] if operation_name(form) == "getitem" else [(form, source)]
    ):
        with graph.inserting_after(whole):
            whole = graph.node_copy(one, partial(_exchanged, read, whole))
        whole.meta = dict(one.meta)
        made.append(whole)
    return made


def _exchanged(old: object, new: fx.Node, node: fx.Node) -> fx.Node:
    return new if node is old else node


_Made = tuple[Any, tuple[Any, ...], dict[str, Any]]
"""An operation with its arguments."""


def _with_item(item: fx.Node, whole: fx.Node, value: fx.Node) -> _Made | None:
    """Of the parts that a split makes, and of the places that an unbind makes, one exchanged."""
    several, place = item.args
    assert isinstance(several, fx.Node)
    assert isinstance(place, int)
    single = operation_name(several) == "unbind"
    axis = several.args[1 if single else 2 :]
    dim = axis[0] if axis else several.kwargs.get("dim", 0)
    if single:
        return _aten.select_scatter.default, (whole, value, dim, place), {}
    sizes = [part.shape[dim] for part in several.meta["val"]]
    start = sum(sizes[:place])
    return _aten.slice_scatter.default, (whole, value, dim, start, start + sizes[place]), {}


def _scattered(target: Any) -> Callable[[fx.Node, fx.Node, fx.Node], _Made]:
    return lambda part, whole, value: (target, (whole, value, *part.args[1:]), dict(part.kwargs))


def _transposed(part: fx.Node, whole: fx.Node, value: fx.Node) -> _Made:
    return part.target, (value, *part.args[1:]), dict(part.kwargs)


def _permuted(part: fx.Node, whole: fx.Node, value: fx.Node) -> _Made:
    order = [axis % len(part.args[1]) for axis in part.args[1]]  # type: ignore[arg-type, union-attr, operator]
    return _aten.permute.default, (value, [order.index(axis) for axis in range(len(order))]), {}


def _moved(part: fx.Node, whole: fx.Node, value: fx.Node) -> _Made:
    return part.target, (value, part.args[2], part.args[1]), {}


def _narrowed(part: fx.Node, whole: fx.Node, value: fx.Node) -> _Made | None:
    _, dim, start, length = part.args
    if not isinstance(start, int) or not isinstance(length, int):
        return None
    return _aten.slice_scatter.default, (whole, value, dim, start, start + length), {}


_FORMS: dict[str, Callable[[fx.Node, fx.Node, fx.Node], _Made | None]] = {
    "getitem": _with_item,
    "slice": _scattered(_aten.slice_scatter.default),
    "select": _scattered(_aten.select_scatter.default),
    "diagonal": _scattered(_aten.diagonal_scatter.default),
    "transpose": _transposed,
    "t": _transposed,
    "mT": _transposed,
    "numpy_T": _transposed,
    "permute": _permuted,
    "movedim": _moved,
    "narrow": _narrowed,
}
"""For a view of a part: what puts another value into the place of that part."""
