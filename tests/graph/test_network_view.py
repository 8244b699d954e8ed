"""The flat network: edges from writer to reader through all levels."""

from __future__ import annotations

import networkx as nx
from graph_samples import conv, image_builder, op, residual, tower

from archgraph.graph import CallSpec, dominators, flow, reachable, to_networkx


def test_edges_lead_through_the_borders_of_calls() -> None:
    network = to_networkx(tower())
    assert nx.is_directed_acyclic_graph(network)
    assert set(network.predecessors("stage.0.add")) == {"stage.0.conv2", "stem"}
    assert set(network.predecessors("stage.1.conv1")) == {"stage.0.add"}
    assert set(network.successors("input:image")) == {"stem"}
    assert set(network.predecessors("output:features")) == {"stage.1.add"}
    assert network.edges["stem", "stage.0.add"]["ports"] == ["other"]


def test_calls_below_the_depth_stay_whole() -> None:
    assert list(to_networkx(tower(), depth=1)) == ["input:image", "stem", "stage", "output:features"]
    two = to_networkx(tower(), depth=2)
    assert [vertex for vertex in two if vertex.startswith("stage")] == ["stage.0", "stage.1"]
    assert two.nodes["stage.0"]["item"].block == "residual"


def test_one_value_read_twice_is_one_edge_with_two_ports() -> None:
    builder, image = image_builder()
    double = builder.apply("double", op("add"), [image, image])
    edge = to_networkx(builder.finish(double.output)).edges["input:image", "double"]
    assert edge["ports"] == ["input", "other"]
    assert edge["values"] == [image, image]


def test_the_same_body_in_two_places() -> None:
    builder, image = image_builder(channels=8)
    body = residual(builder, image)
    first = builder.call("first", body, [image], as_=CallSpec("block"))
    second = builder.call("second", body, [first.output], as_=CallSpec("block"))
    network = to_networkx(builder.finish(second.output))
    assert list(network.predecessors("second.conv1")) == ["first.add"]
    assert [step.path for step in flow(builder.finish(second.output)).steps][:2] == ["first.conv1", "first.act"]


def test_reachability_and_dominators() -> None:
    graph = tower()
    assert "stage.1.add" in reachable(graph, "stage.0.conv2")
    assert reachable(graph, "stage.0.act", backwards=True) == {"stage.0.conv1", "stem", "input:image"}
    found = dominators(graph, "input:image")
    assert found["stage.0.add"] == "stem"  # the shortcut goes round the convolutions
    assert found["stage.1.add"] == "stage.0.add"


def test_a_value_handed_straight_through() -> None:
    builder, image = image_builder()
    inner = type(builder)("inner", builder.facts)
    body = inner.finish(inner.input("x", image.shape))
    call = builder.call("nothing", body, [image])
    last = builder.apply("conv", conv(4), call.output)
    assert list(to_networkx(builder.finish(last.output)).predecessors("conv")) == ["input:image"]
