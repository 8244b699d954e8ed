"""Arguments in each other's place, pipes where files are wanted, help and completion."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import archgraph as ag
from archgraph.cli import completion
from archgraph.cli.app import COMMANDS


@pytest.fixture
def files(spec: Path) -> Path:
    """A folder with an exported file, a picture, weights and a pipe."""
    ag.to_onnx(spec, spec.with_suffix(".onnx"), verify=False)
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(spec.with_name("photo.png"))
    spec.with_name("w.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    os.mkfifo(spec.with_name("pipe.png"))
    os.mkfifo(spec.with_name("pipe.onnx"))
    spec.with_name("empty").mkdir()
    return spec.parent


def test_what_is_said_of_each_slip(archgraph: Any, files: Path) -> None:
    for line, said in (
        ("infer photo.png small.onnx", "the network comes first: archgraph infer small.onnx photo.png"),
        ("infer small.onnx small.yaml", "small.yaml is not an image"),
        ("infer small.onnx pipe.png", "received: a pipe"),
        ("infer pipe.onnx photo.png", "pipe.onnx is a pipe"),
        ("infer small.onnx photo.png --labels pipe.png", "received: a pipe"),
        ("infer small.onnx empty", "there are no images in 'empty'"),
        ("summary photo.png", "photo.png is a picture (PNG), and no spec"),
        ("diff small.onnx w.safetensors", "w.safetensors is a safetensors file, and no spec"),
        ("build small.yaml --weights small.onnx -o b.safetensors", "small.onnx is an ONNX file, and no weights"),
        ("export small.yaml --weights small.yaml -o b.onnx", "small.yaml is a spec, and no weights"),
        ("build small.yaml --weights pipe.png -o b.safetensors", "the weights pipe.png are a pipe"),
        ("export small.onnx -o b.onnx", "its weights would be random ones"),
        ("build small.onnx -o b.safetensors", "its weights would be random ones"),
        ("export small.yaml -o net.yaml", "its name promises another format"),
        ("verify small.yaml", "`archgraph export small.yaml` writes an ONNX file"),
        ("verify photo.png", "photo.png is a picture (PNG), and no ONNX file"),
        ("noise small.onnx", "received: an ONNX file"),
        ("summary small.onnx --set width=3", "its parameters are settled"),
    ):
        ran = archgraph(*line.split())
        assert (ran.status, ran.out) == (1, ""), line
        assert said in ran.err, line


def test_exported_files_are_read_as_specs(archgraph: Any, files: Path) -> None:
    assert archgraph("diff", "small.onnx", "small.yaml").out == "small and small are equal\n"
    assert archgraph("check", "small.onnx").out == archgraph("check", "small.yaml@wide").out.replace(
        "small@wide: ok, 448 parameters", "small: ok, 224 parameters"
    ).replace("[N, 16,", "[N, 8,")
    assert archgraph("summary", "small.onnx").out == archgraph("summary", "small.yaml").out
    assert archgraph("code", "small.onnx", "-o", "-").out == archgraph("code", "small.yaml", "-o", "-").out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_80_columns_and_breaks_where_the_terminal_does(
    archgraph: Any, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = archgraph(command, "--help").out.splitlines()
    assert max(map(len, lines)) <= 80
    text = [line.strip() for line in lines[: next(i for i, line in enumerate(lines) if "╭" in line)]]
    whole = [line for line, after in pairwise(text) if line and after]
    assert all(len(line) > 50 for line in whole if not line.startswith("Usage"))  # no line ends for no reason


@pytest.mark.parametrize(
    ("given", "hint"),
    [(("sumary", "x"), "Did you mean 'summary'?"), (("summary", "resnet18", "--detph", "3"), "--depth")],
)
def test_wrong_words_get_the_nearest(archgraph: Any, given: tuple[str, ...], hint: str) -> None:
    ran = archgraph(*given)
    assert ran.status == 2
    assert hint in ran.err


# -- completion --------------------------------------------------------------------------------------------------------


def test_what_is_offered(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(spec.parent)
    (spec.parent / "small.onnx.certificate.json").write_text("{}")
    (spec.parent / "folder").mkdir()
    assert completion.specs("resnet1") == [
        "resnet18",
        "resnet101",
        "resnet152",
        "resnet18d",
        "resnet101d",
        "resnet152d",
    ]
    assert completion.specs("ddpm@")[:2] == ["ddpm@cifar10", "ddpm@celebahq256"]
    assert completion.specs("small.yaml@w") == ["small.yaml@wide"]
    assert completion.files("") == ["folder/", "small.yaml"]
    assert completion.files(f"{spec.parent}/sm") == [str(spec)]
    assert completion.files("nowhere/") == []
    assert completion.operations("conv_t")[0].startswith("conv_transpose")
    assert "bottleneck" in completion.blocks("bott")
    assert completion.devices("c") == ["cpu", "cuda"]
    assert "ddim" in completion.samplers("dd")


def test_completing_imports_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import sys, archgraph.cli.completion as c; c.specs('r'); c.operations('c'); c.blocks('b');"
        "print({'torch', 'onnx', 'onnxruntime', 'numpy'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "set()\n"
