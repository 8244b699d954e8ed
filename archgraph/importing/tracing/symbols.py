"""torch's symbolic sizes as ours: sympy expressions over the free sizes of the inputs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch

from archgraph.dims import Dim, Facts, Size, product, symbol
from archgraph.dims.quotients import quotient
from archgraph.errors import ArchgraphError, ImportingError, ShapeError

_SYMBOL = re.compile(r"\bs\d+\b")

SYMBOLS_BY_RANK: Mapping[int, tuple[str, ...]] = {
    1: ("N",),
    2: ("N", "L"),
    3: ("N", "L", "C"),
    4: ("N", "C", "H", "W"),
    5: ("N", "C", "D", "H", "W"),
}
"""What the dimensions of an input are called where nobody names them."""


class SizeReader:
    """Reads torch's sizes as sizes over the symbols that the inputs bind."""

    def __init__(self, names: Mapping[str, Dim], facts: Facts, examples: Mapping[str, int]):
        self._names = names
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
        return _SYMBOL.sub(lambda found: str(self._names.get(found[0], found[0])), text)

    def read_expression(self, expression: Any) -> Dim:
        """An expression of sympy. Raises ImportingError."""
        kind = type(expression).__name__
        if expression.is_Integer:
            return int(expression)
        if expression.is_Symbol:
            return self._names[expression.name]
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
            if kind in ("FloorDiv", "CleanDiv", "Mod", "PythonMod"):
                size, divisor = (self.read_expression(part) for part in expression.args)
                remainder = kind.endswith("Mod")
                if isinstance(divisor, Size):
                    whole = self._quotient(size, divisor)
                    return 0 if remainder else whole
                return size % divisor if remainder else size // divisor
        except ArchgraphError:
            pass
        raise ImportingError(f"the size {expression} has no form in a spec", expected="sums, products, quotients")

    def _quotient(self, size: Dim, divisor: Size) -> Dim:
        """The quotient of sizes without a rest. Raises ShapeError where there may be one."""
        found = quotient(size, divisor, self._facts)
        if found is None or not self._facts.is_equal(found[0] % found[1], 0):
            raise ShapeError(f"{size} cannot be shown to be a multiple of {divisor}")
        return self._facts.simplify(found[0] // found[1])


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
