"""The commands that compile: `code`, `build`, `export`, and running a spec without exporting it first."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import archgraph as ag
from archgraph.graph import weights


def module_in(path: Path) -> Any:
    """The classes of a written file, imported as anybody would."""
    found = importlib.util.spec_from_file_location("written_by_archgraph", path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_code_is_plain_pytorch(archgraph: Any, spec: Path) -> None:
    ran = archgraph("code", f"{spec}@wide", "-o", "wide.py")
    assert ran.status == 0
    text = Path("wide.py").read_text(encoding="utf-8")
    assert "archgraph" not in text
    network = module_in(Path("wide.py")).Small()
    assert network(torch.zeros(1, 3, 8, 8)).shape == (1, 16, 4, 4)


def test_code_goes_to_exports_or_to_the_screen(archgraph: Any, spec: Path) -> None:
    assert archgraph("code", f"{spec}@wide").out.startswith("wrote exports/small_wide.py (")
    printed = archgraph("code", f"{spec}@wide", "-o", "-").out
    assert printed == Path("exports/small_wide.py").read_text(encoding="utf-8")


def test_code_has_operations_in_place_where_they_are_asked_for(archgraph: Any) -> None:
    plain, other = (archgraph("code", "resnet18", "-o", "-", *option).out for option in ((), ("--inplace",)))
    assert "h += x" in other
    assert "h += x" not in plain


def test_build_writes_the_weights_of_the_seed(archgraph: Any, spec: Path) -> None:
    ran = archgraph(
        "build", spec, "--size", "N=1", "--size", "H=9", "--size", "W=10", "--seed", 3, "-o", "w.safetensors"
    )
    assert ran.status == 0
    assert ran.out.splitlines()[:3] == [
        "input   image [1, 3, 9, 10]",
        "output  features [1, 8, 5, 5]",
        "the outputs of 1 modules have the inferred shapes",
    ]
    expected = ag.to_torch(ag.load(spec), seed=3).state_dict()
    written = load_file("w.safetensors")
    assert written.keys() == expected.keys()
    assert all(torch.equal(written[key], expected[key]) for key in expected)


def test_build_as_json_and_from_weights(archgraph: Any, spec: Path) -> None:
    made = {item.key: torch.ones(item.weight.shape) for item in weights(ag.load(spec))}
    save_file(made, "ones.safetensors")
    ran = archgraph("build", spec, "--weights", "ones.safetensors", "--json")
    assert ran.json["file"] == "exports/small.safetensors"
    assert ran.json["outputs"] == {"features": [2, 8, 16, 16]}
    assert all((tensor == 1).all() for tensor in load_file("exports/small.safetensors").values())


def test_weights_that_do_not_fit(archgraph: Any, spec: Path) -> None:
    save_file({"conv.weight": torch.ones(8, 3, 3, 3), "conv.bais": torch.ones(8)}, "bad.safetensors")
    for command in ("build", "export"):
        ran = archgraph(command, spec, "--weights", "bad.safetensors")
        assert ran.status == 1
        assert "conv.bias" in ran.err
        assert "conv.bais" in ran.err
        assert archgraph(command, spec, "--weights", "none.safetensors").status == 1
    assert not list(Path("exports").glob("*.safetensors"))


def test_sizes_that_the_network_does_not_take(archgraph: Any, spec: Path) -> None:
    ran = archgraph("build", spec, "--size", "K=3")
    assert ran.status == 1
    assert "small has no size 'K'" in ran.err


def test_export_is_verified_and_says_so(archgraph: Any, spec: Path) -> None:
    import onnxruntime

    ran = archgraph("export", spec, "--seed", 5)
    assert ran.status == 0
    assert ran.out.splitlines()[0].startswith("wrote exports/small.onnx (random weights, seed 5, ")
    assert "\nverified: " in ran.out
    image = np.random.default_rng(0).normal(size=(2, 3, 9, 8)).astype(np.float32)
    session = onnxruntime.InferenceSession("exports/small.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(["features"], {"image": image})
    module = ag.to_torch(ag.load(spec), seed=5).eval()
    with torch.no_grad():
        np.testing.assert_allclose(found, module(torch.from_numpy(image)).numpy(), atol=1e-5)


def test_export_without_verification(archgraph: Any, spec: Path) -> None:
    ran = archgraph("export", spec, "--no-verify", "-o", "small.onnx")
    assert ran.status == 0
    assert ran.out.splitlines()[-1] == "not verified"


def test_export_as_json(archgraph: Any, spec: Path) -> None:
    assert archgraph("export", spec, "--json").json["file"] == "exports/small.onnx"


def test_wrong_exports(archgraph: Any, spec: Path) -> None:
    ran = archgraph("export", spec, "--profile", "portabel")
    assert ran.status == 1
    assert "expected: one of portable, cpu" in ran.err


def test_a_spec_is_run_as_it_is(archgraph: Any, spec: Path) -> None:
    np.savez("in.npz", image=np.zeros((1, 3, 4, 4), np.float32))
    ran = archgraph("infer", f"{spec}@narrow", "in.npz", "-o", "out.npz")
    assert ran.status == 0
    assert "small@narrow runs with random weights (seed 0)" in ran.err
    with np.load("out.npz") as out:
        assert out["features"].shape == (1, 4, 2, 2)
    module = ag.to_torch(ag.load(spec, "narrow"), seed=0).eval()
    with np.load("out.npz") as out, torch.no_grad():
        np.testing.assert_allclose(out["features"], module(torch.zeros(1, 3, 4, 4)).numpy(), atol=1e-6)
    assert not list(Path().glob("*.onnx"))


def test_the_folder_of_a_training_run_is_taken_as_it_is(archgraph: Any, spec: Path) -> None:
    graph = ag.load(spec, width=2)
    folder = Path("run")
    folder.mkdir()
    for value, name in ((3, "last"), (5, "ema")):
        plain = {**graph.info.spec, "params": {"width": 2}, "meta": {"weights": f"{name}.safetensors"}}
        (folder / "spec.yaml").write_text(json.dumps(plain), encoding="utf-8")
        tensors = {item.key: torch.full(item.weight.shape, float(value)) for item in weights(graph)}
        save_file(tensors, folder / f"{name}.safetensors")
        assert archgraph("build", folder, "-o", "again.safetensors").status == 0
        assert all((tensor == value).all() for tensor in load_file("again.safetensors").values())
    ran = archgraph("export", folder, "-o", "run.onnx")
    assert ran.status == 0
    assert "random" not in ran.out
    np.savez("in.npz", image=np.ones((1, 3, 4, 4), np.float32))
    assert archgraph("infer", folder, "in.npz", "-o", "a.npz").status == 0
    assert archgraph("infer", "run.onnx", "in.npz", "-o", "b.npz").status == 0
    with np.load("a.npz") as a, np.load("b.npz") as b:
        assert np.array_equal(a["features"], b["features"])
        assert a["features"].max() == pytest.approx(5 * (3 * 9 + 1), rel=1e-4)
