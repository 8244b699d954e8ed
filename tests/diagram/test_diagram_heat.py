"""Shares in the place of roles and prices: how they roll up, how they look, what the title says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from diagram_samples import model, res_net

from archgraph.diagram import Heat, View, dot, render
from archgraph.diagram.default_depth import outline
from archgraph.diagram.heatmap import Heated, percent
from archgraph.diagram.outline import Box, Group
from archgraph.graph.types import walk


def brightness(colour: str) -> int:
    return sum(int(colour[at : at + 2], 16) for at in (1, 3, 5))


def groups(items):  # type: ignore[no-untyped-def]
    for item in items:
        if isinstance(item, Group):
            yield item
            yield from groups(item.children)


def even(name_or_graph) -> Heat:  # type: ignore[no-untyped-def]
    """All nodes with weights take the same."""
    paths = [item.path for item in walk(name_or_graph) if item.node.weights]
    return Heat({path: 1 / len(paths) for path in paths}, "2 ms a run")


@pytest.mark.parametrize("depth", [None, 1, 3])
@pytest.mark.parametrize("name", ["resnet50", "ddpm@cifar10"])
def test_the_boxes_share_the_whole_at_every_depth(name: str, depth: int | None) -> None:
    picture = outline(model(name), View(depth))
    heated = Heated(picture, even(model(name)))
    assert sum(map(heated.share, picture.boxes)) == pytest.approx(1)


def test_a_folded_box_and_a_frame_have_the_sum_of_their_copies() -> None:
    graph = res_net(units=7)  # two convolutions in each
    heat = even(graph)
    each = next(iter(heat.shares.values()))
    picture = outline(graph)
    (frame,) = (group for group in groups(picture.tree) if group.times == 7)
    heated = Heated(picture, heat)
    assert heated.share(frame) == pytest.approx(14 * each)
    assert heated.shown(next(frame.boxes())) == percent(7 * each)
    closed = outline(graph, View(1))
    folded = max(closed.boxes, key=lambda box: len(box.leaves))
    assert Heated(closed, heat).share(folded) == pytest.approx(14 * each)


def test_the_more_it_takes_the_darker_it_is_and_ports_stay_grey() -> None:
    graph = model("resnet18")
    paths = [item.path for item in walk(graph) if item.path.endswith("conv2")]
    heat = Heat({path: at / 100 for at, path in enumerate(paths, 1)})
    picture = outline(graph, View(2))
    heated = Heated(picture, heat)
    boxes = [box for box in picture.boxes if isinstance(box, Box) and box.port is None]
    ordered = sorted(boxes, key=heated.share)
    fills = [brightness(heated.colour(box).fill) for box in ordered]
    assert fills == sorted(fills, reverse=True)
    assert fills[0] > fills[-1]
    port = next(box for box in picture.boxes if box.port)
    assert (heated.shown(port), heated.colour(port).fill) == ("", "#F4F4F5")


def test_the_title_says_what_is_shared_and_what_lies_outside() -> None:
    graph = model("resnet18")
    text = dot(graph, View(sizes={"N": 1, "H": 64, "W": 64}, heat=Heat({"conv1": 0.25, "fc": 0.5}, "2 ms a run")))
    assert "2 ms a run at N = 1, 64 × 64 · 25 % outside the boxes" in text
    assert re.search(r'"fc" \[label=<.*<B>50 %</B>.*fillcolor="#F0752A"', text)
    assert "parameters" not in text


def test_percentages_in_words() -> None:
    assert [percent(share) for share in (0, 0.0004, 0.034, 0.0996, 0.5)] == ["0 %", "< 0.1 %", "3.4 %", "10 %", "50 %"]


def test_graphviz_draws_it_without_complaint(tmp_path: Path) -> None:
    graph = model("ddpm@cifar10")
    written = render(graph, tmp_path / "heat.svg", View(heat=even(graph))).read_text(encoding="utf-8")
    assert "outside the boxes" in written
    assert "share of the time" in written
