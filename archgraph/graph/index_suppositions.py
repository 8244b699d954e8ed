"""Inputs that nobody can bound, at their ends: truth values and bytes, and indices that are compared with a number.

An input of whole numbers is told its range. A mask has none: a network takes the one that is true throughout, and what
is counted of that one has to be an index, or the sizes are too large. So a network is looked at once for each end; and
for each number that makes a difference to a comparison. Inputs that lead to one index are looked at together.

Not looked at, and so accepted, is what leaves a table only where places of one input differ, where two inputs are
compared with each other, or where numbers with a fraction are compared: torch raises there.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from archgraph.graph.extents import FEW_NUMBERS
from archgraph.graph.intervals import Interval
from archgraph.graph.types import Node
from archgraph.ops.contract import INTEGER_TYPES

MOST = 32
"""So many ways are looked at for an index: each input that leads to it doubles their number at least. Where there are
more, each of the inputs may be anything, whatever the others are: what is refused then is not sure to happen."""
_TESTS: dict[str, Callable[[float, float], bool]] = {
    name: getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")
}
_OF_TWO: dict[str, Callable[[int, int], int]] = {
    f"{kind}_{name}": function
    for kind in ("logical", "bitwise")
    for name, function in (("and", operator.and_), ("or", operator.or_), ("xor", operator.xor))
}
_Known = TypeVar("_Known")
Numbers = tuple[int, int]
"""The least and the largest number that a value holds."""
Test = tuple[str, float]
"""A comparison with a number."""


@dataclass(frozen=True, slots=True)
class Supposition:
    """What some inputs hold at all of their places, by the number of the input; None is any number. A truth value or a
    byte is that number; an index is only compared as if it were."""

    held: Mapping[int, int | None]
    names: Mapping[int, str] = field(default_factory=dict)

    def __str__(self) -> str:
        parts = [f"'{self.names.get(source, source)}' is {number}" for source, number in self.held.items()]
        if self.is_open:
            parts = [f"'{self.names.get(source, source)}'" for source in self.held]
            return f"where {_listed(parts)} may be anything at each place"
        return f"where {_listed(parts)} throughout"

    @property
    def is_open(self) -> bool:
        """Whether the inputs may be anything."""
        return None in self.held.values()

    def passes(self, source: int, test: Test) -> Numbers | None:
        """Whether what is compared meets the test; None where nothing is supposed of it."""
        if source not in self.held:
            return None
        number = self.held[source]
        return (0, 1) if number is None else (int(_TESTS[test[0]](number, test[1])),) * 2


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


@dataclass(slots=True)
class SupposedValues:
    """What values hold throughout, as far as a supposition says; values are numbered."""

    supposition: Supposition | None = None
    numbers: dict[int, Numbers] = field(default_factory=dict)
    sources: dict[int, int] = field(default_factory=dict)
    """Of indices as an input has them, somewhere: which input."""
    compared: dict[int, dict[Test, None]] = field(default_factory=dict)
    """By input, what its indices are compared with."""
    few: dict[int, int] = field(default_factory=dict)
    """The inputs of truth values or bytes, with the largest of them."""
    names: dict[int, str] = field(default_factory=dict)
    leading: dict[int, frozenset[int]] = field(default_factory=dict)
    """The inputs of truth values and bytes, and those that are compared, of which a value is made."""
    together: dict[frozenset[int], None] = field(default_factory=dict)
    """Those that lead to one index."""

    def start(self, number: int, dtype: str, name: str = "") -> None:
        """Takes in an input."""
        self.names[number] = name
        if dtype in INTEGER_TYPES:
            self.sources[number] = number
        if dtype not in FEW_NUMBERS:
            return
        self.few[number], self.leading[number] = FEW_NUMBERS[dtype], frozenset({number})
        if self.supposition is not None and number in self.supposition.held:
            held = self.supposition.held[number]
            self.numbers[number] = (0, FEW_NUMBERS[dtype]) if held is None else (held, held)

    def apply(self, node: Node, inputs: Mapping[str, int], outputs: tuple[int, ...]) -> None:
        """Takes in an application."""
        self._lead(node, inputs, outputs)
        test = self._test(node, inputs)
        if node.op.traits.moves_data:
            self._move(inputs, outputs)
        elif test is not None:
            self._compare(inputs, outputs, test)
        elif node.output.dtype in FEW_NUMBERS:
            given = [self.numbers.get(number) for number in inputs.values()]
            found = None if None in given else _combined(node, [each for each in given if each is not None])
            if found is not None:
                self.numbers[outputs[0]] = found
        elif node.op.name == "to" and node.output.dtype in INTEGER_TYPES:  # the same indices in another type
            self._follow(self.sources, inputs, outputs)

    def _lead(self, node: Node, inputs: Mapping[str, int], outputs: tuple[int, ...]) -> None:
        for port in node.op.indices:
            if port in inputs and (found := self.leading.get(inputs[port])):
                self.together[found] = None
        made = frozenset().union(*(self.leading.get(number, ()) for number in inputs.values()))
        if made:
            whole = (number for number, value in zip(outputs, node.outputs, strict=True) if _is_whole(value.dtype))
            self.leading.update(dict.fromkeys(whole, made))

    def _move(self, inputs: Mapping[str, int], outputs: tuple[int, ...]) -> None:
        self._follow(self.numbers, inputs, outputs)
        self._follow(self.sources, inputs, outputs)

    @staticmethod
    def _follow(known: dict[int, _Known], inputs: Mapping[str, int], outputs: tuple[int, ...]) -> None:
        found = {known.get(number) for number in inputs.values()}
        held = found.pop() if len(found) == 1 else None
        if held is not None:
            known.update(dict.fromkeys(outputs, held))

    def _test(self, node: Node, inputs: Mapping[str, int]) -> Test | None:
        """The comparison of an input's indices with a number that a node is."""
        if self.sources.get(inputs.get("input", -1)) is None or len(inputs) > 1:
            return None
        if node.op.name in _TESTS:
            number = getattr(node.op, "number", None)
            return None if number is None else (node.op.name, number)
        truth = node.output.dtype == "bool"
        return {"logical_not": ("eq", 0.0), "to": ("ne", 0.0)}.get(node.op.name) if truth else None

    def _compare(self, inputs: Mapping[str, int], outputs: tuple[int, ...], test: Test) -> None:
        source = self.sources[inputs["input"]]
        self.compared.setdefault(source, {})[test] = None
        self.leading[outputs[0]] = frozenset({source})
        met = None if self.supposition is None else self.supposition.passes(source, test)
        if met is not None:
            self.numbers[outputs[0]] = met


