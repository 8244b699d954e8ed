"""Whole numbers in what a person types."""

from __future__ import annotations

_MOST_DIGITS = 18
"""All of them fit into 64 bits; Python refuses to read a few thousand."""


def whole_number(text: str) -> int | None:
    """The number that a text of digits is; None for any other text, and for a number that no size or count can be."""
    digits = text.strip()
    return int(digits) if digits.isdecimal() and len(digits) <= _MOST_DIGITS else None
