"""Text to plain data that keeps file, line and column of every key and value.

YAML by the 1.2 core rules, or JSON. Anchors, aliases, merges, tags and duplicate keys are refused; so is whatever is
larger, longer or deeper than a spec can need. All problems that do not hide one another are reported at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml

from archgraph.artifact.file_kinds import is_file, is_folder, not_a_file, similar_file
from archgraph.errors import Mark, Problem, ReadError
from archgraph.language.reading.composer import (
    CONTROL,
    DEFINITION,
    MAX_DEPTH,
    MAX_ENTRIES,
    MAX_INTEGER,
    MAX_TEXT,
    Composer,
    below,
    missing_quotes,
    whole_expression,
)
from archgraph.language.reading.json_events import JsonError, json_events
from archgraph.language.reading.marks import Marks, mark_at
from archgraph.language.reading.missing_space import pair_before, space_hint
from archgraph.records import record

if TYPE_CHECKING:
    from archgraph.language.extension.extension import Extension

MAX_BYTES = 2 * 1024 * 1024
AT_MOST = f"at most {MAX_ENTRIES} entries"
MAPPING = "<mapping>"
"""What stands for the name of a file where there is none."""

INDENTED = "the line is not indented as its neighbours are: what belongs together starts in one column"

__all__ = ["Document", "Marks", "from_mapping", "read_file", "read_text"]


@record(slots=False)
class Document:
    """Plain data (dict, list, str, int, float, bool, None), the places of its parts, the text it was read from, and how
    many values it holds."""

    data: Any
    marks: Marks
    file: str
    text: str
    values: int = 0
    extensions: tuple[Extension, ...] = ()
    """How it was made of other files, the innermost extension first."""


def read_file(path: Path | str) -> Document:
    """The document in a file: JSON where its name ends in .json, else YAML. Raises ReadError."""
    path = Path(path)
    if not is_file(path):
        if is_folder(path):
            raise ReadError(f"'{path}' is a folder", expected="a .yaml or .json file")
        if odd := not_a_file(path):
            raise ReadError(f"'{path}' is {odd}", expected="a .yaml or .json file")
        raise ReadError(f"there is no file '{path}'", hint=similar_file(path))
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ReadError(f"'{path}' cannot be read: {error.strerror or error}") from None
    if len(content) > MAX_BYTES:
        raise ReadError(f"'{path}' is too large", expected=f"at most {MAX_BYTES} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ReadError(f"'{path}' is not UTF-8: line {line} holds the byte 0x{content[error.start]:02x}") from None
    return read_text(text, str(path), "json" if path.suffix.lower() == ".json" else "yaml")


def read_text(text: str, file: str = "<text>", format: Literal["yaml", "json"] = "yaml") -> Document:
    """The document in a text. Raises ReadError with every problem that can be seen at once."""
    text = text.removeprefix("\ufeff")
    if len(text) > MAX_BYTES:
        raise ReadError(f"'{file}' is too large", expected=f"at most {MAX_BYTES} bytes")
    if not text.isascii():
        _refuse_surrogates(text, file)
    try:
        events = yaml.parse(text, Loader=yaml.CSafeLoader) if format == "yaml" else json_events(text)
        composer = Composer(events, text, file)
    except yaml.YAMLError as error:
        raise ReadError(_syntax_problem(error, text, file, None)) from None
    try:
        data, root = composer.document()
    except (yaml.YAMLError, JsonError) as error:
        raise _with_syntax_error(composer, error, text, file) from None
    except ReadError as error:
        raise ReadError(*composer.problems, *error.problems) from None
    if composer.problems:
        raise ReadError(*composer.problems)
    return Document(data, Marks(file, text, root), file, text, composer.values)


def _refuse_surrogates(text: str, file: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ReadError(Problem("the text is not valid Unicode", mark_at(file, text, error.start, error.end))) from None


def _with_syntax_error(composer: Composer, error: yaml.YAMLError | JsonError, text: str, file: str) -> ReadError:
    """What was found before the text broke off, and why it did; forgotten quotes explain what follows on their line."""
    if isinstance(error, JsonError):
        mark = mark_at(file, text, error.index, error.index + 1)
        return ReadError(*composer.problems, Problem(f"the text is not valid JSON: {error.message}", mark))
    problem = _syntax_problem(error, text, file, composer.expression)
    quotes = [p for p in composer.problems if p.where and problem.where and "must be quoted" in p.message]
    if any(problem.hint and p.hint == problem.hint for p in composer.problems):
        return ReadError(*composer.problems)
    if any(p.where and problem.where and problem.where.line in (p.where.line, p.where.line + 1) for p in quotes):
        return ReadError(*composer.problems)
    return ReadError(*composer.problems, problem)


def _syntax_problem(error: yaml.YAMLError, text: str, file: str, expression: tuple[int, int] | None) -> Problem:
    mark = getattr(error, "problem_mark", None)
    index = mark.index if mark is not None else getattr(error, "position", 0)
    where = mark_at(file, text, index, index + 1)
    if expression and text[expression[1] : index].strip() == "" and text[index : index + 1] in tuple("[]{},"):
        start, end = expression
        whole = whole_expression(text, start)
        message, hint = missing_quotes(whole, text[start:end])
        return Problem(message, mark_at(file, text, start, start + len(whole)), hint=hint)
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    context = getattr(error, "context", None)
    message = f"the text is not valid YAML: {reason}" + (f" {context}" if context else "")
    opened = getattr(error, "context_mark", None)
    if opened is not None and "could not find expected ':'" in reason:
        return _no_key(message, mark_at(file, text, opened.index, index))
    misread = "unexpected ':'" in reason or "mapping values are not allowed" in reason
    if misread and (pair := pair_before(text, index)):
        start, written = pair
        return Problem(message, mark_at(file, text, start, start + len(written)), hint=space_hint(written))
    return Problem(message, where, hint=_syntax_hint(reason, text, index, where.text, opened.index if opened else 0))


def _no_key(message: str, where: Mark) -> Problem:
    """A line of a mapping without ': '; the parser notices on the next line."""
    return Problem(message, where, hint=space_hint(where.text.strip()) or "every line of a mapping is 'name: value'")


def _syntax_hint(reason: str, text: str, index: int, line: str, opened: int) -> str:
    char = text[index : index + 1]
    first = not text[text.rfind("\n", 0, index) + 1 : index].strip()  # the line begins here
    if char == "{" and text[index - 1 : index] == "$":
        return "an expression is written =name, without ${ }"
    if char == "\t":
        return "indent with spaces, not with tabs"
    if "mapping values are not allowed" in reason:
        return "text that holds ': ' must be quoted; otherwise the indentation is not what it should be"
    if "cannot start any token" in reason:
        return f"text that starts with {char} must be quoted"
    if "expected ',' or" in reason and "\n" in text[opened:index]:
        return f"the {text[opened]} of line {text.count(chr(10), 0, opened) + 1} is not closed"
    if "did not find expected key" in reason and first:
        return INDENTED
    if any(bracket in line for bracket in "{}[]"):
        return "text with , [ ] { } must be quoted inside {…} and […], and wherever it starts with a bracket"
    if "did not find expected key" in reason:
        return INDENTED
    return ""


def from_mapping(data: Mapping[str, Any]) -> Document:
    """The document that a Python mapping is: the same limits, plain copies of everything, no places in a text."""
    problems: list[Problem] = []
    plain = _plain(data, (), False, problems, DEFINITION)
    if problems:
        raise ReadError(*problems)
    return Document(plain, Marks(MAPPING, "", None), MAPPING, "")


def _plain(value: Any, path: tuple[str, ...], literal: bool | None, problems: list[Problem], names: int = 0) -> Any:
    if len(path) > MAX_DEPTH:
        raise ReadError(*problems, Problem("the mapping is nested too deeply", expected=f"at most {MAX_DEPTH} levels"))
    if isinstance(value, Mapping):
        return _plain_mapping(value, path, (literal, names), problems)
    if isinstance(value, (list, tuple)):
        if len(value) > MAX_ENTRIES:
            problems.append(Problem("the list is too long", path=".".join(path), expected=AT_MOST))
            return []
        return [_plain(item, (*path, str(i)), literal, problems) for i, item in enumerate(value)]
    problem = _scalar_problem(value, literal)
    if problem:
        problems.append(problem.placed(None, ".".join(path)))
        return None
    return str(value) if literal and type(value) is int else value


def _plain_mapping(
    value: Mapping[Any, Any], path: tuple[str, ...], how: tuple[bool | None, int], problems: list[Problem]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if len(value) > MAX_ENTRIES:
        problems.append(Problem("the mapping is too long", path=".".join(path), expected=AT_MOST))
        return found
    for key, item in value.items():
        if type(key) is not int and not isinstance(key, str):
            received = f"{key!r} ({type(key).__name__})"
            problems.append(Problem("a key must be text", path=".".join(path), expected="text", received=received))
            continue
        name = str(key)
        if name in found:
            message = f"the key '{name}' stands here twice, as text and as a number"
            problems.append(Problem(message, path=".".join(path)))
            continue
        literal, names = below(name, *how)
        found[name] = _plain(item, (*path, name), literal, problems, names)
    return found


def _scalar_problem(value: Any, literal: bool | None) -> Problem | None:
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            return Problem("the text is too long", expected=f"at most {MAX_TEXT} characters", received=f"{len(value)}")
        odd = CONTROL.search(value)
        return Problem(f"the text holds the control character {odd[0]!r}", hint="remove it") if odd else None
    if value is None or (type(value) is bool and not literal):
        return None
    if type(value) is int:
        expected = "whole numbers below 2**63"
        return Problem("the number is too large", expected=expected) if abs(value) > MAX_INTEGER else None
    if type(value) is float and not literal:
        return Problem("'nan' is not a value of the language") if math.isnan(value) else None
    expected = "text" if literal else "text, numbers, true, false, None, lists and mappings"
    received = f"{value!r:.60} ({type(value).__name__})"
    return Problem("a value that the language does not know", expected=expected, received=received)
