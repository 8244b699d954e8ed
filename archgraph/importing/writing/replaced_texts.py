"""A part of a spec with other texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def replaced_texts(value: Any, change: Callable[[str], str]) -> Any:
    """A part of a spec, as plain data, with another text for each of its texts but the keys."""
    if isinstance(value, dict):
        return {key: replaced_texts(inside, change) for key, inside in value.items()}
    if isinstance(value, list):
        return [replaced_texts(inside, change) for inside in value]
    return change(value) if isinstance(value, str) else value
