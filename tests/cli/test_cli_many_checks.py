"""Many specs are checked by several processes: what is said of them, and in which order, stays the same."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
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
