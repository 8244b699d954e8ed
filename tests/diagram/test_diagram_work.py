"""How much is worked out for a picture: it grows with the network and no faster."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from diagram_samples import chain, model

import archgraph as ag
from archgraph.diagram import View
from archgraph.diagram.captions import Captions
from archgraph.diagram.columns import in_columns
from archgraph.diagram.default_depth import DRAFTED, MOST_BOXES, outline
from archgraph.diagram.dot import Drawing
from archgraph.diagram.flat_flow import Network
from archgraph.diagram.outline import Sketch


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Callable[[type, str], list[int]]:
    """Counts the calls of a method from then on."""

    def of(owner: type, name: str) -> list[int]:
        count, method = [0], getattr(owner, name)

        def counted(*given: object, **named: object) -> object:
            count[0] += 1
            return method(*given, **named)

        monkeypatch.setattr(owner, name, counted)
        return count

    return of


def test_a_network_of_too_many_blocks_is_sketched_twice(calls: Callable[[type, str], list[int]]) -> None:
    """Once to count the blocks at the top, once with neighbours joined; deeper levels decide nothing."""
    drawn = calls(Sketch, "outline")
    outline(chain(200), View())
    assert drawn == [2]


def test_a_picture_of_too_many_boxes_is_given_up(calls: Callable[[type, str], list[int]]) -> None:
    """100 blocks of six layers fit a page; their 600 layers do not, which is known before all are drawn."""
    layers = {f"layer_{at}": op for at, op in enumerate(["conv2d", "tanh", "conv2d", "relu", "conv2d", "gelu"])}
    sizes = {"out_channels": "=c", "kernel_size": 3, "padding": 1}
    nodes = {name: {"op": op, **(sizes if op == "conv2d" else {})} for name, op in layers.items()}
    spec = {
        "archgraph": 1,
        "name": "net",
        "inputs": {"x": ["N", 3, "H", "W"]},
        "outputs": {"y": "b99"},
        "nodes": {f"b{at}": {"op": "unit", "c": 4 + at} for at in range(100)},
        "blocks": {"unit": {"params": {"c": "int"}, "inputs": {"x": ["N", "C", "H", "W"]}, "nodes": nodes}},
    }
    drawn = calls(Captions, "unit")
    assert len(outline(ag.load(spec), View()).boxes) <= MOST_BOXES
    assert 0 < drawn[0] <= DRAFTED


def test_a_depth_beyond_the_last_is_sketched_once(calls: Callable[[type, str], list[int]]) -> None:
    drawn = calls(Sketch, "outline")
    outline(model("resnet50"), View(99))
    assert drawn == [1]


def test_questions_about_the_flow_grow_with_the_length(calls: Callable[[type, str], list[int]]) -> None:
    counts = {method: calls(Network, method) for method in ("exit", "entries", "measure")}
    asked = []
    for length in (50, 100, 200):
        before = {method: count[0] for method, count in counts.items()}
        graph = chain(length)
        Drawing(outline(graph, View(9)), View(9)).text()
        asked.append({method: count[0] - before[method] for method, count in counts.items()})
    for method in counts:
        first, second, third = (found[method] for found in asked)
        assert second - first > 0, method
        assert third - second <= 2.1 * (second - first), method


def test_each_box_and_each_edge_is_written_once() -> None:
    """Boxes in one column, edges in one or as an end in each of two."""
    sketch = outline(chain(400), View(9))
    drawing = Drawing(sketch, View(9))
    texts = in_columns(sketch, drawing).texts()
    lines = [line for text in texts for line in text.splitlines()]
    assert sum(" [label=<" in line for line in lines) == len(sketch.boxes)
    assert sum("->" in line for line in lines) <= len(drawing.edges) + len(texts)
