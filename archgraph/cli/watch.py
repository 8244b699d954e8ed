"""`archgraph check --watch`: specs are checked again whenever a file that they are made of changes.

Files are asked for their state some times a second. That takes microseconds, works on every file system, those of
containers and networks included, and sees every way in which editors save: in place, by renaming, by removing first.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from archgraph.artifact.file_kinds import FileState, file_state
from archgraph.cli.check_results import Format, Result, print_results
from archgraph.cli.output import echo
from archgraph.errors import InputError
from archgraph.importing.sources.source_names import names_module
from archgraph.language.expressions.budget import bounded_effort

INTERVAL = 0.03
"""Seconds between two looks at the files."""
TICK = 0.005
"""A file is read so many seconds after it was seen to change: sooner, a write may have the time of the one before."""
SETTLED = 0.02
"""A file that has not changed for so many seconds is taken for whole. They pass while it is checked."""
PATIENCE = 1.0
"""A file that is written without a pause is read after so many seconds all the same."""
GRACE = 0.5
"""For so many seconds a file may be away, as between an editor's removing and writing it, before that is a result."""

State = dict[str, FileState | None]


@dataclass(slots=True)
class Watched:
    """A spec, and the files that its last check needed, as they were before it."""

    spec: str
    state: State = field(default_factory=dict)


def watch_specs(specs: Sequence[str], check: Callable[[str], Result], form: Format) -> None:
    """Checks the specs, and each of them after a change of its files, until Ctrl-C. Raises InputError for what is no
    file."""
    for spec in specs:
        _require_file(spec)
    watched = [Watched(spec) for spec in specs]
    try:
        _answer([_checked(one, check) for one in watched], form)
        while True:
            _note(_watching(len(_files(watched))))
            changed, results = _after_change(watched, check)
            _note(f"\n{time.strftime('%H:%M:%S')}  {', '.join(one.spec for one in changed)}")
            _answer(results, form)
    except KeyboardInterrupt:
        _note("")


def _watching(files: int) -> str:
    return f"watching {files} file{'' if files == 1 else 's'}; Ctrl-C ends it"


def _answer(results: Sequence[Result], form: Format) -> None:
    """Prints results, and leaves none of them in a buffer."""
    print_results(results, form)
    sys.stdout.flush()
    sys.stderr.flush()


def _note(text: str) -> None:
    """What is said of the watch itself, which is no result."""
    echo(text, file=sys.stderr, flush=True)


def _require_file(spec: str) -> None:
    if names_module(spec):
        raise InputError(f"--watch is for files, and {spec} is a module", hint="leave out --watch")
    if not _path(spec).is_file():
        raise InputError(f"--watch is for files, and there is no file {_path(spec)}", received=spec)


def _path(spec: str) -> Path:
    """The file in `file.yaml@preset`."""
    return Path(spec) if Path(spec).is_file() else Path(spec.rpartition("@")[0] or spec)


def _checked(one: Watched, check: Callable[[str], Result]) -> Result:
    """The result of a check, which leaves behind the files to watch, as they were before they were read."""
    before = _state([str(_path(one.spec)), *one.state])
    with bounded_effort() as effort:
        result = check(one.spec)
    needed = {str(_path(one.spec)), *effort.looked_for}
    one.state = {file: before[file] if file in before else file_state(file) for file in needed}
    return result


def _files(watched: Iterable[Watched]) -> set[str]:
    return {file for one in watched for file in one.state}


def _state(files: Iterable[str]) -> State:
    return {file: file_state(file) for file in files}


def _changed(watched: Iterable[Watched]) -> list[Watched]:
    """The specs of which a file is another than the one that was checked."""
    return [one for one in watched if _state(one.state) != one.state]


def _after_change(watched: Sequence[Watched], check: Callable[[str], Result]) -> tuple[list[Watched], list[Result]]:
    """The specs of which a file has changed, and what a check says of each once it is whole."""
    while not (changed := _whole(_changed(watched))):
        time.sleep(INTERVAL)
    start, results, rest = time.monotonic(), dict[int, Result](), changed
    while rest and time.monotonic() - start <= PATIENCE:
        begun = time.monotonic()
        time.sleep(TICK)
        results.update({id(one): _checked(one, check) for one in rest})
        time.sleep(max(0.0, begun + SETTLED - time.monotonic()))
        rest = _whole(_changed(changed))  # somebody went on writing: what was read was a part
    return changed, [results[id(one)] for one in changed]


def _whole(changed: list[Watched]) -> list[Watched]:
    """The specs that are still changed when files that are away are back, or have been away for long."""
    start = time.monotonic()
    while changed and None in _state(_files(changed)).values() and time.monotonic() - start <= GRACE:
        time.sleep(SETTLED)
    return _changed(changed)
