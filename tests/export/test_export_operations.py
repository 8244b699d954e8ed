"""Every operation in ONNX Runtime and in onnx's reference evaluator against torch: the examples of its contract, and
random applications."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import onnx
import pytest
from export_cases import random_inputs, random_weights, run, torch_results
from onnx.reference import ReferenceEvaluator
from operation_tests import examples, operation_tests, single

from archgraph.dims import Facts
from archgraph.errors import ArchgraphError
from archgraph.export import export
from archgraph.graph.types import Graph
from archgraph.ops import REGISTRY, Example, Inputs, TensorType, make

DRAWS = 6
EXAMPLES = list(examples())


Run = Callable[[Path, Mapping[str, Any]], list[Any]]
"""Runs a file."""


def exported(graph: Graph, path: Path) -> tuple[dict[str, Any], list[Any]]:
    """Writes the file of one application. Returns inputs, and what torch makes of them."""
    state, inputs = random_weights(graph), random_inputs(graph)
    export(graph, state, path)
    (node,) = graph.items
    expected = torch_results(
        node.op, list(inputs.values()), {k.removeprefix("it").lstrip("."): v for k, v in state.items()}
    )
    return inputs, expected


def require_equal(graph: Graph, path: Path, inputs: Mapping[str, Any], expected: Sequence[Any], run: Run) -> None:
    """The results of running the file are torch's, and have the shapes and types that were inferred."""
    found = run(path, inputs)
    assert len(found) == len(expected) == len(graph.outputs)
    for ours, torchs, value in zip(found, expected, graph.outputs.values(), strict=True):
        assert (ours.shape, str(ours.dtype)) == (value.shape, value.dtype)
        np.testing.assert_allclose(ours, torchs, rtol=2e-4, atol=2e-5)


EVALUATOR_GAPS = {
    **dict.fromkeys(
        ("grid_sample-0", "grid_sample-1", "grid_sample-3"), "it knows bilinear under its name of opset 20 alone"
    ),
    "gather-1": "it takes an index with the sizes of the values only; the standard, a smaller one too",
    "lstm-4": "it runs a Scan forwards alone; the standard, from the end too",
    "rnn-1": "it knows tanh alone; the standard names relu among the activations",
    "conv_transpose2d-1": "it cuts the kernel of grouped transposed convolutions by outputs; the standard, by inputs",
}
"""Examples that the reference evaluator of onnx 1.23 itself gets wrong."""


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_examples_compute_what_torch_computes(
    name: str, example: Example, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """In ONNX Runtime, with its optimisations and without, and in the reference evaluator, which is the standard."""
    graph, path = single(make(REGISTRY[name], example.attributes), example.inputs), tmp_path / "it.onnx"
    inputs, expected = exported(graph, path)
    for optimise in (False, True):
        require_equal(graph, path, inputs, expected, partial(run, optimise=optimise))
    require_standard(path)
    if request.node.callspec.id in EVALUATOR_GAPS:
        with pytest.raises((AssertionError, ValueError, TypeError, RuntimeError)):
            require_equal(graph, path, inputs, expected, evaluated)
    else:
        require_equal(graph, path, inputs, expected, evaluated)


def require_standard(path: Path) -> None:
    """The checker's full mode infers all shapes strictly and compares them with those in the file."""
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert (model.ir_version, [(item.domain, item.version) for item in model.opset_import]) == (8, [("", 18)])
    assert {node.domain for node in model.graph.node} <= {""}


def evaluated(path: Path, inputs: Mapping[str, Any]) -> list[Any]:
    """The outputs of a file by onnx's reference evaluator. A row that a mask leaves nothing of is NaN on the way."""
    with np.errstate(invalid="ignore"):
        found: list[Any] = ReferenceEvaluator(str(path)).run(None, dict(inputs))
    return found


DRAWERS = operation_tests("conftest").DRAWERS


@pytest.mark.parametrize("name", sorted(DRAWERS))
def test_random_applications_compute_what_torch_computes(name: str, tmp_path: Path) -> None:
    tried = 0
    for seed in range(10 * DRAWS):
        graph = drawn(name, DRAWERS[name], seed)
        if graph is None:
            continue
        try:
            path = tmp_path / "it.onnx"
            require_equal(graph, path, *exported(graph, path), partial(run, optimise=bool(seed % 2)))
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
