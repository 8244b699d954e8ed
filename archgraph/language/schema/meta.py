"""The network's `meta`: its expressions evaluated, and what the rooms that read it would not understand.

Anything that nobody reads travels along, so a slip in `meta` is a warning; an expression that fails is an error.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from archgraph.dims import Facts
from archgraph.errors import ArchgraphError, Mark, Problem, SchemaError, combined, nearest
from archgraph.language.elaboration.evaluation import evaluated
from archgraph.language.elaboration.resolve import plain
from archgraph.language.expressions.expression import is_expression
from archgraph.language.expressions.values import described
from archgraph.language.reading.document import Document
from archgraph.language.schema.spec import BlockSpec
from archgraph.meta import SECTIONS, Each, Field, Section
from archgraph.meta.fields import whole
from archgraph.meta.papers import PAPER

Steps = tuple[str | int, ...]
_SYMBOLS = "a number for each symbol of the inputs' shapes, such as {H: 224, W: 224}"
LIKENESS = 0.8
"""How much an unknown key of `meta` itself, where any is allowed, must look like a known one to be called a slip."""
READ_FIRST = "self_contained"
"""The one key that is read before there is anything that an expression could name."""


# --- expressions ------------------------------------------------------------------------------------------------------


def evaluated_meta(block: BlockSpec, scope: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
    """The network's `meta` as plain data, each expression replaced by its value. Raises SpecError."""
    errors: list[ArchgraphError] = []

    def settled(value: Any, steps: Steps) -> Any:
        if isinstance(value, dict):
            return {key: settled(inner, (*steps, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [settled(inner, (*steps, at)) for at, inner in enumerate(value)]
        try:
            return _value(value, steps, scope, facts)
        except ArchgraphError as error:
            errors.append(error.placed(block.document.marks.value(*steps)))
            return None

    found: dict[str, Any] = settled(block.meta, ("meta",))
    if errors:
        raise combined(errors)
    return found


def _value(value: Any, steps: Steps, scope: Mapping[str, Any], facts: Facts) -> Any:
    if not is_expression(value):
        return value
    if steps[1] == READ_FIRST:
        raise SchemaError(f"`meta.{READ_FIRST}` is read before any expression", expected="true or false, written out")
    result = plain(evaluated(value, scope, facts), facts)
    if not _is_plain(result):
        raise SchemaError(
            f"`{_path(steps)}` is written into files, so it cannot hold what is not known yet",
            expected="a number, text, a truth value, or lists of them",
            received=described(result),
            hint="expressions in `meta` may name parameters and what `let` makes of them, but no free size",
        )
    return result


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, dict)):
        return all(map(_is_plain, value.values() if isinstance(value, dict) else value))
    return value is None or isinstance(value, (bool, int, float, str))


def as_written(value: Any) -> Any:
    """Plain data as a spec's `meta` holds it: a text that begins with '=' is written as an expression of that text."""
    if isinstance(value, Mapping):
        return {key: as_written(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_written(inner) for inner in value]
    return f"={value!r}" if is_expression(value) else value


# --- slips ------------------------------------------------------------------------------------------------------------


def complaints_about_meta(document: Document, meta: Mapping[str, Any]) -> Iterator[Problem]:
    """Warnings about the parts of the evaluated `meta` that are read, each at its place."""
    for key, value in meta.items():
        steps = ("meta", key)
        if key in SECTIONS:
            yield from _complaints(document, steps, value, _known(document, key))
        elif close := difflib.get_close_matches(key, SECTIONS, n=1, cutoff=LIKENESS):
            hint = f"did you mean '{close[0]}'?"
            yield _warning(f"nobody reads `meta.{key}`", document.marks.key(*steps), hint=hint)


def _known(document: Document, key: str) -> Field | Each | Section:
    """What a key of `meta` may hold in this spec."""
    if key == "size":
        return _sizes(document)
    return Each({**PAPER, "presets": _presets(document)}) if key == "papers" else SECTIONS[key]


def _complaints(document: Document, steps: Steps, value: Any, known: Field | Each | Section) -> Iterator[Problem]:
    said, mark = _path(steps), document.marks.value(*steps)
    if value is None:
        return
    if isinstance(known, Field):
        if not known.fits(value):
            hint = nearest(str(value), known.choices)
            yield _warning(f"`{said}` has a wrong value", mark, known.expected, described(value), hint)
    elif isinstance(known, Each):
        if not isinstance(value, list):
            keys = ", ".join(known.entry)
            yield _warning(f"`{said}` must be a list", mark, f"mappings of {keys}", described(value))
            return
        for at, entry in enumerate(value):
            yield from _complaints(document, (*steps, at), entry, known.entry)
    elif steps[-1] == "schedule" and isinstance(value, str):
        yield from _complaints(document, steps, value, known["kind"])
    elif not isinstance(value, Mapping):
        yield _warning(
            f"`{said}` must be a mapping", mark, _SYMBOLS if said == "meta.size" else ", ".join(known), described(value)
        )
    else:
        for key, inner in value.items():
            if key in known:
                yield from _complaints(document, (*steps, key), inner, known[key])
            else:
                mark, hint = document.marks.key(*steps, key), nearest(key, known)
                expected = _SYMBOLS if said == "meta.size" else ", ".join(known)
                yield _warning(f"`{said}` has no '{key}'", mark, expected, hint=hint)


def _path(steps: Steps) -> str:
    return ".".join(map(str, steps))


def _warning(message: str, mark: Mark | None, expected: str = "", received: str = "", hint: str = "") -> Problem:
    return Problem(message, mark, "", expected, received, hint, severity="warning")


def _presets(document: Document) -> Field:
    """A list of this spec's presets."""
    names = document.data.get("presets") or {}
    return Field(
        f"a list of presets: {', '.join(map(str, names)) or 'the spec has none'}",
        lambda value: isinstance(value, list) and bool(value) and all(name in names for name in value),
    )


def _sizes(document: Document) -> Section:
    """A number for each symbol that the inputs may have: a name in their shapes, or one that a parameter gives them."""
    texts = (str(document.data.get(key, "")) for key in ("inputs", "params", "presets"))
    names = re.findall(r"[^\W\d]\w*", " ".join(texts))
    return dict.fromkeys(names, whole(1))
