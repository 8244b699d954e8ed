"""Many specs are checked by several processes: what is said of them, and in which order, stays the same."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archgraph.cli import parallel_checks, spec_checks
from archgraph.errors import InputError

forking = pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs processes that fork")


@pytest.fixture
def folder(tmp_path: Path, spec: Path, bad: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Many specs, one of them wrong."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1}, raising=False)
    many = tmp_path / "many"
    many.mkdir()
    for number in range(spec_checks.MANY):
        shutil.copy(bad if number == 3 else spec, many / f"net{number}.yaml")
    return many


@forking
@pytest.mark.parametrize("form", ["text", "json", "github", "sarif"])
def test_many_are_told_as_one_by_one(archgraph: Any, folder: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    together = archgraph("check", str(folder), "--format", form)
    monkeypatch.setattr(spec_checks, "MANY", 1_000)
    alone = archgraph("check", str(folder), "--format", form)
    assert (together.status, together.out, together.err) == (1, alone.out, alone.err)
    assert together.out


@forking
def test_processes_share_the_work_and_keep_the_order(folder: Path) -> None:
    specs = sorted(map(str, folder.iterdir()))
    found = list(parallel_checks.each_checked(specs, of_process))
    assert [name for name, _ in found] == specs
    assert os.getpid() not in {process for _, process in found}


def of_process(spec: str) -> tuple[str, int]:
    return spec, os.getpid()


@forking
def test_a_process_that_is_killed_is_told(folder: Path) -> None:
    with pytest.raises(InputError, match="was killed"):
        list(parallel_checks.each_checked(sorted(map(str, folder.iterdir())), killed))


def killed(spec: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@forking
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT], ids=lambda number: number.name)
def test_processes_end_with_the_one_that_made_them(folder: Path, number: signal.Signals, tmp_path: Path) -> None:
    notes = tmp_path / "processes"
    notes.mkdir()
    arguments = [sys.executable, "-c", WAITING, str(notes), *map(str, folder.iterdir())]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as main:
        waited_for(lambda: len(list(notes.iterdir())) == 2)
        for process in (main.pid, *((int(note.name) for note in notes.iterdir()) if number is signal.SIGINT else ())):
            os.kill(process, number)  # Ctrl-C reaches all of them
        _, err = main.communicate(timeout=60)  # until all of them are gone, as all hold its end of the pipe
    assert err.count("Traceback") == (number is signal.SIGINT)  # that of the program below, not of its processes


WAITING = """
import os, pathlib, sys, time
from archgraph.cli import parallel_checks
os.sched_getaffinity = lambda process: {0, 1}

def check(spec):
    note = pathlib.Path(sys.argv[1], str(os.getpid()))
    if note.exists():
        return  # the rest of the work that was begun
    note.touch()
    time.sleep(3)

list(parallel_checks.each_checked(sys.argv[2:], check))
"""


def waited_for(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)
