"""One tree of errors. Each says where, what happened, what was expected and received, and how to mend it.

ArchgraphError
├── SpecError               the file a person wrote, or a parameter handed to it, is wrong
│   ├── ReadError           not YAML or JSON, not UTF-8, too large, too deep, an anchor, a duplicate key
│   ├── SchemaError         a key or a value that the language does not know
│   ├── UnknownNameError    an operation, block, node, preset or parameter that does not exist
│   ├── ExpressionError     an expression that does not parse, fails or grows too large
│   ├── WiringError         who reads what: cycles, readers by default, stacks, names and paths used twice
│   └── ShapeError          shapes that do not fit, or that cannot be shown to fit
├── WeightsError            missing, unexpected or misshapen tensors; an unsafe file
├── CompileError            the generated torch module differs from the graph
├── ExportError             a graph that cannot be written as ONNX
│   └── VerificationError   the written file computes something else than the graph
├── RenderError             a diagram that cannot be drawn or written
├── PluginError             a plugin that is missing, or does not keep what it declares
├── TrainingError           a run that cannot start, cannot go on, or was stopped
└── RunError                running an exported file
    ├── ModelFileError      damaged, or not written by archgraph
    ├── ProviderError       the device that was asked for is not there
    ├── InputError          arrays, images or sizes that the file does not take
    └── SamplingError       a schedule, sampler or step count that makes no sense
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import field, replace
from pathlib import Path
from typing import Literal, Self

from archgraph.edit_distance import edit_distance, shared_start, slips_allowed
from archgraph.records import record
from archgraph.synonyms import synonym

MOST_PROBLEMS = 100
"""So many are printed; nobody reads more."""
MOST_PLACES = 3
"""An equal problem in more places is printed once, with the names of the others."""
LONGEST_FIELD = 4_000
MOST_NOTES = 20
MOST_NAMES_COMPARED = 1_000
LONGEST_NAME_COMPARED = 60

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """The text with every character escaped that a terminal acts on or does not show: controls, bidirectional marks,
    zero-width characters. Tabs and line ends stay.
    """
    return text if text.isascii() and text.isprintable() else _UNSEEN.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


def escaped_json(document: str) -> str:
    """A JSON document with the same characters as JSON escapes them, so that it means the same."""
    return _UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1], document)


def _field(text: str) -> str:
    """A part of a message: bounded, and with no line of its own at the left margin, where messages start."""
    text = text if len(text) <= LONGEST_FIELD else f"{text[:LONGEST_FIELD]} …"
    return re.sub(r"\n(?=\S)", "\n    ", visible(text))


@record()
class Mark:
    """A place in a text: line and column count from 1; `text` is the whole line it stands in."""

    file: str
    line: int
    column: int
    text: str = ""
    length: int = 1

    def __str__(self) -> str:
        return f"{visible(self.file)}:{self.line}:{self.column}"

    def excerpt(self) -> str:
        """The line with a caret under the place."""
        number = f"{self.line:>5} | "
        start, end = self.column - 1, self.column - 1 + max(1, self.length)
        pad = " " * (len(number) + len(_shown_line(self.text[:start])))
        carets = "^" * max(self.length, len(visible(self.text[start:end])), 1)
        return f"{number}{_shown_line(self.text)}\n{pad}{carets}"


def _shown_line(text: str) -> str:
    return visible(text.expandtabs(4))


@record()
class Problem:
    """One thing that is wrong: the unit in which errors are collected, placed and printed.

    `path` is the address in the source (`up.0.layer.1.skip`); `notes` are further places that explain the
    problem, such as where each of two shapes came from. `subject` is the attribute, port, weight or key that is wrong:
    whoever knows the text puts the caret under it. `rule` names the kind of error that it was raised as, for machines.
    """

    message: str
    where: Mark | None = None
    path: str = ""
    expected: str = ""
    received: str = ""
    hint: str = ""
    notes: tuple[tuple[str, Mark | None], ...] = ()
    severity: Literal["error", "warning", "note"] = "error"
    subject: str = ""
    rule: str = field(default="", compare=False)

    def placed(self, where: Mark | None, path: str = "") -> Problem:
        """The same problem with a place, unless it has one already."""
        return replace(self, where=self.where or where, path=self.path or path)

    def __str__(self) -> str:
        head = f"{self.severity}: {_field(self.path) + ': ' if self.path else ''}{_field(self.message)}"
        lines = [f"{self.where}: {head}" if self.where else head]
        if self.where and self.where.text:
            lines.append(self.where.excerpt())
        for label, text in (("expected", self.expected), ("received", self.received), ("hint", self.hint)):
            if text:
                lines.append(f"  {label}: {_field(text)}")
        for text, mark in self.notes[:MOST_NOTES]:
            lines.append(f"  note: {_field(text)}" + (f" ({mark})" if mark else ""))
        return "\n".join(lines)


def each_once(problems: Iterable[Problem]) -> list[Problem]:
    """The problems as they are printed: one that stands in many places is the first, with a note that names the others.

    Programs read all of them, place by place, in `ArchgraphError.problems`.
    """
    equal: dict[Problem, list[tuple[int, Problem]]] = {}
    for at, problem in enumerate(problems):
        expected = problem.expected.partition(",")[0]  # the names that are visible grow along a file
        key = replace(problem, where=None, path="", notes=(), expected=expected)
        equal.setdefault(key, []).append((at, problem))
    shown: list[tuple[int, Problem]] = []
    for found in equal.values():
        shown += found if len(found) <= MOST_PLACES else [(found[0][0], _with_other_places([one for _, one in found]))]
    return [problem for _, problem in sorted(shown, key=lambda one: one[0])]


def _with_other_places(found: list[Problem]) -> Problem:
    """The first of equal problems, with a note that names some of the others by their paths, or else lines."""
    others = [problem.path or str(problem.where or "") for problem in found[1:]]
    named = ", ".join(filter(None, others[:MOST_PLACES])) + (", …" if len(others) > MOST_PLACES else "")
    return replace(found[0], notes=(*found[0].notes, (f"and in {len(others):,} other places: {named}", None)))


def _rule(kind: str) -> str:
    """The name of an error's class as tools name rules: UnknownNameError is unknown-name."""
    return re.sub("(?<=[a-z])(?=[A-Z])", "-", kind.removesuffix("Error")).lower()


