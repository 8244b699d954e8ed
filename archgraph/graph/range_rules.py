"""How each operation on whole numbers carries intervals: from its inputs to its results, and back.

An operation without a rule gives results that may be anything, and asks nothing of its inputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from archgraph import ops
from archgraph.dims import Dim, product
from archgraph.graph.intervals import Bounds, Interval, Order, View, filled, negative, plus, unbounded, uniform
from archgraph.graph.types import Node
from archgraph.ops import arithmetic, constant, embedding, rank, reduction, regularization, shape
from archgraph.ops.contract import INTEGER_TYPES, Operation
from archgraph.ops.requirements import axes_of, axis_of

MOST_PLACES = 1 << 14
"""More places than that are not told apart."""

Shape: TypeAlias = "tuple[Dim, ...]"
Known: TypeAlias = "Mapping[str, Interval]"
Wanted: TypeAlias = "dict[str, Interval]"


@dataclass(frozen=True, slots=True)
class Site:
    """One application: its node, its types at the sizes in question, what is known of its inputs, and what is asked."""

    node: Node
    inputs: Mapping[str, Shape]
    outputs: tuple[Shape, ...]
    order: Order
    view: View
    known: Known

    @property
    def op(self) -> Any:
        """The operation."""
        return self.node.op

    @property
    def given(self) -> Interval:
        """What is known of the only input."""
        return self.known["input"]

    def joined(self, found: Interval, axes: tuple[int, ...]) -> Interval:
        """One interval for all places along some dimensions, in which each result lies."""
        return self.order.over(found, axes, all_hold=False)

    def asked_of_all(self, found: Interval, axes: tuple[int, ...]) -> Interval:
        """One interval for all places along some dimensions: what is asked of the one value that is at all of them."""
        return self.order.over(found, axes, all_hold=True)

    def asked_at_unknown_places(self, found: Interval, axes: tuple[int, ...]) -> Interval:
        """One interval for all places along some dimensions, where nobody knows which of theirs each place is asked."""
        return self.order.over(found, axes, all_hold=self.view == "sufficient")


Forward = Callable[[Site], "list[Interval]"]
Backward = Callable[[Site, "list[Interval]"], Wanted]


@dataclass(frozen=True, slots=True)
class Rule:
    """Both directions."""

    forward: Forward
    backward: Backward


RULES: dict[type[Operation], Rule] = {}


def register(backward: Backward, *contracts: type[Operation]) -> Callable[[Forward], Forward]:
    """Registers both directions for contracts. A contract taken twice is an error."""

    def add(forward: Forward) -> Forward:
        for contract in contracts:
            if contract in RULES:
                raise ValueError(f"'{contract.name}' has two rules")
            RULES[contract] = Rule(forward, backward)
        return forward

    return add


def asks_nothing(site: Site, wanted: list[Interval]) -> Wanted:
    """Of an operation that takes any numbers, or none."""
    return {}


# --- values that stand in the graph -----------------------------------------------------------------------------------


@register(asks_nothing, constant.Constant)
def constant_values(site: Site) -> list[Interval]:
    if site.node.output.dtype not in INTEGER_TYPES:
        return []
    values = np.empty(site.op.shape, dtype=object)
    values[...] = np.array(site.op.value, dtype=object)
    return [_fewer(site, Interval(values, values, True))]


@register(asks_nothing, constant.Buffer)
def buffer_values(site: Site) -> list[Interval]:
    """A buffer of whole numbers holds what it starts with; who stores others in it leaves what is known."""
    count, start = math.prod(site.op.shape), site.op.init
    if start == "arange":
        values = np.arange(count).astype(object).reshape(site.op.shape)
        return [_fewer(site, Interval(values, values, True))]
    number = {"zeros": 0, "ones": 1}.get(start) if isinstance(start, str) else int(start)
    return [unbounded(len(site.op.shape)) if number is None else uniform(number, number, len(site.op.shape), True)]


@register(asks_nothing, embedding.Arange)
def counted(site: Site) -> list[Interval]:
    (size,) = site.outputs[0]
    if isinstance(size, int) and size <= MOST_PLACES:
        values = np.arange(size).astype(object)
        return [Interval(values, values, True)]
    return [uniform(0, size - 1, 1, True)]


def _fewer(site: Site, found: Interval) -> Interval:
    """The interval with as many places as are told apart."""
    return found if found.low.size <= MOST_PLACES else site.joined(found, tuple(range(found.low.ndim)))


# --- tables -----------------------------------------------------------------------------------------------------------


def rows_asked(site: Site, wanted: list[Interval]) -> Wanted:
    return {"input": uniform(0, site.op.num_embeddings - 1, len(site.inputs["input"]))}


@register(rows_asked, embedding.Embedding)
def rows(site: Site) -> list[Interval]:
    return []


@register(asks_nothing, embedding.SinusoidalEmbedding)
def waves(site: Site) -> list[Interval]:
    return []


# --- arithmetic -------------------------------------------------------------------------------------------------------


def _operands(site: Site) -> tuple[Interval, Interval]:
    return site.known["input"], _second(site)


def _second(site: Site) -> Interval:
    value = site.op.value
    return uniform(int(value), int(value), 0, True) if value is not None else site.known["other"]


def _is_one_number(found: Interval) -> bool:
    return found.low.size == 1 and found.known and bool(found.low.flat[0] == found.high.flat[0])


def _sum(a: Interval, b: Interval) -> Interval:
    attained = (a.attained and b.attained) and (_is_one_number(a) or _is_one_number(b))
    return Interval(plus(a.low, b.low), plus(a.high, b.high), attained)


def _negated(a: Interval) -> Interval:
    return Interval(negative(a.high), negative(a.low), a.attained)


def _without(site: Site, wanted: Interval, other: Interval, port: str) -> Interval:
    """What is asked of a term where `wanted` is asked of the sum with `other`, which is added at the same places.

    A number that is the same wherever the other one varies meets all of it.
    """
    meets_all = other.attained and not _vary_together(site.inputs[port], site.inputs.get("other", ()), site, port)
    if site.view == "sufficient" or meets_all or _exact(other):
        return Interval(plus(wanted.low, negative(other.low)), plus(wanted.high, negative(other.high)))
    return Interval(plus(wanted.low, negative(other.high)), plus(wanted.high, negative(other.low)))


def _exact(found: Interval) -> bool:
    return found.known and all(a == b for a, b in zip(found.low.flat, found.high.flat, strict=True))


def _vary_together(ours: Shape, other: Shape, site: Site, port: str) -> bool:
    """Whether both terms have more than one place along some dimension."""
    theirs = site.inputs["input"] if port == "other" else other
    return any(a != 1 and b != 1 for a, b in zip(reversed(ours), reversed(theirs), strict=False))


def _fitted(site: Site, found: Interval, port: str) -> Interval:
    """What is asked of an input that was broadcast to the result."""
    shape = site.inputs[port]
    extra = found.low.ndim - len(shape)
    axes = tuple(axis for axis in range(found.low.ndim) if axis < extra or shape[axis - extra] == 1)
    kept = site.asked_of_all(found, axes)
    return kept.moved(lambda bounds: bounds.reshape(bounds.shape[extra:]) if extra > 0 else bounds)


def sum_asks(site: Site, wanted: list[Interval]) -> Wanted:
    first, second = _operands(site)
    found = {"input": _fitted(site, _without(site, wanted[0], second, "input"), "input")}
    if "other" in site.inputs:
        found["other"] = _fitted(site, _without(site, wanted[0], first, "other"), "other")
    return found


@register(sum_asks, arithmetic.Add)
def added(site: Site) -> list[Interval]:
    return [_sum(*_operands(site))]


def difference_asks(site: Site, wanted: list[Interval]) -> Wanted:
    first, second = _operands(site)
    found = {"input": _fitted(site, _without(site, wanted[0], _negated(second), "input"), "input")}
    if "other" in site.inputs:
        found["other"] = _fitted(site, _negated(_without(site, wanted[0], first, "other")), "other")
    return found


@register(difference_asks, arithmetic.Sub)
def subtracted(site: Site) -> list[Interval]:
    first, second = _operands(site)
    return [_sum(first, _negated(second))]


def product_asks(site: Site, wanted: list[Interval]) -> Wanted:
    found: Wanted = {}
    ports = ("input", "other") if "other" in site.inputs else ("input",)
    for port in ports:
        factor = _second(site) if port == "input" else site.known["input"]
        asked = _divided(wanted[0], factor.low, factor.high, site.view == "sufficient")
        found[port] = _fitted(site, asked, port)
    return found


def _quotient(low: Any, high: Any, least: Any, most: Any, sufficient: bool) -> tuple[Any, Any]:
    """The numbers whose product with every factor from `least` to `most` lies between `low` and `high`."""
    if any(not isinstance(end, int) for end in (least, most)) or any(hasattr(end, "symbols") for end in (low, high)):
        return (0, 0) if sufficient else (-math.inf, math.inf)
    if least != most:
        return _common(low, high, least, most) if sufficient else (-math.inf, math.inf)
    if least == 0:
        return (-math.inf, math.inf) if low <= 0 <= high else (math.inf, -math.inf)
    ends = (low, high) if least > 0 else (-high, -low)
    size = abs(least)
    below, above = (end if isinstance(end, float) else turn(end, size) for end, turn in zip(ends, _TURNS, strict=True))
    return below, above


_TURNS: tuple[Callable[[int, int], int], ...] = (lambda a, b: -(-a // b), lambda a, b: a // b)
_QUOTIENTS: Any = np.frompyfunc(_quotient, 5, 2)


def _divided(asked: Interval, least: Any, most: Any, sufficient: bool) -> Interval:
    """See `_quotient`, at each place."""
    low, high = _QUOTIENTS(asked.low, asked.high, least, most, sufficient)
    return Interval(np.asarray(low, dtype=object), np.asarray(high, dtype=object))


def _common(low: Any, high: Any, least: int, most: int) -> tuple[Any, Any]:
    """See `_quotient`, of factors that differ."""
    size = max(abs(least), abs(most))
    if not low <= 0 <= high:
        return (1, 1)
    below, above = (end if isinstance(end, float) else abs(end) // size for end in (low, high))
    if least >= 0:
        return -below, above
    return -min(below, above), min(below, above)


@register(product_asks, arithmetic.Mul)
def multiplied(site: Site) -> list[Interval]:
    first, second = _operands(site)
    if not (_is_plain(first) and _is_plain(second)):
        return [unbounded(len(site.outputs[0]))]
    corners = [a * b for a in (first.low, first.high) for b in (second.low, second.high)]
    low, high = corners[0], corners[0]
    for corner in corners[1:]:
        low, high = np.minimum(low, corner), np.maximum(high, corner)
    attained = first.attained and second.attained and (_is_one_number(first) or _is_one_number(second))
    return [Interval(np.asarray(low, object), np.asarray(high, object), attained)]


def _is_plain(found: Interval) -> bool:
    return all(isinstance(end, int) for ends in (found.low, found.high) for end in ends.flat)


# --- reductions -------------------------------------------------------------------------------------------------------


def _reduced(site: Site) -> tuple[int, ...]:
    kind = site.node.types["input"]
    return tuple(site.op.axes(kind))


def _kept_dims(site: Site, found: Interval) -> Interval:
    """What is asked of a result, with the dimensions that disappeared."""
    if site.op.keepdim:
        return found
    axes = tuple(sorted(_reduced(site)))
    return found.moved(lambda bounds: np.expand_dims(bounds, axes))


def _dropped_dims(site: Site, found: Interval) -> Interval:
    axes = _reduced(site)
    return found if site.op.keepdim else found.moved(lambda bounds: np.squeeze(bounds, axes), attained=False)


def total_asks(site: Site, wanted: list[Interval]) -> Wanted:
    count, asked = product(site.inputs["input"][axis] for axis in _reduced(site)), _kept_dims(site, wanted[0])
    if count == 1:
        return {"input": asked}
    if site.view == "necessary":
        return {}
    return {"input": _divided(asked, count, count, True)}


@register(total_asks, reduction.Sum)
def totals(site: Site) -> list[Interval]:
    axes, given = _reduced(site), site.given
    sizes = {axis: site.inputs["input"][axis] for axis in axes}
    if not (all(isinstance(size, int) for size in sizes.values()) and _is_plain(given)):
        return [unbounded(len(site.outputs[0]))]
    low, high = given.low, given.high
    for axis, size in sizes.items():
        low, high = (
            ends * size if ends.shape[axis] == 1 else np.add.reduce(ends, axis, keepdims=True) for ends in (low, high)
        )
    return [_dropped_dims(site, Interval(low, high))]


def largest_asks(site: Site, wanted: list[Interval]) -> Wanted:
    asked = _kept_dims(site, wanted[0])
    if site.view == "necessary" and product(site.inputs["input"][axis] for axis in _reduced(site)) != 1:
        asked = Interval(filled(-math.inf, asked.low.ndim), asked.high)
    return {"input": asked}


@register(largest_asks, reduction.Amax)
def largest(site: Site) -> list[Interval]:
    if not _is_plain(site.given):
        return [_dropped_dims(site, site.joined(site.given, _reduced(site)))]
    low, high = site.given.low, site.given.high
    for axis in _reduced(site):
        low, high = (np.maximum.reduce(ends, axis, keepdims=True) for ends in (low, high))
    return [_dropped_dims(site, Interval(low, high))]


# --- the same numbers at other places ---------------------------------------------------------------------------------


def same_asked(site: Site, wanted: list[Interval]) -> Wanted:
    return {"input": wanted[0]}


@register(same_asked, regularization.Identity)
def same(site: Site) -> list[Interval]:
    return [site.given]


def reshaped(site: Site, found: Interval, source: Shape, target: Shape, asked: bool) -> Interval:
    """The bounds at the places that a reshape puts them; one for all where places of symbolic sizes are mixed."""
    ahead = _common_sizes(source, target)
    behind = _common_sizes(source[ahead:][::-1], target[ahead:][::-1])
    inner, outer = source[ahead : len(source) - behind], target[ahead : len(target) - behind]
    middle = tuple(range(ahead, len(source) - behind))
    sizes = [size for size in (*inner, *outer) if isinstance(size, int)]
    told = any(found.low.shape[axis] != 1 or found.high.shape[axis] != 1 for axis in middle)
    if told and (len(sizes) < len(inner) + len(outer) or math.prod(sizes[: len(inner)]) > MOST_PLACES):
        found = (site.asked_at_unknown_places if asked else site.joined)(found, middle)
        told = False

    def move(bounds: Bounds) -> Bounds:
        before, after = bounds.shape[:ahead], bounds.shape[len(source) - behind :]
        if not told:
            return bounds.reshape(*before, *(1,) * len(outer), *after)
        full = np.broadcast_to(bounds, (*before, *sizes[: len(inner)], *after))
        return full.reshape(*before, *sizes[len(inner) :], *after)

    return found.moved(move)


def _common_sizes(a: Shape, b: Shape) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def reshape_asks(site: Site, wanted: list[Interval]) -> Wanted:
    return {"input": reshaped(site, wanted[0], site.outputs[0], site.inputs["input"], asked=True)}


@register(reshape_asks, shape.Reshape, rank.Flatten, rank.Unsqueeze, rank.Squeeze)
def in_another_shape(site: Site) -> list[Interval]:
    return [reshaped(site, site.given, site.inputs["input"], site.outputs[0], asked=False)]


def _permutation(site: Site) -> tuple[int, ...]:
    kind, op = site.node.types["input"], site.op
    if isinstance(op, shape.Permute):
        return axes_of(kind, op.dims, "dims")
    axes = list(range(kind.rank))
    first, second = axis_of(kind, op.dim0), axis_of(kind, op.dim1)
    axes[first], axes[second] = second, first
    return tuple(axes)


def permutation_asks(site: Site, wanted: list[Interval]) -> Wanted:
    back = tuple(int(axis) for axis in np.argsort(_permutation(site)))
    return {"input": wanted[0].moved(lambda bounds: np.transpose(bounds, back))}


@register(permutation_asks, shape.Permute, shape.Transpose)
def permuted(site: Site) -> list[Interval]:
    axes = _permutation(site)
    return [site.given.moved(lambda bounds: np.transpose(bounds, axes))]


def _rolled(site: Site, bounds: Bounds, sign: int) -> Bounds:
    for axis, shift in zip(axes_of(site.node.types["input"], site.op.dims), site.op.shifts, strict=True):
        bounds = np.roll(bounds, sign * int(shift), axis) if bounds.shape[axis] != 1 else bounds
    return bounds


def roll_asks(site: Site, wanted: list[Interval]) -> Wanted:
    return {"input": wanted[0].moved(lambda bounds: _rolled(site, bounds, -1))}


@register(roll_asks, shape.Roll)
def rolled(site: Site) -> list[Interval]:
    return [site.given.moved(lambda bounds: _rolled(site, bounds, 1))]


def stretch_asks(site: Site, wanted: list[Interval]) -> Wanted:
    return {"input": _fitted(site, wanted[0], "input")}


@register(stretch_asks, rank.Expand)
def stretched(site: Site) -> list[Interval]:
    new = len(site.outputs[0]) - len(site.inputs["input"])
    return [site.given.moved(lambda bounds: bounds.reshape((1,) * new + bounds.shape))]


# --- parts and wholes -------------------------------------------------------------------------------------------------


def _parts(site: Site) -> tuple[int, list[slice] | None]:
    """The dimension that is cut, and the places of each part; None where they are not known."""
    kind, op = site.node.types["input"], site.op
    axis = axis_of(kind, op.dim)
    size = site.inputs["input"][axis]
    if not isinstance(size, int) or size > MOST_PLACES:
        return axis, None
    if isinstance(op, rank.Select):
        place = op.index % size
        return axis, [slice(place, place + 1)]
    if isinstance(op, rank.Slice):
        if not isinstance(op.start, int) or not (op.end is None or isinstance(op.end, int)):
            return axis, None
        return axis, [slice(*slice(op.start, op.end, op.step).indices(size))]
    if isinstance(op, shape.Chunk):
        part = size // op.chunks
        return axis, [slice(i * part, (i + 1) * part) for i in range(op.chunks)]
    ends = np.cumsum([int(part) for part in op.split_size])
    return axis, [slice(int(end) - int(part), int(end)) for part, end in zip(op.split_size, ends, strict=True)]


def part_asks(site: Site, wanted: list[Interval]) -> Wanted:
    axis, parts = _parts(site)
    if isinstance(site.op, rank.Select):
        wanted = [each.moved(lambda bounds: np.expand_dims(bounds, axis)) for each in wanted]
    if parts is None:
        return _asked_somewhere(site, wanted, axis)
    size = int(site.inputs["input"][axis])  # type: ignore[arg-type]
    low, high = (_placed(size, axis, parts, ends) for ends in _ends(wanted))
    return {"input": Interval(low, high)}


def _asked_somewhere(site: Site, wanted: list[Interval], axis: int) -> Wanted:
    """What is asked where nobody knows the places: of all of them, or of none."""
    if site.view == "necessary":
        return {}
    found = site.asked_of_all(wanted[0], (axis,))
    for each in wanted[1:]:
        found = site.order.both(found, site.asked_of_all(each, (axis,)))
    return {"input": found}


def _ends(wanted: list[Interval]) -> tuple[tuple[float, list[Bounds]], tuple[float, list[Bounds]]]:
    return (-math.inf, [each.low for each in wanted]), (math.inf, [each.high for each in wanted])


def _placed(size: int, axis: int, parts: list[slice], ends: tuple[float, list[Bounds]]) -> Bounds:
    """The bounds of parts at their places of the whole."""
    nothing, bounds = ends
    shapes = [list(each.shape) for each in bounds]
    for sizes in shapes:
        sizes[axis] = 1
    whole = list(np.broadcast_shapes(*map(tuple, shapes)))
    whole[axis] = size
    made: Bounds = np.empty(whole, dtype=object)
    made[...] = nothing
    for part, each in zip(parts, bounds, strict=True):
        made[(*(slice(None),) * axis, part)] = each
    return made


@register(part_asks, rank.Select, rank.Slice, shape.Chunk, shape.Split)
def cut(site: Site) -> list[Interval]:
    axis, parts = _parts(site)
    count = len(site.outputs)
    if site.given.low.shape[axis] == site.given.high.shape[axis] == 1:
        found = [Interval(site.given.low, site.given.high)] * count
    elif parts is None:
        found = [site.joined(Interval(site.given.low, site.given.high), (axis,))] * count
    else:
        found = [_taken(site.given, axis, part) for part in parts]
    if isinstance(site.op, rank.Select):
        return [each.moved(lambda bounds: np.squeeze(bounds, axis)) for each in found]
    return found


def _taken(given: Interval, axis: int, part: slice) -> Interval:
    place = (*(slice(None),) * axis, part)
    low, high = (bounds if bounds.shape[axis] == 1 else bounds[place] for bounds in (given.low, given.high))
    return Interval(low, high, given.attained and _exact(Interval(low, high)))


def _tensors(site: Site) -> tuple[int, list[str], list[Dim]]:
    ports = list(site.inputs)
    axis = axis_of(site.node.types[ports[0]], site.op.dim)
    return axis, ports, [site.inputs[port][axis] for port in ports]


def concat_asks(site: Site, wanted: list[Interval]) -> Wanted:
    axis, ports, sizes = _tensors(site)
    if wanted[0].low.shape[axis] == wanted[0].high.shape[axis] == 1:
        return dict.fromkeys(ports, wanted[0])
    if not all(isinstance(size, int) for size in sizes):
        return dict.fromkeys(ports, site.asked_at_unknown_places(wanted[0], (axis,)))
    ends = np.cumsum([int(size) for size in sizes])  # type: ignore[arg-type]
    starts = [0, *map(int, ends[:-1])]
    parts = [slice(start, int(end)) for start, end in zip(starts, ends, strict=True)]
    return {port: _taken(wanted[0], axis, part) for port, part in zip(ports, parts, strict=True)}


@register(concat_asks, shape.Concat)
def concatenated(site: Site) -> list[Interval]:
    axis, ports, sizes = _tensors(site)
    found = [site.known[port] for port in ports]
    total = sum(size for size in sizes if isinstance(size, int))
    if not all(isinstance(size, int) for size in sizes) or total > MOST_PLACES:
        whole = site.joined(found[0], (axis,))
        for each in found[1:]:
            whole = site.order.either(whole, site.joined(each, (axis,)))
        return [Interval(whole.low, whole.high)]
    ends = np.cumsum([int(size) for size in sizes])  # type: ignore[arg-type]
    parts = [slice(int(end) - int(size), int(end)) for size, end in zip(sizes, ends, strict=True)]  # type: ignore[arg-type]
    low, high = (_placed(int(total), axis, parts, each) for each in _ends(found))
    return [Interval(low, high, all(each.attained and _exact(each) for each in found))]


def _inner_places(site: Site) -> list[tuple[int, int]]:
    """How many places are added before and after each dimension."""
    rank_, pads = len(site.outputs[0]), list(site.op.pad)
    found = [(0, 0)] * rank_
    for place in range(len(pads) // 2):
        found[rank_ - 1 - place] = (pads[2 * place], pads[2 * place + 1])
    return found


def pad_asks(site: Site, wanted: list[Interval]) -> Wanted:
    places = _inner_places(site)

    def inner(bounds: Bounds) -> Bounds:
        cuts = (
            slice(None) if size == 1 else slice(before, size - after)
            for size, (before, after) in zip(bounds.shape, places, strict=True)
        )
        return bounds[tuple(cuts)]

    return {"input": wanted[0].moved(inner)}


@register(pad_asks, ops.lookup("pad"))
def padded(site: Site) -> list[Interval]:
    axes = tuple(axis for axis, added in enumerate(_inner_places(site)) if any(added))
    value = int(site.op.value)
    if not axes:
        return [site.given]
    given = site.given
    found = site.order.either(site.joined(given, axes), uniform(value, value, len(site.outputs[0])))
    return [Interval(found.low, found.high, given.attained or _exact(given))]
