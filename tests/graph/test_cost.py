"""Costs against numbers worked out by hand, and against fvcore's and torch's own counters."""

from __future__ import annotations

import pytest
import torch
from graph_samples import BatchNorm, FreeTensor, conv, image_builder, op, residual, tower
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from archgraph.codegen import to_torch
from archgraph.dims import Constraint, evaluate
from archgraph.errors import ShapeError, UnknownNameError
from archgraph.graph import Builder, CallSpec, Graph, Info, account, concrete_sizes
from archgraph.graph.cost import cost


def test_a_convolution_by_hand() -> None:
    builder, image = image_builder()
    graph = builder.finish(builder.apply("conv", conv(8, 5, stride=2), image).output)
    found = cost(graph, {"N": 2, "H": 9, "W": 10})
    places = 2 * 5 * 5
    assert found.parameters == 8 * 3 * 25 + 8
    assert found.macs == places * 8 * 3 * 25
    assert found.activations == places * 8 * 4


def test_symbolic_costs_have_the_values_of_numeric_ones() -> None:
    sizes = {"N": 3, "H": 37, "W": 22}
    symbolic, numeric = cost(tower()), cost(tower(), sizes)
    assert evaluate(symbolic.macs, sizes) == numeric.macs
    assert evaluate(symbolic.activations, sizes) == numeric.activations


def test_some_sizes_may_stay_symbols() -> None:
    found = cost(tower(), {"H": 8, "W": 8})
    assert evaluate(found.macs, {"N": 5}) == cost(tower(), {"N": 5, "H": 8, "W": 8}).macs


def test_multiply_accumulates_are_those_torch_counts() -> None:
    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 8, 3, 2, 1)
            self.convs = nn.ModuleList(nn.Conv2d(8, 8, 3, 1, 1) for _ in range(4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.stem(x)
            for layer in self.convs:
                x = layer(x)
            return x

    with FlopCounterMode(display=False) as counter:
        Network()(torch.zeros(2, 3, 17, 20))
    assert cost(tower(), {"N": 2, "H": 17, "W": 20}).macs * 2 == counter.get_total_flops()


def test_activations_are_the_bytes_of_what_operations_write() -> None:
    found = cost(tower(copies=1), {"N": 1, "H": 8, "W": 8})
    assert found.activations == (1 + 4) * 8 * 4 * 4 * 4  # the stem and four operations write [1, 8, 4, 4] each


def test_buffers_and_free_tensors() -> None:
    builder, image = image_builder(channels=8)
    norm = builder.apply("norm", BatchNorm(), image)
    builder.apply("scale", FreeTensor(size=7))
    builder.apply("grid", FreeTensor(size=5, trainable=False))
    found = cost(builder.finish(norm.output), {"N": 1, "H": 2, "W": 2})
    assert (found.parameters, found.buffers) == (16 + 7, 17 + 5)
    assert found.activations == 8 * 2 * 2 * 4  # a weight is no activation


def test_a_module_applied_again_costs_work_but_no_weights() -> None:
    builder, image = image_builder(channels=8)
    first = builder.call("first", residual(builder, image), [image])
    again = builder.call("again", residual(builder, image), [first.output], as_=CallSpec(shares=first))
    once, twice = account(builder.finish(again.output), {"N": 1, "H": 4, "W": 4}).items
    assert (twice.cost.parameters, twice.cost.macs) == (0, once.cost.macs)
    assert once.cost.parameters == 2 * (8 * 8 * 9 + 8)


def test_what_lies_within_a_shared_call_costs_no_weights_either() -> None:
    """torch counts the parameters of a module that is applied twice once, at whatever depth they lie."""
    builder, image = image_builder(channels=8)

    def outer() -> Graph:
        body = Builder("outer", builder.facts)
        x = body.input("x", image.shape)
        inside = body.call("inside", residual(body, x), [x])
        own = body.apply("own", conv(8, 1), inside.output)
        return body.finish(own.output)

    first = builder.call("first", outer(), [image])
    again = builder.call("again", outer(), [first.output], as_=CallSpec(shares=first))
    graph = builder.finish(builder.apply("last", conv(8, 1), again.output).output)
    one, other, last = account(graph, {"N": 1, "H": 4, "W": 4}).items
    assert [inner.cost.parameters for inner in other.items] == [0, 0]
    assert [inner.cost.macs for inner in other.items] == [inner.cost.macs for inner in one.items]
    assert last.cost.parameters == 8 * 8 + 8, "what follows a shared call has weights of its own"
    module = to_torch(graph)
    assert cost(graph).parameters == sum(weight.numel() for weight in module.parameters())


def test_tied_weights_count_once() -> None:
    builder = Builder("tied")
    x = builder.input("x", [2, 4])
    wide = builder.apply("a", op("linear", out_features=4, bias=False), x)
    last = builder.apply("b", op("linear", out_features=4, bias=False), wide.output, ties={"weight": "a.weight"})
    assert cost(builder.finish(last.output)).parameters == 16


def test_a_call_costs_what_its_body_does() -> None:
    root = account(tower(copies=3), {"N": 1, "H": 8, "W": 8})
    stage = root.items[1]
    assert stage.path == "stage"
    assert [inner.path for inner in stage.items] == ["stage.0", "stage.1", "stage.2"]
    assert stage.cost.macs == sum(inner.cost.macs for inner in stage.items)
    assert root.cost.parameters == 8 * 3 * 9 + 8 + 6 * (8 * 8 * 9 + 8)


def test_a_size_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UnknownNameError) as caught:
        cost(tower(), {"h": 3})
    assert str(caught.value) == ("error: tower has no size 'h'\n  expected: one of H, N, W\n  hint: did you mean 'H'?")


def test_a_size_that_the_graph_does_not_take_is_refused() -> None:
    builder, image = image_builder()
    graph = builder.finish(
        builder.apply("conv", conv(8, 1), image).output,
        constraints=[Constraint("H", 8, (0,), 8, None)],
    )
    with pytest.raises(ShapeError) as caught:
        cost(graph, {"H": 12})
    assert str(caught.value) == (
        "error: net does not take this size\n  expected: H must be a multiple of 8\n  received: H = 12"
    )
    with pytest.raises(ShapeError, match="must be positive"):
        cost(graph, {"N": 0})


def test_concrete_sizes_prefer_what_was_given_then_what_the_spec_says() -> None:
    builder, image = image_builder()
    info = Info(meta={"size": {"H": 224}})
    graph = builder.finish(builder.apply("c", conv(8), image).output, info=info)
    assert concrete_sizes(graph, {"N": 7}) == {"N": 7, "H": 224, "W": 32}


def test_concrete_sizes_are_allowed_ones() -> None:
    builder, image = image_builder()
    rules = [Constraint("H", 24, (5,), 5, None), Constraint("W", 1, (0,), 1, 20)]
    graph = builder.finish(builder.apply("c", conv(8), image).output, constraints=rules)
    found = concrete_sizes(graph)
    assert found == {"N": 2, "H": 53, "W": 1}
    assert all(rule.allows(found[rule.symbol]) for rule in rules)
