"""Counts beside `× n`, counts in a frame `× n`, and what tooltips say of copies and skips."""

from __future__ import annotations

import re

from diagram_samples import model, res_net

import archgraph
from archgraph.diagram import View, dot
from archgraph.diagram.costs import Prices
from archgraph.diagram.default_depth import outline
from archgraph.diagram.outline import Group, Outline

CONV = 8 * 8 * 3 * 3 + 8
"""Weights and biases of one convolution from 8 to 8 channels."""


def frame(picture: Outline, title: str) -> Group:
    (found,) = (group for group in groups(picture.tree) if group.title == title and group.times > 1)
    return found


def groups(items):  # type: ignore[no-untyped-def]
    for item in items:
        if isinstance(item, Group):
            yield item
            yield from groups(item.children)


def tooltips(text: str) -> list[str]:
    return re.findall(r'tooltip="([^"]*)"', text)


def test_in_a_frame_stand_the_numbers_of_one_copy_and_beside_its_title_the_sum() -> None:
    picture = outline(res_net(units=7))
    prices, unit = Prices(picture), frame(picture, "unit")
    assert [prices.shown(box) for box in unit.boxes()] == [str(CONV), str(CONV), ""]
    assert prices.shown(unit) == "8.2 k"  # 14 convolutions
    assert prices.told(unit) == [f"{14 * CONV:,} parameters", f"the sum of 7, each {2 * CONV:,}"]
    first = next(unit.boxes())
    assert prices.told(first) == [f"{CONV} parameters in each of 7 copies, {7 * CONV:,} in all"]


def test_one_in_proj_of_a_vision_transformer() -> None:
    # 768 · 2304 weights and 2304 biases.
    assert f"{768 * 2304 + 2304:,} parameters in each of 12 copies" in dot(model("vit_b_16"))


def test_a_folded_box_carries_the_sum() -> None:
    picture = outline(res_net(units=7), View(1))
    assert Prices(picture).shown(next(box for box in picture.boxes if box.caption.title == "stage")) == "8.2 k"


def test_where_copies_differ_the_number_says_that_it_is_of_all() -> None:
    picture = outline(model("densenet121"), View(4))
    layer = next(group for group in groups(picture.tree) if group.times == 6)
    first, second = list(layer.boxes())[:2]
    # A norm's two vectors and a convolution 1×1 to 128 channels, from 64 channels on, 32 more each time.
    each = [2 * width + 128 * width + 2 * 128 for width in range(64, 256, 32)]
    without = [number - 2 * 128 for number in each]
    prices = Prices(picture)
    assert prices.shown(first) in (f"{sum(each) / 1000:.0f} k in all", f"{sum(without) / 1000:.0f} k in all")
    assert prices.shown(second).endswith("k")


def test_tooltips_of_folded_boxes_say_where_copies_differ() -> None:
    said = "\n".join(tooltips(dot(model("ddpm@cifar10"))))
    assert "the 2 copies read different channels: 128, 256" in said
    assert "the sum of 2, which differ: 1,314,048, 1,576,192" in said


def test_tooltips_of_skips_list_where_they_start() -> None:
    (first, *_) = (tip for tip in tooltips(dot(model("ddpm@cifar10"))) if tip.startswith("from "))
    assert [line.split()[1] for line in first.split("\\n")] == [
        "conv_in",
        "down_blocks.0.layer.0.resnets.0.add",
        "down_blocks.0.layer.1.resnets.1.add",
    ]
    (first, *_) = (tip for tip in tooltips(dot(model("attention_unet"))) if tip.startswith("from "))
    assert first.startswith("from init_conv ")
    assert "\\n" not in first


def test_a_network_that_takes_no_single_sample_is_drawn() -> None:
    nodes = {"halves": {"op": "chunk", "chunks": 2}, "both": {"op": "add", "in": ["halves.0", "halves.1"]}}
    graph = archgraph.load({"archgraph": 1, "name": "pairs", "inputs": {"x": ["N", 4]}, "nodes": nodes})
    assert "pairs" in dot(graph)


def test_the_costs_are_those_of_the_fewest_samples() -> None:
    nodes = {
        "fc": {"op": "linear", "out_features": 100},
        "halves": {"op": "chunk", "chunks": 2},
        "both": {"op": "add", "in": ["halves.0", "halves.1"]},
    }
    graph = archgraph.load({"archgraph": 1, "name": "pairs", "inputs": {"x": ["N", 40]}, "nodes": nodes})
    assert "8.0 kMACs at N = 2" in dot(graph)  # 2 · 40 · 100
