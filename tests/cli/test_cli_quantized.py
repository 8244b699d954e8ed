"""The commands on an int8 file whose time branch lies beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

DENOISER = """\
archgraph: 1
name: timed
inputs: {x: [N, 3, H, W], t: {shape: [N], dtype: int64}}
nodes:
  waves: {op: sinusoidal_embedding, in: t, dim: 8}
  temb:  {op: linear, out_features: 8}
  shift: {op: unsqueeze, dim: [-1, -1]}
  stem:  {op: conv2d, in: x, out_channels: 8, kernel_size: 3, padding: 1}
  wide:  {op: conv2d, out_channels: 8, kernel_size: 3, padding: 1}
  timed: {op: add, in: [wide, shift]}
  eps:   {op: conv2d, out_channels: 3, kernel_size: 1}
meta: {diffusion: {schedule: {kind: linear}, clip: true, size: 8}}
"""
QUANTIZE = ("--quantize", "int8", "--calibration-samples", 16, "--weights", "w.safetensors")
NAMES = ("two.onnx", "two.time.onnx", "two.onnx.certificate.json")


@pytest.fixture
def ready(archgraph: Any, tmp_path: Path) -> Any:
    """The command line, in a folder with a spec and its weights."""
    (tmp_path / "timed.yaml").write_text(DENOISER, encoding="utf-8")
    archgraph("build", "timed.yaml", "-o", "w.safetensors")
    return archgraph


@pytest.mark.slow  # tests/quantize/test_quantize_pairs.py makes a pair and runs it
def test_an_int8_pair_is_made_sampled_and_judged(ready: Any, tmp_path: Path) -> None:
    ran = ready("export", "timed.yaml", *QUANTIZE, "--split-time", "-o", "two.onnx")
    assert ran.status == 0
    assert "the branch of the time is in two.time.onnx; the two files belong together" in ran.out
    assert (
        "1 layers in int8, 3 in float32: does not depend on the picture × 1, first layer × 1, last layer × 1" in ran.out
    )
    assert "the float32 file that it was made of: verified: 8 weights equal" in ran.out
    assert sorted(item.name for item in tmp_path.iterdir()) == sorted([*NAMES, "timed.yaml", "w.safetensors"])
    assert ready("sample", "two.onnx", "-n", 2, "--steps", 4, "-o", "two.onnx.png").status == 0
    assert ready("sample", "--again", "two.onnx.png", "-o", "again.png").status == 0
    assert ready("profile", "two.onnx", "--runs", 2).status == 0
    _an_exchange_that_was_killed()
    ran = ready("verify", "two.onnx", "--weights", "w.safetensors")
    assert ran.status == 0
    assert ran.out.startswith("two.onnx is its network in int8")
    assert all(Path(name).is_file() for name in NAMES)
    assert not list(Path().glob(".*.aside"))
    ready("export", "timed.yaml", "--split-time", "--no-verify", "--seed", 1, "-o", "other.onnx")
    Path("other.time.onnx").replace("two.time.onnx")
    for command in (("sample", "two.onnx", "-o", "p.png"), ("verify", "two.onnx", "--weights", "w.safetensors")):
        ran = ready(*command)
        assert ran.status == 1
        assert "two.time.onnx is not the time branch of two.onnx" in ran.err


def _an_exchange_that_was_killed() -> None:
    """A process that dies while it exchanges the files leaves the older ones under hidden names."""
    for name in NAMES:
        Path(name).rename(f".{name}.aside")


@pytest.mark.slow
def test_a_pair_for_one_size(ready: Any) -> None:
    sizes = ("--size", "N=2,H=8,W=8")
    ran = ready("export", "timed.yaml", *QUANTIZE, "--split-time", *sizes, "--no-verify", "-o", "two.onnx")
    assert "latency of a step, 2 examples" in ran.out
    assert ready("sample", "two.onnx", "-n", 2, "--steps", 2, "-o", "p.png").status == 0
    assert ready("verify", "two.onnx", "--weights", "w.safetensors").status == 0
