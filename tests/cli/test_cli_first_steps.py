"""What a newcomer gets wrong: outputs over inputs, foreign suffixes, pictures that do not fit, names of files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import archgraph as ag
from archgraph.cli.export import run as export_command
from archgraph.export import export
from archgraph.export.profiles import PROFILES

SLOTS = {"conv.weight": torch.zeros(8, 3, 3, 3), "conv.bias": torch.zeros(8)}


@pytest.fixture
def weighted(spec: Path, tmp_path: Path) -> Path:
    """The spec beside weights that fit, and a shard of them in a folder."""
    save_file(SLOTS, tmp_path / "w.safetensors")
    (tmp_path / "shards").mkdir()
    save_file(SLOTS, tmp_path / "shards" / "w.safetensors")
    return spec


@pytest.mark.parametrize(
    ("given", "output"),
    [
        (["code", "small.yaml"], "small.yaml"),
        (["export", "small.yaml", "--no-verify"], "../{}/small.yaml"),
        (["render", "small.yaml@wide"], "link.svg"),
        (["build", "small.yaml", "--weights", "w.safetensors"], "w.safetensors"),
        (["build", "small.yaml", "--weights", "shards"], "shards/w.safetensors"),
        (["export", "small.yaml", "--no-verify", "--weights", "w.safetensors"], "w.safetensors"),
        (["infer", "small.yaml", "in.npz"], "in.npz"),
        (["noise", "in.png"], "in.png"),
    ],
)
def test_no_output_over_what_is_read(
    archgraph: Any, weighted: Path, tmp_path: Path, given: list[str], output: str
) -> None:
    (tmp_path / "link.svg").symlink_to(weighted)
    np.savez(tmp_path / "in.npz", image=np.zeros((1, 3, 4, 4), np.float32))
    Image.new("RGB", (8, 8)).save(tmp_path / "in.png")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    ran = archgraph(*given, "-o", output.format(tmp_path.name))
    assert ran.status == 1
    assert "is read by this command" in ran.err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("command", "suffix"), [("code", ".py"), ("export", ".onnx"), ("build", ".safetensors"), ("infer", ".npz")]
)
def test_a_foreign_suffix_is_refused_with_the_known_one(
    archgraph: Any, spec: Path, tmp_path: Path, command: str, suffix: str
) -> None:
    more = ["in.npz"] if command == "infer" else []
    ran = archgraph(command, spec, *more, "-o", "out.txt")
    assert ran.status == 1
    assert f"expected: a name in {suffix}" in ran.err
    assert not (tmp_path / "out.txt").exists()


def test_a_folder_is_no_picture(archgraph: Any, spec: Path) -> None:
    assert ". is a folder" in archgraph("render", spec, "-o", ".").err


def test_the_help_names_every_profile_and_no_other() -> None:
    option = get_type_hints(export_command, include_extras=True)["profile"].__metadata__[0]
    said = str(option.help)
    assert set(re.findall(r"(\w+) \(", said)) == set(PROFILES)


def test_the_form_of_weights_is_told(archgraph: Any, weighted: Path, tmp_path: Path) -> None:
    torch.save(SLOTS, tmp_path / "p.safetensors")
    for weights, said in (
        ("pickle:w.safetensors", "is no pickle but a safetensors file"),
        ("p.safetensors", "if you trust it, rename it: --weights pickle:p.pt"),
        ("pickle:p.safetensors", "if you trust it, rename it: --weights pickle:p.pt"),
    ):
        ran = archgraph("export", weighted, "--no-verify", "--weights", weights)
        assert ran.status == 1
        assert said in ran.err
    (tmp_path / "p.safetensors").rename(tmp_path / "p.pt")
    assert archgraph("export", weighted, "--no-verify", "--weights", "pickle:p.pt", "-o", "m.onnx").status == 0


def means(tmp_path: Path, shape: list[Any], **meta: Any) -> Path:
    """A network that gives the mean of each channel of its picture."""
    nodes = {"pool": {"op": "adaptive_avg_pool2d", "output_size": 1}, "flat": "flatten"}
    said: dict[str, Any] = {"archgraph": 1, "name": "means", "inputs": {"image": shape}, "nodes": nodes}
    export(ag.load({**said, "meta": meta}), {}, tmp_path / "means.onnx")
    return tmp_path / "means.onnx"


@pytest.mark.parametrize("shape", [["N", 1, 28, 28], ["N", 1, 20, 36], ["N", 3, 64, "W"], ["N", 3, 224, 224]])
def test_a_picture_fits_a_network_of_fixed_size(archgraph: Any, tmp_path: Path, shape: list[Any]) -> None:
    file = means(tmp_path, shape)
    Image.new("RGB", (90, 70), (51, 51, 51)).save(tmp_path / "grey.png")
    assert archgraph("infer", file, "grey.png", "-o", "out.npz").status == 0
    with np.load(tmp_path / "out.npz") as out:
        (found,) = out.values()
    unit = np.full(3, 0.2)  # 51 / 255
    expected = unit[:1] if shape[1] == 1 else (unit - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(found[0], expected, atol=1e-3)


@pytest.mark.parametrize(
    ("shape", "meta", "said"),
    [
        (
            ["N", 3, 64, 64],
            {"preprocess": {"resize": 32, "crop": 32}},
            "meta: {preprocess: {resize: 64, crop: 64, mean:",
        ),
        (["N", 4, 64, 64], {}, "pictures have 1 or 3 channels; give an array: a .npz file with image [N, 4, 64, 64]"),
    ],
)
def test_a_picture_that_cannot_fit_is_one_error(
    archgraph: Any, tmp_path: Path, shape: list[Any], meta: dict[str, Any], said: str
) -> None:
    file = means(tmp_path, shape, **meta)
    Image.new("RGB", (90, 70)).save(tmp_path / "a.png")
    ran = archgraph("infer", file, "a.png")
    assert ran.status == 1
    assert ran.err.count("error: ") == 1
    assert said in ran.err


def test_an_error_names_the_spec_and_no_temporary_file(archgraph: Any, spec: Path) -> None:
    ran = archgraph("sample", f"{spec}@narrow", "-n", 1)
    assert ran.status == 1
    assert "small@narrow is no diffusion network" in ran.err
    assert ".onnx" not in ran.err


def test_build_says_the_type_of_integers(archgraph: Any, tmp_path: Path) -> None:
    text = "archgraph: 1\nname: words\ninputs: {ids: {shape: [N, L], dtype: int64}}\n"
    text += "nodes: {e: {op: embedding, num_embeddings: 5, embedding_dim: 4}}\n"
    (tmp_path / "words.yaml").write_text(text, encoding="utf-8")
    assert "input   ids [2, 7] int64\n" in archgraph("build", "words.yaml", "--size", "L=7").out


def test_a_wide_summary_is_not_cut(archgraph: Any) -> None:
    assert "…" not in archgraph("summary", "ddpm@cifar10", "--all", "--wide").out


def test_flattened_symbols_before_weights_say_what_to_do(archgraph: Any, tmp_path: Path) -> None:
    text = "archgraph: 1\nname: flat\ninputs: {x: [N, 3, H, W]}\n"
    (tmp_path / "flat.yaml").write_text(text + "nodes: {f: flatten, fc: {op: linear, out_features: 2}}\n", "utf-8")
    said = "hint: write numbers for H and W in `inputs`, or pool to a fixed size first (adaptive_avg_pool2d)"
    assert said in archgraph("check", "flat.yaml").err
