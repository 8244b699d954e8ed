"""Trials: tests of a copy of the checkout, run in a forked process that has the frameworks loaded."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

MEMORY = 8 << 30
FRAMEWORKS = ("numpy", "torch", "onnx", "onnxruntime", "networkx", "pydantic", "PIL.Image", "diffusers", "hypothesis")


@dataclass(slots=True, eq=False)
class Watcher:
    """A pytest plugin: which test runs, the first that failed and why, and the processor time of those that passed."""

    report: Path
    module: str = ""
    running: str = ""
    begun: float = 0.0
    passed: bool = False
    failed: str = ""
    reason: str = ""
    loaded: bool = False
    seconds: dict[str, float] = field(default_factory=dict)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.running, self.begun = nodeid, _processor_seconds()
        self.write()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._fail(report)
        self.passed = report.passed and (self.passed or report.when == "setup")

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        if self.passed:
            self.seconds[nodeid] = _processor_seconds() - self.begun

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._fail(report)

    def pytest_sessionfinish(self) -> None:
        self.loaded = self.module in sys.modules
        self.write()

    def write(self) -> None:
        names = ("running", "failed", "reason", "loaded", "seconds")
        self.report.write_text(json.dumps({name: getattr(self, name) for name in names}), encoding="utf-8")

    def _fail(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if not self.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            self.failed, self.reason = report.nodeid, str(crash.message if crash else report.longrepr)[-300:]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a trial ended. `status` is pytest's exit code, None where the process was stopped for its time."""

    status: int | None
    seconds: float
    report: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Checkout:
    """A copy of the working tree, in which source files are replaced for a while."""

    root: Path

    @staticmethod
    def copied(source: Path, root: Path) -> Checkout:
        """Copies the files that git knows or does not ignore; what stands there is overwritten where it differs."""
        command = ["git", "-C", str(source), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
        for name in sorted({name for name in names if name}):
            if (source / name).is_file() and not _alike(source / name, root / name):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / name, root / name)
        return Checkout(root)

    @contextlib.contextmanager
    def replaced(self, file: Path, text: str) -> Iterator[None]:
        """A file has another text, for this process and for those that tests start."""
        place = self.root / file
        kept = place.read_bytes()
        for compiled in (place.parent / "__pycache__").glob(f"{place.stem}.*.pyc"):
            compiled.unlink()
        place.write_text(text, encoding="utf-8")
        try:
            yield
        finally:
            place.write_bytes(kept)

    def run(
        self, arguments: Sequence[str], limit: float, module: str = "", *, writes_compiled: bool = False
    ) -> Outcome:
        """Runs pytest in a forked process, `limit` seconds of processor time at most."""
        report = self.root / "trial.json"
        report.unlink(missing_ok=True)
        child = os.fork()
        if not child:
            with contextlib.suppress(BaseException):
                resource.setrlimit(resource.RLIMIT_CPU, (int(limit), int(limit) + 5))
                sys.dont_write_bytecode = not writes_compiled
                os.environ["PYTHONDONTWRITEBYTECODE"] = "" if writes_compiled else "1"
                os._exit(_pytest(self.root, arguments, Watcher(report, module)))
            os._exit(70)
        status, seconds = _waited(child, 6 * limit + 60)
        return Outcome(status, seconds, json.loads(report.read_text(encoding="utf-8")) if report.exists() else {})


def _processor_seconds() -> float:
    """Of this process and of the ended ones that it started."""
    return sum(os.times()[:4])


def _alike(file: Path, copy: Path) -> bool:
    return copy.is_file() and copy.read_bytes() == file.read_bytes()


def preloaded() -> None:
    """The frameworks, once for all trials; the package itself is loaded by each."""
    for name in FRAMEWORKS:
        with contextlib.suppress(ImportError):
            __import__(name)
    for plugin in entry_points(group="pytest11"):
        plugin.load()
    if any(name.partition(".")[0] == "archgraph" for name in sys.modules):
        raise SystemExit("archgraph is loaded before the first trial: no mutant would be seen")
    gc.freeze()  # what lives in all trials is not searched for rubbish by each


def _pytest(root: Path, arguments: Sequence[str], watcher: Watcher) -> int:
    os.setsid()
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silent, stream)
    os.chdir(root)
    sys.path.insert(0, str(root))
    os.environ["PYTHONPATH"] = str(root)
    plain = ["-q", "-n", "0", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    return int(pytest.main([*plain, *arguments], plugins=[watcher]))


def _waited(child: int, limit: float) -> tuple[int | None, float]:
    begun = time.monotonic()
    while time.monotonic() - begun < limit:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, 9)  # what tests started and left
            code = os.waitstatus_to_exitcode(status)
            return (None if code in (-24, -9) else code), time.monotonic() - begun
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, 9)
    os.waitpid(child, 0)
    return None, limit
