"""From the parser's events to plain data and places: scalars by the YAML 1.2 core rules, and what is refused.

YAML comes as the events of PyYAML's C parser; JSON as the same events from `json_events`. Both go through one
composer, so that both obey the same limits and both know their places.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from yaml import events as yaml_events

from archgraph.errors import Problem, ReadError
from archgraph.language.reading.marks import TextPlace, mark_at
from archgraph.language.reading.missing_space import pair_in_key, space_hint, starts_pair

MAX_DEPTH = 64
MAX_ENTRIES = 10_000
MAX_TEXT = 262_144
MAX_INTEGER = 2**63 - 1
MAX_VALUES = 80_000
MAX_PROBLEMS = 50
"""After so many problems reading stops: nobody reads more, and a hostile file could hold millions."""

TEXT_KEYS = frozenset({"in", "else", "path", "push", "outputs", "order", "share", "stacks", "tie", "use"})
"""Below these keys scalars stay the text that stands in the file: they hold names and paths (`0`, `0.10`)."""
NAME_LEVELS = {"nodes": 1, "blocks": 1, "inputs": 1, "params": 1, "let": 1, "for": 1, "presets": 2}
"""How many levels of mappings below these keys are keyed by names, which mean nothing to the language."""
CHANGE_TEXT_KEYS = frozenset({"extends", "remove"})
CHANGE_NAME_LEVELS = {"set": 1, "replace": 1, "wrap": 1, "before": 2, "after": 2}
"""The same at the top of a file and of a block, where these keys are changes; below, they are names of arguments."""
FREE_KEY = "meta"
"""Below this key no key has a meaning in the language; values may be expressions."""

CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_INTEGER = re.compile(r"[-+]?[0-9]+\Z")
_OTHER_BASE = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_INFINITE = re.compile(r"([-+]?)\.(inf|Inf|INF)\Z")
_NAN = frozenset({".nan", ".NaN", ".NAN"})
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
WRITE_OUT = "write it out, or make it a block"
LONGEST_SOUGHT = 1_000
_PAIRS = {")": "(", "]": "[", "}": "{"}


def scalar(text: str) -> Any:
    """A plain scalar's value by the YAML 1.2 core schema. Raises ReadError for numbers out of range."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _INTEGER.match(text) or _OTHER_BASE.match(text):
        number = int(text, 0 if text[:2] in ("0o", "0x") else 10) if len(text) <= 32 else MAX_INTEGER + 1
        if abs(number) > MAX_INTEGER:
            raise ReadError("the number is too large", expected="whole numbers below 2**63", received=text[:40])
        return number
    if _FLOAT.match(text):
        value = float(text)
        if abs(value) == float("inf"):
            raise ReadError("the number is too large", expected="a float64, at most 1.8e308", received=text[:40])
        return value
    if infinite := _INFINITE.match(text):
        return float(f"{infinite[1]}inf")
    if text in _NAN:
        raise ReadError("'.nan' is not a value of the language", hint="nothing can be compared with it; leave it out")
    return text


DEFINITION, BLOCKS = -1, -2
"""In place of a number of levels: the mapping is a file or a block, which may have changes; or it holds blocks."""


def below(key: str | None, literal: bool | None, names: int) -> tuple[bool | None, int]:
    """How the value of a key is read, given how its mapping is: whether scalars stay text (None below `meta`), and how
    many levels from there are keyed by names."""
    if names == DEFINITION:
        if key in CHANGE_TEXT_KEYS:
            return True, 0
        if key in CHANGE_NAME_LEVELS:
            return literal, CHANGE_NAME_LEVELS[key]
        if key == "blocks":
            return literal, BLOCKS
    elif names == BLOCKS:
        return literal, DEFINITION
    elif literal is None or names:
        return literal, max(names - 1, 0)
    return (None if key == FREE_KEY else literal or key in TEXT_KEYS), NAME_LEVELS.get(key or "", 0)


def whole_expression(text: str, start: int) -> str:
    """The expression that starts here as its author meant it: up to a comma or bracket that it did not open."""
    opened: list[str] = []
    quote = ""
    for at in range(start, min(len(text), start + LONGEST_SOUGHT)):
        char = text[at]
        if char == "\n" or (not quote and not opened and char in ",]}"):
            return text[start:at].strip()
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "([{":
            opened.append(char)
        elif char in ")]}" and (not opened or opened.pop() != _PAIRS[char]):
            return text[start:at].strip()
    return text[start : start + LONGEST_SOUGHT].strip()


