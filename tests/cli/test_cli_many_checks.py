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
from archgraph.plugins.plugin import ENABLED, Plugin

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
def test_a_fault_in_a_process_is_raised_with_its_place(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        list(parallel_checks.each_checked(sorted(map(str, folder.iterdir())), faulty))
    assert "in faulty" in "".join(raised.value.__notes__)


def faulty(spec: str) -> float:
    return 1 / 0


@forking
def test_a_reader_that_goes_away_ends_the_processes_at_once(folder: Path, tmp_path: Path) -> None:
    """As `| head -1` does: what they are at, here for a minute, is not waited for."""
    closed = tmp_path / "closed"
    environment = {**os.environ, "CLOSED": str(closed)}
    arguments = [sys.executable, "-c", FIRST_ALONE, "check", str(folder)]
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as main:
        assert main.stdout is not None
        assert main.stderr is not None
        first = main.stdout.readline()  # before the others are checked
        main.stdout.close()
        closed.touch()
        err = main.stderr.read()  # until all of them are gone, as all hold its end of the pipe
    assert (first.split(":")[0], err, main.returncode) == (f"{folder / 'net0.yaml'}", "", 141)


FIRST_ALONE = """
import os, sys, time
from archgraph.cli import main, spec_checks
os.sched_getaffinity = lambda process: {0, 1}
checked = spec_checks._checked

def check(spec, settings):
    at = int(spec.removesuffix(".yaml")[-1])
    while at and not os.path.exists(os.environ["CLOSED"]):
        time.sleep(0.02)
    time.sleep(60 if at > 1 else 0)
    return checked(spec, settings)

spec_checks._checked = check
main()
"""


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


@forking
def test_a_plugin_that_fails_is_named_for_its_spec(
    archgraph: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENABLED, "bad", Plugin("bad", "bad-plugin", "1", "bad.operations"))
    code: dict[str, Any] = {"__name__": "bad.operations"}
    exec("def failing(graph):\n    raise IndexError('no such row')", code)
    monkeypatch.setattr(spec_checks, "checked_network", code["failing"])
    ran = archgraph("check", str(folder))
    assert ran.status == 1
    assert ran.err.count("error: the plugin bad: bad.operations failed\n  received: IndexError: no such row") == 7
