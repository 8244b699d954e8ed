"""The U: found by sizes, skips counted as they are in the graph, rows level and arrows straight on the page."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from math import prod

import pytest
from diagram_samples import MODELS, U_NETS, chain, model, res_net, u_net

from archgraph.diagram import View, dot
from archgraph.diagram.broadcasts import noted
from archgraph.diagram.default_depth import outline
from archgraph.diagram.dot import Drawing
from archgraph.diagram.outline import Group
from archgraph.diagram.unet import UShape, u_shape
from archgraph.graph import Graph, flow
from archgraph.language.load import load


def shape_of(graph: Graph, depth: int | None = None) -> UShape | None:
    picture = outline(graph, View(depth))
    return u_shape(picture, noted(picture)[1])


def concatenated(graph: Graph) -> int:
    """How many values the concatenations of a U-Net read beside the one that comes from below, counted by hand."""
    return sum(len(step.reads) - 1 for step in flow(graph).steps if step.item.op.name == "concat")  # type: ignore


@pytest.mark.parametrize("name", U_NETS)
@pytest.mark.parametrize("depth", [None, 1, 2])
def test_every_skip_of_the_graph_is_counted_once(name: str, depth: int | None) -> None:
    shape = shape_of(model(name), depth)
    assert shape is not None
    assert sum(len(skip.sources) for skip in shape.skips) == concatenated(model(name))


def test_the_ddpm_has_three_skips_on_each_of_its_four_levels() -> None:
    shape = shape_of(model("ddpm@cifar10"))
    assert shape is not None
    assert [len(skip.sources) for skip in shape.skips] == [3, 3, 3, 3]
    picture = outline(model("ddpm@cifar10"))
    tops = {box.id: item.id for item in picture.tree if isinstance(item, Group) for box in item.boxes()}
    assert [(tops[skip.tail.id], tops[skip.head.id]) for skip in shape.skips] == [
        (f"down_blocks.{level}", f"up_blocks.{3 - level}") for level in range(4)
    ]


def test_two_folded_sides_are_joined_by_one_arrow() -> None:
    """Skips of several sizes between the same two boxes would be drawn, and labelled, over one another."""
    shape = shape_of(model("digits_ddpm"), 1)
    assert shape is not None
    (skip,) = shape.skips
    assert (skip.tail.id, skip.head.id) == ("down", "up")
    assert len(skip.sources) == concatenated(model("digits_ddpm")) == 6


@pytest.mark.parametrize("levels", [1, 2, 4])
@pytest.mark.parametrize("skips", [1, 3])
@pytest.mark.parametrize("join", ["concat", "add"])
def test_skips_by_construction(levels: int, skips: int, join: str) -> None:
    graph = u_net(levels, skips, join)
    shape = shape_of(graph)
    assert shape is not None
    assert sum(len(skip.sources) for skip in shape.skips) == levels * skips
    for skip in shape.skips:
        assert skip.tail in shape.falling
        assert skip.head in shape.rising


def test_the_ends_of_a_skip_have_one_size() -> None:
    picture = outline(model("attention_unet"), View(2))
    shape = u_shape(picture, noted(picture)[1])
    assert shape is not None
    for skip in shape.skips:
        areas = {prod(picture.network.measured(source.leaf)[2:]) for source in skip.sources}
        head = picture.network.measured(picture.network.exit(skip.head.start, skip.head.stop))
        assert areas == {prod(head[2:])}


@pytest.mark.parametrize("name", sorted({*MODELS} - {*U_NETS}))
@pytest.mark.parametrize("depth", [None, 3, 9])
def test_other_networks_are_no_u(name: str, depth: int | None) -> None:
    assert shape_of(model(name), depth) is None


def test_a_chain_and_a_stage_of_residual_blocks_are_no_u() -> None:
    assert shape_of(chain(10)) is None
    assert shape_of(res_net(3), 3) is None


def positions(text: str) -> dict[str, tuple[float, float]]:
    """Where Graphviz puts each box, in its own words: `node NAME X Y …`, y upwards."""
    program = (
        "import sys, pygraphviz as p; sys.stdout.buffer.write("
        "p.AGraph(string=sys.stdin.buffer.read().decode()).draw(prog='dot', format='json'))"
    )
    done = subprocess.run([sys.executable, "-c", program], input=text.encode(), capture_output=True, check=True)
    objects = json.loads(done.stdout)["objects"]
    return {o["name"]: tuple(map(float, o["pos"].split(","))) for o in objects if "pos" in o}  # type: ignore[misc]


@pytest.mark.parametrize("graph", [model("ddpm@cifar10"), model("attention_unet"), u_net(3, 2)], ids=lambda g: g.name)
def test_levels_share_rows_and_columns_are_straight(graph: Graph) -> None:
    shape, at = shape_of(graph), positions(dot(graph))
    assert shape is not None
    for skip in shape.skips:
        (left, row), (right, other) = at[skip.tail.id], at[skip.head.id]
        assert row == other
        assert left < right
    falling = [at[box.id] for box in shape.falling]
    rising = [at[box.id] for box in shape.rising]
    assert [y for _, y in falling] == sorted((y for _, y in falling), reverse=True)
    assert [y for _, y in rising] == sorted(y for _, y in rising)
    assert max(x for x, _ in falling) - min(x for x, _ in falling) < 1
    assert max(x for x, _ in rising) - min(x for x, _ in rising) < 1


def test_the_time_embedding_is_a_note_and_no_arrows() -> None:
    picture = outline(model("ddpm@cifar10"))
    notes, edges = noted(picture)
    readers = 4 * 2 + 4 * 3 + 2  # two on each level down, three on each level up, two in the middle
    assert [(note.box.caption.title, note.text) for note in notes] == [("time_embedding", f"{readers} × resnet")]
    assert not any(edge.tail.caption.title == "time_embedding" for edge in edges)


@pytest.mark.parametrize("name", ["ddpm@cifar10", "attention_unet"])
def test_a_u_of_many_rows_is_drawn_in_columns(name: str) -> None:
    text = dot(model(name), View(3))
    rows = re.findall(r"{rank=same; .*", text)
    assert [" -> " in row for row in rows].count(False) == 1  # next to waypoints and projections, the inputs
    assert text.count("style=dashed") > 3
    assert Drawing(outline(model(name), View(3)), View(3)).is_long


def enlarged_u(op: dict[str, object], levels: int = 3, dimensions: int = 2) -> Graph:
    """A U-Net whose way up is of one operation; the size of an image is free."""
    space = ["H", "W"][:dimensions]
    nodes: dict[str, object] = {}
    before = "x"
    for level in range(levels):
        conv = {"op": f"conv{dimensions}d", "out_channels": 8, "kernel_size": 3, "padding": 1}
        nodes[f"down{level}"] = {**conv, "in": before}
        nodes[f"pool{level}"] = {**conv, "stride": 2, "in": f"down{level}"}
        before = f"pool{level}"
    nodes["bottom"] = {**conv, "in": before}
    before = "bottom"
    for level in reversed(range(levels)):
        widened = op["op"] == "pixel_shuffle"
        if widened:
            nodes[f"wide{level}"] = {**conv, "out_channels": 32, "in": before}
            before = f"wide{level}"
        nodes[f"grow{level}"] = {**op, "in": before}
        nodes[f"skip{level}"] = {"op": "concat", "dim": 1, "in": [f"grow{level}", f"down{level}"]}
        nodes[f"up{level}"] = {**conv, "in": f"skip{level}"}
        before = f"up{level}"
    spec = {"archgraph": 1, "name": "u", "inputs": {"x": ["N", 3, *space]}, "nodes": nodes}
    return load({**spec, "outputs": {"y": before}})


ENLARGED = {
    "transposed": enlarged_u({"op": "conv_transpose2d", "out_channels": 8, "kernel_size": 2, "stride": 2}),
    "interpolated": enlarged_u({"op": "interpolate", "scale_factor": 2}),
    "shuffled": enlarged_u({"op": "pixel_shuffle", "upscale_factor": 2}),
}


@pytest.mark.parametrize("name", ENLARGED)
def test_the_way_up_is_found_whatever_enlarges(name: str) -> None:
    graph = ENLARGED[name]
    shape = shape_of(graph, 9)
    assert shape is not None
    assert sum(len(skip.sources) for skip in shape.skips) == 3
    at = {box.id: side for side in ("falling", "bottom", "rising") for box in getattr(shape, side)}
    assert at["pool2"] == "falling"
    assert at["bottom"] == "bottom"
    assert at["grow2"] == at["grow0"] == "rising"


def test_levels_of_a_transposed_u_share_rows() -> None:
    """What shrinks stands beside what enlarges, so that both sides are of one height."""
    at = positions(dot(ENLARGED["transposed"]))
    assert all(at[f"pool{level}"][1] == at[f"grow{level}"][1] for level in range(3))
    assert all(at[f"down{level}"][1] == at[f"up{level}"][1] for level in range(3))
    assert at["bottom"][1] < at["grow2"][1]
