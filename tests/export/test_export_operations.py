"""Every operation in ONNX Runtime against torch: the examples of its contract, and random applications."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import onnx
import pytest
from export_cases import load, random_inputs, random_weights, run, single, torch_results

from archgraph.dims import Facts
from archgraph.errors import ArchgraphError
from archgraph.export import PROFILES, export
from archgraph.graph.types import Graph
from archgraph.ops import REGISTRY, Example, Inputs, TensorType, make

DRAWS = 12
EXAMPLES = [
    pytest.param(name, example, id=f"{name}-{i}")
    for name, kind in sorted(REGISTRY.items())
    for i, example in enumerate(kind.examples)
]


def require_equal(graph: Graph, path: Path, optimise: bool) -> None:
    """ONNX Runtime's results are torch's, and have the shapes and types that were inferred."""
    state, inputs = random_weights(graph), random_inputs(graph)
    export(graph, state, path)
    (node,) = graph.items
    expected = torch_results(
        node.op, list(inputs.values()), {k.removeprefix("it").lstrip("."): v for k, v in state.items()}
    )
    found = run(path, inputs, optimise)
    assert len(found) == len(expected) == len(graph.outputs)
    for ours, torchs, value in zip(found, expected, graph.outputs.values(), strict=True):
        assert (ours.shape, str(ours.dtype)) == (value.shape, value.dtype)
        np.testing.assert_allclose(ours, torchs, rtol=2e-4, atol=2e-5)


def test_every_operation_has_a_rule() -> None:
    missing = {
        name: sorted(kind for kind in REGISTRY if profile.rule(kind) is None) for name, profile in PROFILES.items()
    }
    assert missing == {key: [] for key in PROFILES}


@pytest.mark.parametrize("optimise", [False, True], ids=["plain", "optimised"])
@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_examples_compute_what_torch_computes(name: str, example: Example, optimise: bool, tmp_path: Path) -> None:
    graph = single(make(REGISTRY[name], example.attributes), example.inputs)
    require_equal(graph, tmp_path / "it.onnx", optimise)


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_examples_satisfy_the_checker(name: str, example: Example, tmp_path: Path) -> None:
    """Full mode infers all shapes strictly and compares them with those in the file."""
    graph = single(make(REGISTRY[name], example.attributes), example.inputs)
    export(graph, random_weights(graph), tmp_path / "it.onnx")
    onnx.checker.check_model(onnx.load(tmp_path / "it.onnx"), full_check=True)


DRAWERS = load("conftest").DRAWERS


@pytest.mark.parametrize("name", sorted(DRAWERS))
def test_random_applications_compute_what_torch_computes(name: str, tmp_path: Path) -> None:
    tried = 0
    for seed in range(10 * DRAWS):
        graph = drawn(name, DRAWERS[name], seed)
        if graph is None:
            continue
        try:
            require_equal(graph, tmp_path / "it.onnx", optimise=bool(seed % 2))
        except AssertionError as error:
            raise AssertionError(f"{graph.items[0].op!r} of {[str(v.type) for v in graph.inputs]}") from error
        tried += 1
        if tried == DRAWS:
            return
    pytest.fail("too few good draws")


def drawn(name: str, drawer: Callable[[Random], Any], seed: int) -> Graph | None:
    """A random application, or None where the contract refuses it."""
    attributes, shapes = drawer(Random(f"onnx {name}{seed}"))
    types = {port: TensorType(shape) for port, shape in shapes.items()}
    try:
        op = make(REGISTRY[name], attributes)
        op.weights(Inputs(types))
        op.infer(Inputs(types), Facts())
        return single(op, types)
    except ArchgraphError:
        return None
