"""Arrows stay in the frames that they end in, and miss titles; numbers of skips miss frames."""

from __future__ import annotations

import re

import pytest
from diagram_samples import conv, image, model, res_net
from placed_pictures import Placed, placed_picture, points
from shipped_graphs import shipped

from archgraph.diagram import View, dot
from archgraph.diagram.columns import in_columns
from archgraph.diagram.default_depth import outline
from archgraph.diagram.dot import Drawing
from archgraph.graph.builder import Builder
from archgraph.graph.types import Graph
from archgraph.language.load import load


@pytest.fixture(scope="module")
def residual() -> Placed:
    return placed_picture(dot(res_net(3), View(3)))


def test_a_shortcut_into_a_frame_runs_inside_it(residual: Placed) -> None:
    """From the stem to the sum at the end of a repeated block."""
    left, _, right, top = residual.frame("unit × 3")
    way = residual.way("stem", "stage.0.add")
    inside = [(x, y) for x, y in way if y < top]
    assert len(inside) > 4
    assert all(left < x < right for x, _ in inside)


def test_a_shortcut_on_the_way_up_of_a_u_runs_inside_its_frame() -> None:
    placed = placed_picture(dot(small_u(), View(9)))
    left, bottom, right, _ = placed.frame("u1")
    way = placed.way("u0.add", "u1.add")
    inside = [(x, y) for x, y in way if y > bottom]
    assert len(inside) > 4
    assert all(left < x < right for x, _ in inside)


def test_a_shortcut_around_a_shorter_one_runs_inside_its_frame() -> None:
    """The attended image goes around its own mean and maximum."""
    inputs, nodes = {"x": ["N", 64, "H", "W"]}, {"cbam": {"op": "cbam", "in": "x"}}
    placed = placed_picture(dot(load({"archgraph": 1, "name": "net", "inputs": inputs, "nodes": nodes}), View(9)))
    left, _, right, top = placed.frame("spatial")
    inside = [(x, y) for x, y in placed.way("cbam.channel.scale", "cbam.spatial.scale") if y < top]
    assert len(inside) > 4
    assert all(left < x < right for x, _ in inside)


def test_a_shortcut_around_a_frame_runs_to_its_right() -> None:
    """Around T5's feed-forward network, in a frame that begins with its norm."""
    placed = placed_picture(dot(shipped("t5_encoder")))
    layer = "encoder.block.0.layer"
    middle, _ = placed.place(f"{layer}.1.DenseReluDense.wi")
    way = placed.way(f"{layer}.0.add", f"{layer}.1.add")
    assert way
    assert all(x > middle for x, _ in way)


def test_the_pieces_of_an_arrow_join(residual: Placed) -> None:
    """They end a point before the place that they lead to, which is three points long."""
    (point,) = (name for name in residual.objects if name.startswith("\tstem\t"))
    _, y = map(float, residual.objects[point]["pos"].split(","))
    pieces = [points(edge["pos"]) for *ends, edge in residual.edges if point in ends and "style" not in edge]
    ys = sorted(end for piece in pieces for _, end in (piece[0], piece[-1]))
    near = [value for value in ys if abs(value - y) < 3]
    assert near == pytest.approx([y - 1.5, y + 1.5], abs=0.1)
    assert float(residual.objects[point]["height"]) * 72 == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize("name", ["ddpm@cifar10", "attention_unet", "digits_ddpm", "sd_unet@sd15"])
def test_numbers_of_skips_lie_beyond_all_frames(name: str) -> None:
    placed = placed_picture(dot(shipped(name)))
    frames = [placed.objects[name]["bb"] for name in placed.objects if name.startswith("cluster_")]
    labels = [edge for _, _, edge in placed.edges if "taillabel" in edge or "headlabel" in edge]
    assert len(labels) > 2
    for edge in labels:
        x, y = placed.label(edge, "tail" if "taillabel" in edge else "head")
        for left, bottom, right, top in (map(float, frame.split(",")) for frame in frames):
            crossed = left - HALF_A_LABEL < x < right + HALF_A_LABEL and bottom < y < top
            assert not crossed, (edge["tooltip"], x, (left, right))


HALF_A_LABEL = 13
"""Points: `3 skips` in DejaVu Sans of 8 points is 28 wide, in Liberation Sans 25."""


def test_a_skip_out_of_an_opened_block_has_its_number_at_its_free_end() -> None:
    text = dot(small_u(), View(9))
    assert text.count("headlabel=") == 1
    assert "taillabel=" not in text


def test_the_arrow_from_a_long_bottom_turns_once() -> None:
    """It runs straight up below the way up, however many boxes the bottom has."""
    placed = placed_picture(dot(model("attention_unet")))
    way = placed.way("mid_block2", "ups.0.0")
    (x, _), (_, turn) = (placed.place(box) for box in ("ups.0.0", "mid_attn"))
    above = [at for at, y in way if y > turn]
    assert len(above) > 3
    assert max(abs(at - x) for at in above) < 1


@pytest.mark.parametrize("name", ["resnet50", "resnet18", "vit_b_16", "ddpm@cifar10", "densenet121"])
def test_titles_of_frames_end_before_the_arrow_into_them(name: str) -> None:
    """An arrow down the middle of the boxes in a frame."""
    for depth in (None, 2):
        placed = placed_picture(dot(model(name), View(depth)))
        for item in placed.objects.values():
            if not item["name"].startswith("cluster_"):
                continue
            middle, half = float(item["lp"].split(",")[0]), float(item["lwidth"]) * 36
            boxes = [placed.objects[name_of(placed, node)] for node in item["nodes"]]
            xs = [float(box["pos"].split(",")[0]) for box in boxes if "tooltip" in box and box["tooltip"].strip()]
            assert middle + half - 8 < min(xs), item["name"]  # eight points of the label are its own margin


def name_of(placed: Placed, number: int) -> str:
    return next(name for name, item in placed.objects.items() if item["_gvid"] == number)


def test_a_name_of_the_picture_is_no_name_of_a_box() -> None:
    """Whatever a user calls a node, it is another than the notes, stubs and waypoints of the picture."""
    builder = Builder("net")
    x = image(builder)
    for at in range(40):  # so many that they come in columns
        x = builder.apply(f"\tout {at % 3}" if at < 3 else f"node {at}", conv(4 + at), x).output
    graph = builder.finish({"note": x})
    sketch = outline(graph, View(1))
    texts = in_columns(sketch, Drawing(sketch, View(1))).texts()
    assert len(texts) > 1
    for text in texts:
        declared = re.findall(r'^ *"([^"]*)" \[', text, re.M)
        assert len(declared) == len(set(declared))
    assert '" out 0" [' in texts[0]


def small_u() -> Graph:
    """A U of one level with residual blocks."""
    nodes = {
        "stem": {"op": "conv2d", "in": "image", "out_channels": 16, "kernel_size": 3, "padding": 1},
        "d0": {"op": "basic", "planes": 16, "push": "skips"},
        "shrink": {"op": "max_pool2d", "kernel_size": 2},
        "mid": {"op": "basic", "planes": 64},
        "grow": {"op": "interpolate", "scale_factor": 2.0},
        "skip": {"op": "concat", "in": ["prev", "skips.pop"]},
        "u0": {"op": "basic", "planes": 16},
        "u1": {"op": "basic", "planes": 16},
    }
    spec = {"archgraph": 1, "name": "small_u", "inputs": {"image": ["N", 3, "H", "W"]}, "stacks": ["skips"]}
    return load({**spec, "nodes": nodes})
