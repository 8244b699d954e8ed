"""The branch of the time in a file of its own: both files together are the one that there would have been."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import archgraph
from archgraph.artifact import atomic_files
from archgraph.errors import ExportError
from archgraph.export import ExportOptions, export
from archgraph.export.serialization import streaming
from archgraph.graph import weights
from archgraph.graph.types import Graph

IMAGE, TIME = {"shape": ["N", 4, "H", "W"]}, {"shape": ["N"], "dtype": "int64"}


def spec(nodes: dict[str, Any], **inputs: Any) -> Graph:
    return archgraph.load({"archgraph": 1, "name": "m", "inputs": inputs, "nodes": nodes})


PLAIN: dict[str, Any] = {
    "waves": {"op": "sinusoidal_embedding", "in": "t", "dim": 8},
    "temb": {"op": "linear", "out_features": 4},
    "shift": {"op": "unsqueeze", "in": "temb", "dim": [-1, -1]},
    "stem": {"op": "conv2d", "in": "x", "out_channels": 4, "kernel_size": 3, "padding": 1},
    "timed": {"op": "add", "in": ["stem", "shift"]},
}
SIZED: dict[str, Any] = {
    **PLAIN,
    "again": {"op": "reshape", "in": "temb", "shape": ["=N", 2, 2]},
    "flat": {"op": "reshape", "shape": ["=N", 4, 1, 1]},
    "field": {"op": "expand", "in": "flat", "shape": ["=N", 4, "=H", "=W"]},
    "twice": {"op": "add", "in": ["timed", "field"]},
}
NETWORKS = {
    "plain": spec(PLAIN, x=IMAGE, t=TIME),
    "the time first": spec(PLAIN, t=TIME, x=IMAGE),
    "sizes": spec(SIZED, x=IMAGE, t=TIME),
    "sizes, the time first": spec(SIZED, t=TIME, x=IMAGE),
    "fixed": spec(PLAIN, x={"shape": [2, 4, 6, 6]}, t={"shape": [2], "dtype": "int64"}),
    "digits": archgraph.load("digits_ddpm", channels=[16, 16, 16]),
    "annotated": archgraph.load("attention_unet", dim=8, dim_mults=[1, 2]),
}


def state(graph: Graph) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {item.key: rng.standard_normal(item.weight.shape).astype(np.float32) * 0.2 for item in weights(graph)}


def feeds(graph: Graph) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    made = {}
    for value in graph.inputs:
        shape = [size if isinstance(size, int) else {"N": 2}.get(str(size), 8) for size in value.shape]
        made[value.name] = rng.integers(0, 9, shape) if value.dtype == "int64" else rng.standard_normal(shape)
    return {name: array.astype("int64" if array.dtype.kind == "i" else "float32") for name, array in made.items()}


def run(path: Path, given: dict[str, Any]) -> dict[str, Any]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    taken = {value.name: given[value.name] for value in session.get_inputs()}
    return dict(zip([value.name for value in session.get_outputs()], session.run(None, taken), strict=True))


def held(path: Path) -> dict[str, Any]:
    tensors = onnx.load(path).graph.initializer
    return {item.name: onnx.numpy_helper.to_array(item) for item in tensors if not item.name.startswith("const/")}


@pytest.mark.parametrize("name", sorted(NETWORKS))
@pytest.mark.parametrize("profile", ["portable", "cpu"])
def test_both_files_are_the_whole_one(name: str, profile: str, tmp_path: Path) -> None:
    graph = NETWORKS[name]
    whole = export(graph, state(graph), tmp_path / "w.onnx", ExportOptions(profile))
    report = export(graph, state(graph), tmp_path / "m.onnx", ExportOptions(profile, split_time=True))
    assert report.time_branch == tmp_path / "m.time.onnx"
    assert report.initializers == whole.initializers
    assert report.size == sum((tmp_path / file).stat().st_size for file in ("m.onnx", "m.time.onnx"))
    given = feeds(graph)
    features = run(report.time_branch, given)
    (result,), (wanted,) = run(report.path, given | features).values(), run(whole.path, given).values()
    np.testing.assert_allclose(result, wanted, rtol=1e-5, atol=1e-6)
    (other,) = run(report.path, given | {key: 2 * row for key, row in features.items()}).values()
    assert np.abs(other - wanted).max() > 1e-3  # the features matter
    main, branch, all_ = held(report.path), held(report.time_branch), held(whole.path)
    assert not main.keys() & branch.keys()  # no weight is stored twice
    assert main.keys() | branch.keys() == all_.keys()
    for key, value in (main | branch).items():
        np.testing.assert_array_equal(value, all_[key])
    if profile == "portable":
        for file in (report.path, report.time_branch):
            onnx.checker.check_model(str(file), full_check=True)


def test_the_branch_reaches_as_far_as_it_can(tmp_path: Path) -> None:
    """All projections of the time are in it: the main file has no Gemm, and takes one array in the time's place."""
    graph = NETWORKS["digits"]
    export(graph, state(graph), tmp_path / "m.onnx", ExportOptions(split_time=True))
    main, branch = onnx.load(tmp_path / "m.onnx"), onnx.load(tmp_path / "m.time.onnx")
    assert [value.name for value in main.graph.input] == ["sample", "time_features"]
    assert [value.name for value in branch.graph.input] == ["timestep", "label"]
    assert not [key for key in held(tmp_path / "m.onnx") if "time_emb_proj" in key or "time_mlp" in key]
    blocks = [key for key in held(tmp_path / "m.time.onnx") if key.endswith("time_emb_proj.bias")]
    width = sum(held(tmp_path / "m.time.onnx")[key].size for key in blocks)
    assert branch.graph.output[0].type.tensor_type.shape.dim[1].dim_value == width


