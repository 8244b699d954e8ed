"""Inputs that nobody can bound, at their ends: truth values and bytes, and indices that are compared with a number.

An input of whole numbers is told its range. A mask has none: a network takes the one that is true throughout, and what
is counted of that one has to be an index, or the sizes are too large. So a network is looked at once for each end.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from archgraph.graph.extents import FEW_NUMBERS
from archgraph.graph.intervals import Interval
from archgraph.graph.types import Node
from archgraph.ops.contract import INTEGER_TYPES

MOST = 16
"""Each input that is compared doubles what could be looked at. Where that is more, it is both ends of all inputs
together, and as many others as there is room for."""


@dataclass(frozen=True, slots=True)
class Supposition:
    """What holds throughout: truth values and bytes are the largest ones or 0, and whether indices are the number that
    they are compared with, by the number of the input."""

    largest: bool
    equal: Mapping[int, bool]

    def __str__(self) -> str:
        return f"where truth values and bytes are {'as large as can be' if self.largest else '0'}"

    def of_input(self, dtype: str) -> int | None:
        """The number at all places of an input; None where that may be any."""
        return FEW_NUMBERS[dtype] * self.largest if dtype in FEW_NUMBERS else None


@dataclass(slots=True)
class SupposedValues:
    """The numbers that values hold throughout, as far as a supposition says; values are numbered."""

    supposition: Supposition | None = None
    numbers: dict[int, int] = field(default_factory=dict)
    sources: dict[int, int] = field(default_factory=dict)
    """Of indices as an input has them, somewhere: which input."""
    compared: dict[int, set[int]] = field(default_factory=dict)
    """By input, what its indices are compared with."""
    few: bool = False
    """Whether an input is of truth values or bytes."""

    def start(self, number: int, dtype: str) -> None:
        """Takes in an input."""
        self.few = self.few or dtype in FEW_NUMBERS
        if dtype in INTEGER_TYPES:
            self.sources[number] = number
        found = None if self.supposition is None else self.supposition.of_input(dtype)
        if found is not None:
            self.numbers[number] = found

    def apply(self, node: Node, inputs: Mapping[str, int], outputs: tuple[int, ...]) -> None:
        """Takes in an application."""
        if node.op.traits.moves_data:
            self._move(inputs, outputs)
        elif node.op.name in ("eq", "ne"):
            self._compare(node, inputs, outputs)
        elif node.output.dtype in FEW_NUMBERS:
            given = self.numbers.get(inputs.get("input", -1))
            found = None if given is None or len(inputs) > 1 else _turned(node, given)
            if found is not None:
                self.numbers[outputs[0]] = found

    def _move(self, inputs: Mapping[str, int], outputs: tuple[int, ...]) -> None:
        for known in (self.numbers, self.sources):
            found = {known.get(number) for number in inputs.values()}
            number = found.pop() if len(found) == 1 else None
            if number is not None:
                known.update(dict.fromkeys(outputs, number))

    def _compare(self, node: Node, inputs: Mapping[str, int], outputs: tuple[int, ...]) -> None:
        source, number = self.sources.get(inputs.get("input", -1)), getattr(node.op, "number", None)
        if source is None or number is None:
            return
        self.compared.setdefault(source, set()).add(int(number))
        equal = None if self.supposition is None else self.supposition.equal.get(source)
        if equal is not None:
            self.numbers[outputs[0]] = int(equal == (node.op.name == "eq"))


def _turned(node: Node, given: int) -> int | None:
    """What becomes of a truth value or a byte; None of what is not known here."""
    if node.op.name == "logical_not" or (node.op.name == "bitwise_not" and node.types["input"].dtype == "bool"):
        return int(not given)
    if node.op.name == "to":
        return int(bool(given)) if node.output.dtype == "bool" else given
    return None


def _numbers(found: Interval) -> list[tuple[float, float]]:
    """The lowest and the highest number of each place; nothing where one of them is no number."""
    if found.low.shape != found.high.shape:
        return []
    ends: list[tuple[float, float]] = [
        (low, high)
        for low, high in zip(found.low.ravel().tolist(), found.high.ravel().tolist(), strict=True)
        if isinstance(low, (int, float)) and isinstance(high, (int, float))
    ]
    return ends if len(ends) == found.low.size else []


def suppositions(values: SupposedValues, ranges: Mapping[int, Interval]) -> Iterator[Supposition]:
    """What is worth looking at, `MOST` at the most: what an input may hold lies within its range."""
    choices: list[list[tuple[int, bool]]] = []
    for source, numbers in values.compared.items():
        found = ranges[source]
        ends = _numbers(found)
        if not ends:
            continue
        ways = []
        if len(numbers) == 1 and all(low <= number <= high for number in numbers for low, high in ends):
            ways.append((source, True))
        if all(high - low >= len(numbers) for low, high in ends):
            ways.append((source, False))
        choices += [ways] if ways else []
    if not values.few and not choices:
        return
    ends_together = [tuple(ways[end] for ways in choices) for end in (0, -1)]
    every = dict.fromkeys(itertools.chain(ends_together, itertools.islice(itertools.product(*choices), MOST)))
    sizes = (True, False) if values.few else (True,)
    made = (Supposition(largest, dict(each)) for each in every for largest in sizes)
    yield from itertools.islice(made, MOST)
