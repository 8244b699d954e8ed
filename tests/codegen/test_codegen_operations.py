"""Every operation, as a function in a forward and as a module in a Sequential, against torch called directly."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
import torch
from codegen_cases import inputs_for, op, outputs, shaken
from operation_tests import operation_tests, single
from torch import nn
from torch_functions import FUNCTIONS
from torch_modules import MODULES, parametrized

from archgraph.codegen import to_torch
from archgraph.errors import ArchgraphError
from archgraph.ops import REGISTRY, Inputs, Operation, TensorType

DRAWERS = operation_tests("conftest").DRAWERS
RANDOM = ("stochastic_depth", "dropout")
DRAWS = 5


def expected(operation: Operation, given: list[torch.Tensor], net: nn.Module, prefix: str) -> list[torch.Tensor]:
    """What torch gives, with the weights of the generated module."""
    if operation.family == "regularization":  # what acts in training only
        return given[:1]
    if operation.name in FUNCTIONS:
        found = FUNCTIONS[operation.name](operation, *given)
        return list(found) if isinstance(found, tuple) else [found]
    made = MODULES[operation.name](operation, *(tensor.shape for tensor in given))
    layer = parametrized(operation, made).eval()
    if operation.name in ("parameter", "buffer"):
        layer.load_state_dict({"tensor": net.state_dict()[prefix]})
    else:
        layer.load_state_dict({key.removeprefix(f"{prefix}."): value for key, value in net.state_dict().items()})
    with torch.no_grad():
        found = layer(*given)
    return list(found) if isinstance(found, tuple) else [found]


def check(operation: Operation, types: dict[str, TensorType], name: str) -> None:
    graph = single(operation, types, name)
    net = shaken(to_torch(graph)).eval()
    given = inputs_for(graph, {})
    found = outputs(net, *given)
    wanted = expected(operation, given, net, name)
    assert [list(tensor.shape) for tensor in found] == [list(value.shape) for value in graph.outputs.values()]
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_examples_in_a_forward_and_in_a_chain(name: str) -> None:
    """Only what maps one value to one stands in a chain."""
    for example in REGISTRY[name].examples:
        operation, types = op(name, **example.attributes), dict(example.inputs)
        check(operation, types, "it")
        graph = single(operation, types, "0")
        if len(types) == len(graph.outputs) == 1:
            assert isinstance(to_torch(graph), nn.Sequential)
            check(operation, types, "0")


@pytest.mark.parametrize("name", sorted(DRAWERS))
def test_random_attributes(name: str) -> None:
    draw: Callable[[Random], Any] = DRAWERS[name]
    rng = Random(name)
    checked = 0
    for _ in range(20 * DRAWS):
        attributes, shapes = draw(rng)
        types = {port: TensorType(tuple(shape)) for port, shape in shapes.items()}
        try:
            operation = op(name, **attributes)
            single(operation, types)
            operation.weights(Inputs(types))
        except ArchgraphError:
            continue
        check(operation, types, "it")
        checked += 1
        if checked == DRAWS:
            break
    assert checked == DRAWS


@pytest.mark.parametrize("name", RANDOM)
def test_what_acts_in_training_only(name: str) -> None:
    types = {"input": TensorType((512, 8))}
    for place in ("it", "0"):
        net = to_torch(single(op(name, p=0.25), types, place)).train()
        x = torch.ones(512, 8)
        torch.manual_seed(0)
        y = net(x)
        assert set(y.unique().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
        assert abs((y == 0).float().mean().item() - 0.25) < 0.06
        rows = (y == 0).float().mean(1)
        assert (set(rows.tolist()) == {0.0, 1.0}) == (name == "stochastic_depth")
        assert net.eval()(x).equal(x)
