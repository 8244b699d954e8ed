"""The child processes: started one after another, called in turn, and ended together."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Progress = Callable[[int, int, str], None]
"""Told how many steps of how many are done, and what comes next."""

PATIENCE = 5.0
"""Seconds that a child has to end by itself."""


class ChildError(Exception):
    """A child that cannot go on, with its reason."""


class Child:
    """A contender's process, and the pipe to it."""

    def __init__(self, job: Mapping[str, Any]):
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "archgraph.measure.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for the parent alone
        )
        self.ready = self.ask(job)

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a question. Raises ChildError where the child has failed or is gone."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        except BaseException:
            self.close()
            raise
        answer: dict[str, Any] = json.loads(line) if line else {"error": self._fate()}
        if "error" in answer:
            self.close()
            raise ChildError(answer["error"])
        return answer

    def close(self) -> None:
        """Ends the process: by closing its pipe, else by force."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue
        try:
            self._process.wait(0 if self._process.poll() is not None else PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()

    def _fate(self) -> str:
        """The reason why a child ended without an answer."""
        status = self._process.wait()
        if status == -signal.SIGKILL:
            return "killed by the system, perhaps for want of memory"
        self._said.seek(0)
        last = self._said.read().decode(errors="replace").strip().splitlines()[-1:]
        return last[0][:200] if last else f"ended with status {status}"


@dataclass
class Race:
    """The measurements so far: seconds per contender and batch, a list for each round, and failed contenders."""

    jobs: Mapping[str, Mapping[str, Any]]
    questions: Sequence[Mapping[str, Any]]
    rounds: int
    progress: Progress
    seconds: dict[tuple[str, str], list[list[float]]] = field(default_factory=dict)
    started: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    peaks: list[dict[str, float]] = field(default_factory=list)
    interrupted: bool = False

    def run(self) -> None:
        """Runs all contenders in turns. Ctrl-C ends it early; finished rounds stay."""
        try:
            with _children() as children:
                self._start(children)
                for turn in range(self.rounds):
                    self._round(children, turn)
        except KeyboardInterrupt:
            self.interrupted = True

    def _start(self, children: dict[str, Child]) -> None:
        for at, (name, job) in enumerate(self.jobs.items()):
            self.progress(at, self._steps, f"{name} loads")
            try:
                children[name] = Child(job)
                self.started[name] = children[name].ready
            except ChildError as error:
                self.failed[name] = str(error)

    def _round(self, children: dict[str, Child], turn: int) -> None:
        for at, name in enumerate(self.jobs):
            self.progress(len(self.jobs) * (turn + 1) + at, self._steps, f"{name}, round {turn + 1} of {self.rounds}")
            if name in children:
                try:
                    self._turn(name, children[name])
                except ChildError as error:
                    self.failed[name] = str(error)
                    del children[name]
        self.progress(len(self.jobs) * (turn + 2), self._steps, "")

    def _turn(self, name: str, child: Child) -> None:
        if self.jobs[name]["engine"] == "peak":
            self.peaks.append(child.ask({})["peaks"])
            return
        for question in self.questions:
            seconds = child.ask(question)["seconds"]
            self.seconds.setdefault((name, question["batch"]), []).append(seconds)

    @property
    def _steps(self) -> int:
        return len(self.jobs) * (self.rounds + 1)


@contextmanager
def _children() -> Iterator[dict[str, Child]]:
    """Children by name, all of them gone afterwards."""
    found: dict[str, Child] = {}
    try:
        yield found
    finally:
        for child in found.values():
            child.close()
