"""The values of the expression language in words: what an error message calls them and how it writes them."""

from __future__ import annotations

from typing import Any

from archgraph.dims import Size

LONGEST_VALUE = 60


class FaultError(Exception):
    """An operation that has no result; the expression that it stands in knows the place."""

    def __init__(self, message: str, expected: str = "", received: str = "", hint: str = ""):
        super().__init__(message)
        self.message, self.expected, self.received, self.hint = message, expected, received, hint


def kind(value: Any) -> str:
    """A value's kind in the words of the language."""
    if isinstance(value, bool):
        return "a truth value"
    if value is None:
        return "nothing"
    for kinds, word in _KINDS:
        if isinstance(value, kinds):
            return word
    return "a node"


_KINDS: tuple[tuple[Any, str], ...] = (
    (int, "a whole number"),
    (float, "a number"),
    (str, "text"),
    ((list, tuple), "a list"),
    (Size, "a size"),
    (dict, "a mapping"),
)


def shown(value: Any) -> str:
    """A value as the language writes it, cut where it is long."""
    text = _written(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 2]} …"


def _written(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_written(item) for item in value[:20])}{', …' if len(value) > 20 else ''}]"
    if isinstance(value, dict):
        return f"{{{', '.join(str(key) for key in list(value)[:20])}}}"
    return repr(value) if isinstance(value, str) else str(value)


def described(value: Any) -> str:
    """What was received: the value and its kind."""
    return "nothing (null)" if value is None else f"{shown(value)} ({kind(value)})"


def is_number(value: Any) -> bool:
    """Whether it is a whole number or a float, which a truth value is not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
