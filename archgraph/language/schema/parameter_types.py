"""Types of parameters: taken from a default value, or named by type words.

    planes: int            required            stride: 1              a whole number, 1 unless given
    size: int?             may be null         mode: [zeros, reflect] one of these texts, the first unless given
    kernel: int | [int]    either              out_channels: =C       any value; its use decides
    fn: node               a node handed in    channels: [64, 128]    a list of whole numbers

A truth value is not a number. A whole number serves where a float is wanted, and a symbolic size where a whole number
is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from archgraph.dims import Size
from archgraph.errors import Problem, ReadError, SchemaError, nearest
from archgraph.language.expressions.expression import compile_expression, is_expression
from archgraph.language.expressions.values import described, is_number
from archgraph.language.reading.composer import scalar
from archgraph.records import record

TYPE_WORDS = ("int", "float", "bool", "str", "list", "node")
ANY = "any"
"""A word for a type inside of one; by itself it is a text, which specs may have as a default."""
OTHER_WORDS = {
    "integer": "int",
    "number": "float",
    "double": "float",
    "boolean": "bool",
    "string": "str",
    "text": "str",
    "tuple": "list",
    "array": "list",
    "optional": "int?",
}
"""Words that people write where they mean a type word; as a default text they would surprise."""

DEEPEST_TYPE = 16

_TOKEN = re.compile(r"\s*([A-Za-z_]\w*|[\[\]|?])")
_ONE_OF_US = re.compile(r"[\w\s\[\]|?]+\Z")


@record()
class Kind:
    """One alternative of a type: a type word, `any`, a list of something, or one of several texts."""

    word: str
    item: ParameterType | None = None
    choices: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        if self.word == "choice":
            return f"one of {', '.join(self.choices)}"
        return f"[{self.item.text}]" if self.item else self.word

    @property
    def words(self) -> str:
        """The type as an error message names it."""
        if self.word == "choice":
            return self.text
        return f"a list of {self.item.plural}" if self.item else _IN_WORDS[self.word][0]

    @property
    def plural(self) -> str:
        """Several values of the type, as an error message names them."""
        if self.word == "choice":
            return f"texts, each {self.text}"
        return f"lists of {self.item.plural}" if self.item else _IN_WORDS[self.word][1]

    def accepts(self, value: Any) -> bool:
        if self.word == "choice":
            return value in self.choices
        if self.item is not None:
            return isinstance(value, (list, tuple)) and all(self.item.accepts(entry) for entry in value)
        return _ACCEPTS[self.word](value)

    def converted(self, value: Any) -> Any:
        """An accepted value, with whole numbers widened where a float is wanted."""
        if self.word == "float":
            return float(value)
        if isinstance(value, (list, tuple)):
            return [self.item.converted(entry) for entry in value] if self.item else list(value)
        return value


_IN_WORDS = {
    "any": ("any value", "any values"),
    "int": ("a whole number", "whole numbers"),
    "float": ("a number", "numbers"),
    "bool": ("true or false", "truth values"),
    "str": ("text", "texts"),
    "list": ("a list", "lists"),
    "node": ("an operation or a block", "operations or blocks"),
}
_ACCEPTS: dict[str, Callable[[Any], bool]] = {
    "any": lambda value: True,
    "int": lambda value: type(value) is int or isinstance(value, Size),
    "float": is_number,
    "bool": lambda value: isinstance(value, bool),
    "str": lambda value: isinstance(value, str) and value not in TYPE_WORDS and not is_expression(value),
    "list": lambda value: isinstance(value, (list, tuple)),
    "node": lambda value: not (value is None or is_number(value) or isinstance(value, (bool, list, tuple, Size))),
}


@record()
class ParameterType:
    """What a parameter accepts, whether it must be given, and its value where it is not."""

    kinds: tuple[Kind, ...]
    optional: bool = False
    required: bool = False
    default: Any = None

    @property
    def text(self) -> str:
        """The type as the language writes it."""
        joined = " | ".join(kind.text for kind in self.kinds)
        if not self.optional:
            return joined
        return f"{joined}?" if len(self.kinds) == 1 else f"{joined} | null"

    @property
    def plural(self) -> str:
        """Several values of the type, as an error message names them."""
        return " or ".join([*(kind.plural for kind in self.kinds), *(["null"] if self.optional else [])])

    @property
    def words(self) -> str:
        """The type as an error message names it."""
        return " or ".join([*(kind.words for kind in self.kinds), *(["null"] if self.optional else [])])

    def accepts(self, value: Any) -> bool:
        """Whether the value is of this type."""
        return (value is None and self.optional) or any(kind.accepts(value) for kind in self.kinds)

    def converted(self, value: Any) -> Any:
        """An accepted value as the language keeps it."""
        fitting = next((kind for kind in self.kinds if kind.accepts(value)), None)
        return fitting.converted(value) if fitting else value

    def check(self, value: Any) -> Any:
        """The value, whole numbers widened where floats are wanted. Raises SchemaError where it is of another type."""
        if self.accepts(value):
            return self.converted(value)
        raise SchemaError(
            Problem(
                "a value of another type is wanted",
                expected=self.words,
                received=described(value) if not isinstance(value, dict) else "a mapping",
                hint=self._hint(value),
            )
        )

    def _hint(self, value: Any) -> str:
        words = {kind.word for kind in self.kinds}
        meant = unquoted(value)
        if meant is not None and self.accepts(meant):
            return f"write {value}, without quotes"
        if isinstance(value, str) and value in TYPE_WORDS:
            return f"'{value}' is a word for a type, and no value"
        if isinstance(value, str) and "choice" in words:
            return nearest(value, [choice for kind in self.kinds for choice in kind.choices])
        if isinstance(value, str) and "bool" in words and value.lower() in ("yes", "no", "on", "off", "true", "false"):
            return f"write {'true' if value.lower() in ('yes', 'on', 'true') else 'false'}"
        if isinstance(value, str) and value.isidentifier() and "str" not in words:
            return f"write ={value}" if value else ""
        if isinstance(value, bool) and words & {"int", "float"}:
            return "a truth value is not a number"
        return ""


def unquoted(text: Any) -> Any:
    """The number or truth value that a text in quotes spells, or None."""
    if not isinstance(text, str) or not 0 < len(text) <= 40:
        return None
    try:
        value = scalar(text)
    except ReadError:
        return None
    return value if is_number(value) or isinstance(value, bool) else None


def quoted_default(kind: ParameterType, name: str, value: Any) -> Problem | None:
    """What to say where a value does not fit because the default was quoted: '3' is text, and 9 is none."""
    meant = unquoted(kind.default)
    if meant is None or isinstance(value, str) or isinstance(meant, bool) != isinstance(value, bool):
        return None
    return Problem(
        f"the default of '{name}' is text, because it is quoted; elsewhere '{name}' is {described(value)}",
        expected="a default of the same kind as the other values",
        received=described(kind.default),
        hint=f"write {name}: {kind.default}, without quotes",
        subject=name,
    )


def parse_type(declaration: Any) -> ParameterType:
    """The type that a parameter's declaration states. Raises SchemaError for one that makes no sense."""
    if isinstance(declaration, str) and not is_expression(declaration):
        return _parse_text(declaration)
    if isinstance(declaration, list):
        return _parse_list(declaration)
    if isinstance(declaration, dict):
        return _parse_mapping(declaration)
    if is_expression(declaration):
        compile_expression(declaration)
    return ParameterType(_kinds_of(declaration), default=declaration)


