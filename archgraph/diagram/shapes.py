"""How sizes and shapes are written in a picture: `256 channels · H/2×W/2`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Literal, TypeVar

from archgraph.dims import Dim, Size, symbol
from archgraph.graph.types import Graph

D = TypeVar("D", bound=Dim)


class Wording:
    """Writes sizes for people: with given sizes put in, and with what is known of the symbols made use of.

    Windows that round leave sizes such as `(H + 3) // 4`; a picture says `H/4`, and its tooltips the exact size.
    """

    def __init__(self, graph: Graph, sizes: Mapping[str, int] | None = None):
        self._sizes: dict[str, Dim] = dict(sizes or {})
        moduli = {rule.symbol: rule.modulus for rule in graph.constraints if tuple(rule.residues) == (0,)}
        self._moduli = {name: modulus for name, modulus in moduli.items() if name not in self._sizes}

    def at(self, dim: Dim) -> Dim:
        """The size where the given sizes hold."""
        return dim.substitute(self._sizes) if isinstance(dim, Size) else dim

    def size(self, dim: Dim) -> str:
        """`64`, `H`, `H/8`, `2·H`."""
        dim = self.at(dim)
        if isinstance(dim, int):
            return str(dim)
        ratio = self._ratio(dim)
        if ratio is None:
            return _quotient(dim) or _written(dim)
        (name,) = dim.symbols
        head = name if ratio.numerator == 1 else f"{ratio.numerator}·{name}"
        return head if ratio.denominator == 1 else f"{head}/{ratio.denominator}"

    def full(self, shape: Sequence[Dim]) -> str:
        """A whole shape, exactly: `[N, 64, (H + 1) // 2, (W + 1) // 2]`."""
        return f"[{', '.join(str(self.at(dim)) for dim in shape)}]"

    def listed(self, shape: Sequence[Dim]) -> str:
        """A whole shape as a picture says it: `[N, 64, H/2, W/2]`."""
        return f"[{', '.join(self.size(dim) for dim in shape)}]"

    def space(self, shape: Sequence[Dim]) -> str:
        """What is not batch or channels: `H/2×W/2`, `197 tokens`, or '' where nothing is."""
        dims = spatial(shape)
        if len(dims) == 1 and channels_last(shape):
            return f"{self.factor(dims[0])} tokens"
        return "×".join(map(self.factor, dims))

    def factor(self, dim: Dim) -> str:
        """The size as it stands in a product: a sum in parentheses."""
        text = self.size(dim)
        return f"({text})" if _is_sum(text) else text

    def channels(self, shapes: Sequence[Sequence[Dim]]) -> str:
        """`64`, or `96 … 256` where it grows from copy to copy."""
        first, last = (self.size(channels(shape)) for shape in (shapes[0], shapes[-1]))
        return first if first == last else f"{first} … {last}"

    def said(self, shapes: Sequence[Sequence[Dim]]) -> str:
        """What a box says of its results: `256 channels · H/2×W/2`, `64×64 matrix`."""
        if len(shapes[-1]) == 3 and shapes[-1][1] == shapes[-1][2]:
            return "×".join(map(self.factor, shapes[-1][1:])) + " matrix"
        count = f"{self.channels(shapes)} {'channels' if spatial(shapes[-1]) else 'features'}"
        return " · ".join(text for text in (count, self.space(shapes[-1])) if text)

    def short(self, shape: Sequence[Dim]) -> str:
        """What an edge says: `256 · H/2×W/2`, `197×768`, `1000`."""
        dims = spatial(shape)
        if len(dims) == 1 and channels_last(shape):
            return f"{self.factor(dims[0])}×{self.factor(channels(shape))}"
        return " · ".join(text for text in (self.size(channels(shape)), self.space(shape)) if text)

    def _ratio(self, dim: Size) -> Fraction | None:
        """r, where the size is r times its only symbol: exactly, or but for rounding."""
        if len(dim.symbols) != 1:
            return None
        (name,) = dim.symbols
        modulus = self._moduli.get(name, 1)
        exact = dim.substitute({name: modulus * symbol(name)})
        if isinstance(exact, Size) and len(exact.terms) == 1:
            (atoms, coefficient), *_ = exact.terms
            if len(atoms) == 1 and atoms[0].numerator is None:
                return Fraction(coefficient, modulus)
        return _rounded(dim, name)


def _written(dim: Size) -> str:
    return re.sub(r" ?// ?", "/", str(dim)).replace("*", "·")


def _quotient(dim: Size) -> str:
    """`(H - 19)/8` for (H + 5) // 8 - 3; '' for a size that is no quotient with a number beside it."""
    quotients = [atoms[0] for atoms, coefficient in dim.terms if len(atoms) == 1 and coefficient == 1]
    beside = [coefficient for atoms, coefficient in dim.terms if not atoms]
    if len(dim.terms) != 2 or not beside or not quotients or (inner := quotients[0].numerator) is None:
        return ""
    numerator = inner + beside[0] * quotients[0].denominator
    return f"({_written(numerator)})/{quotients[0].denominator}" if isinstance(numerator, Size) else ""


def _is_sum(text: str) -> bool:
    """Whether a sum stands outside of all parentheses."""
    while "(" in text:
        text = re.sub(r"\([^()]*\)", "", text)
    return " + " in text or " - " in text


def _rounded(dim: Size, name: str) -> Fraction | None:
    """a / c, where the size is floor((a·symbol + b) / c) with 0 ≤ b < c: the ratio rounded down, up or to nearest."""
    if len(dim.terms) != 1:
        return None
    (atoms, coefficient), *_ = dim.terms
    if len(atoms) != 1 or coefficient != 1 or (inner := atoms[0].numerator) is None:
        return None
    slope, offset = inner.substitute({name: 1}), inner.substitute({name: 0})
    linear = inner.substitute({name: 2})
    if not (isinstance(slope, int) and isinstance(offset, int) and isinstance(linear, int)):
        return None
    if linear - slope != slope - offset or not 0 <= offset < atoms[0].denominator:
        return None
    return Fraction(slope - offset, atoms[0].denominator)


def channels_last(shape: Sequence[Dim]) -> bool:
    """Whether a shape is [N, T, C], or [N, H, W, C], whose two inner sizes belong together."""
    if len(shape) == 3:  # tokens, unless the last size is the free one, as that of a signal [N, C, L]
        return not (isinstance(shape[1], int) and isinstance(shape[2], Size))
    if len(shape) != 4 or shape[2] == shape[3]:
        return False
    return shape[1] == shape[2] or (isinstance(shape[1], Size) and isinstance(shape[3], int))


def channels(shape: Sequence[D], last: bool | None = None) -> D | Literal[1]:
    """The size of the dimension of channels: the second, or the last of tokens. `last` says which, for numbers that
    have lost the symbols that tell."""
    if len(shape) < 2:
        return shape[-1] if shape else 1
    last = channels_last(shape) if last is None else last
    return shape[-1] if last else shape[1]


def spatial(shape: Sequence[D], last: bool | None = None) -> tuple[D, ...]:
    """The sizes that are neither batch nor channels; see `channels`."""
    if len(shape) < 3:
        return ()
    last = channels_last(shape) if last is None else last
    return tuple(shape[1:-1]) if last else tuple(shape[2:])


def count(number: int) -> str:
    """`1.1 M`, `9.4 k`, `640`; '' for none."""
    for limit, unit in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= 0.9995 * limit:
            value = number / limit
            return f"{value:.0f} {unit}" if value >= 99.95 else f"{value:.1f} {unit}"
    return str(number) if number else ""
