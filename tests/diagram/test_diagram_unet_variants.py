"""U-Nets whose skips are cropped or worked on, of odd sizes and of unequal sides: encoder and decoder side by side."""

from __future__ import annotations

import re
from functools import cache

import pytest
from placed_pictures import placed_picture
from shipped_graphs import shipped
from u_net_samples import ORIGINAL, VARIANTS

from archgraph.diagram import View, dot
from archgraph.diagram.broadcasts import noted
from archgraph.diagram.columns import in_columns
from archgraph.diagram.default_depth import outline
from archgraph.diagram.dot import Drawing
from archgraph.diagram.unet import UShape, u_shape
from archgraph.language.load import load
from archgraph.language.reading.document import read_text

PASSED = {"original": "rows", "cropped": "rows", "small and cropped": "rows", "work on skips": "bridge"}
"""What the skips of a variant pass: the first of the operations in that box."""


@cache
def text_of(name: str) -> str:
    return dot(VARIANTS[name].graph())


def rows(text: str) -> list[set[str]]:
    """The boxes that share each row."""
    return [set(re.findall(r'"(\w+)"', row)) for row in re.findall(r"{rank=same; ([^}]*)}", text)]


def dashed(text: str) -> dict[str, str]:
    """The heads of the arrows of skips by their tails."""
    return dict(re.findall(r'^  "(\w+)" -> "(\w+)" \[style=dashed', text, re.M))


@pytest.mark.parametrize("name", VARIANTS)
def test_each_level_has_one_skip_through_what_it_passes(name: str) -> None:
    found, net = dashed(text_of(name)), VARIANTS[name]
    wanted: dict[str, str] = {}
    for level in range(net.levels):
        tail, head = f"down{level}_{net.down - 1}", f"up{level}_0"
        between = [f"{PASSED[name]}{level}"] if name in PASSED else []
        wanted |= dict(zip([tail, *between], [*between, head], strict=True))
    assert found == wanted
    assert text_of(name).count('"1 skip"') == net.levels


@pytest.mark.parametrize("name", VARIANTS)
def test_the_ends_of_a_skip_share_a_row_with_what_it_passes(name: str) -> None:
    found, net = rows(text_of(name)), VARIANTS[name]
    for level in range(net.levels):
        ends = {f"down{level}_{net.down - 1}", f"up{level}_0"}
        assert ends in found
        assert name not in PASSED or ends | {f"{PASSED[name]}{level}"} in found


@pytest.mark.parametrize("name", VARIANTS)
def test_the_way_up_is_drawn_from_below(name: str) -> None:
    """Its arrows are written from their heads; those of the way down are not."""
    upwards = re.findall(r'^  "(\w+)"(?::s)? -> \S+ \[.*dir=back', text_of(name), re.M)
    net = VARIANTS[name]
    convolutions = {f"up{level}_{step}" for level in range(net.levels) for step in range(net.up)}
    assert convolutions | {f"grow{level}" for level in range(net.levels - 1)} <= set(upwards)
    assert not any(box.startswith(("down", "pool", "deep", "stem")) for box in upwards)


@pytest.mark.parametrize(("name", "side", "boxes"), [
    ("levels before", "falling", {"stem0", "stem1"}),
    ("levels below", "falling", {"deep0", "sink0", "deep1", "sink1"}),
    ("levels below", "rising", {"leap", "grow1"}),
    ("levels beyond", "rising", {"enlarge0", "fine0", "enlarge1", "fine1"}),
    ("filled up", "rising", {"grow3", "grow0"}),
    ("original", "bottom", {"bottom_0", "bottom_1"}),
])  # fmt: skip
def test_levels_without_a_partner_stand_on_the_side_of_their_direction(name: str, side: str, boxes: set[str]) -> None:
    picture = outline(VARIANTS[name].graph())
    shape = u_shape(picture, noted(picture)[1])
    assert isinstance(shape, UShape)
    assert boxes <= {box.id for box in getattr(shape, side)}


TIMED = """
archgraph: 1
name: timed
inputs: {x: [N, 4, H, W], t: [N, 8]}
nodes:
  down: {op: unit, in: [x, t]}
  pool: {op: avg_pool2d, in: down, kernel_size: 2}
  deep: {op: unit, in: [pool, t]}
  grow: {op: interpolate, scale_factor: 2.0}
  join: {op: concat, in: [grow, down]}
  up:   {op: unit, in: [join, t]}
blocks:
  unit:
    inputs: {x: [N, C, H, W], t: [N, L]}
    nodes:
      conv: {op: conv2d, in: x, out_channels: 4, kernel_size: 3, padding: 1}
      emb:  {op: linear, in: t, out_features: 4}
      row:  {op: unsqueeze, dim: 2}
      dot:  {op: unsqueeze, dim: 3}
      add:  {op: add, in: [conv, dot]}
      end:  {op: conv2d, out_channels: 4, kernel_size: 3, padding: 1}
"""


