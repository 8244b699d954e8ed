"""Symbolic sizes and constraints of a file, against Python's own arithmetic and a search by brute force."""

from __future__ import annotations

from typing import Any

import pytest

from archgraph.artifact.sizes import evaluate, parse
from archgraph.dims import Constraint


@pytest.mark.parametrize("text", ["H // 8", "(H + 1) // 2", "4*H*W - 3", "-(H - W) % 5", "H**2 + 2*H", "7"])
def test_values_are_those_of_python(text: str) -> None:
    for symbols in ({"H": 17, "W": 4}, {"H": 64, "W": 9}):
        assert evaluate(text, symbols) == eval(text, {}, symbols)


def test_a_size_without_its_symbols_has_no_value() -> None:
    assert evaluate("H // 8", {"W": 1}) is None


@pytest.mark.parametrize(
    "text",
    [
        "f(H)",
        "H.real",
        "H if W else 1",
        "'a'",
        "1.5",
        "H +",
        "",
        "H[0]",
        "H << 3",
        "H // (W - 1)",
        1.5,
        True,
        None,
        ["H"],
    ],
)
def test_what_is_no_size(text: Any) -> None:
    with pytest.raises(ValueError, match=r"not a size"):
        parse(text)


@pytest.mark.parametrize("text", ["H**999", "((H**16)**16)**16", "(" * 5000 + "H" + ")" * 5000, "1+" * 20_000 + "1"])
def test_sizes_that_would_exhaust_the_machine(text: str) -> None:
    with pytest.raises(ValueError, match="size"):
        parse(text)


@pytest.mark.parametrize(
    "constraint",
    [
        Constraint("H", modulus=8, residues=(0,)),
        Constraint("H", modulus=6, residues=(1, 4), minimum=10),
        Constraint("H", minimum=5, maximum=9),
        Constraint("H", modulus=16, residues=(0,), maximum=64),
    ],
)
def test_allowed_and_closest_sizes(constraint: Constraint) -> None:
    def fits(n: int) -> bool:
        low, high = constraint.minimum or 1, constraint.maximum or 10_000
        return low <= n <= high and (not constraint.residues or n % constraint.modulus in constraint.residues)

    allowed = [n for n in range(1, 200) if fits(n)]
    assert [n for n in range(1, 200) if constraint.allows(n)] == allowed
    for size in range(1, 100):
        below, above = [n for n in allowed if n <= size], [n for n in allowed if n >= size]
        assert constraint.closest(size) == sorted({*below[-1:], *above[:1]})