def quoted(expression: str) -> str:
    """The expression as a quoted YAML scalar."""
    return f"'{expression}'" if '"' in expression else f'"{expression}"'


def missing_quotes(expression: str, seen: str) -> tuple[str, str]:
    """Message and hint for an expression that YAML ended too early, in flow style."""
    expression = expression if len(expression) <= 100 else f"{expression[:100]} …"
    message = f"the expression '{expression}' must be quoted here: YAML ends it after '{seen[:100]}'"
    return message, f"write {quoted(expression)}; inside {{…}} and […] an expression with , [ ] {{ }} needs quotes"


def _twice(key: str) -> str:
    hint = "rename or remove one of them"
    return f"{hint}; an argument is written with its name, as in kernel_size: {key}" if key.isdecimal() else hint


def _place(event: Any) -> TextPlace:
    return TextPlace(event.start_mark.index, event.end_mark.index)


class Composer:
    """Builds data and places from events. Collects what is refused; only what makes going on senseless is raised."""

    def __init__(self, events: Iterator[Any], text: str, file: str):
        self._events, self._text, self._file = events, text, file
        self.problems: list[Problem] = []
        self._left = MAX_VALUES
        self.expression: tuple[int, int] | None = None
        """Where the last plain scalar that starts with '=' stands: a syntax error behind it is its missing quotes."""

    @property
    def values(self) -> int:
        """The number of values read so far."""
        return MAX_VALUES - self._left

    def document(self) -> tuple[Any, TextPlace]:
        """The data and places of the one document."""
        self._skip(yaml_events.StreamStartEvent)
        first = next(self._events)
        if isinstance(first, yaml_events.StreamEndEvent):
            raise ReadError(Problem("the file is empty", mark_at(self._file, self._text, 0, 1)))
        result = self._value(next(self._events), 1, False, DEFINITION)
        self._skip(yaml_events.DocumentEndEvent)
        after = next(self._events)
        if not isinstance(after, yaml_events.StreamEndEvent):
            self._refuse(after, "a second document starts here", hint="one file holds one spec: remove the '---'")
        return result

    def _skip(self, kind: type[Any]) -> None:
        event = next(self._events)
        assert isinstance(event, kind), event

    def _refuse(self, event: Any, message: str, **more: str) -> None:
        mark = mark_at(self._file, self._text, event.start_mark.index, event.end_mark.index)
        self.problems.append(Problem(message, mark, **more))  # type: ignore[arg-type]
        if len(self.problems) >= MAX_PROBLEMS:
            raise ReadError(Problem("there may be more problems; reading stops here", mark))

    def _value(self, event: Any, depth: int, literal: bool | None, names: int = 0) -> tuple[Any, TextPlace]:
        """One value. `literal`: whether scalars stay text; None below `meta`, where no key changes that."""
        self._left -= 1
        if self._left < 0:
            mark = mark_at(self._file, self._text, event.start_mark.index, event.end_mark.index)
            raise ReadError(Problem("the text holds too much", mark, expected=f"at most {MAX_VALUES:,} values"))
        if type(event) is yaml_events.AliasEvent:
            self._refuse(event, f"'*{event.anchor}' is an alias; a spec has none", hint=WRITE_OUT)
            return None, _place(event)
        if event.anchor is not None:
            self._refuse(event, f"'&{event.anchor}' is an anchor; a spec has none", hint=WRITE_OUT)
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._refuse(event, f"'{tag}' is a tag; a spec has none", hint="remove it: types follow from the values")
        if isinstance(event, yaml_events.ScalarEvent):
            place = _place(event)
            return self._scalar(event, literal), place
        if depth > MAX_DEPTH:
            mark = mark_at(self._file, self._text, event.start_mark.index, event.end_mark.index)
            raise ReadError(Problem("the text is nested too deeply", mark, expected=f"at most {MAX_DEPTH} levels"))
        if isinstance(event, yaml_events.SequenceStartEvent):
            return self._sequence(event, depth, literal)
        return self._mapping(event, depth, literal, names)

    def _scalar(self, event: Any, literal: bool | None) -> Any:
        text: str = event.value
        if len(text) > MAX_TEXT:
            expected, received = f"at most {MAX_TEXT} characters", str(len(text))
            self._refuse(event, "the text is too long", expected=expected, received=received)
            return ""
        if not text.isprintable() and (odd := CONTROL.search(text)):
            self._refuse(event, f"the text holds the control character {odd[0]!r}", hint="remove it")
        if event.style:
            return text
        if text.startswith("="):
            self._check_expression(event)
            return text
        if literal and text:
            return text
        try:
            return scalar(text)
        except ReadError as error:
            mark = mark_at(self._file, self._text, event.start_mark.index, event.end_mark.index)
            self.problems.extend(error.placed(mark).problems)
            return None

    def _check_expression(self, event: Any) -> None:
        """In flow style YAML ends `=max(1, 2)` at the comma; what is left is no expression."""
        start, end = event.start_mark.index, event.end_mark.index
        self.expression = (start, end)
        text = event.value
        if all(text.count(opening) == text.count(closing) for closing, opening in _PAIRS.items()):
            return
        whole = whole_expression(self._text, start)
        if whole != text and "\n" not in self._text[start:end]:
            message, hint = missing_quotes(whole, text)
            self._refuse(event, message, hint=hint)

    def _sequence(self, start: Any, depth: int, literal: bool | None) -> tuple[list[Any], TextPlace]:
        items: list[Any] = []
        place = TextPlace(start.start_mark.index, start.end_mark.index)
        for event in self._events:
            if type(event) is yaml_events.SequenceEndEvent:
                place.end = _place(event).end
                return items, place
            if len(items) == MAX_ENTRIES:
                self._too_many(event, "list")
            value, inner = self._value(event, depth + 1, literal)
            place.children[len(items)] = inner
            items.append(value)
        raise AssertionError("the parser ends every list")

    def _mapping(self, start: Any, depth: int, literal: bool | None, names: int) -> tuple[dict[str, Any], TextPlace]:
        found: dict[str, Any] = {}
        place = TextPlace(start.start_mark.index, start.end_mark.index)
        for event in self._events:
            if type(event) is yaml_events.MappingEndEvent:
                place.end = _place(event).end
                return found, place
            if len(found) == MAX_ENTRIES:
                self._too_many(event, "mapping")
            key = self._key(event, found, depth, literal is None)
            value, inner = self._value(next(self._events), depth + 1, *below(key, literal, names))
            if key is not None:
                place.keys[key] = (event.start_mark.index, event.end_mark.index)
                place.children[key] = inner
                found[key] = value
        raise AssertionError("the parser ends every mapping")

    def _key(self, event: Any, found: dict[str, Any], depth: int, free: bool) -> str | None:
        """The key's text, or None where it is refused (its value is still read, for the problems in it). A `free` key
        has no meaning in the language."""
        if not isinstance(event, yaml_events.ScalarEvent):
            braces = self._text[event.start_mark.index - 1 : event.start_mark.index + 1] == "{{"
            hint = "an expression is written =name, without braces" if braces else "quote text that starts with [ or {"
            self._refuse(event, "a key must be a name", hint=hint)
            if not isinstance(event, yaml_events.AliasEvent):
                self._value(event, depth + 1, False)
            return None
        text: str = event.value
        if not event.style and text == "<<":
            self._refuse(event, "'<<' merges mappings; a spec has no merges", hint="write the keys out")
            return None
        if not event.style and not text:
            self._refuse(event, "there is no key before ':'")
            return None
        self._value(event, depth, True)
        if not event.style and not free and starts_pair(text):
            hint = space_hint(pair_in_key(text, self._text, _place(event).start))
            self._refuse(event, f"'{text:.100}' is no key", hint=hint)
            return None
        if text in found:
            self._refuse(event, f"the key '{text}' stands here twice", hint=_twice(text))
            return None
        return text

    def _too_many(self, event: Any, kind: str) -> None:
        mark = mark_at(self._file, self._text, event.start_mark.index, event.end_mark.index)
        raise ReadError(Problem(f"the {kind} is too long", mark, expected=f"at most {MAX_ENTRIES} entries"))
