"""The options for weights, in every command that takes them, and `archgraph weights`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import archgraph as ag
from archgraph.artifact.metadata_keys import WEIGHTS
from archgraph.cli.weights_options import as_text, of_text, request
from archgraph.errors import WeightsError

SPEC = """
archgraph: 1
name: small
params: {classes: 3}
inputs: {image: [N, 2, 4, 4]}
nodes:
  body: {nodes: {conv: {op: conv2d, out_channels: 4, kernel_size: 1}, act: relu}}
  pool: {op: adaptive_avg_pool2d, output_size: 1}
  flat: flatten
  fc: {op: linear, out_features: =classes}
outputs: {logits: fc}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spec, weights of it under a wrapper's prefix, the weights of its body, and a picture as numbers."""
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SPEC, encoding="utf-8")
    rng = np.random.default_rng(0)
    shapes = {"body.conv.weight": (4, 2, 1, 1), "body.conv.bias": (4,), "fc.weight": (3, 4), "fc.bias": (3,)}
    tensors = {key: rng.standard_normal(shape).astype(np.float32) for key, shape in shapes.items()}
    save_file(tensors, "w.safetensors")
    save_file({f"module.{key}": value for key, value in tensors.items()}, "wrapped.safetensors")
    save_file({key[5:]: value for key, value in tensors.items() if key.startswith("body")}, "body.safetensors")
    np.savez("in.npz", image=rng.standard_normal((1, 2, 4, 4)).astype(np.float32))
    return tmp_path


def test_every_command_takes_the_same_weights(archgraph: Any, folder: Path) -> None:
    taken = ("--weights", "wrapped.safetensors")
    built = archgraph("build", "small.yaml", *taken, "-o", "built.safetensors", "--json")
    assert json.loads(built.out)["weights_report"]["prefixes"] == {"wrapped.safetensors": ["module"]}
    assert "prefix    'module.' taken off (wrapped.safetensors)" in built.err
    wanted = load_file("w.safetensors")
    assert all((value == wanted[key]).all() for key, value in load_file("built.safetensors").items())
    for command in (
        ("export", "small.yaml", "--no-verify", "-o", "m.onnx"),
        ("verify", "m.onnx"),
        ("infer", "small.yaml", "in.npz", "-o", "out.npz"),
        ("profile", "small.yaml", "--size", "N=1", "--runs", "1"),
    ):
        ran = archgraph(*command, *taken)
        assert ran.status == 0, ran.err
    import onnx

    entries = {entry.key: entry.value for entry in onnx.load("m.onnx").metadata_props}
    assert [entry["file"] for entry in WEIGHTS.of(entries)] == ["wrapped.safetensors"]
    module = ag.to_torch("small.yaml", weights="w.safetensors").eval()
    import torch

    logits = module(torch.from_numpy(np.load("in.npz")["image"])).detach().numpy()
    np.testing.assert_allclose(np.load("out.npz")["logits"], logits, rtol=1e-5, atol=1e-6)


def test_parts_and_what_starts_anew(archgraph: Any, folder: Path) -> None:
    command = ("build", "small.yaml", "--set", "classes=5", "--weights", "body=body.safetensors")
    ran = archgraph(*command, "--fresh", "fc", "--seed", 3, "-o", "out.safetensors")
    assert "fresh     2: fc.weight, fc.bias" in ran.err
    found, drawn = load_file("out.safetensors"), ag.to_torch("small.yaml", seed=3)
    assert (found["body.conv.weight"] == load_file("w.safetensors")["body.conv.weight"]).all()
    assert found["fc.weight"].shape == (5, 4)
    assert drawn.fc.weight.shape == (3, 4)
    lacking = archgraph(*command, "-o", "x.safetensors")
    assert (lacking.status, "2 weights are missing: fc.{weight, bias}" in lacking.err) == (1, True)
    assert not Path("x.safetensors").exists()


