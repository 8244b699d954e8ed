"""Which networks treat each element of a batch by itself: held against torch on the whole batch and on its parts."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import archgraph
from archgraph.graph.batch_independence import batch_symbol
from archgraph.graph.types import Graph

X = {"x": ["N", 4]}
LINEAR = {"op": "linear", "out_features": 4}
GROUP = {"g": {"nodes": {"a": LINEAR, "b": "relu"}}, "c": LINEAR}
REFOLDED = {
    "flat": {"op": "reshape", "shape": ["=N * L", 4]},
    "a": LINEAR,
    "back": {"op": "reshape", "shape": ["=N", "=L", 4]},
}
STRETCHED = {
    "p": {"op": "parameter", "shape": [1, 4], "init": "normal"},
    "wide": {"op": "expand", "shape": ["=N", 4]},
    "y": {"op": "add", "in": ["x", "wide"]},
}
SUMMED = {"s": {"op": "sum", "dim": 0, "keepdim": True}, "y": {"op": "add", "in": ["x", "s"]}}
HEADS = {"op": "unflatten", "dim": 2, "sizes": [3, 2, 2]}
AWAY = {"op": "transpose", "dim0": 0, "dim1": 1}
TAKEN_APART = {
    "h": {"op": "linear", "out_features": 12},
    "split": HEADS,
    "order": {"op": "permute", "dims": [2, 0, 3, 1, 4]},
    "qkv": {"op": "unbind", "dim": 0},
    "y": {"op": "scaled_dot_product_attention", "in": ["qkv.0", "qkv.1", "qkv.2"]},
}
"""Attention as timm writes it: the batch stands in dimension 1 for a while."""
MOVED_ABOUT = {
    "away": {"op": "transpose", "dim0": 0, "dim1": 1},
    "more": {"op": "unsqueeze", "dim": [0, -1]},
    "scale": {"op": "parameter", "shape": [4, 1], "init": "normal"},
    "m": {"op": "mul", "in": ["more", "scale"]},
    "r": {"op": "relu", "in": "m"},
    "both": {"op": "stack", "in": ["r", "m"], "dim": 1},
    "one": {"op": "select", "dim": 1, "index": 1},
    "two": {"op": "concat", "in": ["one", "m"], "dim": 1},
    "part": {"op": "slice", "dim": 1, "start": 1, "end": 4},
    "turned": {"op": "flip", "dims": [1, 3]},
    "less": {"op": "squeeze", "dim": 0},
    "back": {"op": "permute", "dims": [1, 0, 2, 3]},
}
PASSED = {"a": LINEAR, "y": {"op": "add", "in": ["a", "z"]}}


def net(inputs: dict[str, Any], nodes: dict[str, Any], **more: Any) -> Graph:
    return archgraph.load({"archgraph": 1, "name": "n", "inputs": inputs, "nodes": nodes, **more})


@pytest.mark.parametrize(
    ("inputs", "nodes", "more"),
    [
        (X, {"a": LINEAR}, {}),
        (X, GROUP, {}),
        ({"x": ["N", "L", 4]}, REFOLDED, {}),
        (X, STRETCHED, {}),
        ({"x": ["N", 4], "z": [4]}, PASSED, {}),
        (X, {"a": LINEAR, "s": {"op": "softmax", "dim": 1}}, {}),
        (X, {"a": LINEAR, "b": "relu"}, {"outputs": {"y": "a", "z": "b"}}),
        ({"x": ["N", "L", 4]}, TAKEN_APART, {}),
        ({"x": ["N", "L", 4]}, {"g": {"nodes": TAKEN_APART}, "c": "relu"}, {}),
        ({"x": ["N", 5, 4]}, MOVED_ABOUT, {}),
    ],
    ids=[
        *("linear", "group", "refolded", "stretched", "an input for all", "softmax", "two outputs", "taken apart"),
        *("taken apart in a group", "moved about"),
    ],
)
def test_what_is_independent_gives_the_same_in_parts(
    inputs: dict[str, Any], nodes: dict[str, Any], more: dict[str, Any]
) -> None:
    graph = net(inputs, nodes, **more)
    assert batch_symbol(graph) == "N"
    module = archgraph.to_torch(graph, seed=0).eval()
    given = [torch.randn([{"N": 3, "L": 5}.get(str(size), size) for size in value.shape]) for value in graph.inputs]
    batched = [value.shape[0] != 4 for value in graph.inputs]

    def answers(start: int, end: int) -> list[torch.Tensor]:
        found = module(*(x[start:end] if cut else x for x, cut in zip(given, batched, strict=True)))
        return list(found) if isinstance(found, tuple) else [found]

    for whole, first, rest in zip(answers(0, 3), answers(0, 1), answers(1, 3), strict=True):
        torch.testing.assert_close(whole, torch.cat([first, rest]))


@pytest.mark.parametrize(
    ("inputs", "nodes", "more"),
    [
        (X, SUMMED, {}),
        (X, {"a": LINEAR, "s": {"op": "softmax", "dim": 0}}, {}),
        (X, {"g": {"nodes": {"a": LINEAR, "s": {"op": "softmax", "dim": 0}}}, "c": "relu"}, {}),
        (X, {"a": {"op": "transpose", "dim0": 0, "dim1": 1}}, {}),
        (X, {"a": LINEAR, "b": {"op": "mean", "dim": 0}}, {"outputs": {"y": "a", "z": "b"}}),
        (
            X,
            {"a": LINEAR, "r": {"op": "roll", "shifts": 1, "dims": 0}},
            {},
        ),
        (
            {"x": ["N", 3, 4]},
            {"a": AWAY, "b": {"op": "softmax", "dim": 1}, "c": AWAY},
            {},
        ),
        ({"x": ["N", 3, 4]}, {"a": AWAY, "b": {"op": "flip", "dims": 1}, "c": AWAY}, {}),
        ({"x": ["N", 3, 4]}, {"a": AWAY, "b": {"op": "cumsum", "dim": 1}, "c": AWAY}, {}),
        (
            {"x": ["N", 3, 4]},
            {"a": AWAY, "b": {"op": "reshape", "shape": ["=N", 3, 4]}, "c": LINEAR},
            {},
        ),
        ({"x": ["N", 3, 4]}, {"a": AWAY, "b": {"op": "concat", "in": ["a", "a"], "dim": 1}, "c": AWAY}, {}),
        ({"x": ["N", 3, 4]}, {"a": AWAY, "b": {"op": "unsqueeze", "dim": 0}, "c": AWAY}, {}),
        ({"x": ["N", 4], "z": ["N", "N"]}, {"a": LINEAR, "b": {"op": "matmul", "in": ["z", "a"]}}, {}),
        ({"x": [2, 4]}, {"a": LINEAR}, {}),
        ({"x": ["N", 4]}, {"a": {"op": "reshape", "shape": ["=N // 2", 8]}, "b": LINEAR}, {}),
        ({"x": ["N", 4], "z": ["M", 4]}, {"a": LINEAR, "b": {**LINEAR, "in": "z"}}, {"outputs": {"y": "a", "z": "b"}}),
        ({"x": []}, {"a": {"op": "mul", "value": 2.0}}, {}),
    ],
    ids=[
        *("sum", "softmax", "softmax in a group", "transposed", "an output without", "rolled"),
        *("softmax elsewhere", "flipped elsewhere", "summed elsewhere", "read across", "joined", "and back, wrongly"),
        *("two of it", "fixed", "halved", "two batches", "scalar"),
    ],
)
def test_what_is_not_is_not_split(inputs: dict[str, Any], nodes: dict[str, Any], more: dict[str, Any]) -> None:
    assert batch_symbol(net(inputs, nodes, **more)) is None
