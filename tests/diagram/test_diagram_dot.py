"""The DOT text: golden files, escaping, sizes, directions, and errors in full."""

from __future__ import annotations

import re
import xml.etree.ElementTree as Xml
from collections.abc import Callable
from pathlib import Path

import pytest
from diagram_samples import CASES, chain, conv, image, model, op

from archgraph.diagram import View, dot, render
from archgraph.errors import RenderError, ShapeError, UnknownNameError
from archgraph.graph.builder import Builder
from archgraph.language.load import load

GOLDEN = Path(__file__).parent / "golden"
HOSTILE = ('a"b', "<B>bold</B>", "a & b;", "back\\Nslash", "]>, label=x", "ünï·cödé × 3", "tab\tnull\x00", "}{|<p>")


@pytest.mark.parametrize("name", ["resnet50", "ddpm@cifar10", "vit_b_16"])
def test_golden_text(name: str, golden: Callable[[Path, str], None]) -> None:
    text = re.sub(r"(?<=yaml:)\d+", "LINE", dot(model(name)))  # a spec may gain a comment
    lines = sorted(line.strip() for line in text.splitlines())
    golden(GOLDEN / f"{name.replace('@', '_')}.dot", "\n".join(lines) + "\n")


def test_the_title_names_network_parameters_and_macs() -> None:
    assert "<B>ddpm@cifar10</B>" in dot(model("ddpm@cifar10"))
    assert "35.7 M parameters · 6.2 GMACs at 32 × 32" in dot(model("ddpm@cifar10"))
    # Published for ResNet-50 at 224 × 224: 25.6 M parameters, 4.1 G multiply-accumulates.
    assert "25.6 M parameters · 4.1 GMACs at 224 × 224" in dot(model("resnet50"))


def test_given_sizes_replace_symbols() -> None:
    text = dot(model("resnet50"), View(sizes={"H": 448, "W": 224}))
    assert "8.2 GMACs at 448 × 224" in text
    assert "bottleneck × 3 · 256 channels · 112×56" in text
    assert "[N, 3, 448, 224]" in text


def test_edges_say_shapes_where_they_change_and_no_box_says_so() -> None:
    text = dot(model("resnet50"))
    assert re.findall(r'label=" ([^"]+)"', text) == ["64 · H/2×W/2", "64 · H/4×W/4", "2048"]


def test_an_arrow_beside_the_way_through_repeats_no_shape() -> None:
    """It runs along a frame, where its label would lie over the line; the box that it meets says the shape."""
    lines = dot(model("attention_unet"), View(3)).splitlines()
    beside = [line for line in lines if "res_conv" in line.partition(" -> ")[0] and " -> " in line]
    assert len(beside) == 5
    assert not any("label=" in line for line in beside)
    assert all("tooltip=" in line for line in beside)
    assert any('"first_features" -> ' in line and 'label=" 128 · H×W"' in line for line in lines)


def test_every_skip_arrow_carries_its_number() -> None:
    text = dot(model("ddpm@cifar10"))
    assert re.findall(r'taillabel="([^"]+)"', text) == ["3 skips"] * 4


def test_a_folded_chain_of_blocks_says_which_and_how_many() -> None:
    """As `layer1` of a ResNet would, had its stage a level of its own."""
    stage = {"nodes": {"unit": {"op": "basic", "repeat": 2, "planes": 8}}}
    spec = {"archgraph": 1, "name": "net", "inputs": {"x": ["N", 8, "H", "W"]}, "nodes": {"stage": stage}}
    assert "basic × 2 · 8 channels · H×W" in dot(load(spec), View(1))


def test_direction() -> None:
    assert "rankdir=LR" in dot(model("resnet50"), View(direction="LR"))
    assert "rankdir=TB" in dot(model("resnet50"))


@pytest.mark.parametrize("name", CASES)
def test_no_font_element_is_empty(name: str) -> None:
    for depth in (None, 1, 3):
        assert not re.search(r"<(FONT|B)[^>]*></\1>", dot(model(name), View(depth)))


def test_the_text_is_the_same_each_time() -> None:
    assert dot(model("attention_unet")) == dot(model("attention_unet"))


def test_hostile_names_are_drawn_as_they_are(tmp_path: Path) -> None:
    builder = Builder('net<&>"\\')
    x = image(builder, name="in <&>")
    for number, name in enumerate(HOSTILE):
        x = builder.apply(name, conv(3 + number), x).output
        x = builder.apply(f"pool{number}", op("max_pool2d", kernel_size=2), x).output
    path = render(builder.finish({"out & in": x}), tmp_path / "hostile.svg")
    texts = {
        "".join(element.itertext()).strip() for element in Xml.parse(path).iter("{http://www.w3.org/2000/svg}text")
    }
    shown = {re.sub(r"[\x00-\x1f]", " ", name).strip() for name in (*HOSTILE, "in <&>", "out & in")}
    assert shown <= {text.replace("\xa0", " ") for text in texts}


def test_long_names_are_broken_into_lines() -> None:
    text = dot(chain(1, names=["convolution of " + "very " * 20 + "long name"]))
    assert '<BR ALIGN="LEFT"/>' in text


def test_an_unknown_direction_is_refused() -> None:
    with pytest.raises(RenderError) as caught:
        dot(model("resnet18"), View(direction="rl"))
    assert str(caught.value) == "error: there is no such direction\n  expected: down or right\n  received: rl"


def test_a_depth_below_one_is_refused() -> None:
    with pytest.raises(RenderError, match="the depth must be positive"):
        dot(model("resnet18"), View(0))


def test_sizes_that_the_graph_does_not_take_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="no size 'Z'"):
        dot(model("resnet18"), View(sizes={"Z": 3}))
    with pytest.raises(ShapeError, match="multiple of 8"):
        dot(model("ddpm@cifar10"), View(sizes={"H": 33}))


def test_a_way_that_leaves_the_main_one_is_drawn() -> None:
    """Of two ways from one box the shorter ends elsewhere, and its arrow has a shape to say."""
    nodes = {
        "conv": {"op": "conv1d", "out_channels": 8, "kernel_size": 3},
        "norm": {"op": "group_norm", "in": "conv", "num_groups": 1},
        "halves": {"op": "chunk", "in": "conv", "chunks": 2, "dim": 2},
        "gate": {"op": "sigmoid", "in": "halves.1"},
        "ratio": {"op": "div", "in": ["halves.1", "gate"]},
    }
    outputs = {"first": "halves.0", "ratio": "ratio", "normed": "norm"}
    spec = {"archgraph": 1, "name": "ways", "inputs": {"x": ["N", 4, "L"]}, "nodes": nodes, "outputs": outputs}
    assert '"norm"' in dot(load(spec))
