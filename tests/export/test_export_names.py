"""Names survive: nodes are called by their paths, weights by their keys, inputs and outputs as in the graph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from export_cases import random_inputs, random_weights, run

import archgraph
from archgraph.dims import symbol
from archgraph.errors import ExportError
from archgraph.export import ExportOptions, ExportReport, export
from archgraph.export.lowering.applications import flatten
from archgraph.graph.builder import Builder, CallSpec
from archgraph.graph.keys import weights
from archgraph.graph.types import Graph, Info, Value
from archgraph.ops import REGISTRY, Operation, make

N, H, W = symbol("N"), symbol("H"), symbol("W")


def op(kind: str, **attributes: Any) -> Operation:
    return make(REGISTRY[kind], attributes)


def unit(build: Builder, value: Value, channels: int, hidden: bool = False, name: str = "block") -> Any:
    """A call with a convolution and an activation in it."""
    inner = Builder(name, build.facts)
    x = inner.input("x", value.shape)
    conv = inner.apply("net.0", op("conv2d", out_channels=channels, kernel_size=1), x)
    body = inner.finish(inner.apply("act", op("silu"), conv.output).output)
    return build.call(name, body, [value], as_=CallSpec(kind="block", hidden=hidden))


def network() -> Graph:
    build = Builder("network")
    image = build.input("image", (N, 4, H, W))
    first = unit(build, image, 6)
    second = unit(build, first.output, 4, hidden=True, name="inner")
    return build.finish({"features": second.output, "first": first.output})


def written(graph: Graph, path: Path, state: Any = None) -> tuple[ExportReport, Any]:
    report = export(graph, random_weights(graph) if state is None else state, path)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    return report, model


def test_nodes_values_and_weights_have_the_authors_names(tmp_path: Path) -> None:
    report, model = written(network(), tmp_path / "m.onnx")
    assert [node.name for node in model.graph.node] == [
        "block.net.0",
        "block.act/Sigmoid",
        "block.act",
        "net.0",  # a hidden level is no part of a module's path, but of weightless work's
        "inner.act/Sigmoid",
        "inner.act",
    ]
    assert [item.name for item in model.graph.initializer] == [
        "block.net.0.weight",
        "block.net.0.bias",
        "net.0.weight",
        "net.0.bias",
    ]
    assert [value.name for value in model.graph.input] == ["image"]
    assert [value.name for value in model.graph.output] == ["features", "first"]
    assert report.values == {
        "block.net.0": "block.net.0",
        "block.act": "first",
        "net.0": "net.0",
        "inner.act": "features",
    }
    assert {name: item.keys for name, item in report.weight_map.items()} == {
        name: (name,) for name in ("block.net.0.weight", "block.net.0.bias", "net.0.weight", "net.0.bias")
    }


def test_sizes_keep_their_symbols(tmp_path: Path) -> None:
    build = Builder("m")
    pooled = build.apply("pool", op("avg_pool2d", kernel_size=2), build.input("x", (N, 4, H, W)))
    build.apply("up", op("interpolate", scale_factor=2), pooled.output)
    _, model = written(build.finish({"y": pooled.output}), tmp_path / "m.onnx")
    read = [
        [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    ]
    assert read == [["N", 4, "H", "W"], ["N", 4, "H // 2", "W // 2"]]


def test_versions_and_metadata_make_the_file_self_contained(tmp_path: Path) -> None:
    build = Builder("tiny")
    x = build.input("x", (N, 3), "int64")
    spec = {"archgraph": 1, "name": "tiny", "nodes": {"it": "relu"}}
    info = Info(preset="small", params={"classes": 3}, meta={"task": "none"}, spec=spec)
    node = build.apply("shift", op("add", value=2), x)
    graph = build.finish({"y": node.output}, info=info)
    report, model = written(graph, tmp_path / "m.onnx")
    assert (model.ir_version, [(item.domain, item.version) for item in model.opset_import]) == (8, [("", 18)])
    assert (report.ir, report.opset, report.nodes, report.initializers) == (8, 18, 1, 0)
    kept = {item.key: item.value for item in model.metadata_props}
    assert kept["archgraph.version"] == "1"
    assert (kept["archgraph.name"], kept["archgraph.preset"]) == ("tiny", "small")
    assert json.loads(kept["archgraph.spec"]) == spec
    assert json.loads(kept["archgraph.params"]) == {"classes": 3}
    assert json.loads(kept["archgraph.meta"]) == {"task": "none"}
    assert json.loads(kept["archgraph.inputs"]) == {"x": {"shape": ["N", 3], "dtype": "int64"}}
    assert json.loads(kept["archgraph.outputs"]) == {"y": {"shape": ["N", 3], "dtype": "int64"}}
    assert json.loads(kept["archgraph.constraints"]) == []


def test_the_same_network_gives_the_same_bytes(tmp_path: Path) -> None:
    graph = network()
    state = random_weights(graph)
    first, again = (export(built, state, tmp_path / f"{i}.onnx") for i, built in enumerate((graph, network())))
    assert (tmp_path / "0.onnx").read_bytes() == (tmp_path / "1.onnx").read_bytes()
    assert first.sha256 == again.sha256
    assert first.size == (tmp_path / "0.onnx").stat().st_size


def test_outputs_that_are_inputs_weights_or_one_value(tmp_path: Path) -> None:
    build = Builder("m")
    x = build.input("x", (N, 3))
    free = build.apply("token", op("parameter", shape=[3]), ())
    double = build.apply("double", op("mul", value=2.0), x)
    graph = build.finish({"same": x, "token": free.output, "a": double.output, "b": double.output})
    state = random_weights(graph)
    _, model = written(graph, tmp_path / "m.onnx", state)
    inputs = random_inputs(graph, {"N": 2})
    found = run(tmp_path / "m.onnx", inputs)
    for ours, expected in zip(found, [inputs["x"], state["token"], 2 * inputs["x"], 2 * inputs["x"]], strict=True):
        np.testing.assert_array_equal(ours, expected)
    assert [value.name for value in model.graph.output] == ["same", "token", "a", "b"]


def test_names_that_collide_are_told_apart(tmp_path: Path) -> None:
    """A node called like an input, and one called like an output that is another node."""
    build = Builder("m")
    x = build.input("x", (N, 3))
    one = build.apply("x", op("add", value=1.0), x)
    two = build.apply("y", op("mul", value=3.0), one.output)
    graph = build.finish({"y": one.output, "z": two.output})
    _, model = written(graph, tmp_path / "m.onnx")
    assert [node.name for node in model.graph.node] == ["x", "y"]
    inputs = random_inputs(graph, {"N": 2})
    found = run(tmp_path / "m.onnx", inputs)
    np.testing.assert_allclose(found[0], inputs["x"] + 1, rtol=1e-6)
    np.testing.assert_allclose(found[1], (inputs["x"] + 1) * 3, rtol=1e-6)


@pytest.mark.parametrize(
    ("inputs", "outputs", "names"),
    [
        (["x"], {"x": "it"}, ["x_out"]),
        (["x"], {"x": "it", "x_out": "x"}, ["x_out_2", "x_out"]),
        (["x"], {"x": "x", "y": "it"}, ["x_out", "y"]),
        (["x", "y"], {"y": "it", "x": "y"}, ["y_out", "x_out"]),
    ],
)
def test_an_output_called_like_an_input_gets_another_name(
    inputs: list[str], outputs: dict[str, str], names: list[str], tmp_path: Path
) -> None:
    """In a file all values share one space of names."""
    build = Builder("m")
    values = {name: build.input(name, (N, 3)) for name in inputs}
    values["it"] = build.apply("it", op("relu"), values["x"]).output
    graph = build.finish({name: values[source] for name, source in outputs.items()})
    _, model = written(graph, tmp_path / "m.onnx")
    assert [value.name for value in model.graph.output] == names
    given = random_inputs(graph, {"N": 2})
    expected = {**given, "it": np.maximum(given["x"], 0)}
    for found, source in zip(run(tmp_path / "m.onnx", given), outputs.values(), strict=True):
        np.testing.assert_array_equal(found, expected[source])


def test_an_output_called_like_an_input_is_verified(tmp_path: Path) -> None:
    build = Builder("m")
    fc = build.apply("fc", op("linear", out_features=8), build.input("x", (N, 8)))
    archgraph.to_onnx(archgraph.to_torch(build.finish({"x": fc.output})), tmp_path / "m.onnx")
    with archgraph.runtime.Session(tmp_path / "m.onnx") as session:
        found = session.run({"x": np.ones((2, 8), np.float32)})
    assert list(found) == ["x_out"]


def test_an_unnamed_output_beside_an_input_called_output(tmp_path: Path) -> None:
    build = Builder("m")
    graph = build.finish(build.apply("it", op("relu"), build.input("output", (N, 3))).output)
    _, model = written(graph, tmp_path / "m.onnx")
    assert [value.name for value in model.graph.output] == ["output_2"]


def test_an_unnamed_output_gets_a_name(tmp_path: Path) -> None:
    build = Builder("m")
    graph = build.finish(build.apply("it", op("relu"), build.input("x", (N, 3))).output)
    _, model = written(graph, tmp_path / "m.onnx")
    assert [value.name for value in model.graph.output] == ["output"]


def test_a_module_applied_again_is_stored_once(tmp_path: Path) -> None:
    build = Builder("m")
    x = build.input("x", (N, 3))
    first = build.apply("fc", op("linear", out_features=3), x)
    again = build.apply("again", op("linear", out_features=3), first.output, shares=first)
    graph = build.finish({"y": again.output})
    state = random_weights(graph)
    _, model = written(graph, tmp_path / "m.onnx", state)
    assert [item.name for item in model.graph.initializer] == ["fc.weight", "fc.bias"]
    inputs = random_inputs(graph, {"N": 2})
    layer = torch.nn.Linear(3, 3)
    layer.load_state_dict({key.removeprefix("fc."): torch.from_numpy(value) for key, value in state.items()})
    with torch.no_grad():
        expected = layer(layer(torch.from_numpy(inputs["x"])))
    np.testing.assert_allclose(run(tmp_path / "m.onnx", inputs)[0], expected, rtol=1e-5, atol=1e-6)


def test_a_call_applied_again_is_stored_once(tmp_path: Path) -> None:
    build = Builder("m")
    x = build.input("x", (N, 4, H, W))
    first = unit(build, x, 4)
    again = build.call("more", first.body, [first.output], as_=CallSpec(kind="block", shares=first))
    graph = build.finish({"y": again.output})
    _, model = written(graph, tmp_path / "m.onnx")
    assert [item.name for item in model.graph.initializer] == ["block.net.0.weight", "block.net.0.bias"]
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    assert len({node.name for node in convolutions}) == 2
    assert len({tuple(node.input[1:]) for node in convolutions}) == 1


def test_values_of_a_call_applied_again_have_names_of_their_own(tmp_path: Path) -> None:
    """Each application computes other values; those of the first were looked up in the second."""
    build = Builder("m")
    first = unit(build, build.input("x", (N, 4, H, W)), 4)
    again = build.call("more", first.body, [first.output], as_=CallSpec(kind="block", shares=first))
    graph = build.finish({"y": again.output})
    steps = flatten(graph).steps
    assert [step.path for step in steps if step.node.op.name == "conv2d"] == ["block.net.0", "more.net.0"]
    assert {step.keys["weight"] for step in steps if step.keys} == {"block.net.0.weight"}
    report, model = written(graph, tmp_path / "m.onnx")
    convolutions = [node.output[0] for node in model.graph.node if node.op_type == "Conv"]
    assert [report.values[path] for path in ("block.net.0", "more.net.0")] == convolutions


def tied() -> Graph:
    """A language model's ends: a table that is also the matrix of the last layer."""
    build = Builder("m")
    rows = build.apply("wte", op("embedding", num_embeddings=7, embedding_dim=4), build.input("ids", (N, 3), "int64"))
    head = build.apply("head", op("linear", out_features=7, bias=False), rows.output, ties={"weight": "wte.weight"})
    return build.finish({"logits": head.output})


