"""Files for CUDA on the CPU: operators without a kernel there run by their definitions, which are torch's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info
from tiny_network import altered, attribute, certificate, network

import archgraph
from archgraph.errors import VerificationError
from archgraph.export import ExportOptions
from archgraph.export.serialization import streaming
from archgraph.verify import export_verified, verify
from archgraph.verify.onnx_sessions import run_session, session_of
from archgraph.verify.operator_definitions import DEFINITIONS, DOMAIN, written_out

NORMS = ["GroupNorm", "SkipGroupNorm"]


def of_one_node(kind: str, activation: int) -> Any:
    names = ["x", "gamma", "beta", "skip"][: 4 if kind == "SkipGroupNorm" else 3]
    how = {"groups": 3, "epsilon": 1e-2, "activation": activation, "channels_last": 1, "domain": "com.microsoft"}
    shapes = {"x": ["N", "H", "W", 6], "gamma": [6], "beta": [6], "skip": ["N", 6]}
    given = [make_tensor_value_info(name, onnx.TensorProto.FLOAT, shapes[name]) for name in names]
    made = make_tensor_value_info("y", onnx.TensorProto.FLOAT, shapes["x"])
    graph = make_graph([make_node(kind, names, ["y"], **how)], "one", given, [made])
    return make_model(graph, ir_version=8, opset_imports=[make_opsetid("", 18), make_opsetid("com.microsoft", 1)])


@pytest.mark.parametrize("activation", [0, 1])
@pytest.mark.parametrize("kind", NORMS)
def test_the_definition_is_what_torch_computes(kind: str, activation: int) -> None:
    model = written_out(of_one_node(kind, activation))
    assert [node.domain for node in model.graph.node] == [DOMAIN]
    rng = np.random.default_rng(0)
    sizes = {"x": (2, 3, 5, 6), "gamma": (6,), "beta": (6,), "skip": (2, 6)}
    fed = {item.name: rng.standard_normal(sizes[item.name]).astype("float32") for item in model.graph.input}
    x, gamma, beta, *skip = (torch.from_numpy(array).double() for array in fed.values())
    image = x.permute(0, 3, 1, 2) + (skip[0][:, :, None, None] if skip else 0)
    wanted = torch.nn.functional.group_norm(image, 3, gamma, beta, eps=1e-2).permute(0, 2, 3, 1)
    wanted = torch.nn.functional.silu(wanted) if activation else wanted
    found = run_session(session_of(model.SerializeToString(), optimised=True), fed)["y"]
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-5, atol=1e-5)


def test_each_is_needed() -> None:
    """A kernel on the CPU would be the better proof; where ONNX Runtime has one by now, the definition goes."""
    assert [kind for _, kind in DEFINITIONS] == NORMS
    for kind in NORMS:
        with pytest.raises(VerificationError, match=kind):
            session_of(of_one_node(kind, 0).SerializeToString(), optimised=False)


@pytest.mark.parametrize("outside", [False, True], ids=["one file", "weights beside"])
def test_a_file_for_cuda_is_proved_without_a_gpu(
    outside: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if outside:
        monkeypatch.setattr(streaming, "LARGEST_SINGLE_FILE", 0)
        monkeypatch.setattr(streaming, "_SMALLEST_OUTSIDE", 1)
    report = export_verified(
        archgraph.to_torch(network(tmp_path), seed=4), tmp_path / "m.onnx", options=ExportOptions(profile="cuda")
    )
    assert (report.report.data is not None) == outside
    stored = certificate(tmp_path / "m.onnx")
    assert (stored["equal"], stored["run_by_definition"]) == (True, ["com.microsoft.SkipGroupNorm"])
    assert report.text().endswith("; on the CPU, com.microsoft.SkipGroupNorm by definition")
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


SCAN = """
archgraph: 1
name: steps
inputs: {x: [N, 4, H, W], places: [N, H, W, 2]}
nodes:
  steps: {op: stack, in: [x, x], dim: 0}
  scanned: {op: step, scan: {item: 0}, chain: [state], in: {item: steps, places: places, state: x}}
outputs: {y: scanned.all}
blocks:
  step:
    inputs: {item: [N, C, H, W], places: [N, H, W, 2], state: [N, C, H, W]}
    nodes:
      norm: {op: group_norm, in: item, num_groups: 2}
      grid: {op: grid_sample, in: [norm, places]}
      sum: {op: add, in: [grid, state]}
    outputs: {all: sum, state: sum}
"""


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_an_operator_in_a_body_runs_by_its_definition_too(dtype: str, tmp_path: Path) -> None:
    """bfloat16 takes a later opset, which calls the mode of a grid otherwise."""
    (tmp_path / "steps.yaml").write_text(SCAN, encoding="utf-8")
    module = archgraph.to_torch(archgraph.load(tmp_path / "steps.yaml"))
    export_verified(module, tmp_path / "m.onnx", options=ExportOptions(profile="cuda", dtype=dtype))
    stored = certificate(tmp_path / "m.onnx")
    assert (stored["equal"], stored["run_by_definition"]) == (True, ["com.microsoft.GroupNorm"])


def swapped_groups(graph: Any, nodes: dict[str, Any]) -> None:
    attribute(next(node for node in graph.node if node.op_type == "SkipGroupNorm"), "groups").i = 4


def wrong_epsilon(graph: Any, nodes: dict[str, Any]) -> None:
    attribute(next(node for node in graph.node if node.op_type == "SkipGroupNorm"), "epsilon").f = 1e-3


@pytest.mark.parametrize("fault", [swapped_groups, wrong_epsilon])
def test_a_fault_is_found_and_placed(fault: Any, tmp_path: Path) -> None:
    """At the activation, since the norm has taken it in: its result is the first that is there."""
    module = archgraph.to_torch(network(tmp_path), seed=4)
    export_verified(module, tmp_path / "m.onnx", verify=False, options=ExportOptions(profile="cuda"))
    altered(tmp_path / "m.onnx", fault)
    with pytest.raises(VerificationError) as caught:
        verify(module, tmp_path / "m.onnx")
    assert any("silu is the first node whose result in the file is wrong" in str(one) for one in caught.value.problems)