def test_a_fresh_head_of_an_export_is_drawn_from_the_seed(archgraph: Any, folder: Path) -> None:
    import onnx

    command = ("export", "small.yaml", "--no-verify", "--weights", "w.safetensors", "--fresh", "fc", "--seed", 3)
    assert archgraph(*command, "-o", "m.onnx").status == 0
    held = {item.name: onnx.numpy_helper.to_array(item) for item in onnx.load("m.onnx").graph.initializer}
    bias = next(value for name, value in held.items() if name.startswith("fc.bias"))
    np.testing.assert_array_equal(bias, ag.to_torch("small.yaml", seed=3).fc.bias.detach().numpy())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--fresh", "fc"], "--fresh has no effect without weights"),
        (["--weights", "w.safetensors", "--rename", "none.yaml"], "the rules none.yaml cannot be read"),
        (["--weights", "w.safetensors", "--weights", "body=body.safetensors"], "would both fill the whole network"),
        (["--weights", "bod=body.safetensors"], "did you mean 'body'?"),
        (["--weights", "body=none.safetensors"], "there is no file 'none.safetensors'"),
        (["--weights", "body=bod.safetensors"], "did you mean 'body.safetensors'?"),
        (["--weights", "body.safetensors"], "--weights body=FILE"),
        (["--weights", "hf:none"], "'hf:none' names no file of the hub"),
    ],
)
def test_slips_are_pointed_out(archgraph: Any, folder: Path, options: list[str], said: str) -> None:
    ran = archgraph("build", "small.yaml", *options, "-o", "out.safetensors")
    assert (ran.status, Path("out.safetensors").exists()) == (1, False)
    assert said in ran.err


@pytest.mark.parametrize("read", ["body.safetensors", "rules.yaml"])
def test_no_command_overwrites_what_it_reads(archgraph: Any, folder: Path, read: str) -> None:
    Path("rules.yaml").write_text("- {rename: conv.bias, to: conv.bias}\n", encoding="utf-8")
    options = ("--weights", "body=body.safetensors", "--fresh", "fc", "--rename", "rules.yaml")
    ran = archgraph("build", "small.yaml", *options, "-o", read)
    assert ran.status == 1
    assert "which would overwrite it" in ran.err or "cannot be written: its name promises" in ran.err


def test_a_request_is_text_and_back(folder: Path) -> None:
    for words in (
        {"sources": ["w.safetensors"]},
        {
            "sources": ["body=body.safetensors", "fc=w 1.safetensors"],
            "fresh": ["fc", "a.*"],
            "lora": ["l.safetensors:0.5"],
        },
        {"sources": ["w.safetensors"], "part": "a.b"},
    ):
        made = request(**words)
        assert made is not None
        assert of_text(as_text(made)) == made
    with pytest.raises(WeightsError, match="this is no request for weights"):
        of_text("--nothing x")


def test_a_file_is_shown(archgraph: Any, folder: Path) -> None:
    ran = archgraph("weights", "show", "wrapped.safetensors")
    assert "  module                             4 tensors, 108 bytes" in ran.out
    assert re.search(r"^        weight +float32 \[4, 2, 1, 1\]$", ran.out, re.MULTILINE)
    assert "4 tensors, 27 numbers, 108 bytes" in ran.out
    assert "no shipped network" in ran.out
    shown = json.loads(archgraph("weights", "show", "w.safetensors", "--json").out)
    assert shown["states"][""]["tensors"]["fc.bias"] == {"dtype": "float32", "shape": [3], "bytes": 12}
    assert archgraph("weights", "show", "none.safetensors").status == 1


def test_a_file_is_converted(archgraph: Any, folder: Path) -> None:
    ran = archgraph("weights", "convert", "wrapped.safetensors", "--for", "small.yaml", "-o", "out.safetensors")
    assert "prefix    'module.' taken off" in ran.err
    assert "wrote out.safetensors (4 tensors, " in ran.out
    wanted = load_file("w.safetensors")
    assert {key: value.tobytes() for key, value in load_file("out.safetensors").items()} == {
        key: value.tobytes() for key, value in wanted.items()
    }
    same = archgraph("weights", "convert", "wrapped.safetensors", "-o", "wrapped.safetensors")
    assert (same.status, "which would overwrite it" in same.err) == (1, True)
    other = archgraph("weights", "convert", "body.safetensors", "--for", "small.yaml", "-o", "out.safetensors")
    assert other.status == 1
    assert load_file("out.safetensors").keys() == wanted.keys()
    plain = archgraph("weights", "convert", "w.safetensors", "-o", "c.safetensors", "--dtype", "bfloat16", "--json")
    assert json.loads(plain.out)["weights"] == 4