def test_a_tied_weight_is_stored_once(tmp_path: Path) -> None:
    graph = tied()
    table = random_weights(graph)["wte.weight"]
    _, model = written(graph, tmp_path / "m.onnx", {"wte.weight": table})
    assert [item.name for item in model.graph.initializer if item.data_type == 1] == ["wte.weight"]
    inputs = random_inputs(graph, {"N": 2})
    np.testing.assert_allclose(
        run(tmp_path / "m.onnx", inputs)[0], table[inputs["ids"]] @ table.T, rtol=1e-4, atol=1e-5
    )


def test_a_tied_weight_may_stand_under_either_key(tmp_path: Path) -> None:
    graph = tied()
    table = random_weights(graph)["wte.weight"]
    reports = [export(graph, {key: table}, tmp_path / f"{key}.onnx") for key in ("wte.weight", "head.weight")]
    assert reports[0].sha256 == reports[1].sha256


def test_a_free_tensor_handed_in_as_a_weight_is_stored_as_it_is_needed(tmp_path: Path) -> None:
    build = Builder("m")
    x = build.input("x", (N, 5, 3))
    matrix = build.apply("in_proj_weight", op("parameter", shape=[4, 3]), ())
    layer = build.apply("in_proj", op("linear", out_features=4, bias=False), {"input": x, "weight": matrix.output})
    graph = build.finish({"y": layer.output})
    state = random_weights(graph)
    assert [item.key for item in weights(graph)] == ["in_proj_weight"]
    _, model = written(graph, tmp_path / "m.onnx", state)
    assert [node.op_type for node in model.graph.node] == ["MatMul"]
    inputs = random_inputs(graph, {"N": 2})
    expected = inputs["x"] @ state["in_proj_weight"].T
    np.testing.assert_allclose(run(tmp_path / "m.onnx", inputs)[0], expected, rtol=1e-5, atol=1e-6)


