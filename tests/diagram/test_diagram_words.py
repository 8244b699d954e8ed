"""Sizes in words: short, and right but for rounding."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from diagram_samples import model

from archgraph.diagram.roles import work
from archgraph.diagram.shapes import Wording, channels, count, spatial
from archgraph.dims import parse_dim, symbol
from archgraph.graph import walk

RESNET = Wording(model("resnet50"))
DDPM = Wording(model("ddpm@cifar10"))  # H and W are multiples of 8


@pytest.mark.parametrize(
    ("size", "text"),
    [
        ("7", "7"),
        ("H", "H"),
        ("2*H", "2·H"),
        ("H // 2", "H/2"),
        ("(H + 1) // 2", "H/2"),
        ("(H + 31) // 32", "H/32"),
        ("3*(H // 4)", "3·(H/4)"),
        ("(H + 5) // 4", "(H + 5)/4"),
        ("(H + 1) // 2 - 1", "(H - 1)/2"),
        ("2*((H + 1) // 2) - 1", "2·((H + 1)/2) - 1"),
        ("H - 2", "H - 2"),
        ("H * W", "H·W"),
    ],
)
def test_sizes(size: str, text: str) -> None:
    assert RESNET.size(parse_dim(size)) == text


def test_what_is_known_of_a_symbol_is_made_use_of() -> None:
    assert DDPM.size(parse_dim("2*(H // 2)")) == "H"
    assert DDPM.size(parse_dim("2*(H // 4)")) == "H/2"
    assert DDPM.size(parse_dim("(H + 1) // 2")) == "H/2"
    assert RESNET.size(parse_dim("2*(H // 2)")) == "2·(H/2)"


@pytest.mark.parametrize("wording", [RESNET, DDPM], ids=["any", "multiples of 8"])
def test_a_ratio_is_never_further_off_than_rounding(wording: Wording) -> None:
    step = 8 if wording is DDPM else 1
    for factor in (1, 2, 3):
        for offset in range(-3, 9):
            for divisor in (1, 2, 3, 4, 8):
                dim = parse_dim(f"({factor}*H + {offset}) // {divisor}".replace("+ -", "- "))
                found = re.fullmatch(r"(?:(\d+)·)?H(?:/(\d+))?", wording.size(dim))
                if found is None or isinstance(dim, int):
                    continue
                ratio = Fraction(int(found[1] or 1), int(found[2] or 1))
                for size in range(8 * step, 40 * step, step):
                    assert abs(dim.evaluate({"H": size}) - ratio * size) < 1


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, ""),
        (640, "640"),
        (1000, "1.0 k"),
        (9408, "9.4 k"),
        (99_960, "100 k"),
        (723_000, "723 k"),
        (999_600, "1.0 M"),
        (35_746_307, "35.7 M"),
        (4_089_184_256, "4.1 G"),
    ],
)
def test_counts(number: int, text: str) -> None:
    assert count(number) == text


@pytest.mark.parametrize(
    ("shape", "deep", "wide"),
    [
        (("N", 64, "H", "W"), 64, ("H", "W")),
        ((1, 56, 56, 96), 96, (56, 56)),
        ((1, 96, 56, 56), 96, (56, 56)),
        (("N", 197, 768), 768, (197,)),
        (("N", 64, "L"), 64, ("L",)),
        (("N", 1000), 1000, ()),
    ],
)
def test_which_dimensions_are_channels(shape: tuple[int | str, ...], deep: int, wide: tuple[int | str, ...]) -> None:
    read = tuple(parse_dim(size) if isinstance(size, str) else size for size in shape)
    assert channels(read) == deep
    assert spatial(read) == tuple(parse_dim(size) if isinstance(size, str) else size for size in wide)


@pytest.mark.parametrize(
    ("name", "path", "text"),
    [
        ("resnet50", "conv1", "conv 7×7 / 2"),
        ("resnext101_64x4d", "layer1.0.conv2", "conv 3×3, 64 groups"),
        ("convnext_tiny", "features.1.0.block.0", "conv 7×7, depthwise"),
        ("resnet50", "maxpool", "max pool 3×3 / 2"),
        ("resnet50", "avgpool", "average pool to 1×1"),
        ("vit_b_16", "encoder.layers.encoder_layer_0.self_attention.mix", "attention, 12 heads"),
        ("vit_b_16", "encoder.ln", "layer norm"),
    ],
)
def test_what_operations_are_called(name: str, path: str, text: str) -> None:
    (node,) = (placed.node for placed in walk(model(name)) if placed.path == path)
    assert work(node) == text


def test_a_sum_in_a_product_stands_in_parentheses() -> None:
    shape = (symbol("N"), 8, parse_dim("H - 2"), parse_dim("(W + 1) // 2 - 1"))
    assert RESNET.said([shape]) == "8 channels · (H - 2)×(W - 1)/2"
    assert RESNET.said([(symbol("N"), parse_dim("L + 1"), 8)]) == "8 channels · (L + 1) tokens"
    assert RESNET.short((symbol("N"), parse_dim("L + 1"), 8)) == "(L + 1)×8"


def test_a_square_without_channels_is_a_matrix() -> None:
    assert RESNET.said([(symbol("N"), 64, 64)]) == "64×64 matrix"
