"""JSON as the events of a YAML parser, with places.

JSON text is nearly YAML, but only nearly: surrogate pairs, tabs as indentation and keys longer than 1024 characters
are valid in it and not in YAML, and YAML admits much that is not JSON.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from json import JSONDecodeError
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from yaml import events as yaml_events
from yaml.error import Mark

_SPACE = re.compile(r"[ \t\n\r]*")
_LITERAL = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")


class JsonError(Exception):
    """Not JSON: what was expected, and at which character."""

    def __init__(self, message: str, index: int):
        super().__init__(message)
        self.message, self.index = message, index


class _At(Mark):
    """A place as PyYAML's marks tell it; only its `index` is read."""

    def __init__(self, index: int):
        self.index = index


def json_events(text: str) -> Iterator[Any]:
    """The events of one JSON text. Raises JsonError where it is not JSON."""
    yield yaml_events.StreamStartEvent()
    at = _past_space(text, 0)
    if at == len(text):
        yield yaml_events.StreamEndEvent()
        return
    yield yaml_events.DocumentStartEvent()
    at = yield from _values(text, at)
    if at != len(text):
        raise JsonError("there is more text after the end of the JSON value", at)
    yield yaml_events.DocumentEndEvent()
    yield yaml_events.StreamEndEvent()


def _past_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _values(text: str, at: int) -> Generator[Any, None, int]:
    """One value with all that it holds; `closers` are the brackets that are open, so nothing recurses."""
    closers: list[str] = []
    while True:
        char = text[at : at + 1]
        if char in ("{", "["):
            at, opened = yield from _open(text, at, closers)
            if opened:
                continue
        else:
            at = yield from _scalar(text, at)
        at = yield from _close(text, _past_space(text, at), closers)
        if not closers:
            return at
        if text[at : at + 1] != ",":
            raise JsonError(f"expected ',' or '{closers[-1]}'", at)
        at = _past_space(text, at + 1)
        if closers[-1] == "}":
            at = yield from _key(text, at)


def _open(text: str, at: int, closers: list[str]) -> Generator[Any, None, tuple[int, bool]]:
    mapping = text[at] == "{"
    kind = yaml_events.MappingStartEvent if mapping else yaml_events.SequenceStartEvent
    yield kind(None, None, True, _At(at), _At(at + 1), flow_style=True)
    closers.append("}" if mapping else "]")
    at = _past_space(text, at + 1)
    if text[at : at + 1] == closers[-1]:
        return at, False
    if mapping:
        at = yield from _key(text, at)
    return at, True


def _close(text: str, at: int, closers: list[str]) -> Generator[Any, None, int]:
    while closers and text[at : at + 1] == closers[-1]:
        kind = yaml_events.MappingEndEvent if closers.pop() == "}" else yaml_events.SequenceEndEvent
        yield kind(_At(at), _At(at + 1))
        at = _past_space(text, at + 1)
    return at


def _key(text: str, at: int) -> Generator[Any, None, int]:
    if text[at : at + 1] != '"':
        raise JsonError('expected a key in double quotes, such as "name"', at)
    at = _past_space(text, (yield from _scalar(text, at)))
    if text[at : at + 1] != ":":
        raise JsonError("expected ':' after the key", at)
    return _past_space(text, at + 1)


def _scalar(text: str, at: int) -> Generator[Any, None, int]:
    if text[at : at + 1] == '"':
        try:
            value, end = scanstring(text, at + 1, True)
        except JSONDecodeError as error:
            reason = error.msg[:1].lower() + error.msg[1:]
            raise JsonError(f"the text in quotes is not valid: {reason}", error.pos) from None
        style = '"'
    else:
        found = _LITERAL.match(text, at)
        if not found:
            raise JsonError("expected a value: a text in double quotes, a number, true, false, null, {…} or […]", at)
        value, end, style = found[0], found.end(), ""
    yield yaml_events.ScalarEvent(None, None, (True, False), value, _At(at), _At(end), style)
    return int(end)
