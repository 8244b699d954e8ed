"""Trial inputs reach the edges of what a network takes, and faults that only show there are found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from operation_tests import single
from tiny_network import altered, certificate

import archgraph
from archgraph.errors import VerificationError, WeightsError
from archgraph.graph.types import Graph
from archgraph.ops import REGISTRY, Example, make
from archgraph.verify import export_verified, verify, verify_again
from archgraph.verify.cases import Case, cases
from archgraph.verify.shape_check import try_once
from archgraph.verify.trial_inputs import inputs_of, kinds_of

WORDS = {"op": "embedding", "num_embeddings": 1000, "embedding_dim": 8}
ATTENTION = {"op": "scaled_dot_product_attention", "in": ["x", "x", "x", "mask"]}


def net(inputs: dict[str, Any], nodes: dict[str, Any], **more: Any) -> Graph:
    return archgraph.load({"archgraph": 1, "name": "n", "inputs": inputs, "nodes": nodes, **more})


def ids(*shape: Any, dtype: str = "int64") -> dict[str, Any]:
    return {"shape": list(shape), "dtype": dtype}


def small_table() -> Graph:
    """One table of 1,000 rows, and one of two."""
    look = {"op": "embedding", "in": "kind", "num_embeddings": 2, "embedding_dim": 8}
    nodes = {"words": {**WORDS, "in": "ids"}, "look": look, "y": {"op": "mul", "in": ["words", "look"]}}
    return net({"ids": ids("N", "L"), "kind": ids("N", "L")}, nodes)


def test_each_input_is_tried_over_its_own_range() -> None:
    graph = small_table()
    for case, ends in zip(cases(graph), ([999, 999], [0, 999]), strict=True):
        found = inputs_of(graph, case)
        assert [found["ids"].min(), found["ids"].max()] == ends
        assert 0 <= found["kind"].min() <= found["kind"].max() <= 1


@pytest.mark.parametrize(
    ("reader", "kind"),
    [
        ({"op": "mul", "in": "mask", "value": 2.0}, "number"),
        ({"op": "concat", "in": ["mask", "mask"], "dim": 0}, "mask"),
    ],
)
def test_a_mask_that_is_read_as_numbers_too_holds_numbers(reader: dict[str, Any], kind: str) -> None:
    attention = {**ATTENTION, "in": ["x", "x", "x", "moved"]}
    nodes = {"moved": {"op": "unsqueeze", "dim": 0, "in": "mask"}, "y": attention, "other": reader}
    graph = net({"x": [2, 4, 8], "mask": [1, 4, 4]}, nodes, outputs=["y", "other"])
    assert kinds_of(graph) == {"x": "number", "mask": kind}


def test_rows_of_a_mask_leave_nothing_everything_and_something() -> None:
    graph = net({"x": ["N", "L", 8], "mask": ["N", 1, "L", "L"]}, {"y": ATTENTION})
    assert kinds_of(graph) == {"x": "number", "mask": "mask"}
    left = np.isfinite(inputs_of(graph, cases(graph)[1])["mask"])
    rows = left.reshape(-1, left.shape[-1]).mean(axis=1)
    assert (rows == 0).any()
    assert (rows == 1).any()
    assert ((rows > 0) & (rows < 1)).any()
    switches = net({"x": ["N", "L", 8], "mask": ids("N", 1, 1, "L", dtype="bool")}, {"y": ATTENTION})
    rows = inputs_of(switches, cases(switches)[1])["mask"].reshape(3, -1).mean(axis=1)
    assert list(rows[:2]) == [0, 1]
    assert 0 < rows[2] < 1


def test_times_go_from_the_first_to_the_last() -> None:
    meta = {"diffusion": {"schedule": {"kind": "linear", "train_steps": 250}}}
    for time in (ids("N"), ["N"]):
        graph = net({"t": time}, {"e": {"op": "sinusoidal_embedding", "dim": 4}}, meta=meta)
        assert kinds_of(graph) == {"t": "time"}
        first, second = (inputs_of(graph, case)["t"] for case in cases(graph))
        assert list(first) == [249]
        assert [second.min(), second.max()] == [0, 249]


def test_numbers_are_normal_large_and_tiny_and_of_both_signs() -> None:
    graph = net({"x": ["N", 1000]}, {"y": "relu"})
    x = inputs_of(graph, cases(graph)[1])["x"]
    np.testing.assert_allclose(x.std(axis=1), [1, 4, 1 / 16], rtol=0.1)
    assert ((x > 0).any(axis=1) & (x < 0).any(axis=1)).all()


@pytest.mark.parametrize("dtype", ["bool", "int64", "float32"])
def test_inputs_without_dimensions(dtype: str, tmp_path: Path) -> None:
    graph = net({"x": ids(dtype=dtype)}, {"y": "identity"})
    first, second = (inputs_of(graph, case)["x"] for case in cases(graph))
    assert first.shape == second.shape == ()
    assert first != second
    assert export_verified(graph, tmp_path / "m.onnx").certificate.equal  # type: ignore[union-attr]


def test_measurements_take_plain_inputs() -> None:
    """No rows of a mask that leave nothing: those are for proofs."""
    graph = net({"x": ["N", "L", 8], "mask": ids("L", "L", dtype="bool")}, {"y": ATTENTION})
    mask = inputs_of(graph, Case({"N": 3, "L": 8}, 0))["mask"]
    assert mask.any(axis=1).all()


# --- faults -----------------------------------------------------------------------------------------------------------


def test_an_offset_into_a_table_is_found(tmp_path: Path) -> None:
    """Ids from 1 on are one row off; with ids 0 alone nobody would see it."""
    graph, path = small_table(), tmp_path / "m.onnx"
    module = archgraph.to_torch(graph)
    archgraph.to_onnx(module, path, verify=False)

    def shift(inner: Any, nodes: dict[str, Any]) -> None:
        inner.initializer.append(onnx.numpy_helper.from_array(np.array(1), "one"))
        inner.initializer.append(onnx.numpy_helper.from_array(np.array(998), "last"))
        inner.node.insert(0, onnx.helper.make_node("Min", ["later", "last"], ["shifted"]))
        inner.node.insert(0, onnx.helper.make_node("Add", ["ids", "one"], ["later"]))
        nodes["words"].input[1] = "shifted"

    altered(path, shift)
    with pytest.raises(VerificationError, match="departs"):
        verify(module, path)


def test_a_table_whose_last_row_is_another_is_found(tmp_path: Path) -> None:
    graph, path = small_table(), tmp_path / "m.onnx"
    module = archgraph.to_torch(graph)
    archgraph.to_onnx(module, path, verify=False)

    def second_last(inner: Any, nodes: dict[str, Any]) -> None:
        inner.initializer.append(onnx.numpy_helper.from_array(np.array(998), "last"))
        inner.node.insert(0, onnx.helper.make_node("Min", ["ids", "last"], ["clipped"]))
        nodes["words"].input[1] = "clipped"

    altered(path, second_last)
    with pytest.raises(VerificationError, match="departs"):
        verify(module, path)


def test_masked_rows_that_are_no_number_are_found(tmp_path: Path) -> None:
    """A row of which the mask leaves nothing is 0 in torch: without the second choice the file has nan there."""
    graph, path = (
        net({"x": ["N", "L", 8], "mask": ids("N", 1, 1, "L", dtype="bool")}, {"y": ATTENTION}),
        tmp_path / "m.onnx",
    )
    module = archgraph.to_torch(graph)
    archgraph.to_onnx(module, path, verify=False)

    def unmasked(inner: Any, nodes: dict[str, Any]) -> None:
        chosen = next(node for node in reversed(inner.node) if node.op_type == "Where")
        chosen.op_type, chosen.input[:] = "Identity", [chosen.input[2]]

    altered(path, unmasked)
    with pytest.raises(VerificationError, match="not finite"):
        verify(module, path)


# --- ranges in files --------------------------------------------------------------------------------------------------


def entry(path: Path, key: str, value: str | None) -> None:
    """Another entry of the metadata, or none, in a file without a certificate."""
    path.with_name(f"{path.name}.certificate.json").unlink(missing_ok=True)
    model = onnx.load(path)
    kept = [item for item in model.metadata_props if item.key != key]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    if value is not None:
        model.metadata_props.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())


def test_a_range_that_is_told_wrongly_is_found(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    export_verified(small_table(), path)
    entry(path, "archgraph.ranges", json.dumps({"ids": {"minimum": -1, "maximum": 999}}))
    with pytest.raises(VerificationError, match=r"'archgraph\.ranges' is not what the network says"):
        verify_again(path)


def test_a_file_of_before_verifies_though_it_lacks_ranges_and_the_sizes_that_follow(tmp_path: Path) -> None:
    nodes = {"places": {"op": "arange", "end": "=L"}, "t": WORDS, "y": {"op": "add", "in": ["x", "t"]}}
    path = tmp_path / "m.onnx"
    export_verified(net({"x": ["N", "L", 8]}, nodes), path)
    told = {item.key: item.value for item in onnx.load(path).metadata_props}
    assert json.loads(told["archgraph.constraints"])[0]["maximum"] == 1000
    entry(path, "archgraph.ranges", None)
    entry(path, "archgraph.constraints", "[]")
    assert verify_again(path).equal


# --- weights that are no numbers, and what torch refuses -------------------------------------------------------------


def test_weights_that_hold_no_numbers_are_named(tmp_path: Path) -> None:
    graph = net(
        {"x": ["N", 4]}, {"near": {"op": "linear", "out_features": 3}, "far": {"op": "linear", "out_features": 2}}
    )
    module = archgraph.to_torch(graph)
    with torch.no_grad():
        module.far.bias[1] = float("nan")
    warning = "warning: these weights hold nan or infinity: far.bias"
    found = export_verified(module, tmp_path / "m.onnx").certificate
    assert found is not None
    assert warning in found.text()
    assert certificate(tmp_path / "m.onnx")["weights_not_finite"] == ["far.bias"]
    assert warning in verify_again(tmp_path / "m.onnx").text()
    built = try_once(module, graph)
    assert warning in built.text()
    assert built.to_json()["weights_not_finite"] == ["far.bias"]


def test_the_certificate_says_what_it_covers(tmp_path: Path) -> None:
    export_verified(small_table(), tmp_path / "m.onnx")
    found = certificate(tmp_path / "m.onnx")
    assert found["covers"] == "finite inputs; -inf in a mask of attention"
    assert found["inputs"]["ids"].startswith("index: over its range, both ends included")


def test_what_torch_refuses_is_placed_at_its_node(tmp_path: Path) -> None:
    """A buffer that holds other numbers than it starts with leads out of the table."""
    nodes = {
        "places": {"op": "buffer", "shape": [3], "init": "arange", "dtype": "int64"},
        "table": {**WORDS, "num_embeddings": 3},
        "y": {"op": "add", "in": ["x", "table"]},
    }
    graph = net({"x": ["N", 3, 8]}, nodes)
    module = archgraph.to_torch(graph)
    archgraph.to_onnx(module, tmp_path / "m.onnx", verify=False)
    module.places[0] = 7
    with pytest.raises(VerificationError) as raised:
        export_verified(module, tmp_path / "m.onnx")
    (refusal,) = (item for item in raised.value.problems if item.message.startswith("torch does not run n at N=1"))
    assert refusal.path == "table"
    assert "index out of range" in refusal.received


def test_the_case_and_the_node_that_torch_refuses_are_named(tmp_path: Path) -> None:
    """A module that takes one row, and no three: the first case passes."""
    graph = net({"x": ["N", 4]}, {"fc": {"op": "linear", "out_features": 4}, "y": "relu"})
    module = archgraph.to_torch(graph)
    archgraph.to_onnx(module, tmp_path / "m.onnx", verify=False)

    def refuse(layer: Any, given: Any) -> None:
        if len(given[0]) > 1:
            raise IndexError("too many rows")

    module.get_submodule("fc").register_forward_pre_hook(refuse)
    with pytest.raises(VerificationError) as raised:
        verify(module, tmp_path / "m.onnx")
    refusal = raised.value.problems[1]
    assert (refusal.message, refusal.path, refusal.received) == ("torch does not run n at N=3", "fc", "too many rows")


@pytest.mark.parametrize("layer", [torch.nn.Linear(4, 5), torch.nn.Linear(4, 4, bias=False), torch.nn.Identity()])
def test_a_module_that_is_no_longer_its_graph_is_refused(layer: torch.nn.Module, tmp_path: Path) -> None:
    module = archgraph.to_torch(net({"x": ["N", 4]}, {"fc": {"op": "linear", "out_features": 4}}))
    archgraph.to_onnx(module, tmp_path / "m.onnx", verify=False)
    module.fc = layer
    with pytest.raises(WeightsError, match=r"weights? (is|are) (misshapen|missing): fc"):
        verify(module, tmp_path / "m.onnx")


def test_building_takes_numbers_that_have_a_row() -> None:
    graph = net({"ids": ids("N")}, {"far": {"op": "sub", "value": 10}, "words": WORDS})
    assert try_once(archgraph.to_torch(graph), graph).modules == 1


STEPS = {"ceil", "floor", "floor_divide", "fmod", "frac", "remainder", "to", "trunc"}
"""Operations that round: the documentation names them, and says what a proof is worth next to a step."""
BOUNDED = {"acos", "acosh", "asin", "atanh"}
"""Operations that are no number beyond a bound that the inputs here cross."""
SMOOTH = [
    pytest.param(name, example, id=f"{name}-{i}")
    for name, kind in sorted(REGISTRY.items())
    if name not in STEPS | BOUNDED
    for i, example in enumerate(kind.examples[:1])
    if any(of.dtype == "float32" for of in example.inputs.values())
]


@pytest.mark.parametrize(("name", "example"), SMOOTH)
def test_no_operation_jumps(name: str, example: Example) -> None:
    """Trials keep clear of no ties, since a small step of the inputs is a small step of every result. An operation that
    rounds, compares or picks an index fails here: `verify/trial_inputs.py` must draw its inputs with a margin."""
    module = archgraph.to_torch(single(make(REGISTRY[name], example.attributes), example.inputs), seed=1).eval()
    rng = np.random.default_rng(0)
    steps = []
    given = [
        np.round(rng.uniform(0.5, 3, of.shape))
        if of.dtype == "float32"
        else rng.integers(0, 2, of.shape).astype(of.dtype)
        for of in example.inputs.values()
    ]
    for step in (-1e-5, 1e-5):
        moved = [array + step if array.dtype.kind == "f" else array for array in given]
        with torch.no_grad():
            found = module(
                *(torch.from_numpy(array.astype(np.float32) if array.dtype.kind == "f" else array) for array in moved)
            )
        steps.append([one.numpy() for one in (found if isinstance(found, tuple) else (found,))])
    for below, above in zip(*steps, strict=True):
        np.testing.assert_allclose(below, above, atol=2e-3, rtol=1e-3)
