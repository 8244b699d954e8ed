"""The shipped models cost what their publishers state."""

from __future__ import annotations

import pytest
from shipped_graphs import shipped

from archgraph.graph import parameter_count
from archgraph.graph.cost import cost

AT_224 = {"N": 1, "H": 224, "W": 224}

# torchvision's model tables state these multiply-accumulates, in 10⁹, for one image of the training size.
PUBLISHED = {
    "resnet18": 1.814,
    "resnet34": 3.664,
    "resnet50": 4.089,
    "resnet101": 7.801,
    "resnext50_32x4d": 4.230,
    "wide_resnet50_2": 11.398,
    "densenet121": 2.834,
    "mobilenet_v2": 0.301,
    "convnext_tiny": 4.456,
    "vit_b_16": 17.564,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_multiply_accumulates(name: str) -> None:
    graph = shipped(name)
    sizes = {
        symbol: AT_224[symbol] for symbol in ("N", "H", "W") if any(symbol in map(str, v.shape) for v in graph.inputs)
    }
    assert cost(graph, sizes).macs == pytest.approx(PUBLISHED[name] * 1e9, rel=0.005)


def test_parameters_of_a_graph_and_of_its_cost_agree() -> None:
    graph = shipped("ddpm@cifar10")
    assert parameter_count(graph) == cost(graph).parameters == 35_746_307