def _parse_mapping(declaration: dict[str, Any]) -> ParameterType:
    """A type with a default, for what a default does not say by itself: `{type: int | [int], default: 3}`."""
    if not isinstance(declaration.get("type"), str) or not declaration.keys() <= {"type", "default"}:
        raise SchemaError(
            "a parameter that is a mapping has a type and a default",
            expected="a default value, a type such as int or [int], or {type: int | [int], default: 3}",
            received="a mapping",
        )
    kind = _TypeReader(declaration["type"]).type()
    if "default" not in declaration:
        return kind
    default = declaration["default"]
    if any(entry.word == "node" for entry in kind.kinds) or _holds_expression(default):
        if is_expression(default):
            compile_expression(default)
        return replace(kind, required=False, default=default)
    return replace(kind, required=False, default=kind.check(default))


def _kinds_of(value: Any) -> tuple[Kind, ...]:
    if value is None or is_expression(value):
        return (Kind("any"),)
    word = "list" if isinstance(value, list) else type(value).__name__
    return (_list_kind(value),) if word == "list" else (Kind(word),)


def _list_kind(values: list[Any]) -> Kind:
    """A list of what all entries are, where that is one thing; of anything else where they differ."""
    kinds = {kind for value in values for kind in _kinds_of(value)}
    if kinds == {Kind("int"), Kind("float")}:
        kinds = {Kind("float")}
    if len(kinds) != 1 or Kind("any") in kinds:
        return Kind("list")
    return Kind("list", ParameterType((kinds.pop(),)))