def test_a_layer_on_the_time_is_not_the_smallest_image() -> None:
    """It is 1×1, where the image in the middle has H/2 rows."""
    picture = outline(load(read_text(TIMED, "timed.yaml").data), View(9))
    shape = u_shape(picture, noted(picture)[1])
    assert isinstance(shape, UShape)
    assert [box.id for box in shape.bottom] == ["deep.conv", "deep.emb", "deep.add", "deep.end"]


def test_the_original_u_net_maps_572_to_388() -> None:
    """Ronneberger et al. 2015, figure 1; which shows that the sample is the network of the paper."""
    assert ORIGINAL.graph().outputs["mask"].shape[2:] == (388, 388)


@pytest.mark.parametrize("name", ["cropped", "work on skips"])
def test_what_a_skip_passes_stands_between_the_sides(name: str) -> None:
    picture = placed_picture(text_of(name))
    for level in range(VARIANTS[name].levels):
        across = [f"down{level}_1", f"{PASSED[name]}{level}", f"up{level}_0"]
        places = [picture.place(box) for box in across]
        assert places == sorted(places)
        assert len({y for _, y in places}) == 1


def test_a_skip_that_is_cut_by_columns_is_drawn_in_each() -> None:
    graph = VARIANTS["original"].graph()
    sketch = outline(graph, View(9))
    columns = in_columns(sketch, Drawing(sketch, View(9)))
    drawn = re.findall(r'"(\w+)" -> "(\w+)" \[style=dashed', "\n".join(columns.texts()))
    assert ("rows0", "up0_0") in drawn
    assert ("down0_1", "rows0") not in drawn
    assert any(">from down0_1<" in text and '"rows0"' in text for text in columns.texts())


def test_the_size_at_the_bottom_stands_where_its_arrow_is_straight() -> None:
    """The arrow from the bottom turns in its first piece."""
    (line,) = [line for line in text_of("original").splitlines() if 'label=" 8 · 28×28"' in line]
    assert line.strip().startswith('"grow3"')


def test_what_is_aside_of_a_u_is_in_no_row() -> None:
    """Two inputs that are joined and read by nobody, next to a way down and up."""
    nodes = {
        "joined": {"op": "concat", "in": ["left", "right"], "dim": 1},
        "down": {"op": "conv2d", "in": "x", "out_channels": 5, "kernel_size": 3},
        "up": {"op": "interpolate", "size": [8, 6]},
        "back": {"op": "conv2d", "out_channels": 4, "kernel_size": 1},
        "add": {"op": "add", "in": ["back", "x"]},
    }
    inputs = {"x": ["N", 4, 8, 6], "left": [2, 3, 4], "right": [2, 5, 4]}
    text = dot(load({"archgraph": 1, "name": "net", "inputs": inputs, "nodes": nodes}))
    assert '"joined"' in text
    assert not any("joined" in row or "left" in row for row in rows(text))


def test_levels_that_are_joined_at_once_are_no_way_up() -> None:
    """Xie et al. 2021, SegFormer: every level is brought to the size of the first, and all are concatenated."""
    sketch = outline(shipped("segformer@segformer_b0_ade"), View())
    assert u_shape(sketch, sketch.edges) is None


def test_what_is_concatenated_inside_a_level_makes_no_way_up_of_joined_levels() -> None:
    """CBAM joins a mean and a maximum at the smallest size, as the innermost skip of a U would."""
    conv, down = {"op": "conv2d", "out_channels": 8, "kernel_size": 1}, {"op": "conv_norm_activation", "stride": 2}
    nodes = {
        "level0": {**down, "out_channels": 8},
        "level1": {**down, "in": "level0", "out_channels": 16},
        "level2": {**down, "in": "level1", "out_channels": 32},
        "weighed": {"op": "cbam", "in": "level2"},
        "head0": {**conv, "in": "level0"},
        "head1": {"in": "level1", "nodes": {"conv": conv, "up": {"op": "interpolate", "size": [32, 32]}}},
        "head2": {"in": "weighed", "nodes": {"conv": conv, "up": {"op": "interpolate", "size": [32, 32]}}},
        "joined": {"op": "concat", "in": ["head0", "head1", "head2"]},
        "fuse": conv,
    }
    sketch = outline(load({"archgraph": 1, "name": "net", "inputs": {"x": ["N", 3, 64, 64]}, "nodes": nodes}), View())
    assert u_shape(sketch, sketch.edges) is None
