"""`check --watch`: each save is answered, however an editor saves; Ctrl-C ends it."""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from archgraph.artifact.file_kinds import file_state
from archgraph.cli import watch
from archgraph.cli.check_results import Result
from archgraph.cli.watch import Watched, _after_change

PATIENCE = 60
"""Seconds, on a machine however busy, that are waited for a line; what is tested is that it comes."""
BASE = """\
archgraph: 1
name: net
use: [./parts.yaml]
inputs: {x: [N, 8, H, W]}
nodes: {a: {op: part, channels: 4}}
"""
PARTS = """\
archgraph: 1
name: parts
blocks:
  part:
    params: {channels: int}
    inputs: {x: [N, C, H, W]}
    nodes: {conv: {op: conv2d, out_channels: =channels, kernel_size: 1}}
"""


class Watching:
    """A process that watches, and the lines that it has printed."""

    def __init__(self, process: subprocess.Popen[str]):
        self.process = process
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, args=(process.stdout,), daemon=True).start()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self.lines.put(line)

    def until(self, text: str) -> str:
        """Waits for a line that holds the text."""
        while text not in (line := self.lines.get(timeout=PATIENCE)):
            pass
        return line


@contextmanager
def watching(folder: Path, *arguments: str) -> Iterator[Watching]:
    command = [sys.executable, "-m", "archgraph.cli", "check", "--watch", *arguments]
    pipe, joined = subprocess.PIPE, subprocess.STDOUT  # lines come in the order in which they are written
    with subprocess.Popen(command, cwd=folder, stdout=pipe, stderr=joined, text=True) as process:
        try:
            yield Watching(process)
        finally:
            process.kill()


def test_each_save_is_answered(tmp_path: Path) -> None:
    net, parts = tmp_path / "net.yaml", tmp_path / "parts.yaml"
    net.write_text(BASE)
    parts.write_text(PARTS)
    with watching(tmp_path, "net.yaml") as process:
        process.until("net: ok, 36 parameters")
        process.until("watching 2 files")
        net.write_text(BASE.replace("channels: 4", "channels: 5"))
        process.until("net: ok, 45 parameters")
        net.write_text(BASE[: BASE.index("op: part")])  # as a half-written file is
        process.until("error:")
        (tmp_path / "new").write_text(BASE)
        (tmp_path / "new").replace(net)
        process.until("net: ok, 36 parameters")
        parts.write_text(PARTS.replace("kernel_size: 1", "kernel_size: 1, bias: false"))
        process.until("net: ok, 32 parameters")
        parts.unlink()
        process.until("there is no file './parts.yaml'")
        parts.write_text(PARTS)
        process.until("net: ok, 36 parameters")
        net.unlink()
        process.until("there is no file 'net.yaml'")
        net.write_text(BASE)
        process.until("net: ok, 36 parameters")
        process.process.send_signal(signal.SIGINT)
        assert process.process.wait(PATIENCE) == 0
        while not process.lines.empty():
            assert "Traceback" not in process.lines.get()


def test_what_was_read_while_somebody_wrote_is_not_told(tmp_path: Path) -> None:
    """A spec is checked as soon as it changes, and once more where it has changed meanwhile."""
    net = tmp_path / "net.yaml"
    net.write_text(BASE)
    read: list[str] = []

    def check(spec: str) -> Result:
        read.append(net.read_text())
        if len(read) == 1:
            net.write_text(BASE + "\n# whole")
        return Result(read[-1], [])

    one = Watched(str(net), {str(net): None})
    changed, results = _after_change([one], check)
    assert changed == [one]
    assert [result.spec for result in results] == read[1:] == [BASE + "\n# whole"]
    assert one.state == {str(net): file_state(net)}


def test_a_file_that_is_written_without_a_pause_is_told_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "PATIENCE", 0.1)
    net = tmp_path / "net.yaml"

    def check(spec: str) -> Result:
        net.write_text(f"{net.read_text()}\n#")
        return Result(spec, [])

    net.write_text(BASE)
    _, results = _after_change([Watched(str(net), {str(net): None})], check)
    assert len(results) == 1


@pytest.mark.parametrize(
    ("spec", "said"),
    [("resnet18", "there is no file resnet18"), ("timm:resnet18", "timm:resnet18 is a module")],
)
def test_what_is_no_file_is_refused(spec: str, said: str, archgraph: Any) -> None:
    ran = archgraph("check", spec, "--watch")
    assert ran.status == 1
    assert said in ran.err
