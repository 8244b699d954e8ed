"""What Pydantic found, in the words of the language and at its place in the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from archgraph.errors import ArchgraphError, SchemaError
from archgraph.language.expressions.values import described
from archgraph.language.reading.document import Document
from archgraph.language.reading.missing_space import space_hint
from archgraph.language.schema.change_types import CHANGE_KEYS
from archgraph.language.schema.models import BLOCK_KEYS, INPUT_KEYS, SPEC_KEYS
from archgraph.language.schema.refusals import Path, unknown_key
from archgraph.language.schema.value_types import VERSION

MAX_PROBLEMS = 100
KEY = "[key]"
"""The last step of a path that means a key itself, and not its value; Pydantic's own sign."""

_SHAPES = {
    "dict_type": ("must be a mapping", "a mapping"),
    "model_type": ("must be a mapping", "a mapping"),
    "list_type": ("must be a list", "a list"),
    "too_short": ("is empty", "at least one entry"),
}


def complaints(error: ValidationError, document: Document, base: Path = ()) -> list[ArchgraphError]:
    """One error for each thing that Pydantic found, up to a number that nobody reads through."""
    found: list[ArchgraphError] = []
    for item in error.errors(include_url=False)[:MAX_PROBLEMS]:
        path: Path = (*base, *item["loc"])
        if item["type"] == "refused":
            found += [placed(document, (*path, *below), inner) for below, inner in item["ctx"]["found"]]
        else:
            found.append(placed(document, *_own(path, item)))
    return found


def newer_version_first(errors: list[ArchgraphError], document: Document) -> list[ArchgraphError]:
    """Where the spec is written in a newer version of the language, that is the one problem: the others are notes under
    it, since that version may know the keys and values that this one refuses."""
    declared = document.data.get("archgraph")
    if type(declared) is not int or declared <= VERSION:
        return errors
    problems = [problem for error in errors for problem in error.problems]
    version = next(problem for problem in problems if problem.path == "archgraph")
    notes = tuple((problem.message, problem.where) for problem in problems if problem is not version)
    return [SchemaError(replace(version, notes=notes))]


def _own(path: Path, item: Any) -> tuple[Path, SchemaError]:
    """The error for one of Pydantic's own complaints, and the path that it is about."""
    if item["type"] == "extra_forbidden":
        return (*path, KEY), _unknown_key(path)
    if item["type"] == "missing":
        return path[:-1], _missing(str(path[-1]))
    message, expected = _SHAPES.get(item["type"], ("has a value that the language does not know", ""))
    received = "" if item["type"] == "too_short" else described(item["input"])
    hint = _for_a_mapping(item["input"]) if expected == "a mapping" else ""
    return path, SchemaError(f"'{{key}}' {message}", expected=expected, received=received, hint=hint)


def _for_a_mapping(value: Any) -> str:
    if isinstance(value, str):
        return space_hint(value)
    if not isinstance(value, list):
        return ""
    lists_mappings = any(isinstance(entry, dict) for entry in value)
    return "write 'name: …' without the dashes" if lists_mappings else "each entry has a name: write 'name: …'"


def _unknown_key(path: Path) -> SchemaError:
    key = str(path[-1])
    if len(path) == 1:
        return unknown_key(key, SPEC_KEYS, CHANGE_KEYS)
    if path[-3] == "inputs":
        return unknown_key(key, INPUT_KEYS)
    if key in SPEC_KEYS:
        return SchemaError(f"a block has no key '{key}'", hint=f"'{key}' stands at the top of a file")
    return unknown_key(key, BLOCK_KEYS, CHANGE_KEYS)


def _missing(key: str) -> SchemaError:
    if key == "name":
        return SchemaError("the spec has no name", hint="add 'name: …'")
    if key == "archgraph":
        message = "the spec does not say which version of the language it is written in"
        return SchemaError(
            message, expected=f"archgraph: {VERSION}", hint=f"add 'archgraph: {VERSION}' as the first line"
        )
    return SchemaError(f"'{{key}}' has no '{key}'", hint=f"add '{key}: …'")


def placed(document: Document, path: Path, error: ArchgraphError) -> ArchgraphError:
    """The error at a path's place. A path that ends with KEY means the key; shorthands are not in the file."""
    about_key = bool(path) and path[-1] == KEY
    steps = tuple(_existing(document.data, path[:-1] if about_key else path))
    name = next((str(step) for step in reversed(steps) if isinstance(step, str)), "the spec")
    find = document.marks.key if about_key or _has_no_place(document.data, steps) else document.marks.value
    problems = [replace(problem, message=problem.message.replace("{key}", name)) for problem in error.problems]
    return type(error)(*problems).placed(find(*steps), ".".join(str(step) for step in steps))


def _existing(data: Any, path: Path) -> Iterator[str | int]:
    """The steps of a path that are in the file: a shorthand lacks the key that it stands for."""
    here: Any = data
    for step in path:
        if _holds(here, step):
            here = here[step]
            yield step


def _holds(data: Any, step: str | int) -> bool:
    if isinstance(data, dict):
        return step in data
    return isinstance(data, list) and isinstance(step, int) and step < len(data)


def _has_no_place(data: Any, path: Path) -> bool:
    """Whether the value is better shown by its key: a mapping spans many lines, and an empty value none."""
    value: Any = data
    for step in path:
        value = value[step]
    return bool(path) and (value is None or isinstance(value, dict))