def _parse_text(text: str) -> ParameterType:
    if text in OTHER_WORDS:
        raise SchemaError(f"'{text}' is not a type of the language", hint=f"write {OTHER_WORDS[text]}")
    if not any(word in TYPE_WORDS for word in re.findall(r"\w+", text)) or not _ONE_OF_US.match(text):
        return ParameterType((Kind("str"),), default=text)
    return _TypeReader(text).type()


def _parse_list(entries: list[Any]) -> ParameterType:
    if entries and all(isinstance(entry, str) and not is_expression(entry) for entry in entries):
        types = [entry for entry in entries if any(word in TYPE_WORDS for word in re.findall(r"\w+", entry))]
        if not types:
            return ParameterType((Kind("choice", choices=tuple(entries)),), default=entries[0])
        if len(entries) > 1:
            received = f"[{', '.join(entries)}]"
            raise SchemaError("a list of types", expected="one type, such as [int]", received=received)
        return ParameterType((Kind("list", _parse_text(entries[0])),), required=True)
    if len(entries) == 1 and isinstance(entries[0], list):
        inner = _parse_list(entries[0])
        if inner.required:
            return ParameterType((Kind("list", inner),), required=True)
    if _holds_expression(entries):
        raise SchemaError(
            "a default list holds an expression", hint='make the whole list one expression: "=[C, 2 * C]"'
        )
    return ParameterType((_list_kind(entries),), default=entries)


def _holds_expression(value: Any) -> bool:
    return is_expression(value) or (isinstance(value, list) and any(_holds_expression(entry) for entry in value))


class _TypeReader:
    """Reads `int | [int]?`: alternatives of words and lists; a '?' admits null."""

    def __init__(self, text: str):
        self.text = text
        self.tokens = _TOKEN.findall(text)
        self.at = 0
        self.depth = 0

    def type(self) -> ParameterType:
        kinds, optional = self._alternatives()
        if self.at < len(self.tokens):
            raise self._error()
        return ParameterType(tuple(dict.fromkeys(kinds)), optional, required=not optional)

    def _alternatives(self) -> tuple[list[Kind], bool]:
        kinds, optional = [self._kind()], self._taken("?")
        while self._taken("|"):
            kinds.append(self._kind())
            optional = self._taken("?") or optional
        return kinds, optional

    def _kind(self) -> Kind:
        if self._taken("["):
            self.depth += 1
            if self.depth > DEEPEST_TYPE:
                expected = f"at most {DEEPEST_TYPE} brackets in one another"
                raise SchemaError(f"the type '{self.text[:40]} …' is nested too deeply", expected=expected)
            kinds, optional = self._alternatives()
            self.depth -= 1
            if not self._taken("]"):
                raise self._error()
            return Kind("list", ParameterType(tuple(kinds), optional))
        if self.at == len(self.tokens) or self.tokens[self.at] not in (*TYPE_WORDS, ANY):
            raise self._error()
        self.at += 1
        return Kind(self.tokens[self.at - 1])

    def _taken(self, token: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at] == token:
            self.at += 1
            return True
        return False

    def _error(self) -> SchemaError:
        found = self.tokens[self.at] if self.at < len(self.tokens) else ""
        return SchemaError(
            f"'{self.text:.100}' is not a type",
            expected=f"{', '.join(TYPE_WORDS)}, lists such as [int], alternatives such as int | [int], ? for null",
            received=f"'{found}'" if found else "the end of the text",
            hint=nearest(found, TYPE_WORDS) if found and found not in TYPE_WORDS else "",
        )
