"""Output that cannot be written, readers that go away, closed streams: one line, the right status, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

posix = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device is always full here")
COMMAND = f"{sys.executable} -m archgraph.cli"


def shell(line: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """What a shell makes of a line in which `archgraph` is the command line."""
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line.replace('archgraph ', COMMAND + ' ')}"],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


FULL = "error: the output cannot be written: No space left on device\n"
CLOSED = "error: the output cannot be written: Bad file descriptor\n"


@posix
@pytest.mark.parametrize(("arguments", "unbuffered"), [("check small.yaml", ""), ("ops", "1"), ("code --help", "")])
def test_a_full_disk(spec: Path, arguments: str, unbuffered: str) -> None:
    done = shell(f"archgraph {arguments} > /dev/full", spec.parent, PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr) == (1, FULL)


@posix
def test_a_closed_output(spec: Path) -> None:
    done = shell("archgraph check small.yaml >&-", spec.parent)
    assert (done.returncode, done.stderr) == (1, CLOSED)
    done = shell("archgraph check none.yaml 2>&-", spec.parent)
    assert (done.returncode, done.stdout) == (1, "")  # print(file=None) would write it to the output
    assert shell("archgraph check none.yaml >&- 2>/dev/full", spec.parent).returncode == 1


@posix
@pytest.mark.parametrize(("arguments", "unbuffered"), [("ops", "1"), ("blocks --json", ""), ("code --help", "")])
def test_a_reader_that_goes_away(tmp_path: Path, arguments: str, unbuffered: str) -> None:
    """It is gone before anything is written: `true` reads nothing, and Python takes longer to start."""
    done = shell(f"archgraph {arguments} | true", tmp_path, PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr) == (141, "")


@posix
def test_a_device_is_not_replaced(archgraph: Any, spec: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    os.mkfifo(tmp_path / "pipe.svg")
    for line in ("render small.yaml -o pipe.svg", "export small.yaml -o pipe.onnx"):
        ran = archgraph(*line.split())
        assert (ran.status, ran.out) == (1, "")
        assert ran.err.endswith("is a pipe\n  expected: the name of a file to write\n")
    assert (tmp_path / "pipe.svg").is_fifo()


@posix
def test_ctrl_c_stays_ignored_where_the_shell_ignores_it(spec: Path) -> None:
    """`command &` in a script: Ctrl-C is meant for others."""
    program = (
        "import os, signal; from archgraph.cli import main; os.kill(os.getpid(), signal.SIGINT); main(['--version'])"
    )
    done = shell(f'(trap "" INT; {sys.executable} -c "{program}")', spec.parent)
    assert done.returncode == 0, done.stderr
