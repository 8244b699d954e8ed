"""The node that departs is named whatever nodes, values and weights there are; where it cannot be, that is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
from tiny_network import altered

import archgraph
from archgraph.errors import VerificationError
from archgraph.export import ExportOptions, export
from archgraph.graph.types import Graph
from archgraph.verify import node_comparison, verify
from archgraph.verify.examination import Examination

HEAD = {"archgraph": 1, "name": "net"}
TIMES = {"t": {"shape": ["N"], "dtype": "int64"}}
LAST = {"op": "tanh"}

PARAMETER = {
    "p": {"op": "parameter", "shape": [8], "init": "normal"},
    "e": {"op": "sinusoidal_embedding", "in": "t", "dim": 8},
    "m": {"op": "mul", "in": ["e", "p"]},
    "bad": LAST,
}
TABLE = {
    "ids": {"op": "arange", "end": "=L"},
    "rows": {"op": "embedding", "num_embeddings": 40, "embedding_dim": 4},
    "sum": {"op": "add", "in": ["x", "rows"]},
    "bad": LAST,
}
MASK = {"mixed": {"op": "scaled_dot_product_attention", "in": ["x", "x", "x", "keep"]}, "bad": LAST}
PARTS = {
    "halves": {"op": "chunk", "chunks": 2, "dim": -1},
    "swapped": {"op": "concat", "in": ["halves.1", "halves.0"], "dim": -1},
    "bad": LAST,
}
COPIES = {"many": {"repeat": 2, "nodes": {"fc": {"op": "linear", "out_features": 4}}}, "bad": LAST}
TWO = {
    "nodes": {
        "fc": {"op": "linear", "out_features": 4},
        "one": {"op": "relu", "in": "fc"},
        "bad": {"op": "tanh", "in": "fc"},
    }
}
STORED = {
    "numbers": {"op": "arange", "end": 4},
    "fractions": {"op": "to", "dtype": "float32"},
    "table": {"op": "register_buffer", "in": "fractions"},
    "sum": {"op": "add", "in": ["x", "table"]},
    "bad": LAST,
}
KEEP = {"shape": ["L", "L"], "dtype": "bool"}


@pytest.mark.parametrize(
    "spec",
    [
        {"inputs": TIMES, "nodes": PARAMETER},
        {"inputs": TIMES, "nodes": PARAMETER, "outputs": {"weight": "p", "y": "bad"}},
        {"inputs": TIMES, "nodes": PARAMETER, "outputs": {"time": "t", "y": "bad"}},
        {"inputs": {"x": ["N", "L", 4]}, "nodes": TABLE, "outputs": {"places": "ids", "y": "bad"}},
        {"inputs": {"x": ["N", "L", 4], "keep": KEEP}, "nodes": MASK},
        {"inputs": {"x": ["N", 4]}, "nodes": PARTS},
        {"inputs": {"x": ["N", 4]}, "nodes": STORED},
        {"inputs": {"x": ["N", 4]}, "nodes": STORED, "outputs": {"stored": "table", "y": "bad"}},
        {"inputs": {"x": ["N", 4]}, "nodes": COPIES},
        {"inputs": {"x": ["N", 4]}, **TWO, "outputs": {"a": "one", "b": "bad"}},
        {"inputs": {"x": []}, "nodes": {"twice": {"op": "mul", "value": 2.0}, "bad": LAST}},
    ],
    ids=[
        "parameter",
        "parameter out",
        "input out",
        "table",
        "mask",
        "parts",
        "stored",
        "stored, an output",
        "copies",
        "two outputs",
        "scalar",
    ],
)
def test_the_node_is_named(spec: dict[str, Any], tmp_path: Path) -> None:
    graph = archgraph.load({**HEAD, **spec})
    module = archgraph.to_torch(graph, seed=0)
    export(graph, module, tmp_path / "m.onnx")
    assert verify(module, tmp_path / "m.onnx").equal

    def change(graph: Any, nodes: dict[str, Any]) -> None:
        nodes["bad"].op_type = "Sin"

    altered(tmp_path / "m.onnx", change)
    with pytest.raises(VerificationError, match="tanh is the first node whose result in the file is wrong"):
        verify(module, tmp_path / "m.onnx")


def test_that_nodes_cannot_be_compared_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = archgraph.load({**HEAD, "inputs": {"x": ["N", 4]}, "nodes": {"bad": LAST}})
    module = archgraph.to_torch(graph)
    export(graph, module, tmp_path / "m.onnx")
    altered(tmp_path / "m.onnx", lambda graph, nodes: setattr(nodes["bad"], "op_type", "Sin"))

    def fail(*given: Any) -> None:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(node_comparison, "repeated", fail)
    with pytest.raises(VerificationError, match=r"departs(.|\n)*cannot be compared one by one") as raised:
        verify(module, tmp_path / "m.onnx")
    assert raised.value.problems[-1].received == "RuntimeError: no such thing"


CHAIN = {
    "before": {"op": "linear", "out_features": 4},
    "bad": LAST,
    "then": {"op": "linear", "out_features": 4},
    "end": "silu",
}


def negated(graph: Any, nodes: dict[str, Any]) -> None:
    """The result of `bad` changes its sign."""
    place = list(graph.node).index(nodes["bad"])
    made = nodes["bad"].output[0]
    nodes["bad"].output[0] = f"{made}_before"
    graph.node.insert(place + 1, onnx.helper.make_node("Neg", [f"{made}_before"], [made], name="sign"))


def replaced(graph: Any, nodes: dict[str, Any]) -> None:
    nodes["bad"].op_type = "Sin"


@pytest.mark.parametrize("change", [negated, replaced])
def test_what_follows_a_fault_is_not_blamed(change: Any, tmp_path: Path) -> None:
    """Later nodes are given what the file computed, so that each is judged by its own work; a sign is a fault, too."""
    graph = archgraph.load({**HEAD, "inputs": {"x": ["N", 4]}, "nodes": CHAIN})
    module = archgraph.to_torch(graph, seed=0)
    export(graph, module, tmp_path / "m.onnx")
    altered(tmp_path / "m.onnx", change)
    with pytest.raises(VerificationError, match="tanh is the first node whose result in the file is wrong") as raised:
        verify(module, tmp_path / "m.onnx")
    (problem,) = [each for each in raised.value.problems if "is the first node" in each.message]
    assert problem.path == "bad"
    if change is negated:
        assert problem.received == "values that differ by 2.0e+00 of the largest"


def test_an_error_travels_through_what_the_file_does_not_show(tmp_path: Path) -> None:
    """The scale of attention is folded into its product: the first node that is wrong is the one after the fault."""
    nodes = {
        "keys": {"op": "linear", "out_features": 4},
        "bad": {"op": "scaled_dot_product_attention", "in": ["x", "keys", "x"]},
        "end": "relu",
    }
    graph = archgraph.load({**HEAD, "inputs": {"x": ["N", "L", 4]}, "nodes": nodes})
    module = archgraph.to_torch(graph, seed=0)
    export(graph, module, tmp_path / "m.onnx")

    def change(graph: Any, nodes: dict[str, Any]) -> None:
        (softmax,) = [node for node in graph.node if node.op_type == "Softmax"]
        softmax.op_type = "LogSoftmax"

    altered(tmp_path / "m.onnx", change)
    with pytest.raises(VerificationError, match="scaled_dot_product_attention is the first node whose result"):
        verify(module, tmp_path / "m.onnx")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_what_reads_numbers_of_another_type_is_not_blamed(dtype: str, tmp_path: Path) -> None:
    """An input and a value that is kept in float32 are rounded where a node of a low type reads them: `moved` and
    `wider` are rounded numbers at other places."""
    nodes = {
        "moved": {"op": "interpolate", "scale_factor": 1.3},
        "kept": {"op": "softplus", "in": "x"},
        "wider": {"op": "interpolate", "scale_factor": 1.3},
        "bad": {"op": "tanh", "in": "wider"},
    }
    outputs = {"a": "moved", "b": "wider", "c": "bad"}
    graph = archgraph.load({**HEAD, "inputs": {"x": ["N", 4, 6]}, "nodes": nodes, "outputs": outputs})
    module = archgraph.to_torch(graph, seed=0)
    export(graph, module, tmp_path / "m.onnx", ExportOptions(dtype=dtype, keep=("kept",)))
    assert _departing(graph, module, tmp_path / "m.onnx") == ""
    altered(tmp_path / "m.onnx", replaced)
    assert _departing(graph, module, tmp_path / "m.onnx") == "bad"


def _departing(graph: Graph, module: Any, path: Path) -> str:
    """The first node that departs in a file, in its own type."""
    seen = Examination(graph, module, path)
    trial = seen.cases[-1], seen.inputs[-1]
    found = node_comparison.first_departure(graph, path, seen.program.results, seen.state, trial, seen.dtype)
    return "" if found is None else found.step.path
