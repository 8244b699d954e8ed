"""Between which numbers all places of a value lie that no input decides: what is counted, what stands in the spec, what
was chosen along a dimension, and what is computed of these.

Intervals that tell places apart (`intervals`) are sharper, and need numpy, whose import takes as long as a load. Most
tables of positions are read within their rows for certain, as their extents already show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from archgraph.dims import Dim, product
from archgraph.graph.types import Node, Value
from archgraph.ops.contract import INTEGER_TYPES
from archgraph.records import record

FEW_NUMBERS = {"bool": 1, "uint8": 255}
"""The largest number of the types that nobody counts with."""


@record()
class ValueExtent:
    """From `low` to `high`, both included. `attained` says that both ends occur, whatever the inputs hold."""

    low: Dim
    high: Dim
    attained: bool = False

    @property
    def plain(self) -> bool:
        """Whether both ends are numbers, and no sizes."""
        return isinstance(self.low, int) and isinstance(self.high, int)


Known: TypeAlias = "Mapping[Value, ValueExtent]"
Rule: TypeAlias = "Callable[[Node, Known], ValueExtent | None]"


def extents(node: Node, known: Known) -> Iterator[tuple[Value, ValueExtent]]:
    """The extents of the results of whole numbers, as far as those of the inputs tell them."""
    results = [value for value in node.outputs if value.dtype in INTEGER_TYPES]
    if not results:
        return
    rule = _RULES.get(node.op.name)
    if rule is not None:
        found, results = rule(node, known), results[-1:]  # of two, the places are the last one
    else:
        found = _any(node, known) if node.op.traits.moves_data else None
    if found is not None:
        yield from ((value, found) for value in results)


# --- what needs no input ----------------------------------------------------------------------------------------------


def _counted(node: Node, known: Known) -> ValueExtent:
    op: Any = node.op
    (count,) = node.output.shape
    first, last = op.start, op.start + (count - 1) * op.step
    return ValueExtent(first, last, True) if op.step > 0 else ValueExtent(last, first, True)


def _of_number(number: Any) -> ValueExtent:
    return ValueExtent(int(number), int(number), True)


def _filled(node: Node, known: Known) -> ValueExtent:
    return _of_number(node.op.number)  # type: ignore[attr-defined]


def _constant(node: Node, known: Known) -> ValueExtent:
    numbers = [*_flat(node.op.value)]  # type: ignore[attr-defined]
    return ValueExtent(min(numbers), max(numbers), True)


def _flat(value: Any) -> Iterator[int]:
    if isinstance(value, tuple):
        for each in value:
            yield from _flat(each)
    else:
        yield value


def _stored(node: Node, known: Known) -> ValueExtent | None:
    """A buffer holds what it starts with, as for `index_rules.constant.buffer_values`."""
    op: Any = node.op
    if op.init == "arange":
        return ValueExtent(0, product(op.shape) - 1, True)
    number = {"zeros": 0, "ones": 1}.get(op.init) if isinstance(op.init, str) else op.init
    return None if number is None else _of_number(number)


# --- places, whatever is read -----------------------------------------------------------------------------------------


def _place_along(node: Node, known: Known) -> ValueExtent:
    kind = node.types["input"]
    return ValueExtent(0, kind.shape[node.op.axis(kind)] - 1)  # type: ignore[attr-defined]


def _place_of_reduced(node: Node, known: Known) -> ValueExtent:
    kind = node.types["input"]
    count = product(kind.shape[axis] for axis in node.op.axes(kind))  # type: ignore[attr-defined]
    return ValueExtent(0, count - 1)


def _place_of_extreme(node: Node, known: Known) -> ValueExtent | None:
    """Of a maximum along a dimension, which has its place as a second result."""
    return _place_of_reduced(node, known) if len(node.outputs) == 2 else None


def _bucket(node: Node, known: Known) -> ValueExtent:
    row = "boundaries" if "boundaries" in node.types else "sorted_sequence"
    return ValueExtent(0, node.types[row].shape[-1])


# --- what is computed -------------------------------------------------------------------------------------------------


def _given(node: Node, known: Known, port: str = "input") -> ValueExtent | None:
    """What is known at a port; truth values and bytes are of a few numbers."""
    dtype = node.types[port].dtype
    return ValueExtent(0, FEW_NUMBERS[dtype]) if dtype in FEW_NUMBERS else known.get(node.inputs[port])


def _both(node: Node, known: Known) -> tuple[ValueExtent, ValueExtent] | None:
    """Both operands, the second a value or a number, where they are known. Of what is counted up to
    a size, only what one number makes of it is."""
    number = node.op.number  # type: ignore[attr-defined]
    first = _given(node, known)
    last = _given(node, known, "other") if number is None else _of_number(number)
    if first is None or last is None or not last.plain or not (first.plain or number is not None):
        return None
    return first, last


def _keeps_ends(first: ValueExtent, last: ValueExtent) -> bool:
    return first.attained and last.attained and last.low == last.high


def _sum(node: Node, known: Known) -> ValueExtent | None:
    both = _both(node, known)
    if both is None:
        return None
    first, last = both
    return ValueExtent(first.low + last.low, first.high + last.high, _keeps_ends(first, last))


def _difference(node: Node, known: Known) -> ValueExtent | None:
    both = _both(node, known)
    if both is None:
        return None
    first, last = both
    return ValueExtent(first.low - last.high, first.high - last.low, _keeps_ends(first, last))


def _product(node: Node, known: Known) -> ValueExtent | None:
    both = _both(node, known)
    if both is None:
        return None
    first, last = both
    if first.plain:
        corners: list[Any] = [a * b for a in (first.low, first.high) for b in (last.low, last.high)]
        return ValueExtent(min(corners), max(corners))
    factor: Any = last.low
    low, high = (first.low, first.high) if factor >= 0 else (first.high, first.low)
    return ValueExtent(low * factor, high * factor, first.attained)


def _quotient(node: Node, known: Known) -> ValueExtent | None:
    """By one number above 0: it grows with what is divided."""
    both = _both(node, known)
    divisor: Any = node.op.number  # type: ignore[attr-defined]
    if both is None or divisor is None or divisor <= 0 or not both[0].plain:
        return None
    ends: list[Any] = [both[0].low, both[0].high]
    towards_zero = getattr(node.op, "rounding_mode", "") == "trunc"
    return ValueExtent(*(-(-end // divisor) if towards_zero and end < 0 else end // divisor for end in ends))


def _extreme(pick: Callable[[Any, Any], Any]) -> Rule:
    def extreme(node: Node, known: Known) -> ValueExtent | None:
        first, last = _given(node, known), _given(node, known, "other")
        if first is None or last is None or not (first.plain and last.plain):
            return None
        return ValueExtent(pick(first.low, last.low), pick(first.high, last.high))

    return extreme


def _clamped(node: Node, known: Known) -> ValueExtent | None:
    op: Any = node.op
    found = _given(node, known)
    if found is None or not found.plain:
        return None
    ends = [found.low, found.high]
    ends = ends if op.min is None else [max(end, op.min) for end in ends]
    return ValueExtent(*(ends if op.max is None else [min(end, op.max) for end in ends]))


def _of_one(compute: Callable[[Any, Any], tuple[Any, Any]]) -> Rule:
    """A function of each element, of the ends of what is known."""

    def found(node: Node, known: Known) -> ValueExtent | None:
        given = _given(node, known)
        return ValueExtent(*compute(given.low, given.high)) if given is not None and given.plain else None

    return found


def _magnitude(low: int, high: int) -> tuple[int, int]:
    return (0 if low <= 0 <= high else min(abs(low), abs(high))), max(abs(low), abs(high))


def _same(node: Node, known: Known) -> ValueExtent | None:
    """The same numbers at other places, all of them."""
    return _given(node, known)


def _any(node: Node, known: Known, ports: tuple[str, ...] = ()) -> ValueExtent | None:
    """Some of the numbers of all inputs, or of those at some ports."""
    given = [_given(node, known, port) for port in ports or node.inputs]
    found = [each for each in given if each is not None]
    if not found or len(found) < len(given):
        return None
    low, high = _one_of(min, [each.low for each in found]), _one_of(max, [each.high for each in found])
    return None if low is None or high is None else ValueExtent(low, high)


def _one_of(pick: Callable[[list[Any]], Any], ends: list[Dim]) -> Dim | None:
    """The least or the largest of some ends, which are numbers, or one and the same size."""
    same = all(end == ends[0] for end in ends)
    return ends[0] if same else pick(ends) if all(isinstance(end, int) for end in ends) else None


def _read(node: Node, known: Known) -> ValueExtent | None:
    return _any(node, known, ("input",))


def _or_number(node: Node, known: Known) -> ValueExtent | None:
    """Either of two values, or a value and a number."""
    number: Any = node.op.value  # type: ignore[attr-defined]
    ports = ("input", "other") if number is None else ("input",)
    found = _any(node, known, ports)
    if found is None or number is None or not found.plain:
        return found if number is None else None
    ends: list[Any] = [found.low, found.high, int(number)]
    return ValueExtent(min(ends), max(ends))


_RULES: dict[str, Rule] = {
    "arange": _counted,
    **dict.fromkeys(("zeros", "ones", "full", "zeros_like", "ones_like", "full_like"), _filled),
    "constant": _constant,
    "buffer": _stored,
    **dict.fromkeys(("topk", "sort", "argsort", "cummax", "cummin"), _place_along),
    **dict.fromkeys(("argmax", "argmin"), _place_of_reduced),
    **dict.fromkeys(("max", "min", "median"), _place_of_extreme),
    **dict.fromkeys(("bucketize", "searchsorted"), _bucket),
    "one_hot": lambda node, known: ValueExtent(0, 1),
    **dict.fromkeys(
        ("reshape", "flatten", "unsqueeze", "squeeze", "permute", "transpose", "roll", "expand", "identity", "detach"),
        _same,
    ),
    **dict.fromkeys(("register_buffer", "to"), _same),
    **dict.fromkeys(("gather", "take_along_dim", "index_select", "index"), _read),
    "add": _sum,
    "sub": _difference,
    "mul": _product,
    **dict.fromkeys(("div", "floor_divide"), _quotient),
    "maximum": _extreme(max),
    "minimum": _extreme(min),
    "clamp": _clamped,
    "abs": _of_one(_magnitude),
    "neg": _of_one(lambda low, high: (-high, -low)),
    "sign": _of_one(lambda low, high: (-1, 1)),
    **dict.fromkeys(("where", "masked_fill", "pad"), _or_number),
}
