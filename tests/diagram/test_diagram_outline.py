"""What is shown: every node in exactly one box, few boxes, repetitions folded, edges as in the graph."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from diagram_samples import CASES, chain, model, pictured, res_net

from archgraph.diagram import View
from archgraph.diagram.default_depth import MOST_BOXES, outline
from archgraph.diagram.outline import Box, Group, Outline
from archgraph.graph import parameter_count, walk
from archgraph.language.load import load


def groups(picture: Outline) -> dict[str, Group]:
    found = {}
    waiting = list(picture.tree)
    while waiting:
        item = waiting.pop()
        if isinstance(item, Group):
            found[item.id] = item
            waiting += item.children
    return found


def titles(picture: Outline) -> list[str]:
    return [box.caption.title for box in picture.boxes]


def titled(picture: Outline, title: str) -> Box:
    (box,) = (box for box in picture.boxes if box.caption.title == title)
    return box


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("depth", [None, 1, 2, 3, 9])
def test_every_node_is_in_exactly_one_box(name: str, depth: int | None) -> None:
    picture = pictured(name, depth)
    held = Counter(index for box in picture.boxes for index in box.leaves)
    assert held == Counter(range(len(list(walk(model(name))))))


@pytest.mark.parametrize("name", CASES)
def test_the_default_depth_keeps_to_sixty_boxes(name: str) -> None:
    assert len(pictured(name).boxes) <= MOST_BOXES == 60


@pytest.mark.parametrize("length", [40, 170, 400])
def test_a_flat_network_keeps_to_sixty_boxes_too(length: int) -> None:
    picture = outline(chain(length))
    assert len(picture.boxes) <= 60
    assert sum(len(box.leaves) for box in picture.boxes) == 2 * length


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("depth", [None, 1, 9])
def test_the_costs_of_the_boxes_add_up(name: str, depth: int | None) -> None:
    picture = pictured(name, depth)
    assert sum(picture.captions.parameters(box.leaves) for box in picture.boxes) == parameter_count(model(name))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("depth", [None, 1, 3])
def test_edges_lead_forward_and_follow_the_graph(name: str, depth: int | None) -> None:
    picture = pictured(name, depth)
    box_of = {index: box for box in picture.boxes for index in box.leaves}
    for edge in picture.edges:
        assert edge.tail.start < edge.head.start
        for source in edge.sources:
            assert source.leaf < 0 or box_of[source.leaf] is edge.tail
            reads = [leaf.index for leaf in picture.network.leaves if source in leaf.sources]
            assert edge.head.port == source or any(box_of[index] is edge.head for index in reads)


def test_without_folds_the_edges_are_exactly_those_of_the_graph() -> None:
    picture = outline(model("ddpm@cifar10"), View(1))
    assert not any(group.times > 1 for group in groups(picture).values())
    box_of = {index: box for box in picture.boxes for index in box.leaves}
    ports = {box.port.leaf: box for box in picture.boxes if box.port and box.start < 0}
    expected = set()
    for leaf in picture.network.leaves:
        for source in leaf.sources:
            tail, head = box_of.get(source.leaf) or ports[source.leaf], box_of[leaf.index]
            expected |= {(tail.id, head.id)} if tail is not head else set()
    drawn = {(edge.tail.id, edge.head.id) for edge in picture.edges}
    assert drawn == expected | {(titled(picture, "conv_out").id, "noise")}


def test_resnet50_is_the_table_of_its_paper() -> None:
    picture = outline(model("resnet50"))
    lines = {box.caption.title: box.caption.line for box in picture.boxes}
    assert list(lines) == [
        "image",
        "conv1, bn1, relu",
        "maxpool",
        "layer1",
        "layer2",
        "layer3",
        "layer4",
        "avgpool",
        "fc",
        "logits",
    ]
    assert lines["conv1, bn1, relu"] == "conv 7×7 / 2"
    assert lines["layer1"] == "bottleneck × 3 · 256 channels · H/4×W/4"
    assert lines["layer2"] == "bottleneck × 4 · 512 channels · H/8×W/8"
    assert lines["layer3"] == "bottleneck × 6 · 1024 channels · H/16×W/16"
    assert lines["layer4"] == "bottleneck × 3 · 2048 channels · H/32×W/32"
    assert lines["fc"] == "linear 2048 → 1000"


def test_the_first_unit_of_a_stage_is_folded_with_its_like_only_where_it_is_closed() -> None:
    picture = outline(model("resnet50"), View(2))
    opened = groups(picture)
    assert [(opened[f"layer{n}.0"].times, titles(picture).count("downsample")) for n in (1, 2, 3, 4)] == [(1, 4)] * 4
    assert sorted(group.times for group in opened.values() if group.title == "bottleneck") == [2, 2, 3, 5]


def test_the_ddpm_reads_as_in_its_draft() -> None:
    picture = outline(model("ddpm@cifar10"))
    found = groups(picture)
    inside = {name: [box.caption.title for box in group.boxes()] for name, group in found.items()}
    assert inside["down_blocks.0"] == ["resnet × 2", "downsample"]
    assert inside["down_blocks.1"] == ["(resnet, spatial_attention) × 2", "downsample"]
    assert inside["down_blocks.3"] == ["resnet × 2"]
    assert inside["mid_block"] == ["resnet, spatial_attention, resnet"]
    assert inside["up_blocks.2"] == ["(resnet, spatial_attention) × 3", "upsample"]
    time = titled(picture, "time_embedding")
    assert (time.caption.line, time.caption.role) == ("128 → 512 → 512", "embedding")


def test_equal_blocks_are_opened_once() -> None:
    picture = outline(res_net(units=7), View(3))
    (frame,) = (group for group in groups(picture).values() if group.times > 1)
    assert (frame.title, frame.times) == ("unit", 7)
    assert [box.caption.title for box in frame.boxes()] == ["conv1, relu1", "conv2", "add"]
    inner = [(e.tail.caption.title, e.head.caption.title) for e in picture.edges]
    assert ("stem", "conv1, relu1") in inner
    assert ("stem", "add") in inner
    assert ("add", "head") in inner
    assert ("add", "conv1, relu1") not in inner


def test_growing_channels_are_folded_and_said() -> None:
    picture = outline(model("densenet121"), View(2))
    assert titled(picture, "denseblock1").caption.line == "dense_layer × 6 · 256 channels · H/4×W/4"
    opened = outline(model("densenet121"), View(4))
    repeated = sorted(group.times for group in groups(opened).values() if group.title == "dense_layer")
    assert repeated == [6, 12, 16, 24]


def test_blocks_of_another_size_are_not_folded() -> None:
    lines = [(box.caption.title, box.caption.line) for box in outline(model("mobilenet"), View(1)).boxes]
    assert ("inverted_residual × 4", "64 channels · H/16×W/16") in lines
    assert ("inverted_residual × 3", "96 channels · H/16×W/16") in lines


def test_depth_folds_blocks_at_that_depth() -> None:
    assert [len(outline(model("vit_b_16"), View(depth)).boxes) for depth in (1, 2)] == [6, 9]
    titles_of = [titles(outline(model("vit_b_16"), View(depth))) for depth in (1, 2, 3, 4)]
    assert ["encoder" in found for found in titles_of] == [True, False, False, False]
    assert ["self_attention" in found for found in titles_of] == [False, False, True, False]
    assert ["mix" in found for found in titles_of] == [False, False, False, True]


@pytest.mark.parametrize("name", CASES)
def test_each_depth_opens_boxes_of_the_one_before_until_nothing_is_left(name: str) -> None:
    drawn = [pictured(name, depth) for depth in range(1, 10)]
    new = [[b.leaves for b in after.boxes] != [b.leaves for b in before.boxes] for before, after in pairwise(drawn)]
    assert new == sorted(new, reverse=True)
    assert not new[-1]
    # An operation that only moves values may go from one neighbour to the other.
    owners = {at for at, placed in enumerate(walk(model(name))) if placed.node.weights}
    pictures = [[owners.intersection(box.leaves) for box in picture.boxes] for picture in drawn]
    for before, after in pairwise(pictures):
        assert all(any(box <= outer for outer in before) for box in after)
        assert len(after) >= len(before)


@pytest.mark.parametrize("name", CASES)
def test_the_default_is_one_of_the_depths(name: str) -> None:
    drawn = [[box.leaves for box in pictured(name, depth).boxes] for depth in range(1, 10)]
    assert [box.leaves for box in pictured(name).boxes] in drawn


def test_depths_of_resnet50_are_stages_and_layers() -> None:
    assert [len(outline(model("resnet50"), View(depth)).boxes) for depth in (1, 2, 3)] == [10, 42, 42]


def test_what_is_folded_in_one_place_is_folded_everywhere() -> None:
    # The block of the middle stands at the top of the file, the same block of the levels one deeper.
    assert "mid_block1" in titles(outline(model("attention_unet"), View(2)))
    assert "mid_block1" in groups(outline(model("attention_unet"), View(3)))


def test_a_backbone_that_lowers_the_rank_stays_the_main_flow() -> None:
    """Frames of a video that become one image, which many blocks read: no time embedding, so arrows lead to each."""
    head = {"in": "still", "nodes": {"conv": {"op": "conv2d", "out_channels": 8, "kernel_size": 1}}}
    heads = {f"head{number}": head for number in range(5)}
    nodes = {
        "stem": {"op": "conv3d", "out_channels": 8, "kernel_size": 3, "padding": 1},
        "still": {"op": "mean", "dim": 2, "in": "stem"},
        **heads,
        "joined": {"op": "concat", "in": [*heads]},
    }
    inputs = {"video": ["N", 3, "T", "H", "W"]}
    picture = outline(load({"archgraph": 1, "name": "net", "inputs": inputs, "nodes": nodes}), View(2))
    assert not picture.network.everywhere
    assert not picture.network.aside
    assert {edge.head.id for edge in picture.edges if "still" in edge.tail.id} == {*heads}


def test_a_constant_of_two_copies_that_is_read_behind_both_has_a_place() -> None:
    """It stands with what reads it, so that the first of both copies has no box for it."""
    part = {
        "inputs": {"x": ["N", "C", 3, 4]},
        "nodes": {
            "minus": "neg",
            "square": {"op": "mul", "in": ["x", "prev"]},
            "full": {"op": "full", "shape": [2, 3], "fill_value": 0.5},
        },
        "outputs": {"image": "square", "number": "full"},
    }
    nodes = {
        "norm": {"op": "instance_norm1d", "in": "other", "affine": False},
        "block": {"op": "convnext_v2_block", "in": {"x": "x"}},
        "part1": {"op": "part"},
        "part2": {"share": "part1", "in": "part1.image"},
        "sum": {"op": "add", "in": ["part1.number", "part2.number"]},
    }
    inputs = {"image": ["N", 4, "H", "W"], "other": [2, 1, 2], "x": ["N", 8, 3, 4]}
    spec = {"archgraph": 1, "name": "net", "inputs": inputs, "nodes": nodes, "outputs": {"same": "image"}}
    picture = outline(load({**spec, "blocks": {"part": part}}))
    assert "sum" in {box.id for box in picture.boxes}
