"""Options of the whole suite."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

os.environ["ARCHGRAPH_CACHE"] = "off"  # nothing of the suite goes to the user's cache, nor comes from there

if "PYTEST_XDIST_WORKER" in os.environ:
    # Workers share the cores: the threads of one would wait for those of another.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

os.fsync = lambda handle: None  # waits for the disk, and is nothing to a test: the system goes on

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in its background so, and children inherit it: Ctrl-C would not reach those of the tests.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collectstart() -> None:
    """Imports leave no garbage worth three seconds of looking for it."""
    gc.disable()


def pytest_collection_finish() -> None:
    """What is there when the tests start stays: torch and all the tests are not looked through for garbage again."""
    gc.enable()
    gc.freeze()
    gc.set_threshold(10_000, 10, 20)
    gc.get_freeze_count = lambda: 1  # it counts a million objects one by one, at the end of each load of a network


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Workers take neighbouring tests, which share what is made once, and at the end those of each other.

    As an option of pyproject.toml it would make pytest-cov take every run for one of several workers.
    """
    from xdist.scheduler import WorkStealingScheduling  # who runs a single process need not have it

    return WorkStealingScheduling(config, log) if config.getoption("dist") == "load" else None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the golden files with what is produced now")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compares a text with a golden file, or writes the file where `--update` was given."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--update"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"{path} is missing: run pytest with --update, and read what it writes"
        assert text == path.read_text(encoding="utf-8")

    return compare


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What the releases at hand do otherwise than the pinned ones is expected of them (`older_releases.py`)."""
    from older_releases import expected_failures

    for item, reason, runs in expected_failures(items):
        mark = pytest.mark.xfail(reason=reason, strict=False) if runs else pytest.mark.skip(reason=reason)
        item.add_marker(mark)
