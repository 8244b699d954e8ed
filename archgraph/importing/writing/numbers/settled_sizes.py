"""Sizes under all that is known of the network: where H turned out to be a multiple of 8, half of `(H + 3) // 4` is
`(H + 7) // 8`, and what was read before that was known is like what was read after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any

from archgraph.codegen.analysis.size_expressions import ReadableSize, Sources, express
from archgraph.dims import Constraint, Dim, Size, symbol
from archgraph.structure.terms import Term

MOST_REMAINDERS = 256
"""Of all symbols together, that are tried one by one."""


class SettledSizes:
    """Sizes of a network in a form in which all that its constraints make equal are equal. A size that is known up to a
    multiple is counted in these: H stands for `8 * H`."""

    def __init__(self, constraints: Sequence[Constraint]) -> None:
        self._counted = {
            one.symbol: symbol(one.symbol) * one.modulus + one.residues[0]
            for one in constraints
            if one.modulus > 1 and len(one.residues) == 1
        }
        self._known: dict[Size, Dim] = {}
        self._rests = {
            one.symbol: [symbol(one.symbol) * one.modulus + rest for rest in one.residues]
            for one in constraints
            if one.modulus > 1
        }

    def size(self, size: Dim) -> Dim:
        """A size in that form."""
        if not self._counted or not isinstance(size, Size):
            return size
        if size not in self._known:
            self._known[size] = size.substitute(self._counted)
        return self._known[size]

    def is_zero(self, size: Dim) -> bool:
        """Whether a size is 0, whichever of the remainders that are left its symbols have."""
        if not isinstance(size, Size):
            return size == 0
        names = [name for name in size.symbols if name in self._rests]
        if not names or prod(len(self._rests[name]) for name in names) > MOST_REMAINDERS:
            return False
        rows = product(*(self._rests[name] for name in names))
        return all(size.substitute(dict(zip(names, row, strict=True))) == 0 for row in rows)

    def shape(self, sizes: Sequence[Any]) -> tuple[Any, ...]:
        """Sizes of a shape in that form."""
        return tuple(map(self.size, sizes))

    def expressed(self, size: Dim, sources: Sequence[ReadableSize]) -> Term | None:
        """A size through others, as they are or in that form; None where they do not determine it. One of them that it
        is in that form is read: `W // 8 * 8` is W where this is a multiple of 8."""
        settled = self.size(size)
        alike = any(self.size(one.dim) == settled for one in sources)
        found = None if alike and self._counted else express(size, Sources(sources))
        if found is not None or not self._counted:
            return found
        return express(settled, Sources(replace(one, dim=self.size(one.dim)) for one in sources))
