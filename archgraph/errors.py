"""One tree of errors. Each says where, what happened, what was expected and received, and how to mend it.

ArchgraphError
├── SpecError               the file a person wrote, or a parameter handed to it, is wrong
│   ├── ReadError           not YAML or JSON, not UTF-8, too large, too deep, an anchor, a duplicate key
│   ├── SchemaError         a key or a value that the language does not know
│   ├── UnknownNameError    an operation, block, node, preset or parameter that does not exist
│   ├── ExpressionError     an expression that does not parse, fails or grows too large
│   ├── WiringError         who reads what: cycles, rule 11, stacks, names and paths used twice
│   └── ShapeError          shapes that do not fit, or that cannot be shown to fit
├── WeightsError            missing, unexpected or misshapen tensors; an unsafe file
├── CompileError            the generated torch module differs from the graph
├── ExportError             a graph that cannot be written as ONNX
│   └── VerificationError   the written file computes something else than the graph
├── RenderError             a diagram that cannot be drawn or written
├── TrainingError           a run that cannot start, cannot go on, or was stopped
└── RunError                running an exported file
    ├── ModelFileError      damaged, or not written by archgraph
    ├── ProviderError       the device that was asked for is not there
    ├── InputError          arrays, images or sizes that the file does not take
    └── SamplingError       a schedule, sampler or step count that makes no sense
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a text: line and column count from 1; `text` is the whole line it stands in."""

    file: str
    line: int
    column: int
    text: str = ""
    length: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    def excerpt(self) -> str:
        """The line with a caret under the place."""
        number = f"{self.line:>5} | "
        before = self.text[: self.column - 1]
        pad = " " * (len(number) + len(before.expandtabs(4)))
        return f"{number}{self.text.expandtabs(4)}\n{pad}{'^' * max(1, self.length)}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: the unit in which errors are collected, placed and printed.

    `path` is the address in the source (`up.0.layer.1.skip`); `notes` are further places that explain the
    problem, such as where each of two shapes came from.
    """

    message: str
    where: Mark | None = None
    path: str = ""
    expected: str = ""
    received: str = ""
    hint: str = ""
    notes: tuple[tuple[str, Mark | None], ...] = ()
    severity: Literal["error", "warning"] = "error"

    def placed(self, where: Mark | None, path: str = "") -> Problem:
        """The same problem with a place, unless it has one already."""
        return replace(self, where=self.where or where, path=self.path or path)

    def __str__(self) -> str:
        head = f"{self.severity}: {self.path + ': ' if self.path else ''}{self.message}"
        lines = [f"{self.where}: {head}" if self.where else head]
        if self.where and self.where.text:
            lines.append(self.where.excerpt())
        for label, text in (("expected", self.expected), ("received", self.received), ("hint", self.hint)):
            if text:
                lines.append(f"  {label}: {text}")
        for text, mark in self.notes:
            lines.append(f"  note: {text}" + (f" ({mark})" if mark else ""))
        return "\n".join(lines)


class ArchgraphError(Exception):
    """Something that a person can mend. Holds one or more problems; prints all of them."""

    problems: tuple[Problem, ...]

    def __init__(self, first: Problem | str, *more: Problem, expected: str = "", received: str = "", hint: str = ""):
        if isinstance(first, str):
            first = Problem(first, expected=expected, received=received, hint=hint)
        self.problems = (first, *more)
        super().__init__(*self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)

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


class CompileError(ArchgraphError):
    """The generated torch module differs from the graph."""


class ExportError(ArchgraphError):
    """A graph that cannot be written as ONNX."""


class VerificationError(ExportError):
    """The written file computes something else than the graph."""


class RenderError(ArchgraphError):
    """A diagram that cannot be drawn or written."""


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
    """A hint that names the most similar known name, or '' where none is similar."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean '{found[0]}'?" if found else ""


def no_folder(path: Path) -> str:
    """A hint for a file that cannot be written because its folder is missing, or '' where the folder is there."""
    return "" if path.parent.is_dir() else f"there is no folder {path.parent}"


def combined(errors: Iterable[ArchgraphError]) -> ArchgraphError:
    """All problems in one error: of their common class where they share one, else a SpecError."""
    found = list(errors)
    kinds = {type(error) for error in found}
    kind = kinds.pop() if len(kinds) == 1 else SpecError
    return kind(*dict.fromkeys(problem for error in found for problem in error.problems))