class ArchgraphError(Exception):
    """Something that a person can mend. Holds one or more problems; prints those that a person can read."""

    problems: tuple[Problem, ...]

    def __init__(
        self,
        first: Problem | str,
        *more: Problem,
        expected: str = "",
        received: str = "",
        hint: str = "",
        subject: str = "",
    ):
        if isinstance(first, str):
            first = Problem(first, expected=expected, received=received, hint=hint, subject=subject)
        rule = _rule(type(self).__name__)
        self.problems = tuple(each if each.rule else replace(each, rule=rule) for each in (first, *more))
        super().__init__(*self.problems)

    def __str__(self) -> str:
        shown = each_once(self.problems)
        lines = [str(problem) for problem in shown[:MOST_PROBLEMS]]
        left = len(shown) - len(lines)
        return "\n".join([*lines, f"and {left:,} more problem{'s' if left > 1 else ''}"] if left else lines)

    def placed(self, where: Mark | None, path: str = "") -> Self:
        """The same error with every problem that lacks a place put at this one."""
        return type(self)(*(problem.placed(where, path) for problem in self.problems))


class SpecError(ArchgraphError):
    """The file a person wrote, or a parameter handed to it, is wrong."""


class ReadError(SpecError):
    """The text is not YAML or JSON that the language admits."""


class SchemaError(SpecError):
    """A key or a value that the language does not know."""


class UnknownNameError(SpecError):
    """An operation, block, node, preset or parameter that does not exist."""


class ExpressionError(SpecError):
    """An expression that does not parse, fails or grows too large."""


class WiringError(SpecError):
    """Who reads what is wrong: a cycle, an ambiguous default, an unbalanced stack, a name used twice."""


class ShapeError(SpecError):
    """Shapes that do not fit, or that cannot be shown to fit."""


class WeightsError(ArchgraphError):
    """Missing, unexpected or misshapen tensors, or a file that is not safe to read."""


class ImportingError(ArchgraphError):
    """A torch module, or a part of it, that cannot become a graph."""


class CompileError(ArchgraphError):
    """The generated torch module differs from the graph."""


class ExportError(ArchgraphError):
    """A graph that cannot be written as ONNX."""


class VerificationError(ExportError):
    """The written file computes something else than the graph."""


class RenderError(ArchgraphError):
    """A diagram that cannot be drawn or written."""


class PluginError(ArchgraphError):
    """A plugin that is not installed, whose name is taken, or whose code fails or does not keep what it declares."""


class TrainingError(ArchgraphError):
    """A training run that cannot start, cannot go on, or was stopped."""


class RunError(ArchgraphError):
    """Running an exported file failed."""


class ModelFileError(RunError):
    """A file that is damaged, or that archgraph did not write."""


class ProviderError(RunError):
    """The device that was asked for is not there."""


class InputError(RunError):
    """Arrays, images or sizes that the file does not take."""


class SamplingError(RunError):
    """A schedule, sampler or step count that makes no sense."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint that names the known name that was most likely meant: one that means the same, or that differs by a slip;
    '' where there is none."""
    known = list(known)
    found = synonym(name, known) or nearest_name(name, known)
    return f"did you mean '{found}'?" if found else ""


def nearest_name(name: str, known: Iterable[str]) -> str:
    """The known name that a few slips of the hand turn into this one, or the one that it is a form of (`classify`);
    '' where there is none. Case is no difference.
    """
    most = slips_allowed(name)
    if not 0 < len(name) <= LONGEST_NAME_COMPARED:
        return ""
    small, letters = name.lower(), set(name.lower())
    best = longest = ""
    for other in list(known)[:MOST_NAMES_COMPARED]:
        longest = max(longest, other, key=lambda one: shared_start(small, one.lower()))
        if abs(len(other) - len(name)) > most or len(letters ^ set(other.lower())) > 2 * most:
            continue
        slips = edit_distance(small, other.lower(), most)
        if slips <= most:
            best, most = other, slips - 1
    shared = shared_start(small, longest.lower())
    if shared == len(name) >= 4:  # `trail` for `trailing`
        return longest
    return best or (longest if shared >= max(6, len(name) - 1) else "")


def no_folder(path: Path) -> str:
    """A hint for a file that cannot be written because its folder is missing, or '' where the folder is there."""
    return "" if path.parent.is_dir() else f"there is no folder {path.parent}"


def combined(errors: Iterable[ArchgraphError]) -> ArchgraphError:
    """All problems in one error: of their common class where they share one, else a SpecError."""
    found = list(errors)
    kinds = {type(error) for error in found}
    kind = kinds.pop() if len(kinds) == 1 else SpecError
    return kind(*dict.fromkeys(problem for error in found for problem in error.problems))
