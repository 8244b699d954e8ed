"""Products in Einstein's notation as matrix products: quicker than ONNX's Einsum, and with kernels everywhere.

Two operands are turned to [batch..., rows, summed] and [batch..., summed, columns]; what is summed over nothing is an
elementwise product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from archgraph.dims import Dim, product
from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.ops.equations import Equation, Letters

_TO_THE_END = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Operand:
    """A value of the file, with a letter for each of its dimensions."""

    name: str
    letters: Letters


@dataclass(frozen=True, slots=True)
class EquationWriter:
    """One equation over values of an element type, with the size of each letter."""

    at: OnnxRuleContext
    sizes: Mapping[str, Dim]
    dtype: str

    def written(self, equation: Equation, names: Sequence[str], shapes: Sequence[Sequence[Dim]]) -> str:
        """Emits it. Returns the name of the result."""
        operands = [
            self._prepared(Operand(name, letters), shape, self._elsewhere(equation, place))
            for place, (name, letters, shape) in enumerate(zip(names, equation.operands, shapes, strict=True))
        ]
        have = operands[0]
        for place, other in enumerate(operands[1:], start=2):
            later = {*equation.result, *(letter for each in operands[place:] for letter in each.letters)}
            have = self._product(have, other, later)
        return self._turned(self._summed(have, set(equation.result)), equation.result)

    @staticmethod
    def _elsewhere(equation: Equation, place: int) -> set[str]:
        """The letters of the result, and of all operands but one."""
        others = (letters for i, letters in enumerate(equation.operands) if i != place)
        return {*equation.result, *(letter for letters in others for letter in letters)}

    def _prepared(self, operand: Operand, shape: Sequence[Dim], needed: set[str]) -> Operand:
        """Without repeated letters, sizes of 1 that another operand stretches, and what only it sums over."""
        pairs = enumerate(zip(operand.letters, shape, strict=True))
        narrow = [place for place, (letter, size) in pairs if size == 1 and self.sizes[letter] != 1]
        if narrow:
            name = self.at.emit("Squeeze", operand.name, self.at.constant(narrow))
            operand = Operand(name, tuple(each for i, each in enumerate(operand.letters) if i not in narrow))
        for letter in dict.fromkeys(operand.letters):
            while operand.letters.count(letter) > 1:
                operand = self._on_the_diagonal(operand, letter)
        return self._summed(operand, needed)

    def _on_the_diagonal(self, operand: Operand, letter: str) -> Operand:
        """The places at which two dimensions agree: in a row of both, every (size + 1)-th."""
        at, size = self.at, self.sizes[letter]
        first = operand.letters.index(letter)
        second = operand.letters.index(letter, first + 1)
        others = tuple(each for i, each in enumerate(operand.letters) if i not in (first, second))
        order = [i for i in range(len(operand.letters)) if i not in (first, second)]
        turned = at.transpose(operand.name, [*order, first, second])
        leading = [self.sizes[each] for each in others]
        row = at.reshape(turned, [*leading, size, size], [*leading, size * size])
        step = at.sizes.scalar(size + 1)
        taken = at.emit("Slice", row, at.constant([0]), at.constant([_TO_THE_END]), at.constant([len(others)]), step)
        return Operand(taken, (*others, letter))

    def _summed(self, operand: Operand, needed: set[str]) -> Operand:
        axes = [i for i, letter in enumerate(operand.letters) if letter not in needed]
        if not axes:
            return operand
        name = self.at.emit("ReduceSum", operand.name, self.at.constant(axes), keepdims=0)
        return Operand(name, tuple(letter for letter in operand.letters if letter in needed))

    def _turned(self, operand: Operand, letters: Sequence[str]) -> str:
        return self.at.transpose(operand.name, [operand.letters.index(letter) for letter in letters])

    def _product(self, left: Operand, right: Operand, later: set[str]) -> Operand:
        """Of two operands, summed over what nothing later needs."""
        shared = [letter for letter in left.letters if letter in right.letters]
        batch = [letter for letter in shared if letter in later]
        summed = [letter for letter in shared if letter not in later]
        rows = [letter for letter in left.letters if letter not in shared]
        columns = [letter for letter in right.letters if letter not in shared]
        made = (*batch, *rows, *columns)
        if not summed:
            return Operand(self._elementwise(left, right, made), made)
        one = self._matrix(left, batch, rows, summed)
        other = self._matrix(right, batch, summed, columns)
        found = self.at.emit("MatMul", one, other)
        leading, shape = self._all(batch), [*self._all(batch), product(self._all(rows)), product(self._all(columns))]
        return Operand(self.at.reshape(found, shape, [*leading, *self._all(rows), *self._all(columns)]), made)

    def _elementwise(self, left: Operand, right: Operand, made: Sequence[str]) -> str:
        given = []
        for operand in (left, right):
            name = self._turned(operand, [letter for letter in made if letter in operand.letters])
            new = [i for i, letter in enumerate(made) if letter not in operand.letters]
            given.append(self.at.emit("Unsqueeze", name, self.at.constant(new)) if new else name)
        return self.at.emit("And" if self.dtype == "bool" else "Mul", *given)

    def _matrix(self, operand: Operand, batch: Sequence[str], rows: Sequence[str], columns: Sequence[str]) -> str:
        """An operand as [batch..., rows, columns]."""
        name = self._turned(operand, [*batch, *rows, *columns])
        have = self._all([*batch, *rows, *columns])
        return self.at.reshape(name, have, [*self._all(batch), product(self._all(rows)), product(self._all(columns))])

    def _all(self, letters: Sequence[str]) -> list[Dim]:
        return [self.sizes[letter] for letter in letters]