def test_weights_that_are_computed_are_read_at_run_time(tmp_path: Path) -> None:
    """A kernel that flows: a scaled parameter as the matrix of a layer, and a norm's weight."""
    build = Builder("m")
    x = build.input("x", (N, 5, 4))
    matrix = build.apply("v", op("parameter", shape=[4, 4]), ())
    scaled = build.apply("scaled", op("mul", value=0.5), matrix.output)
    layer = build.apply("fc", op("linear", out_features=4), {"input": x, "weight": scaled.output})
    graph = build.finish({"y": layer.output})
    state = random_weights(graph)
    export(graph, state, tmp_path / "m.onnx")
    inputs = random_inputs(graph, {"N": 2})
    expected = inputs["x"] @ (0.5 * state["v"]).T + state["fc.bias"]
    np.testing.assert_allclose(run(tmp_path / "m.onnx", inputs)[0], expected, rtol=1e-5, atol=1e-6)


def test_an_unknown_profile_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"there is no profile 'portible'[\s\S]*one of portable, "):
        export(network(), {}, tmp_path / "m.onnx", ExportOptions(profile="portible"))


def test_a_node_may_be_called_as_the_work_that_all_share(tmp_path: Path) -> None:
    """`ranges/L` is counted once for both nodes, and is no value of the node `ranges`."""
    build, length = Builder("m"), symbol("L")
    x = build.input("x", (N, length, 4))
    first = build.apply("ranges", op("arange", end=length), ())
    second = build.apply("more", op("arange", end=length), ())
    rows = [
        build.apply(f"e{i}", op("embedding", num_embeddings=9, embedding_dim=4), node.output)
        for i, node in enumerate((first, second))
    ]
    total = build.apply("a", op("add"), [rows[0].output, rows[1].output])
    graph = build.finish({"y": build.apply("b", op("add"), [x, total.output]).output, "places": first.output})
    state = random_weights(graph)
    report, model = written(graph, tmp_path / "m.onnx", state)
    assert [node.op_type for node in model.graph.node].count("Range") == 1
    inputs = random_inputs(graph, {"N": 2, "L": 5})
    y, places = run(tmp_path / "m.onnx", inputs)
    expected = inputs["x"] + state["e0.weight"][:5] + state["e1.weight"][:5]
    np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-6)
    assert places.tolist() == [0, 1, 2, 3, 4]
    assert report.values.keys() == {"ranges", "more", "e0", "e1", "a", "b"}
