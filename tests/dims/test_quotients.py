"""Quotients of sizes where the divisor is a factor for the allowed sizes alone, against counting."""

from __future__ import annotations

import pytest

from archgraph.dims import Cause, Dim, Facts, Size, evaluate, symbol
from archgraph.dims.prove import known_divisor
from archgraph.dims.quotients import quotient

H, W = symbol("H"), symbol("W")


def facts(multiple: int) -> Facts:
    found = Facts()
    for size in (H, W):
        found.require_equal(size % multiple, 0, Cause("test"))
    return found


@pytest.mark.parametrize(
    ("dividend", "divisor", "wanted"),
    [
        (H * (W // 4), W // 16, (4 * H, 1)),
        (H * (W // 4), W, (H, 4)),
        (H * W, (W + 6) // 8, (8 * H, 1)),
    ],
)
def test_a_quotient_is_a_size_over_a_number(dividend: Dim, divisor: Size, wanted: tuple[Dim, int]) -> None:
    size, number = wanted
    assert quotient(dividend, divisor, facts(16)) == wanted
    for sides in ({"H": 16, "W": 48}, {"H": 64, "W": 16}):
        assert evaluate(size, sides) * evaluate(divisor, sides) == number * evaluate(dividend, sides)


def test_nothing_is_a_quotient_where_nothing_is_known() -> None:
    assert quotient(H * (W // 4), W, Facts()) is None
    assert quotient(H * W, H + 1, facts(16)) is None
    assert quotient(H * (W // 4), H + W, facts(16)) is None


def test_what_divides_a_size_whatever_it_is() -> None:
    def known(size: Dim, multiple: int) -> int:
        found = facts(multiple)
        found.simplify(size)
        return known_divisor(size, found._domains)

    assert known(4 * H * (W // 2), 8) == 128
    assert known(H + 4, 8) == 4
    assert known((H + 4) // 4, 8) == 1
    assert known(H // 3, 8) == 1
