"""Pictures to the right: rows like lines of text, each level of a U as one row, skips above the rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from diagram_samples import chain, model, res_net
from placed_pictures import placed_picture
from u_net_samples import VARIANTS

import archgraph
from archgraph.diagram import View, dot, render
from archgraph.diagram.default_depth import outline
from archgraph.diagram.dot import Drawing
from archgraph.diagram.dot_text import wrapped
from archgraph.diagram.levels import Levels, levels
from archgraph.diagram.outline import Box
from archgraph.diagram.page import placed
from archgraph.diagram.rows import LONGEST, Rows, rows_of
from archgraph.graph.types import Graph

RIGHT = View(direction="right")
SKIP = r'^  "[^"]+" -> "[^"]+" \[style=dashed, color="#3E9B6A", label="(\d) skips?", lp="([^"]*)", pos="e,([^"]*)"'


def rows(graph: Graph, view: View = RIGHT) -> Rows:
    sketch = outline(graph, view)
    found = rows_of(sketch, Drawing(sketch, view))
    assert found is not None
    return found


def level_names(graph: Graph) -> Levels:
    sketch = outline(graph, RIGHT)
    drawing = Drawing(sketch, RIGHT)
    assert drawing.shape is not None
    return levels(sketch, drawing.edges, drawing.shape)


def ids(pieces: Sequence[Sequence[Box]]) -> list[list[str]]:
    return [[box.id for box in piece] for piece in pieces]


@pytest.mark.parametrize("name", ["resnet50", "vit_b_16", "densenet121", "ddpm@cifar10", "attention_unet"])
def test_a_picture_has_the_proportions_of_a_slide(name: str, tmp_path: Path) -> None:
    text = render(model(name), tmp_path / "net.svg", RIGHT).read_text(encoding="utf-8")
    size = re.search(r'width="(\d+)pt" height="(\d+)pt"', text)
    assert size is not None
    assert 1.3 < int(size[1]) / int(size[2]) < 3


def test_a_short_network_is_one_row() -> None:
    view = View(1, direction="right")
    sketch = outline(res_net(2), view)
    assert rows_of(sketch, Drawing(sketch, view)) is None
    assert placed(res_net(2), view)[1] == "dot"


def test_a_picture_downwards_has_no_rows() -> None:
    sketch = outline(model("ddpm@cifar10"))
    assert rows_of(sketch, Drawing(sketch, View())) is None


@pytest.mark.parametrize("length", [10, 100])
def test_every_box_stands_in_one_row(length: int) -> None:
    graph = chain(length)
    found, picture = rows(graph, View(9, direction="right")), outline(graph, View(9, direction="right"))
    assert [name for piece in ids(found.boxes) for name in piece] == [box.id for box in picture.boxes]
    assert found.cells == [(at, 0) for at in range(len(found.boxes))]
    lengths = list(map(len, found.boxes))
    assert max(lengths) <= 3 * min(lengths)
    assert sorted(lengths)[1] >= 0.7 * max(lengths)  # all but the last are of nearly one length


def test_each_level_of_a_u_is_a_row_with_the_decoder_next_to_the_encoder() -> None:
    """On each level of the DDPM two blocks and a downsampling, and three blocks and an upsampling."""
    found = level_names(model("ddpm@cifar10"))
    blocks = [{name[:13] for name in piece if "blocks" in name} for piece in ids(found.encoder)]
    assert blocks == [{f"down_blocks.{level}"} for level in range(4)]
    blocks = [{name[:11] for name in piece if "blocks" in name} for piece in ids(found.decoder)]
    assert blocks == [{f"up_blocks.{3 - level}"} for level in range(4)]
    assert ids(found.encoder)[0][:2] == ["sample", "conv_in"]
    assert ids(found.decoder)[0][-2:] == ["conv_norm_out", "noise"]  # a box has the name of its first operation
    assert [name.partition(".")[0] for name in ids([found.bottom])[0]] == ["mid_block"]
    assert [box.caption.title for box in found.others] == ["timestep", "time_embedding"]


@pytest.mark.parametrize("name", VARIANTS)
def test_levels_of_unusual_u_nets(name: str) -> None:
    """A level starts with what changes the size, and holds both ends of its skip."""
    net, found = VARIANTS[name], level_names(VARIANTS[name].graph())
    assert len(found.encoder) == len(found.decoder) == net.levels
    for level, (left, right) in enumerate(zip(ids(found.encoder), ids(found.decoder), strict=True)):
        assert f"down{level}_{net.down - 1}" in left
        assert f"up{level}_0" in right
        assert left[0] == (f"pool{level - 1}" if level else "image")
        assert right[0] == ("leap" if net.deeper and level == net.levels - 1 else f"grow{level}")


def test_skips_of_one_size_are_rows_of_their_own_where_their_row_were_long() -> None:
    found = level_names(model("attention_unet"))
    assert len(found.encoder) == 5  # four levels, and the first features that the end reads
    assert ids(found.encoder)[0] == ["x", "init_conv"]
    assert ids(found.decoder)[0][-1] == "noise"


@pytest.mark.parametrize("name", ["ddpm@cifar10", "attention_unet"])
def test_skips_are_dashed_and_green_and_run_above_their_row(name: str) -> None:
    text, engine = placed(model(name), RIGHT)
    assert engine == "nop2"
    skips = re.findall(SKIP, text, re.M)
    drawing = Drawing(outline(model(name), RIGHT), RIGHT)
    assert drawing.shape is not None
    assert sorted(int(number) for number, _, _ in skips) == sorted(len(skip.sources) for skip in drawing.shape.skips)
    for _, label, spline in skips:
        ends = [tuple(map(float, pair.split(","))) for pair in spline.split()]
        tip, start, highest = ends[0], ends[1], max(y for _, y in ends)
        assert highest >= max(tip[1], start[1]) + 14
        assert float(label.split(",")[1]) > highest + 4  # the number lies above the line


def test_labels_have_room_above_and_below_the_line() -> None:
    labels = re.findall(r"-> .* \[label=<(<TABLE.*?</TABLE>)>", dot(model("resnet50"), RIGHT))
    assert len(labels) == 3
    assert all('CELLPADDING="3"' in label for label in labels)


@pytest.mark.parametrize("name", ["residual", "vit_b_16"])
def test_a_shortcut_runs_below_the_boxes_and_inside_its_frame(name: str) -> None:
    graph = res_net(3) if name == "residual" else model(name)
    frame, start, stop = {
        "residual": ("unit × 3", "stem", "stage.0.add"),
        "vit_b_16": ("× 12", "encoder.layers.encoder_layer_0.residual", "encoder.layers.encoder_layer_0.add"),
    }[name]
    picture = placed_picture(dot(graph, View(3, direction="right")))
    left, bottom, right, _ = picture.frame(frame)
    inside = [(x, y) for x, y in picture.way(start, stop) if left < x < right]
    assert len(inside) > 4
    assert all(bottom < y for _, y in inside)
    assert min(y for _, y in inside) < picture.place(stop)[1]


def test_rows_hold_a_bounded_number_of_boxes() -> None:
    for name in ("resnet50", "densenet121", "vit_b_16"):
        assert max(map(len, rows(model(name)).boxes)) <= LONGEST + 2


def test_lines_break_between_the_parts_that_dots_separate() -> None:
    text = "dense_layer × 24 · 1024 channels · H/16×W/16"
    assert wrapped(text, 30) == ["dense_layer × 24", "1024 channels · H/16×W/16"]
    assert wrapped(text, 46) == [text]
    assert wrapped("a very long name without dots", 12) == ["a very long", "name without", "dots"]


def test_a_shortcut_outside_of_any_frame(tmp_path: Path) -> None:
    """The points that its arrow passes belong to no frame, and are drawn all the same."""
    conv = {"op": "conv2d", "out_channels": 4, "kernel_size": 3, "padding": 1}
    nodes = {"a": conv, "b": {**conv, "in": "a"}, "c": conv, "add": {"op": "add", "in": ["c", "a"]}}
    graph = archgraph.load({"archgraph": 1, "name": "n", "inputs": {"x": ["N", 4, "H", "W"]}, "nodes": nodes})
    view = View(2, direction="right")
    text = dot(graph, view)
    points = set(re.findall(r'("[^"]*"):at:', text))
    assert points
    for point in points:
        assert f"{point} [shape=plain" in text
    assert render(graph, tmp_path / "n.svg", view).is_file()
