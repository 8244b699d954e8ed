"""What is said to keep the places of a batch apart does so, in torch: operations, whole networks, and what may not."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any, ClassVar

import pytest
import torch
from codegen_cases import inputs_for, op, outputs, shaken
from operation_tests import operation_tests, single
from shallow_networks import cases, network
from torch import nn

import archgraph as ag
from archgraph.codegen import to_torch
from archgraph.dims import Facts, Size, symbol
from archgraph.errors import ArchgraphError
from archgraph.graph.batch_independence import batch_symbol
from archgraph.graph.types import Graph
from archgraph.ops import REGISTRY, Inputs, Operation, TensorType

DRAWERS = operation_tests("conftest").DRAWERS
N, BATCH, DRAWS = symbol("N"), 3, 4
NO_BATCH = {
    *("arange", "buffer", "constant", "parameter", "zeros", "ones", "full", "linspace", "eye"),
    *("lstm", "gru", "rnn", "register_buffer", "affine_grid"),
}
"""Operations that read nothing, those whose states have the batch in dimension 1, and those that hold sizes of it."""
WITHOUT_DIMENSIONS = {"dot"}
"""Operations that give a single number."""
OWN_SIZES = ("shape", "size")


def applications(name: str) -> Iterator[tuple[dict[str, Any], dict[str, TensorType]]]:
    """The examples of an operation, and random ones."""
    for example in REGISTRY[name].examples:
        yield dict(example.attributes), dict(example.inputs)
    if name in DRAWERS:
        rng = Random(name)
        for _ in range(DRAWS):
            attributes, shapes = DRAWERS[name](rng)
            yield attributes, {port: TensorType(tuple(shape)) for port, shape in shapes.items()}


def batched(name: str) -> Iterator[Graph]:
    """Applications with a batch of any size in dimension 0, wherever it stands: of all inputs, and of the first."""
    for attributes, types in applications(name):
        first = next(iter(types.values()))
        size = first.shape[0] if first.shape else 1
        for ports in dict.fromkeys((tuple(types), tuple(types)[:1])):
            lifted = {
                port: TensorType((N, *kind.shape[1:]), kind.dtype)
                if port in ports and kind.shape and kind.shape[0] == size
                else kind
                for port, kind in types.items()
            }
            told = {key: [N, *value[1:]] if key == "shape" and value else value for key, value in attributes.items()}
            for given in (attributes, *([told] if "shape" in told else [])):
                try:
                    yield single(op(name, **given), lifted)
                except ArchgraphError:
                    continue


def assert_apart(graph: Graph, net: nn.Module) -> None:
    """Two places of a batch by themselves give what the whole batch gives there. (A norm may refuse a single one.)"""
    given = inputs_for(graph, {"N": BATCH})
    whole = outputs(net, *given)
    knows = [bool(value.shape) and value.shape[0] == N for value in graph.inputs]
    for place in range(BATCH):
        two = [place, (place + 1) % BATCH]
        part = [tensor[two] if own else tensor for tensor, own in zip(given, knows, strict=True)]
        for all_of_it, some in zip(whole, outputs(net, *part), strict=True):
            torch.testing.assert_close(all_of_it[two], some, rtol=1e-4, atol=1e-5, equal_nan=True)


@pytest.mark.parametrize("name", sorted(set(REGISTRY) - NO_BATCH - WITHOUT_DIMENSIONS))
def test_an_operation_that_keeps_places_apart_does(name: str) -> None:
    shown = 0
    for graph in batched(name):
        if batch_symbol(graph) == "N":
            assert_apart(graph, shaken(to_torch(graph)).eval())
            shown += 1
    assert shown, f"no application of {name} keeps the places of a batch apart"


MIXING = {
    "softmax over the batch": {"y": {"op": "softmax", "dim": 0}},
    "statistics of the batch": {"y": {"op": "batch_norm2d", "track_running_stats": False}},
    "a mean of the batch": {"m": {"op": "mean", "dim": 0, "keepdim": True}, "y": {"op": "sub", "in": ["x", "m"]}},
    "the largest of all": {"m": {"op": "amax"}, "y": {"op": "mul", "in": ["x", "m"]}},
    "neighbours": {"y": {"op": "roll", "shifts": 1, "dims": 0}},
    "the place itself": {
        "places": {"op": "arange", "end": "=N"},
        "e": {"op": "embedding", "num_embeddings": 9, "embedding_dim": 4},
        "r": {"op": "reshape", "shape": ["=N", 4, 1, 1]},
        "y": {"op": "mul", "in": ["x", "r"]},
    },
    "another order of dimensions": {
        "p": {"op": "transpose", "dim0": 0, "dim1": 1},
        "s": {"op": "softmax", "dim": 1},
        "y": {"op": "transpose", "dim0": 0, "dim1": 1},
    },
    "shapes that read across places": {
        "a": {"op": "permute", "dims": [1, 0, 2, 3]},
        "y": {"op": "reshape", "shape": ["=N", 4, "=H", "=W"]},
    },
    "halves beside each other": {
        "twice": {"op": "concat", "dim": 0, "in": ["x", "x"]},
        "y": {"op": "avg_pool2d", "kernel_size": 1},
        "z": {"op": "chunk", "chunks": 2, "dim": 0, "in": "y"},
    },
    "a shifted part": {
        "one": {"op": "slice", "dim": 0, "start": 0, "end": 1},
        "y": {"op": "add", "in": ["x", "one"]},
    },
}
"""Networks of x [N, 4, H, W] in which a place knows of others."""


@pytest.mark.parametrize("nodes", MIXING.values(), ids=list(MIXING))
def test_networks_that_mix_are_not_said_to_keep_apart(nodes: dict[str, Any]) -> None:
    last = list(nodes)[-1]
    result = f"{last}.0" if nodes[last]["op"] == "chunk" else last
    spec = {
        "archgraph": 1,
        "name": "net",
        "inputs": {"x": ["N", 4, "H", "W"]},
        "nodes": nodes,
        "outputs": {"y": result},
    }
    assert batch_symbol(ag.load(spec)) is None


def test_only_outputs_with_a_batch_of_any_size() -> None:
    """A batch that must be even, and an output without one, are none; an input that all places share may be."""

    def of(inputs: dict[str, Any], nodes: dict[str, Any], outputs: dict[str, str]) -> str | None:
        spec = {"archgraph": 1, "name": "net", "inputs": inputs, "nodes": nodes, "outputs": outputs}
        return batch_symbol(ag.load(spec))

    scaled = {"y": {"op": "mul", "in": ["x", "scale"]}}
    assert of({"x": ["B", 3], "scale": [3]}, scaled, {"y": "y"}) == "B"
    assert of({"x": [2, 3], "scale": [3]}, scaled, {"y": "y"}) is None
    assert (
        of({"x": ["B", 3], "scale": [3]}, {**scaled, "s": {"op": "exp", "in": "scale"}}, {"y": "y", "s": "s"}) is None
    )
    halves = {"h": {"op": "chunk", "chunks": 2, "dim": 0}, "y": {"op": "add", "in": ["h.0", "h.1"]}}
    assert of({"x": ["B", 3]}, halves, {"y": "y"}) is None


class Fraction(Operation):
    """x / parts."""

    name: ClassVar[str] = "fraction"
    parts: int | Size

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        return (inputs["input"],)


def test_an_attribute_may_not_know_of_the_batch() -> None:
    image = {"input": TensorType((N, 4))}
    assert batch_symbol(single(Fraction(parts=2), image)) == "N"
    assert batch_symbol(single(Fraction(parts=N), image)) is None


def test_rows_of_a_table_are_read_by_each_place_for_itself() -> None:
    """Unless the table has the batch: then each place may read those of the others."""
    index = TensorType((N, 3), "int64")
    for rows, expected in ((7, "N"), (symbol("L"), "N"), (N, None), (2 * N, None)):
        assert batch_symbol(single(op("index"), {"input": TensorType((rows, 4)), "index": index})) == expected


@pytest.mark.parametrize("case", cases())
def test_shipped_networks_keep_the_places_apart(case: str) -> None:
    assert batch_symbol(network(case)) == "N"
