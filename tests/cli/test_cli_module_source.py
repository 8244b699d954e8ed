"""Commands that take a module of PyTorch in the place of a spec, and what `archgraph import` leaves behind."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from archgraph.cli import main

NETWORKS = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        print("made")
        self.a = nn.Linear(4, width)
        self.b = nn.Linear(4, width)
        self.b.weight.data = self.a.weight.data

    def forward(self, x):
        return self.a(x) + self.b(x)


def broken():
    raise ValueError("no data")


def interrupted():
    raise KeyboardInterrupt


built = Net()
"""

Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in a folder with the networks and a file that was there before."""
    (tmp_path / "hurried_networks.py").write_text(NETWORKS, encoding="utf-8")
    (tmp_path / "net.yaml").write_text("before\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    monkeypatch.delitem(sys.modules, "hurried_networks", raising=False)

    def command(*words: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(words)
        return int(ended.value.code or 0)

    return command


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("hurried_networks:broken",), 1, "ValueError: no data; hurried_networks.py:"),
        (("hurried_networks:interrupted",), 130, "interrupted"),
        (("hurried_networks:Net", "--input", "y=N,4"), 1, "Net has no input 'y'"),
        (("hurried_networks:Net", "--input", "x=N,4", "--input", "x=N,5"), 1, "--input x is given twice"),
        (("hurried_networks:Net", "--arg", "widht=3"), 1, "did you mean 'width'?"),
        (("hurried_networks:Net", "--weights", "net.pt"), 1, "a name in .safetensors"),
        (("hurried_networks",), 1, "names no module of Python"),
    ],
)
def test_a_failed_import_leaves_what_was_there(
    run: Run, words: tuple[str, ...], status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("import", *words, "-o", "net.yaml") == status
    assert message in capsys.readouterr().err
    assert Path("net.yaml").read_text(encoding="utf-8") == "before\n"
    assert sorted(path.name for path in Path().iterdir() if path.is_file()) == ["hurried_networks.py", "net.yaml"]


def test_what_cannot_be_written_is_refused_before_the_import(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    Path("folder.yaml").mkdir()
    assert run("import", "hurried_networks:broken", "-o", "folder.yaml") == 1
    assert "folder.yaml is a folder" in capsys.readouterr().err


def test_what_the_module_prints_is_no_part_of_the_spec(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("import", "hurried_networks:built", "--input", "x=N,4", "--weights", "net.safetensors", "-o", "-")
    assert run(*command) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("archgraph: 1\nname: built\n")
    assert "made\n" in printed.err
    assert Path("net.safetensors").is_file()  # two of its weights share their memory


def test_other_commands_take_the_description_of_a_module(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("hurried_networks:Net", "--input", "x=N,L,4", "--arg", "width=6")
    assert run("check", *command) == 0
    assert "output  output [N, L, 6]" in capsys.readouterr().out


def test_options_of_modules_have_no_effect_on_specs(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("summary", "resnet18", "--input", "x=N,4") == 1
    assert "--input describes a module of PyTorch, and no argument names one" in capsys.readouterr().err
    assert run("render", "hurried_networks:Net", "--set", "width=3") == 1
    assert "--arg NAME=VALUE" in capsys.readouterr().err
