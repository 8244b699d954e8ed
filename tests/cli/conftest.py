"""Runs the command line inside the test process, in a folder of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from archgraph.cli import main


@dataclass
class Ran:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def archgraph(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Ran]:
    """`archgraph("check", "resnet18")` gives the exit status and what was printed. No traceback is ever printed."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return Ran(int(ended.value.code or 0), printed.out, printed.err)

    return run


GOOD = """\
archgraph: 1
name: small
about: A convolution and its activation. Nothing else.
params: {width: 8}
presets: {narrow: {width: 4}, wide: {width: 16}}
inputs: {image: [N, 3, H, W]}
nodes:
  conv: {op: conv2d, out_channels: =width, kernel_size: 3, stride: 2, padding: 1}
  act: silu
outputs: {features: act}
"""


@pytest.fixture(scope="session")
def good() -> str:
    """A spec with two presets."""
    return GOOD


@pytest.fixture
def spec(good: str, tmp_path: Path) -> Path:
    """The file of a spec with two presets."""
    path = tmp_path / "small.yaml"
    path.write_text(good, encoding="utf-8")
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """A spec with two independent errors."""
    path = tmp_path / "bad.yaml"
    path.write_text(GOOD.replace("stride", "strde").replace("act: silu", "act: sliu"), encoding="utf-8")
    return path