def _is_whole(dtype: str) -> bool:
    return dtype in INTEGER_TYPES or dtype in FEW_NUMBERS


def _combined(node: Node, given: list[Numbers]) -> Numbers | None:
    """What becomes of truth values or a byte; None of what is not known here."""
    truth = all(kind.dtype == "bool" for kind in node.types.values())
    if node.op.name in _OF_TWO and truth and len(given) == 2:
        return _over_all(_OF_TWO[node.op.name], *given)
    if len(given) != 1:
        return None
    ((low, high),) = given
    if node.op.name == "logical_not" or (node.op.name == "bitwise_not" and truth):
        return int(not high), int(not low)
    if node.op.name == "to":
        return (int(bool(low)), int(bool(high))) if node.output.dtype == "bool" else (low, high)
    return None


def _over_all(function: Callable[[int, int], int], first: Numbers, second: Numbers) -> Numbers:
    found = [function(a, b) for a in first for b in second]
    return min(found), max(found)


def _common(found: Interval) -> tuple[float, float] | None:
    """The lowest and the highest number that every place may hold; None where one of them is no number."""
    ends = [*found.low.ravel().tolist(), *found.high.ravel().tolist()]
    if not all(isinstance(end, (int, float)) for end in ends):
        return None
    return max(found.low.ravel().tolist()), min(found.high.ravel().tolist())


def _worth(values: SupposedValues, source: int, found: Interval | None) -> list[int]:
    """The numbers of an input that are worth looking at: its ends, and what makes a difference to a comparison."""
    largest, tests = values.few.get(source), [*values.compared.get(source, ())]
    within = (-math.inf, math.inf) if found is None else _common(found)
    if within is None:
        return []
    least, most = within if largest is None else (max(0, within[0]), min(largest, within[1]))
    near = [number for _, number in tests if math.isfinite(number)]
    whole = [each for number in near for each in (math.ceil(number) - 1, math.floor(number), math.floor(number) + 1)]
    whole += [int(end) for end in (most, least) if math.isfinite(end)]
    by_answers: dict[tuple[object, ...], int] = {}
    for number in (each for each in whole if least <= each <= most):
        answers = (number if largest is not None else None, *(_TESTS[name](number, other) for name, other in tests))
        by_answers.setdefault(answers, number)
    return [*by_answers.values()]


def suppositions(values: SupposedValues, ranges: Mapping[int, Interval]) -> Iterator[Supposition]:
    """What is worth looking at, `MOST` at the most for each index: what an input may hold lies within its range."""
    groups = [group for group in values.together if not any(group < other for other in values.together)]
    for group in groups:
        worth = {source: _worth(values, source, ranges.get(source)) for source in sorted(group)}
        worth = {source: numbers for source, numbers in worth.items() if numbers}
        names = {source: values.names.get(source, "") for source in worth}
        if math.prod(map(len, worth.values())) > MOST:
            yield Supposition(dict.fromkeys(worth), names)
        elif worth:
            every = itertools.product(*worth.values())
            yield from (Supposition(dict(zip(worth, each, strict=True)), names) for each in every)
