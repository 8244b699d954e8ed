"""Patterns of keys: `*` is any text, dots included, `#` a whole number, `{a,b}` one of these words.

A pair of patterns renames keys in both directions: the k-th wildcard of one stands for the k-th of the other, and the
k-th word of one pair of braces for the k-th of the other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from archgraph.errors import WeightsError

_PARTS = re.compile(r"\*|#|\{[^{}]*\}")


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a pair of braces; of `*` and `#`, none: what they matched stays as it is."""

    sign: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class KeyPattern:
    """A pattern of whole keys. `texts` stand between its wildcards, one more than there are of them."""

    text: str
    texts: tuple[str, ...] = field(init=False, repr=False, compare=False)
    wildcards: tuple[Words, ...] = field(init=False, repr=False, compare=False)
    _regex: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        texts, signs = _PARTS.split(self.text), _PARTS.findall(self.text)
        object.__setattr__(self, "texts", tuple(texts))
        object.__setattr__(self, "wildcards", tuple(map(_words, signs)))
        parts = [re.escape(texts[0])]
        for wildcard, text in zip(self.wildcards, texts[1:], strict=True):
            parts.append(_group(wildcard) + re.escape(text))
        object.__setattr__(self, "_regex", re.compile("".join(parts), re.DOTALL))

    def matched(self, key: str) -> tuple[str, ...] | None:
        """What the wildcards stand for in a key: text, or the place of a word; None for keys that it does not match."""
        if not key.startswith(self.texts[0]) or not key.endswith(self.texts[-1]):
            return None
        found = self._regex.fullmatch(key)
        if found is None:
            return None
        pairs = zip(found.groups(), self.wildcards, strict=True)
        return tuple(str(wildcard.words.index(text)) if wildcard.words else text for text, wildcard in pairs)

    def filled(self, values: Sequence[str]) -> str:
        """The key in which the wildcards stand for these."""
        parts = [self.texts[0]]
        for value, wildcard, text in zip(values, self.wildcards, self.texts[1:], strict=True):
            parts += (wildcard.words[int(value)] if wildcard.words else value, text)
        return "".join(parts)


def require_pair(one: KeyPattern, other: KeyPattern) -> None:
    """Raises WeightsError for two patterns whose wildcards do not stand for one another."""
    require_wildcards((one,), other)


def require_wildcards(several: Sequence[KeyPattern], one: KeyPattern) -> None:
    """Raises WeightsError where a pattern does not have the wildcards of several others, one behind the other."""
    expected = [(each.sign, len(each.words)) for pattern in several for each in pattern.wildcards]
    if expected != [(each.sign, len(each.words)) for each in one.wildcards]:
        names = " and ".join(f"'{pattern.text}'" for pattern in (*several, one))
        raise WeightsError(
            f"{names} do not have the same wildcards in the same order",
            expected="each *, # and {a,b} of one in the other, so that the rule works in both directions",
        )


def covers(patterns: Sequence[str], key: str) -> bool:
    """Whether a key, or a module that holds it, is named by one of these paths or patterns."""
    return any(
        key == pattern or key.startswith(f"{pattern}.") or _compiled(pattern).fullmatch(key) is not None
        for pattern in patterns
    )


@lru_cache(maxsize=1_024)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = [re.escape(text) for text in _PARTS.split(pattern)]
    signs = _PARTS.findall(pattern)
    text = parts[0] + "".join(_group(_words(sign)) + part for sign, part in zip(signs, parts[1:], strict=True))
    return re.compile(rf"{text}(\..*)?", re.DOTALL)


def _words(sign: str) -> Words:
    return Words("{}", tuple(word.strip() for word in sign[1:-1].split(","))) if sign.startswith("{") else Words(sign)


def _group(wildcard: Words) -> str:
    if wildcard.words:
        return f"({'|'.join(map(re.escape, wildcard.words))})"
    return r"(\d+)" if wildcard.sign == "#" else "(.+?)"
