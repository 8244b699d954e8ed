"""Sizes that a module asks to be multiples, as counts: `H % 8 == 0` makes `H` eight times a number of blocks.

torch keeps the condition and goes on with `H // 8` as a number of its own; an attention over blocks then makes
quotients of products of them, which grow with each layer until torch compares them for minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import lcm
from typing import Any
from unittest.mock import patch

import sympy
from torch._dynamo.source import ConstantSource
from torch.fx.experimental.symbolic_shapes import ShapeEnv
from torch.utils._sympy import functions
from torch.utils._sympy.numbers import int_oo
from torch.utils._sympy.symbol import SymT, make_symbol
from torch.utils._sympy.value_ranges import ValueRanges

LARGEST_FACTOR = 1024
_FIRST_NUMBER = 1_000_000
"""Of the symbols for counts, so that they are none of torch's."""
_LEAST = 2
"""Of a count: torch takes a size of 1 for a fixed one."""


@dataclass(frozen=True, slots=True)
class Multiple:
    """A size of an input is `factor * count + rest`, since a condition asked for it; the rest is that of the traced
    size. All but the numbers are torch's symbols and expressions."""

    size: Any
    factor: int
    rest: int
    count: Any
    asked: Any

    @property
    def quotient(self) -> Any:
        """The count as a quotient of the size."""
        return self.count if self.factor == 1 else functions.FloorDiv(self.size - self.rest, sympy.Integer(self.factor))


@dataclass(slots=True)
class KnownMultiples:
    """The sizes of one trace that are counted so far; of a count of counts, the last one."""

    found: list[Multiple] = field(default_factory=list)
    _environment: ShapeEnv | None = None

    def note(self, environment: ShapeEnv, remainder: Any) -> None:
        """Nothing remains of an expression of one size by a number: the size becomes a count from now on."""
        symbols = remainder.free_symbols
        if len(symbols) != 1:
            return
        (size,) = symbols
        number = environment.backed_var_to_val.get(size)
        if number is None or size in environment.replacements:
            return
        count = make_symbol(SymT.SIZE, _FIRST_NUMBER + len(self.found), positive=True, integer=True)
        factor = _factor(remainder, size, count, int(number))
        if not factor:
            return
        rest = int(number) % factor
        environment.var_to_range[count] = ValueRanges(_LEAST, int_oo)
        environment.var_to_range_sloc[count] = environment.var_to_range_sloc[size]
        environment.backed_var_to_val[count] = sympy.Integer(number // factor)
        environment.var_to_sources[count] = [ConstantSource(str(count))]
        _replace(environment, size, factor * count + rest)
        before = next((one for one in self.found if one.count == size), Multiple(size, 1, 0, size, remainder))
        whole = (before.factor * factor, before.factor * rest + before.rest)
        self.found.append(Multiple(before.size, *whole, count, remainder.xreplace({before.count: before.quotient})))
        self._environment = environment

    def count_no_more(self) -> None:
        """The counts become quotients of the sizes, which torch knows where they come from."""
        for one in self.found:
            assert self._environment is not None
            self._environment.replacements.pop(one.size, None)
            _replace(self._environment, one.count, one.quotient)


def _replace(environment: ShapeEnv, symbol: Any, form: Any) -> None:
    """All sizes of a trace are read with this form in the place of a symbol."""
    environment.replacements[symbol] = form
    environment._replacements_version_counter += 1
    environment._version_counter += 1


def _factor(remainder: Any, size: Any, count: Any, number: int) -> int:
    """The smallest number whose multiples, and the rest of the traced size, leave nothing; 0 where there is none."""
    period = _period(remainder)
    factors = (one for one in range(2, min(period, LARGEST_FACTOR) + 1) if period % one == 0)
    enough = (one for one in factors if number // one >= _LEAST)
    return next((one for one in enough if remainder.xreplace({size: one * count + number % one}) == 0), 0)


def _period(expression: Any) -> int:
    """After how many steps of its symbol a remainder repeats."""
    inner = lcm(*map(_period, expression.args)) if expression.args else 1
    divides = isinstance(expression, (functions.FloorDiv, functions.Mod, functions.PythonMod))
    return inner * int(expression.args[1]) if divides and expression.args[1].is_Integer else inner


@contextmanager
def known_multiples(module: Any) -> Iterator[KnownMultiples]:
    """Inside, each condition of torch that nothing remains of a size is noted, until the module's forward is over."""
    multiples = KnownMultiples()
    plain = ShapeEnv._add_divisible

    def add(environment: ShapeEnv, remainder: Any) -> None:
        plain(environment, remainder)
        multiples.note(environment, remainder)

    handle = module.register_forward_hook(lambda *_: multiples.count_no_more())
    try:
        with patch.object(ShapeEnv, "_add_divisible", add):
            yield multiples
    finally:
        handle.remove()
