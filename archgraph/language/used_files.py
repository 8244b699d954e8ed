"""`use`: the file that an entry names, by a path in the spec's own folder or by the name of a shipped network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from archgraph.artifact.file_kinds import is_file
from archgraph.errors import Problem, ReadError, UnknownNameError, WiringError, nearest
from archgraph.language.expressions.budget import look_for
from archgraph.language.library import find_shipped, read_spec, shipped_specs
from archgraph.language.reading.document import Document
from archgraph.language.schema.spec import Spec, UsedFile
from archgraph.records import record

LONGEST_FILE_NAME = 200
DEEPEST_USE = 32
"""A file that uses one, which uses one … so many times."""


@record()
class OpenedFile:
    """A file that is used, the preset that was asked for, and the files that led here, this one included."""

    spec: Spec
    preset: str | None
    users: tuple[Path, ...]


def used_file(document: Document, used: UsedFile, users: tuple[Path, ...], kept: dict[Any, Any]) -> OpenedFile:
    """The spec that an entry of `use` names, or `extends`. `users` led to this file, `kept` is what this load has read
    already.

    Raises WiringError for a file that uses itself, ReadError for one that cannot be used, UnknownNameError for a
    network or a preset that does not exist.
    """
    mark = document.marks.value(*used.where)
    users = (*users, _resolved(Path(document.file)))
    try:
        path, preset = _place(document, used)
    except UnknownNameError as error:
        raise UnknownNameError(*(_with_path(problem, document, used) for problem in error.problems)).placed(
            mark
        ) from None
    if path in users:
        verb = "extends" if used.where == ("extends",) else "uses"
        way = "" if path == users[-1] else f" by way of '{used.file}'"
        raise WiringError(Problem(f"'{users[-1].name}' {verb} itself{way}", mark, hint="remove it here"))
    if len(users) >= DEEPEST_USE:
        message = f"'{used.file}' is used by way of too many other files"
        raise ReadError(Problem(message, mark, expected=f"at most {DEEPEST_USE} files between", hint="use it directly"))
    if path not in kept:
        try:
            kept[path] = read_spec(path)
        except ReadError as error:
            raise error.placed(mark) from None
    found: Spec = kept[path]
    if preset is not None and preset not in found.block.presets:
        known = found.block.presets
        expected = f"one of {', '.join(known)}" if known else "no preset: it has none"
        message = f"'{used.file}' has no preset '{preset}'"
        raise UnknownNameError(Problem(message, mark, expected=expected, hint=nearest(preset, known)))
    return OpenedFile(found, preset, users)


def _place(document: Document, used: UsedFile) -> tuple[Path, str | None]:
    """Where the file is, and the preset in its name."""
    if used.is_path:
        return _inside(document, used), used.preset
    shipped = find_shipped(used.network, used.preset)
    return _resolved(Path(shipped.spec.document.file)), shipped.preset


def _with_path(problem: Problem, document: Document, used: UsedFile) -> Problem:
    """The problem of a name that no shipped network has, with the file that may have been meant."""
    file = f"{used.network}.yaml"
    if used.network and is_file(Path(document.file).parent / file):
        return replace(problem, hint=f"a file is written as a path: ./{file}")
    return problem


def _resolved(path: Path) -> Path:
    """The path without links. Raises ReadError where they lead nowhere, or where the name is none."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its links lead back to it"
        raise ReadError(f"'{_short(str(path))}' cannot be opened", received=str(reason)) from None


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_FILE_NAME else f"{name[:LONGEST_FILE_NAME]} …"


def _inside(document: Document, used: UsedFile) -> Path:
    """The file of a path. Raises ReadError where it lies outside the spec's own folder tree."""
    mark = document.marks.value(*used.where)
    base = _resolved(Path(document.file)).parent
    path, name = Path(used.path), _short(used.path)
    try:
        target = _resolved(base / path)
    except ReadError as error:
        raise ReadError(*(replace(problem, message=f"'{name}' cannot be opened") for problem in error.problems)).placed(
            mark
        ) from None
    if path.is_absolute() or not (target.is_relative_to(base) or target.is_relative_to(shipped_specs().resolve())):
        raise ReadError(
            Problem(
                f"'{name}' lies outside the folder of this spec",
                mark,
                expected="a relative path in this folder or below it",
                received=name,
            )
        )
    look_for(str(target))
    if not is_file(target):
        known = [f"./{other.name}" for other in sorted(base.glob("*.yaml"))]
        received = _short(str(target))
        raise ReadError(Problem(f"there is no file '{name}'", mark, received=received, hint=nearest(used.path, known)))
    return target
