"""`demo`, on networks that take no time: without shipped weights, and with a painter and a reader that are known."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file


def steps_of(out: str) -> list[str]:
    """The number of each step, as far as it says how long it took."""
    lines = out.splitlines()
    starts = [i for i, line in enumerate(lines) if line[:1].isdecimal()]
    ends = [i - 1 for i in starts[1:]] + [next(i for i, line in enumerate(lines) if line.startswith("done in")) - 1]
    return [lines[i].partition(".")[0] for i, end in zip(starts, ends, strict=True) if lines[end].endswith(" s")]


def commands_of(out: str) -> list[list[str]]:
    """The three commands to try next."""
    found = [shlex.split(line) for line in out.partition("try next:\n")[2].splitlines()]
    assert len(found) == 3
    return found


@pytest.fixture
def small_demo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The demonstration, on networks that take no time."""
    from archgraph.cli import demo, demo_digits

    (tmp_path / "sorter.yaml").write_text(
        "archgraph: 1\nname: sorter\ninputs: {image: [N, 3, H, W]}\nnodes:\n"
        "  pool: {op: adaptive_avg_pool2d, output_size: 1}\n  flat: flatten\n"
        "  fc: {op: linear, out_features: 5}\noutputs: {logits: fc}\n",
        encoding="utf-8",
    )
    (tmp_path / "haze.yaml").write_text(
        "archgraph: 1\nname: haze\nparams: {channels: [1]}\n"
        "inputs: {sample: [N, 3, H, W], timestep: {shape: [N], dtype: int64}}\nnodes:\n"
        "  conv: {op: conv2d, in: sample, out_channels: 3, kernel_size: 3, padding: 1}\n"
        '  time: {op: sinusoidal_embedding, in: timestep, dim: "=2 * len(channels)"}\n'
        "  shift: {op: linear, out_features: 3}\n  wide: {op: unsqueeze, dim: [-1, -1]}\n"
        "  noise: {op: add, in: [conv, wide]}\noutputs: {noise: noise}\n"
        "meta: {diffusion: {schedule: {kind: linear}, prediction: epsilon, clip: true}}\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(demo, "CLASSIFIER", "sorter.yaml")
    monkeypatch.setattr(demo, "DENOISER", "haze.yaml")
    monkeypatch.setattr(demo_digits, "READER", "sorter.yaml")


@pytest.mark.usefixtures("small_demo")
def test_demo_makes_everything_and_says_where(archgraph: Any) -> None:
    ran = archgraph("demo", "-o", "shown")
    assert ran.status == 0
    made = {path.name for path in Path("shown").iterdir()}
    assert {"sorter.txt", "sorter.svg", "sorter.py", "sorter.onnx", "denoiser.onnx", "denoiser.png"} <= made
    for name in ("sorter.txt", "sorter.svg", "sorter.py", "sorter.onnx", "denoiser.onnx", "denoiser.png"):
        assert f"   shown/{name} (" in ran.out
    assert "flower.jpg on cpu: class " in ran.out
    assert steps_of(ran.out) == list("12345678")
    assert "everything is in shown/" in ran.out
    assert archgraph(*commands_of(ran.out)[0][1:]).status == 0


PAINTER = """\
archgraph: 1
name: painter
about: Draws each class as one shade, whatever the noise and the time.
inputs: {sample: [N, 1, H, W], timestep: {shape: [N], dtype: int64}, label: {shape: [N], dtype: int64}}
nodes:
  conv:  {op: conv2d, in: sample, out_channels: 1, kernel_size: 1, bias: false}
  time:  {op: sinusoidal_embedding, in: timestep, dim: 8}
  shift: {op: linear, out_features: 1}
  word:  {op: embedding, in: label, num_embeddings: 4, embedding_dim: 1}
  both:  {op: add, in: [shift, word]}
  wide:  {op: unsqueeze, dim: [-1, -1]}
  shade: {op: add, in: [conv, wide]}
outputs: {clean: shade}
meta:
  weights: painter.safetensors
  diffusion:
    {prediction: sample, size: 4, channels: 1, classes: 3, null_label: 3, guidance: 2.0, sampler: euler, steps: 5}
"""
READER = """\
archgraph: 1
name: reader
inputs: {image: [N, 1, H, W]}
nodes: {pool: {op: adaptive_avg_pool2d, output_size: 1}, flat: flatten, fc: {op: linear, out_features: 3}}
outputs: {logits: fc}
meta: {weights: reader.safetensors, preprocess: {resize: 4, crop: 4, mean: [0.5], std: [0.5]}}
"""
SHADES = np.float32([-0.5, 0.0, 0.5])


def written(folder: Path, name: str, spec: str, weights: dict[str, Any]) -> None:
    (folder / f"{name}.yaml").write_text(spec, encoding="utf-8")
    save_file(
        {key: np.ascontiguousarray(value, np.float32) for key, value in weights.items()}, folder / f"{name}.safetensors"
    )


@pytest.fixture
def trained(small_demo: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A painter that draws a 2 as it draws a 0, and a reader that takes the nearest shade."""
    from archgraph.cli import demo_digits

    words = np.float32([SHADES[0], SHADES[1], SHADES[0], 0])[:, None] / 2  # guidance of 2, away from 0, doubles them
    zeros = {"conv.weight": np.zeros((1, 1, 1, 1)), "shift.weight": np.zeros((1, 8)), "shift.bias": np.zeros(1)}
    written(tmp_path, "painter", PAINTER, {**zeros, "word.weight": words})
    written(tmp_path, "reader", READER, {"fc.weight": 20 * SHADES[:, None], "fc.bias": -10 * SHADES**2})
    monkeypatch.setattr(demo_digits, "PAINTER", str(tmp_path / "painter.yaml"))
    monkeypatch.setattr(demo_digits, "READER", str(tmp_path / "reader.yaml"))


@pytest.mark.usefixtures("trained")
def test_digits_are_drawn_with_guidance_and_read(archgraph: Any) -> None:
    ran = archgraph("demo", "-o", "shown")
    assert ran.status == 0, ran.err
    assert steps_of(ran.out) == [str(k) for k in range(1, 11)]
    assert "5 steps of euler on cpu, guidance 2" in ran.out
    asked = [k % 3 for k in range(64)]
    assert f"{64 - asked.count(2)} of 64 recognised as the digit that was asked for" in ran.out
    assert f"a 2 was taken for a 0, {asked.count(2)} times" in ran.out
    with Image.open("shown/digits.png") as grid, Image.open("shown/digits.gif") as animation:
        shades = sorted({value for _, value in grid.convert("L").getcolors() or []})
        assert shades == [0, 64, 128]  # between the pictures; (x + 1) / 2 · 255 of the two shades that are drawn
        assert animation.n_frames >= 2
        notes = grid.text
    assert archgraph("sample", "--again", "shown/digits.png", "-o", "again.png").status == 0
    with Image.open("again.png") as again, Image.open("shown/digits.png") as grid:
        assert again.text == notes
        assert again.tobytes() == grid.tobytes()
    for words in commands_of(ran.out):
        assert archgraph(*words[1:]).status == 0
