"""What `infer` runs on: files that are named, and the pictures of folders, whose broken ones are skipped."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from archgraph.artifact.file_kinds import is_file, is_folder
from archgraph.cli.output import echo
from archgraph.cli.progress import files_done
from archgraph.cli.swaps import INPUT_SUFFIXES
from archgraph.errors import ArchgraphError, InputError, Problem

if TYPE_CHECKING:
    from archgraph.runtime import Session

ARRAY_SUFFIXES = (".npz", ".npy")
PICTURE_SUFFIXES = (*(suffix for suffix in INPUT_SUFFIXES if suffix not in ARRAY_SUFFIXES), ".ppm", ".pgm")
MOST_NAMED = 10

Result = TypeVar("Result")


@dataclass(frozen=True)
class Input:
    """A file; `place` is its path below the folder that was named, where one was."""

    file: Path
    place: Path | None = None


@dataclass
class GivenFiles:
    """All files of a command in order, and what of them could not be read."""

    files: Sequence[Input]
    skipped: list[Problem] = field(default_factory=list)

    @property
    def in_folders(self) -> bool:
        return any(one.place is not None for one in self.files)

    def each(self, work: Callable[[Input], Result], *, silent: bool) -> Iterator[tuple[Input, Result]]:
        """The result of every file, with progress. A picture of a folder that cannot be read is skipped.

        Raises InputError for a named file that cannot be read, and where nothing is left.
        """
        done = 0
        with files_done(len(self.files), silent=silent) as advance:
            for number, one in enumerate(self.files, 1):
                try:
                    result = work(one)
                except UnreadableError as error:
                    if one.place is None:
                        raise InputError(*error.problems) from None
                    self.skipped += error.problems
                else:
                    done += 1
                    yield one, result
                advance(number, str(one.place or one.file.name))
        if not done and len(self.skipped) == 1:
            raise InputError(self.skipped[0])
        if not done:
            received = _said(self.skipped[0])
            raise InputError(f"none of the {len(self.skipped)} pictures can be read", received=received)

    def end(self) -> None:
        """Names the skipped pictures, and ends with the exit status 1 where there are such."""
        if not self.skipped:
            return
        for problem in self.skipped[:MOST_NAMED]:
            echo(f"skipped: {_said(problem)}", file=sys.stderr)
        more = f", of which {MOST_NAMED} are named here" if len(self.skipped) > MOST_NAMED else ""
        count = "1 picture could" if len(self.skipped) == 1 else f"{len(self.skipped)} pictures could"
        echo(f"{count} not be read: left out{more}", file=sys.stderr)
        sys.exit(1)


class UnreadableError(InputError):
    """A picture that cannot be read."""


def listed(named: Sequence[Path]) -> GivenFiles:
    """The files, and the pictures in folders and below them, by name. Raises InputError for an empty folder."""
    found: list[Input] = []
    for path in named:
        found += _in_folder(path) if is_folder(path) else [Input(path)]
    return GivenFiles(found)


def _in_folder(folder: Path) -> list[Input]:
    places = (path.relative_to(folder) for path in sorted(folder.rglob("*")))
    pictures = [
        Input(folder / place, place)
        for place in places
        if place.suffix.lower() in PICTURE_SUFFIXES
        and not any(part.startswith(".") for part in place.parts)
        and is_file(folder / place)
    ]
    if not pictures:
        raise InputError(f"there are no images in '{folder}'", expected=f"files in {', '.join(PICTURE_SUFFIXES)}")
    return pictures


def picture_of(one: Input) -> Any:
    """The picture in a file. Raises UnreadableError."""
    from archgraph.runtime import load_image

    try:
        return load_image(one.file)
    except ArchgraphError as error:
        raise UnreadableError(*error.problems) from None


def feeds(session: Session, one: Input) -> dict[str, Any]:
    """The inputs in a file: named arrays, one array for the only input, or a picture for it."""
    from archgraph.runtime import load_arrays
    from archgraph.runtime.preprocessing import picture_input, prepared_picture

    if one.file.suffix.lower() in ARRAY_SUFFIXES:
        arrays: dict[str, Any] = load_arrays(one.file)
        single = len(arrays) == len(session.inputs) == 1
        return dict(zip((spec.name for spec in session.inputs), arrays.values(), strict=True)) if single else arrays
    return prepared_picture(session, one.file, picture_input(session, one.file), picture_of(one))


def _said(problem: Problem) -> str:
    return problem.message + (f" ({problem.received})" if problem.received else "")
