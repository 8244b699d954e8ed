"""Ctrl-C at any moment: a word, the status that shells know, no traceback and nothing left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import archgraph as ag

PROGRAM = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, *rest):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
from archgraph.cli import main
main(sys.argv[2:])
"""
EXPORT, PROFILE = ["export", "small.yaml", "-o", "a.onnx"], ["profile", "small.yaml", "--render", "a.svg"]


MODULES = ["typer", "yaml", "archgraph.language.elaboration.elaborate", "numpy", "torch", "onnx"]
AFTER_TORCH = ("onnx",)
"""By then torch is there, which takes seconds; the moment before it stands for that."""
STANDING = ("typer", "numpy", "torch")
"""What stands for the others where a command profiles: the other moments are those of an export."""


@pytest.mark.parametrize(
    ("module", "command"),
    [
        *(
            pytest.param(module, EXPORT, id=f"{module}-export", marks=[pytest.mark.slow] * (module in AFTER_TORCH))
            for module in MODULES
        ),
        *(
            pytest.param(module, PROFILE, id=f"{module}-profile", marks=[] if module in STANDING else pytest.mark.slow)
            for module in MODULES
        ),
    ],
)
def test_while_something_is_imported(module: str, command: list[str], spec: Path, tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", PROGRAM, module, *command]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode in (130, -signal.SIGINT)  # Python may end by the signal itself; shells call both 130
    assert done.stderr.splitlines()[-1:] == ["interrupted"]
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [spec.name]


@pytest.mark.parametrize("command", [EXPORT, PROFILE, ["summary", "small.yaml"]], ids=["export", "profile", "summary"])
def test_while_a_spec_is_elaborated(
    archgraph: Any, spec: Path, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(ag, "load", interrupted)
    ran = archgraph(*command)
    assert (ran.status, ran.out, ran.err) == (130, "", "interrupted\n")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_import_that_swallows_it_and_fails_afterwards(
    archgraph: Any, spec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swallowing(*_: Any, **__: Any) -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            raise RecursionError("a module that is half there") from None

    monkeypatch.setattr(ag, "load", swallowing)
    ran = archgraph(*EXPORT)
    assert (ran.status, ran.err) == (130, "interrupted\n")


def test_a_failure_without_it_is_told_as_it_is(
    archgraph: Any, spec: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise RecursionError("nobody asked for that")

    monkeypatch.setattr(ag, "load", failing)
    with pytest.raises(RecursionError, match="nobody asked"):
        archgraph(*EXPORT)
