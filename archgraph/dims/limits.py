"""How far sizes may grow. A spec is data that anyone may have written; it must not exhaust the machine."""

from __future__ import annotations

from collections.abc import Sequence

from archgraph.errors import ShapeError

LARGEST_POWER = 8
HIGHEST_DEGREE = 64
MOST_TERMS = 200
LARGEST_NUMBER = 10**60
LONGEST_FLOOR = 1_000  # characters; bounds how deep floors nest, and with it every recursion over a size


def check_coefficients(coefficients: Sequence[int]) -> None:
    """Raises ShapeError for too many terms, or for one with a factor that no tensor needs."""
    if len(coefficients) > MOST_TERMS:
        raise too_large(f"at most {MOST_TERMS} terms", len(coefficients))
    if max(map(abs, coefficients)) > LARGEST_NUMBER:
        raise too_large(f"numbers up to {LARGEST_NUMBER:.0e}", "a larger one")


def check_floor(text: str, divisor: int) -> None:
    """Raises ShapeError for a floor division that is too long to show, or divides by too much."""
    if len(text) > LONGEST_FLOOR:
        raise too_large(f"at most {LONGEST_FLOOR} characters", len(text))
    if divisor > LARGEST_NUMBER:
        raise too_large(f"numbers up to {LARGEST_NUMBER:.0e}", "a larger one")


def check_power(exponent: int) -> None:
    """Raises ShapeError unless the exponent is a small natural number."""
    if not 0 <= exponent <= LARGEST_POWER:
        raise ShapeError("a size takes only small powers", expected=f"0 to {LARGEST_POWER}", received=str(exponent))


def too_large(expected: str, received: object) -> ShapeError:
    return ShapeError("a size grows too large", expected=expected, received=str(received))
