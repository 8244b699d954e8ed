"""Weights go from file to file in pieces: nothing but one tensor is in memory, whatever the file's size."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from safetensors.numpy import save_file

import archgraph
from archgraph.errors import ArchgraphError
from archgraph.export import export
from archgraph.export.serialization import streaming
from archgraph.graph import weights
from archgraph.graph.types import Graph
from archgraph.weights.sources import WeightSource, opened

STATUS = Path("/proc/self/status")
MEGABYTES = 1 << 20


def network() -> Graph:
    """Matrices that are stored transposed, kernels that are stored as they are."""
    nodes: dict[str, Any] = {
        "conv": {"op": "conv2d", "out_channels": 70, "kernel_size": 3, "padding": 1},
        "rows": {"op": "flatten", "start_dim": 2},
        "tokens": {"op": "transpose", "dim0": 1, "dim1": 2},
        "wide": {"op": "linear", "out_features": 130},
        "narrow": {"op": "linear", "out_features": 65},
    }
    return archgraph.load({"archgraph": 1, "name": "m", "inputs": {"x": ["N", 3, "H", "W"]}, "nodes": nodes})


def random_weights(graph: Graph) -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    return {item.key: rng.standard_normal(item.weight.shape).astype(np.float32) for item in weights(graph)}


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (64, 64), (65, 63), (130, 1), (128, 129)])
def test_pieces_of_a_transposed_matrix_make_the_whole(shape: tuple[int, int]) -> None:
    matrix = np.random.default_rng(0).standard_normal(shape)
    pieces = [piece.copy() for piece in streaming.transposed(matrix)]
    np.testing.assert_array_equal(np.concatenate(pieces), matrix.T)


@pytest.mark.parametrize("limit", [10**9, 0], ids=["one file", "data beside it"])
def test_a_file_of_weights_and_tensors_in_memory_give_the_same_model(
    limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "LARGEST_SINGLE_FILE", limit)
    graph = network()
    tensors = random_weights(graph)
    save_file(tensors, tmp_path / "w.safetensors")
    for name, source in (("a", tmp_path / "w.safetensors"), ("b", tensors)):
        (tmp_path / name).mkdir()
        found = export(graph, source, tmp_path / name / "m.onnx")
        assert (found.data is None) == bool(limit)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == (["m.onnx"] if limit else ["m.onnx", "m.onnx.data"])
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    model = onnx.load(tmp_path / "a" / "m.onnx")
    held = {item.name: onnx.numpy_helper.to_array(item) for item in model.graph.initializer}
    np.testing.assert_array_equal(held["conv.weight"], tensors["conv.weight"])
    np.testing.assert_array_equal(held["wide.weight/transposed"], tensors["wide.weight"].T)


def test_weights_that_become_shorter_meanwhile_leave_the_older_model(tmp_path: Path) -> None:
    graph = network()
    tensors = random_weights(graph)
    export(graph, tensors, tmp_path / "m.onnx")
    before = (tmp_path / "m.onnx").read_bytes()
    save_file(tensors, tmp_path / "w.safetensors")
    source = opened(WeightSource(str(tmp_path / "w.safetensors"))).tensors
    os.truncate(tmp_path / "w.safetensors", 4096)
    first = next(item.key for item in weights(graph))
    extent = source[first].extent
    assert extent is not None
    assert extent.begin + extent.size > 4096
    with pytest.raises(ArchgraphError, match=r"has become shorter|has changed while it was read"):
        export(graph, source, tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.onnx", "w.safetensors"]


def in_memory() -> int:
    """Bytes that are in memory now."""
    found = re.search(r"VmRSS:\s+(\d+) kB", STATUS.read_text(encoding="utf-8"))
    assert found is not None
    return int(found[1]) * 1024


@pytest.mark.skipif(not STATUS.is_file(), reason="memory is counted in /proc")
@pytest.mark.parametrize("files", [1, 4])
def test_only_one_tensor_is_in_memory(files: int, tmp_path: Path) -> None:
    count, size = 8, 8 * MEGABYTES
    tensors = {f"t{i}": np.full(size // 4, i, np.float32) for i in range(count)}
    places = {}
    for number in range(files):
        part = {key: tensors[key] for key in list(tensors)[number::files]}
        save_file(part, tmp_path / f"{number}.safetensors")
        places |= dict.fromkeys(part, f"{number}.safetensors")
    index = tmp_path / "w.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": places}), encoding="utf-8")
    source = opened(WeightSource(str(index))).tensors
    before = in_memory()
    for key in tensors:
        assert source[key].read().min() == source[key].read().max() == float(key[1:])
        assert in_memory() - before < 3 * size
