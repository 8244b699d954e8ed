"""`name:value`: YAML reads one scalar where a colon lacks its space, and complains elsewhere, if at all."""

from __future__ import annotations

import re

_PAIR = re.compile(r"([A-Za-z_]\w*):(?!//)(?=[^\s:])")
_LINE = re.compile(rf"[ \t]*(?:- +)?({_PAIR.pattern}.*)")
_NAME_BEFORE = re.compile(r"[A-Za-z_]\w*\Z")
LONGEST_SHOWN = 100


def starts_pair(text: str) -> bool:
    """Whether a scalar starts as a name and its value do when the space after the colon is forgotten."""
    return _PAIR.match(text) is not None


def space_hint(pair: str) -> str:
    """How such a pair is written: for `mid:{op: relu}`, `mid: {op: relu}`; '' where the text is no such pair."""
    if not starts_pair(pair):
        return ""
    name, _, value = pair.strip().partition(":")
    shown = value if len(value) <= LONGEST_SHOWN else f"{value[:LONGEST_SHOWN]} …"
    return f"a space is missing after the colon: {name}: {shown}"


def pair_in_key(key: str, text: str, start: int) -> str:
    """The pair that a plain key is part of: up to the end of its line where its value opens a bracket or quote."""
    opens = any(sign in key for sign in "[{\"'")
    return text[start:].split("\n", 1)[0].rstrip() if opens else key


def pair_before(text: str, index: int) -> tuple[int, str] | None:
    """The pair that explains a syntax error at this index, and where it starts: around a ':' that is followed by a
    bracket, at the start of the line, or alone on the line before."""
    begin = text.rfind("\n", 0, index) + 1
    end = text.find("\n", index)
    line = text[begin : end if end >= 0 else len(text)]
    if name := _NAME_BEFORE.search(text[begin:index]):
        pair = line[name.start() :]
        if pair.startswith((f"{name[0]}:[", f"{name[0]}:{{")):
            return begin + name.start(), _closed(pair)
    before = text.rfind("\n", 0, max(begin - 1, 0)) + 1
    for at, whole in ((begin, line), (before, text[before : max(begin - 1, 0)])):
        if found := _LINE.match(whole):
            return at + found.start(1), found[1].rstrip()
    return None


def _closed(pair: str) -> str:
    """A pair up to the bracket that closes its value."""
    depth = 0
    for at, sign in enumerate(pair):
        depth += (sign in "[{") - (sign in "]}")
        if depth == 0 and sign in "]}":
            return pair[: at + 1]
    return pair
