"""The command that repeats the proof of an exported file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archgraph.errors import ModelFileError
from archgraph.runtime import Session


def test_verify_repeats_the_proof(archgraph: Any, spec: Path) -> None:
    assert archgraph("export", f"{spec}@narrow", "-o", "m.onnx").status == 0
    ran = archgraph("verify", "m.onnx")
    assert ran.status == 0
    first, second, third = ran.out.splitlines()
    assert first.startswith("m.onnx computes what small@narrow computes (")
    assert second == "spec: in the file; weights: in the file"
    assert third.startswith("verified: 2 weights equal")
    assert archgraph("verify", "m.onnx", "--spec", f"{spec}@narrow", "--json").json["equal"] is True


def test_verify_compares_with_weights_that_are_given(archgraph: Any, spec: Path) -> None:
    archgraph("build", spec, "--seed", 1, "-o", "one.safetensors")
    archgraph("build", spec, "--seed", 2, "-o", "two.safetensors")
    assert archgraph("export", spec, "--weights", "one.safetensors", "--no-verify", "-o", "m.onnx").status == 0
    assert archgraph("verify", "m.onnx", "--weights", "one.safetensors").status == 0
    ran = archgraph("verify", "m.onnx", "--weights", "two.safetensors")
    assert ran.status == 1
    assert "the weight conv.weight has other values than the module's" in ran.err


def test_what_verify_refuses(archgraph: Any, spec: Path) -> None:
    archgraph("export", spec, "-o", "m.onnx")
    assert "there is no file 'no.onnx'" in archgraph("verify", "no.onnx").err
    ran = archgraph("verify", "m.onnx", "--set", "width=4")
    assert ran.status == 1
    assert "--set has no effect on the spec in a file" in ran.err
    ran = archgraph("verify", "m.onnx", "--spec", f"{spec}@wide")
    assert ran.status == 1
    assert "Traceback" not in ran.err
    Path("text.onnx").write_text("no model", encoding="utf-8")
    assert archgraph("verify", "text.onnx").status == 1


def test_a_spec_of_another_size_is_told_by_both_sizes(archgraph: Any) -> None:
    for size in (4, 6):
        text = f"archgraph: 1\nname: net\ninputs: {{x: [N, 2, {size}]}}\nnodes: {{act: relu}}\n"
        Path(f"net{size}.yaml").write_text(text, encoding="utf-8")
    assert archgraph("export", "net4.yaml", "-o", "m.onnx").status == 0
    ran = archgraph("verify", "m.onnx", "--spec", "net6.yaml")
    assert ran.status == 1
    assert "index: 2 Got: 6 Expected: 4" in ran.err


def test_what_a_killed_export_left_is_put_back(archgraph: Any, spec: Path) -> None:
    """A process that dies while it exchanges files leaves the older ones under hidden names."""
    archgraph("export", spec, "-o", "m.onnx")
    names = ("m.onnx", "m.onnx.certificate.json")
    for name in names:
        Path(name).rename(f".{name}.aside")
    ran = archgraph("infer", "m.onnx", "x.npz")
    assert ran.status == 1
    assert "there is no file 'm.onnx'" in ran.err
    with pytest.raises(ModelFileError, match=r"`archgraph verify m.onnx` puts the older version back"):
        Session("m.onnx")
    assert archgraph("verify", "m.onnx").status == 0
    assert all(Path(name).is_file() for name in names)
    assert not list(Path().glob(".*.aside"))
