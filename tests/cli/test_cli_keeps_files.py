"""What was there before a failed command is there afterwards, and nothing beside it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import archgraph as ag
from archgraph import measure, verify
from archgraph.measure.report import BenchRow, Report
from archgraph.runtime import save_png

DENOISER = """\
archgraph: 1
name: haze
inputs: {sample: [N, 3, H, W], timestep: {shape: [N], dtype: int64}}
nodes:
  conv:  {op: conv2d, in: sample, out_channels: 3, kernel_size: 3, padding: 1}
  time:  {op: sinusoidal_embedding, in: timestep, dim: 8}
  shift: {op: linear, out_features: 3}
  wide:  {op: unsqueeze, dim: [-1, -1]}
  noise: {op: add, in: [conv, wide]}
outputs: {noise: noise}
meta: {diffusion: {schedule: {kind: linear}, prediction: epsilon, clip: true, size: 6}}
"""
OLD = b"what was there before"

# Each command, the file it writes, and a way to call it with input that is wrong.
COMMANDS: dict[str, tuple[list[str], str, list[str]]] = {
    "render": (["render", "small.yaml"], "out.svg", ["render", "bad.yaml"]),
    "render as PNG": (["render", "small.yaml"], "out.png", ["render", "bad.yaml"]),
    "code": (["code", "small.yaml"], "out.py", ["code", "bad.yaml"]),
    "build": (["build", "small.yaml"], "out.safetensors", ["build", "small.yaml", "--weights", "bad.safetensors"]),
    "export": (["export", "small.yaml"], "out.onnx", ["export", "small.yaml", "--weights", "bad.safetensors"]),
    "export, not verified": (
        ["export", "small.yaml", "--no-verify"],
        "out.onnx",
        ["export", "small.yaml", "--no-verify", "--weights", "bad.safetensors"],
    ),
    "infer": (["infer", "small.onnx", "in.npz"], "out.npz", ["infer", "small.onnx", "bad.npz"]),
    "sample": (
        ["sample", "haze.onnx", "-n", "1", "--steps", "2"],
        "out.png",
        ["sample", "haze.onnx", "-n", "1", "--steps", "2000"],
    ),
}


@pytest.fixture(scope="module")
def exported(good: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the specs and their exported files, made once."""
    made = tmp_path_factory.mktemp("exported")
    for name, text in {"small": good, "haze": DENOISER}.items():
        (made / f"{name}.yaml").write_text(text, encoding="utf-8")
        ag.to_onnx(ag.load(made / f"{name}.yaml"), made / f"{name}.onnx", verify=False)
    return made


@pytest.fixture
def folder(archgraph: Any, exported: Path, bad: Path, tmp_path: Path) -> Path:
    """A folder with all that the commands read."""
    shutil.copytree(exported, tmp_path, dirs_exist_ok=True)
    np.savez(tmp_path / "in.npz", image=np.zeros((1, 3, 4, 4), np.float32))
    np.savez(tmp_path / "bad.npz", image=np.zeros((1, 4, 4, 4), np.float32))
    save_file({"conv.weight": torch.zeros(1)}, tmp_path / "bad.safetensors")
    return tmp_path


PLACES: dict[str, tuple[list[str], str]] = {
    **{command: ([*arguments, "-o"], name) for command, (arguments, name, _) in COMMANDS.items()},
    "noise": (["noise", "in.png", "-o"], "out.png"),
    "sample, animated": ([*COMMANDS["sample"][0], "--gif"], "out.gif"),
    "sample, as arrays": ([*COMMANDS["sample"][0], "--npz"], "out.npz"),
    "profile": (["profile", "small.onnx", "--runs", "1", "--render"], "out.svg"),
    "bench": (["bench", "small.onnx", "--contenders", "onnx_file", "--rounds", "1", "--repeats", "1", "-o"], "out.txt"),
}
"""Each way to name a file to write."""
MEASURED = Report("small", "cpu", (BenchRow("onnx_file", 1, ((0.001,),)),), {}, {1: 1}, {}, rounds=1)


@pytest.mark.parametrize("place", PLACES)
def test_a_folder_that_is_missing_is_made(
    archgraph: Any, folder: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "bench", lambda *_, **__: MEASURED)  # tests/measure has a round that is run
    save_png(Image.new("RGB", (8, 8)), folder / "in.png")
    arguments, name = PLACES[place]
    ran = archgraph(*arguments, f"new/one/{name}")
    assert ran.status == 0, ran.err
    assert (folder / "new" / "one" / name).stat().st_size


@pytest.mark.parametrize("place", PLACES)
def test_a_folder_that_cannot_be_made_is_told_before_the_work(
    archgraph: Any, folder: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file stands in the folder's place."""
    save_png(Image.new("RGB", (8, 8)), folder / "in.png")
    (folder / "plain").write_bytes(OLD)
    before, (arguments, name) = listing(folder), PLACES[place]
    for work in ("to_torch", "to_onnx", "code", "render", "bench", "profile"):
        monkeypatch.setattr(ag, work, None)
    monkeypatch.setattr(verify, "export_verified", None)
    ran = archgraph(*arguments, f"plain/{name}")
    assert (ran.status, "the folder plain cannot be made" in ran.err) == (1, True), ran.err
    assert listing(folder) == before


def listing(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("command", COMMANDS)
def test_wrong_input_leaves_the_older_file(archgraph: Any, folder: Path, command: str) -> None:
    _, name, wrong = COMMANDS[command]
    (folder / name).write_bytes(OLD)
    before = listing(folder)
    ran = archgraph(*wrong, "-o", name)
    assert ran.status == 1
    assert "error: " in ran.err
    assert listing(folder) == before


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_leaves_the_older_file(
    archgraph: Any, folder: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last step fails: the finished file cannot take its name."""
    arguments, name, _ = COMMANDS[command]
    (folder / name).write_bytes(OLD)
    before, replace = listing(folder), os.replace

    def full(source: Any, target: Any) -> None:
        if Path(target).absolute() == folder / name:
            raise OSError(28, "No space left on device")
        replace(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        ran = archgraph(*arguments, "-o", name)
    assert ran.status == 1
    assert f"{name} cannot be written" in ran.err
    assert "No space left on device" in ran.err
    assert listing(folder) == before
    assert archgraph(*arguments, "-o", name).status == 0
    assert (folder / name).read_bytes() != OLD
