"""Symbolic sizes at run time: each is computed once, from the shapes of the inputs, and only where nothing else does.

`Reshape` needs no sizes where dimensions are copied (0) or inferred (-1), and that is most of the time.
"""

from __future__ import annotations

from collections.abc import Sequence

from archgraph.dims import Dim, Size, product, symbol
from archgraph.dims.size import Atom, Monomial
from archgraph.errors import ExportError
from archgraph.export.lowering.emission import Emission

COPY, INFER = 0, -1


class SizeEmitter:
    """Emits sizes as vectors of int64 with one element, so that a shape is their concatenation."""

    def __init__(self, emission: Emission):
        self._emission = emission
        self._sources: dict[Dim, tuple[str, int]] = {}
        for name, kind in emission.program.inputs.items():
            for axis, size in enumerate(kind.shape):
                if isinstance(size, Size):
                    self._sources.setdefault(size, (name, axis))

    def reshaping(self, have: Sequence[Dim], want: Sequence[Dim]) -> str:
        """The second input of a Reshape: copies where it can, infers at most one dimension, computes the rest."""
        target: list[Dim] = [
            COPY if isinstance(size, Size) and i < len(have) and have[i] == size else size
            for i, size in enumerate(want)
        ]
        unknown = [i for i, size in enumerate(target) if isinstance(size, Size)]
        if unknown:
            hardest = max(unknown, key=lambda i: (target[i] not in self._sources, len(str(target[i])), i))
            target[hardest] = INFER
        return self.vector(target)

    def vector(self, shape: Sequence[Dim]) -> str:
        """A shape as a vector of int64."""
        if all(isinstance(size, int) for size in shape):
            return self._emission.ints([int(size) for size in shape])  # type: ignore[arg-type]
        return self._emission.shared(("shape", tuple(shape)), lambda: self._concatenated(shape))

    def scalar(self, dim: Dim) -> str:
        """One size as a vector of one element."""
        if isinstance(dim, int):
            return self._emission.ints([dim])
        return self._emission.shared(("size", dim), lambda: self._computed(dim))

    def _concatenated(self, shape: Sequence[Dim]) -> str:
        parts: list[str] = []
        fixed: list[int] = []
        for size in shape:
            if isinstance(size, int):
                fixed.append(size)
                continue
            if fixed:
                parts.append(self._emission.ints(fixed))
                fixed = []
            parts.append(self.scalar(size))
        if fixed:
            parts.append(self._emission.ints(fixed))
        if len(parts) == 1:
            return parts[0]
        return self._emission.add("Concat", parts, f"shapes/{'_'.join(_text(size) for size in shape)}", axis=0)

    def _computed(self, size: Size) -> str:
        if size in self._sources:
            name, axis = self._sources[size]
            return self._emission.add("Shape", [name], f"sizes/{_text(size)}", start=axis, end=axis + 1)
        if len(size.terms) > 1:
            return self._reduced("Add", [self._term(*term) for term in size.terms], size)
        monomial, factor = size.terms[0]
        if factor != 1:
            return self._reduced("Mul", [self._term(monomial, 1), self.scalar(factor)], size)
        if len(monomial) > 1:
            return self._reduced("Mul", [self._term((atom,), 1) for atom in monomial], size)
        return self._atom(monomial[0], size)

    def _term(self, monomial: Monomial, factor: int) -> str:
        return self.scalar(product(map(_size_of, monomial)) * factor)

    def _atom(self, atom: Atom, size: Size) -> str:
        """A floor division. Its numerator has no negative coefficients, so Div, which rounds to zero, is floor."""
        if atom.numerator is None:
            raise ExportError(f"the size {size} cannot be computed", expected=f"an input with a dimension {size}")
        return self._reduced("Div", [self.scalar(atom.numerator), self.scalar(atom.denominator)], size)

    def _reduced(self, kind: str, parts: Sequence[str], size: Dim) -> str:
        total = parts[0]
        for part in parts[1:]:
            total = self._emission.add(kind, [total, part], f"sizes/{_text(size)}")
        return total


def _size_of(atom: Atom) -> Dim:
    return symbol(atom.text) if atom.numerator is None else atom.numerator // atom.denominator


def _text(size: Dim) -> str:
    return str(size).replace(" ", "")
