"""What a person asks of a picture: parts opened and folded by path, sizes as numbers, the direction, a legend."""

from __future__ import annotations

import re

import pytest
from diagram_samples import chain, model, res_net

from archgraph.diagram import View, dot
from archgraph.diagram.default_depth import outline
from archgraph.diagram.fonts import width
from archgraph.diagram.outline import groups
from archgraph.errors import UnknownNameError
from archgraph.language.load import load


def titles(view: View, name: str = "resnet50") -> list[str]:
    return [box.caption.title for box in outline(model(name), view).boxes]


def test_one_block_is_opened_and_its_like_stay_folded() -> None:
    found = titles(View(open=("layer1.0",)))
    assert "bottleneck × 2" in found  # the other two of the first stage's three
    assert [title for title in found if title.startswith("layer")] == ["layer2", "layer3", "layer4"]
    frames = [group.title for group in groups(outline(model("resnet50"), View(open=("layer1.0",))).tree)]
    assert frames[:2] == ["layer1", "layer1.0"]
    assert "downsample" in frames


def test_opening_a_group_opens_all_of_it() -> None:
    picture = outline(model("resnet50"), View(depth=1, open=("layer4",)))
    convolutions = [box for box in picture.boxes if re.match(r"conv\d, bn\d", box.caption.title)]
    assert len(convolutions) == 1 + 3 + 3  # the stem, the first bottleneck, and one that stands for the rest


def test_folding_closes_what_the_depth_opens() -> None:
    deep, folded = View(depth=2), View(depth=2, fold=("layer3",))
    assert "layer3" not in titles(deep)
    assert "layer3" in titles(folded)
    assert len(titles(folded)) < len(titles(deep))


def test_what_is_folded_in_an_opened_part_stays_folded() -> None:
    assert "downsample" in titles(View(open=("layer1.0",), fold=("layer1.0.downsample",)))


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("layer9.0", "resnet@resnet50 has no block or group 'layer9.0'", "did you mean 'layer4.0'?"),
        ("layer1.0.conv1", "'layer1.0.conv1' is a single operation, which cannot be opened or folded", "layer1.0"),
    ],
)
def test_a_path_that_is_no_block_is_refused(name: str, message: str, hint: str) -> None:
    for view in (View(open=(name,)), View(fold=(name,))):
        with pytest.raises(UnknownNameError) as caught:
            dot(model("resnet50"), view)
        (problem,) = caught.value.problems
        assert problem.message == message
        assert ("did you mean 'layer" in problem.hint) if "did you" in hint else (hint in problem.hint)


def test_sizes_stand_as_numbers_on_edges_and_boxes() -> None:
    text = dot(model("resnet50"), View(sizes={"H": 224, "W": 224}))
    assert re.findall(r'label=" ([^"]+)"', text) == ["64 · 112×112", "64 · 56×56", "2048"]
    assert "H/" not in re.sub(r'tooltip="[^"]*"', "", text)


def test_left_to_right() -> None:
    assert "rankdir=LR" in dot(model("resnet50"), View(direction="right"))
    assert "rankdir=TB" in dot(model("resnet50"), View(direction="down"))


def test_a_legend_names_the_colours_of_the_picture_once() -> None:
    text = dot(model("resnet50"), View(legend=True))
    head = text.partition("node [")[0]
    said = ("convolution", "residual", "resampling", "inputs, outputs, joins")
    assert [head.count(f">{name}<") for name in said] == [1, 1, 1, 1]
    assert ">attention<" not in head
    assert ">residual<" not in dot(model("resnet50")).partition("node [")[0]


def test_names_and_numbers_have_room_in_the_widest_font() -> None:
    """Each cell is at least as wide as its text in DejaVu Sans, the widest font of the list."""
    text = dot(model("vit_b_16"))
    cells = re.findall(r'WIDTH="(\d+)"><B>([^<]+)</B>', text)
    assert len(cells) > 5
    assert all(int(room) >= width(name.replace("&amp;", "&"), 10, bold=True) for room, name in cells)


def test_widths_are_those_of_the_font() -> None:
    # DejaVu Sans at 1000 units: a = 613, i = 278; its bold: a = 675, W = 1103.
    assert width("ai", 1000) == 891
    assert width("aW", 1000, bold=True) == 1778


def test_both_arrows_of_a_sum_end_at_sides_of_their_own() -> None:
    text = dot(res_net(3), View(3))
    arrows = re.findall(r'^  "([^"]+)"((?::\w+)*) -> "([^"\t]*add[^"\t]*)"(:\w+)? \[', text, re.M)
    assert sorted(side for _, _, _, side in arrows) == ["", ":e"]
    left = re.findall(r'"[^"\t]*add[^"\t]*"(:\w+)? -> ', text)
    assert ":e" not in left  # a shortcut that leaves where another ends


def test_numbered_boxes_have_telling_names() -> None:
    layers = {"body": {"nodes": {"0": {"op": "conv2d", "out_channels": 8, "kernel_size": 3}, "1": "sigmoid"}}}
    spec = {"archgraph": 1, "name": "net", "inputs": {"x": ["N", 8, "H", "W"]}, "nodes": layers}
    found = [box.caption.title for box in outline(load(spec), View(9)).boxes]
    assert not any(re.fullmatch(r"[\d\s–,]+", title) for title in found)


def test_a_long_chain_is_folded_by_its_period_and_counted() -> None:
    (box,) = [box for box in outline(chain(1000), View()).boxes if "… tanh_999" in box.caption.title]
    assert box.leaves[-1] == 1999