def test_a_weight_that_both_would_hold_is_in_the_main_file_only(tmp_path: Path) -> None:
    """A layer that is applied to the time and to the image: the branch ends before it."""
    nodes = {
        **PLAIN,
        "waves": {**PLAIN["waves"], "dim": 4},
        "rows": {"op": "transpose", "in": "timed", "dim0": 1, "dim1": 3},
        "mixed": {"share": "temb", "in": "rows"},
    }
    graph = spec(nodes, x=IMAGE, t=TIME)
    report = export(graph, state(graph), tmp_path / "m.onnx", ExportOptions(split_time=True))
    assert report.time_branch is not None
    assert not held(report.time_branch)
    assert any(key.startswith("temb.weight") for key in held(report.path))
    given = feeds(graph)
    whole = export(graph, state(graph), tmp_path / "w.onnx")
    (result,), (wanted,) = (
        run(report.path, given | run(report.time_branch, given)).values(),
        run(whole.path, given).values(),
    )
    np.testing.assert_allclose(result, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "graph",
    [
        spec(PLAIN, x=IMAGE, t={"shape": [1], "dtype": "int64"}),
        spec({"stem": {"op": "conv2d", "in": "x", "out_channels": 4, "kernel_size": 1}}, x=IMAGE),
    ],
    ids=["one time for all", "no time"],
)
def test_a_network_without_such_a_branch_is_told(graph: Graph, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="has no branch that depends on the time alone") as raised:
        export(graph, state(graph), tmp_path / "m.onnx", ExportOptions(split_time=True))
    assert raised.value.problems[0].hint == "export it in one file"
    assert not list(tmp_path.iterdir())
    assert export(graph, state(graph), tmp_path / "m.onnx", ExportOptions(split_time=None)).time_branch is None


def test_one_file_takes_the_place_of_two(tmp_path: Path) -> None:
    graph = NETWORKS["plain"]
    export(graph, state(graph), tmp_path / "m.onnx", ExportOptions(split_time=True))
    export(graph, state(graph), tmp_path / "m.onnx")
    assert [item.name for item in tmp_path.iterdir()] == ["m.onnx"]


def test_a_file_of_that_name_that_belongs_to_no_other_stays(tmp_path: Path) -> None:
    graph = NETWORKS["plain"]
    export(graph, state(graph), tmp_path / "m.time.onnx")
    export(graph, state(graph), tmp_path / "m.onnx")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["m.onnx", "m.time.onnx"]


@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("taken", ["m.bin", "m.time.onnx"])
def test_a_branch_takes_the_place_of_no_other_file(tmp_path: Path, taken: str, verified: bool) -> None:
    """Two files whose names differ in their suffix would share it; and a network may bear its name."""
    graph = NETWORKS["plain"]
    export(graph, state(graph), tmp_path / taken, ExportOptions(split_time=taken == "m.bin"))
    before = {item.name: item.read_bytes() for item in tmp_path.iterdir()}
    with pytest.raises(ExportError, match=r"m\.onnx cannot be written: m\.time\.onnx, .* is not its time branch"):
        archgraph.to_onnx(graph, tmp_path / "m.onnx", split_time=True, verify=verified)
    assert {item.name: item.read_bytes() for item in tmp_path.iterdir()} == before
    archgraph.to_onnx(graph, tmp_path / "m.onnx", verify=verified)
    assert all((tmp_path / name).read_bytes() == data for name, data in before.items())


@pytest.mark.parametrize("limit", [10**9, 0], ids=["one file", "data beside"])
@pytest.mark.parametrize("step", range(9))
def test_a_failure_leaves_the_older_pair(
    step: int, limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "LARGEST_SINGLE_FILE", limit)
    graph = NETWORKS["plain"]
    export(graph, state(graph), tmp_path / "m.onnx", ExportOptions(split_time=True))
    before = {item.name: item.read_bytes() for item in tmp_path.iterdir()}
    assert len(before) == (2 if limit else 4)
    done, replace = [0], os.replace

    def failing(source: Any, target: Any) -> None:
        done[0] += 1
        if done[0] == step + 1:
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(atomic_files.os, "replace", failing)
    other = {key: value + 1 for key, value in state(graph).items()}
    if step < 2 * len(before):
        with pytest.raises(ExportError, match="No space left"):
            export(graph, other, tmp_path / "m.onnx", ExportOptions(split_time=True))
        assert {item.name: item.read_bytes() for item in tmp_path.iterdir()} == before
    else:
        export(graph, other, tmp_path / "m.onnx", ExportOptions(split_time=True))
        assert {item.name for item in tmp_path.iterdir()} == set(before)
