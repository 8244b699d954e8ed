"""torch's symbolic sizes as ours: sympy expressions over the free sizes of the inputs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

import torch

from archgraph.dims import Cause, Dim, Facts, Size, evaluate, product, symbol
from archgraph.dims.quotients import quotient, ratio_at
from archgraph.errors import ArchgraphError, ImportingError
from archgraph.records import record

_SYMBOL = re.compile(r"\bs\d+\b")
_REMAINDERS = ("Mod", "PythonMod")

SYMBOLS_BY_RANK: Mapping[int, tuple[str, ...]] = {
    1: ("N",),
    2: ("N", "L"),
    3: ("N", "L", "C"),
    4: ("N", "C", "H", "W"),
    5: ("N", "C", "D", "H", "W"),
}
"""What the dimensions of an input are called where nobody names them."""

ASKED = "the module's code asks for it"
"""How the cause of a bound begins that follows from no operation."""


@record()
class AskedEquation(Cause):
    """Why a size was narrowed that follows from no operation, with the equation as a spec states it."""

    equation: str = field(default="", compare=False)

    @classmethod
    def of(cls, one: Dim, other: Dim, reason: str) -> AskedEquation:
        return cls(reason, equation=f"{one} == {other}")


class SizeReader:
    """Reads torch's sizes as sizes over the symbols that the inputs bind."""

    def __init__(self, names: Mapping[str, Dim], facts: Facts, examples: Mapping[str, int]):
        self.names = names
        self._facts = facts
        self.examples = {str(names[torchs]): size for torchs, size in examples.items() if torchs in names}
        """The sizes that the module was traced on, by their names."""

    def read(self, size: Any) -> Dim:
        """A size of torch. Raises ImportingError for an expression that ours have no form for."""
        if isinstance(size, torch.SymInt):
            return self.read_expression(size.node.expr)
        return int(size)

    def shape(self, tensor: torch.Tensor) -> tuple[Dim, ...]:
        return tuple(self.read(size) for size in tensor.shape)

    def text(self, condition: Any) -> str:
        """A condition of sympy, in the names of the network's sizes."""
        sign = {"Unequality": "!=", "Equality": "=="}.get(type(condition).__name__)
        text = f"{condition.args[0]} {sign} {condition.args[1]}" if sign else str(condition)
        return _SYMBOL.sub(lambda found: str(self.names.get(found[0], found[0])), text)

    def read_expression(self, expression: Any) -> Dim:
        """An expression of sympy. Raises ImportingError."""
        kind = type(expression).__name__
        if expression.is_Integer:
            return int(expression)
        if expression.is_Symbol:
            return self.names[expression.name]
        try:
            if expression.is_Add:
                total: Dim = 0
                for part in expression.args:
                    total = total + self.read_expression(part)
                return total
            if expression.is_Mul:
                return product([self.read_expression(part) for part in expression.args])
            if expression.is_Pow and expression.exp.is_Integer and expression.exp > 0:
                return product([self.read_expression(expression.base)] * int(expression.exp))
            if kind in ("FloorDiv", "CleanDiv", *_REMAINDERS):
                size, divisor = (self.read_expression(part) for part in expression.args)
                if isinstance(divisor, Size):
                    whole = self._quotient(size, divisor, self.text(expression))
                    return 0 if kind in _REMAINDERS else whole
                return size % divisor if kind in _REMAINDERS else size // divisor
            if kind in ("Max", "Min"):
                return self._extreme([self.read_expression(part) for part in expression.args], kind == "Max")
        except (ArchgraphError, KeyError):
            pass
        raise ImportingError(f"the size {expression} has no form in a spec", expected="sums, products, quotients")

    def is_multiple(self, condition: Any, reason: str) -> bool:
        """Whether an equation says that nothing remains of one size by another; it narrows sizes so far.

        Raises ArchgraphError where that cannot be."""
        rest = next((side for side in condition.args if type(side).__name__ in _REMAINDERS), None)
        if rest is None or 0 not in condition.args:
            return False
        size, divisor = (self.read_expression(part) for part in rest.args)
        if not isinstance(divisor, Size):
            return False
        self._quotient(size, divisor, reason)
        return True

    def _quotient(self, size: Dim, divisor: Size, asked: str) -> Dim:
        """The quotient of sizes, which may be narrowed so that nothing remains. Raises ShapeError where that fails."""
        found = quotient(size, divisor, self._facts)
        if found is not None and self._facts.is_equal(found[0] % found[1], 0):
            return self._facts.simplify(found[0] // found[1])
        own, rest, ratio = ratio_at(size, divisor, self.examples)
        one, other = own * ratio.denominator, divisor * ratio.numerator
        cause = AskedEquation.of(one, other, asked if asked.startswith(ASKED) else f"{ASKED}: {asked}")
        self._facts.require_same_product([one], [other], cause)
        self._facts.require_multiple(rest * ratio.numerator, ratio.denominator, cause)
        return self._facts.simplify(rest * ratio.numerator // ratio.denominator)

    def _extreme(self, sizes: Sequence[Dim], largest: bool) -> Dim:
        """Which of several sizes is the largest, or the smallest, when the module is traced: from now on it is.

        Raises ShapeError where it bounds no size."""
        found, *others = sorted(sizes, key=lambda size: evaluate(size, self.examples), reverse=largest)
        for other in others:
            self._facts.require_at_least(found - other if largest else other - found, 0, Cause(ASKED))
        return found


def traced_sizes(shapes: Mapping[str, torch.Tensor]) -> dict[str, int]:
    """What torch's symbols stood for when the inputs were traced, as far as torch knows."""
    sizes: list[Any] = [size for tensor in shapes.values() for size in tensor.shape]
    nodes = [size.node for size in sizes if isinstance(size, torch.SymInt)]
    return {node.expr.name: int(node.hint) for node in nodes if node.expr.is_Symbol and node.hint is not None}


def input_symbols(shapes: Mapping[str, torch.Tensor], given: Mapping[str, tuple[str | int, ...]]) -> dict[str, Dim]:
    """Names for torch's symbols: those that the user gave to the dimensions of an input, or those of its rank.

    Symbols get one name each; a name that is taken gets a number.
    """
    names: dict[str, Dim] = {}
    taken: dict[str, str] = {}
    for name, tensor in shapes.items():
        wanted = given.get(name) or _by_rank(tensor)
        for word, size in zip(wanted, tensor.shape, strict=True):
            if not isinstance(size, torch.SymInt) or not size.node.expr.is_Symbol:
                continue
            torchs = size.node.expr.name
            if torchs in names:
                continue
            if isinstance(word, str) and "*" in word:
                factor, _, stem = word.partition("*")
                names[torchs] = symbol(stem) * int(factor)
                continue
            stem = word if isinstance(word, str) else "N"
            chosen = stem if name in given else _free(stem, taken)
            taken[chosen] = torchs
            names[torchs] = symbol(chosen)
    return names


def _by_rank(tensor: torch.Tensor) -> tuple[str, ...]:
    if tensor.ndim == 3 and not isinstance(tensor.shape[1], torch.SymInt):
        return ("N", "C", "L")
    return SYMBOLS_BY_RANK.get(tensor.ndim) or tuple(f"D{axis}" for axis in range(tensor.ndim))


def _free(stem: str, taken: Mapping[str, str]) -> str:
    if stem not in taken or stem == "N":
        return stem
    number = 2
    while f"{stem}{number}" in taken:
        number += 1
    return f"{stem}{number}"
