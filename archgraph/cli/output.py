"""What commands print: results to stdout, warnings and progress to stderr. rich only for tables on a terminal."""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
import time
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

from archgraph.artifact.file_kinds import not_a_file
from archgraph.errors import ArchgraphError, Problem, each_once, escaped_json, no_folder, visible

if TYPE_CHECKING:
    from archgraph.runtime import Session

LONGEST_ABOUT = 90
_SENTENCE_END = re.compile(r"(?<!al)\.\s+(?=[A-Z])")  # "et al. 2016" ends no sentence
_UNITS = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


def survive_narrow_encodings() -> None:
    """A terminal that cannot show `→` gets a `?`, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def echo(text: object = "", *, end: str = "\n", file: TextIO | None = None, flush: bool = False) -> None:
    """Prints a text. Control characters are escaped: names and titles come from other people's files."""
    print(visible(str(text)), end=end, file=file, flush=flush)


def warn(problems: Iterable[Problem]) -> None:
    """Prints warnings, each once."""
    for text in dict.fromkeys(map(str, each_once(problems))):
        print(text, file=sys.stderr)


def print_json(data: Any) -> None:
    """One JSON document on stdout."""
    print(escaped_json(json.dumps(data, indent=2, ensure_ascii=False)))


def where_it_ran(session: Session) -> dict[str, Any]:
    """The device, how many nodes each provider runs (None: not reported), and notes, as plain data."""
    placement = None if session.placement is None else session.placement.counts()
    return {"device": session.device, "placement": placement, "notes": list(session.notes)}


def tell_of_idle_gpu(session: Session, asked: str) -> None:
    """A note where a GPU is there, and `auto` could not use it: most likely a library is missing."""
    from archgraph.runtime import available_devices

    if asked == "auto" and session.device == "cpu" and "cuda" in available_devices():
        echo(f"note: {session.notes[-1]}", file=sys.stderr)


def plain_problem(problem: Problem) -> dict[str, Any]:
    """A problem as plain data."""
    where = problem.where
    found: dict[str, Any] = {"severity": problem.severity, "message": problem.message}
    if problem.rule:
        found["rule"] = problem.rule
    if where is not None:
        found |= {"file": where.file, "line": where.line, "column": where.column}
    for name in ("path", "expected", "received", "hint"):
        if getattr(problem, name):
            found[name] = getattr(problem, name)
    if problem.notes:
        found["notes"] = [text + (f" ({mark})" if mark else "") for text, mark in problem.notes]
    return found


def print_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[int] = (),
    whole: Collection[int] = (),
) -> None:
    """A table: drawn by rich on a terminal, aligned text in a pipe.

    The columns of `right` stand to the right; those of `whole` do not break, however narrow the terminal is.
    """
    headings, rows = list(map(visible, headings)), [list(map(visible, row)) for row in rows]
    numeric = set(right)
    if sys.stdout.isatty():
        _draw(headings, rows, numeric, set(whole) | numeric)
        return
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    for line in (headings, *rows):
        cells = (
            text.rjust(width) if i in numeric else text.ljust(width)
            for i, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        print("  ".join(cells).rstrip())


def _draw(headings: Sequence[str], rows: Sequence[Sequence[str]], numeric: set[int], whole: set[int]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for i, heading in enumerate(headings):
        side: Literal["right", "left"] = "right" if i in numeric else "left"
        table.add_column(heading, justify=side, overflow="fold", no_wrap=i in whole)
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)


def columns() -> int:
    """How wide what is printed may be: the terminal's columns, 80 in a file or a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 80


def one_line(about: Any) -> str:
    """The first sentence of a description, cut where a line ends."""
    text = " ".join(str(about or "").split())
    sentence = _SENTENCE_END.split(text, maxsplit=1)[0].rstrip(".")
    return sentence if len(sentence) <= LONGEST_ABOUT else sentence[: LONGEST_ABOUT - 1].rstrip() + "…"


def size_text(size: int) -> str:
    """A file's size for people: `3.2 MB`."""
    for unit, letters in _UNITS:
        if size >= unit:
            return f"{size / unit:.1f} {letters}"
    return f"{size} B"


def made(path: Path) -> str:
    """A file that is there now: `exports/resnet50.svg (34.1 kB)`."""
    return f"{path} ({size_text(path.stat().st_size)})"


class Stopwatch:
    """Says what was written, how large it is and how long it took."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._start

    def wrote(self, path: Path, *notes: str) -> str:
        """`wrote exports/resnet50.svg (34.1 kB, 0.2 s)`, with notes in front of the size."""
        facts = [*(note for note in notes if note), size_text(path.stat().st_size), f"{self.seconds:.1f} s"]
        return f"wrote {path} ({', '.join(facts)})"


def write_text(path: Path, text: str) -> None:
    """Writes a file whole or not at all. Raises ArchgraphError where it cannot."""
    if odd := not_a_file(path):
        raise ArchgraphError(f"{path} cannot be written", expected="the name of a file", received=odd)
    try:
        from archgraph.artifact.atomic_files import write_whole  # most commands only print

        write_whole(path, text.encode())
    except OSError as error:
        reason = error.strerror or str(error)
        raise ArchgraphError(f"{path} cannot be written", received=reason, hint=no_folder(path)) from None
