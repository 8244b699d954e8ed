"""Two small networks, exported once: one with folded norms and a sum, one with a time branch and attention."""

from __future__ import annotations

from pathlib import Path

import pytest

import archgraph as ag

SPEC = """\
archgraph: 1
name: tiny
inputs: {image: [N, 3, H, W]}
nodes:
  stem: {op: conv2d, out_channels: 8, kernel_size: 3, padding: 1, bias: false}
  bn: batch_norm2d
  relu: relu
  layer: {op: basic, repeat: 2, planes: 8}
  pool: {op: adaptive_avg_pool2d, output_size: 1}
  flatten: flatten
  fc: {op: linear, out_features: 5}
outputs: {logits: fc}
meta: {size: {H: 8, W: 8}}
"""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The spec of the first; its file lies beside it as `tiny.onnx`."""
    path = tmp_path_factory.mktemp("tiny") / "tiny.yaml"
    path.write_text(SPEC, encoding="utf-8")
    ag.to_onnx(path, path.with_suffix(".onnx"), verify=False)
    return path


@pytest.fixture(scope="session")
def denoiser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the shipped digits U-Net, with random weights."""
    path = tmp_path_factory.mktemp("denoiser") / "digits_ddpm.onnx"
    ag.to_onnx("digits_ddpm", path, verify=False)
    return path
