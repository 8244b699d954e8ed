"""Forms of the CUDA profile that avoid what its kernels refuse, or compute otherwise; here their values on a CPU."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from export_cases import random_inputs, random_weights, run, torch_results
from operation_tests import single

from archgraph.artifact.metadata_keys import LAYOUT
from archgraph.artifact.onnx_metadata import metadata_entries
from archgraph.dims import symbol
from archgraph.export import ExportOptions, export
from archgraph.graph.builder import Builder
from archgraph.ops import REGISTRY, TensorType, make

N, H, W = (symbol(name) for name in "NHW")
WHOLE, VOLUME, GRID = TensorType((2, 5), "int64"), TensorType((2, 3, 2, 4, 5)), TensorType((2, 2, 1, 3, 3))
ONE_TOKEN = {"query": TensorType((3, 4, 6)), "key": TensorType((3, 1, 6)), "value": TensorType((3, 1, 12))}
FORMS: list[tuple[str, dict[str, Any], dict[str, TensorType], set[str]]] = [
    ("argmax", {"dim": -1}, {"input": WHOLE}, {"Cast", "ArgMax"}),
    ("min", {"dim": 1}, {"input": WHOLE}, {"ReduceMin", "Cast", "ArgMin"}),
    ("gelu", {}, {"input": TensorType(())}, {"Unsqueeze", "Squeeze", "Erf", "Div", "Add", "Mul"}),
    ("scaled_dot_product_attention", {"num_heads": 3}, ONE_TOKEN, {"Expand"}),
    ("group_norm", {"num_groups": 2}, {"input": TensorType((3, 2, 1))}, {"Sub", "Mul", "Add"}),
    ("grid_sample", {}, {"input": VOLUME, "grid": GRID}, {"GridSample"}),
]


def written(path: Path) -> Any:
    return onnx.load(path).graph.node


@pytest.mark.parametrize(("name", "attributes", "types", "operators"), FORMS, ids=[form[0] for form in FORMS])
def test_what_a_form_computes(
    name: str, attributes: dict[str, Any], types: dict[str, TensorType], operators: set[str], tmp_path: Path
) -> None:
    op = make(REGISTRY[name], attributes)
    graph = single(op, types)
    weights, x = random_weights(graph), random_inputs(graph)
    export(graph, weights, tmp_path / "m.onnx", ExportOptions("cuda"))
    assert {node.op_type for node in written(tmp_path / "m.onnx")} - {"Squeeze", "Identity"} == operators - {"Squeeze"}
    state = {key.rpartition(".")[2]: array for key, array in weights.items()}
    for ours, theirs in zip(run(tmp_path / "m.onnx", x), torch_results(op, [*x.values()], state), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)  # torch rounds where 1 / √eps follows


def test_volumes_need_a_later_opset_whose_modes_have_other_names(tmp_path: Path) -> None:
    graph = single(make(REGISTRY["grid_sample"], {}), {"input": VOLUME, "grid": GRID})
    for profile, opset, mode in (("cuda", 20, b"linear"), ("portable", 18, b"bilinear")):
        report = export(graph, {}, tmp_path / "m.onnx", ExportOptions(profile))
        (node,) = written(tmp_path / "m.onnx")
        found = {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}
        assert (report.opset, found["mode"]) == (opset, mode)
        onnx.checker.check_model(str(tmp_path / "m.onnx"))


@pytest.mark.parametrize(
    ("dtype", "norm", "layout", "transposes"),
    [("float32", False, "channels_first", 0), ("float16", False, "", 2), ("float32", True, "", 4)],
)
def test_channels_come_last_where_that_pays(
    dtype: str, norm: bool, layout: str, transposes: int, tmp_path: Path
) -> None:
    """In float32 for a group norm only; else resizes by way of it would cost two transposes each."""
    build = Builder("m")
    value = build.input("x", (N, 64, H, W))
    if norm:
        value = build.apply("norm", make(REGISTRY["group_norm"], {"num_groups": 32}), value).output
    larger = build.apply("up", make(REGISTRY["interpolate"], {"scale_factor": 2, "mode": "nearest"}), value)
    graph = build.finish({"y": larger.output})
    export(graph, random_weights(graph), tmp_path / "m.onnx", ExportOptions("cuda", dtype=dtype))
    assert LAYOUT.of(metadata_entries(tmp_path / "m.onnx")) == layout
    assert Counter(node.op_type for node in written(tmp_path / "m.onnx"))["Transpose"] == transposes
