"""Resizing by torch's own places: over random sizes and factors, where a size stays, where it doubles, and beyond the
128 rows and columns up to which torch then leaves the factor aside."""

from __future__ import annotations

import math
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from export_cases import network, random_inputs, require_torchs
from torch.nn import functional as F

from archgraph.dims import Dim
from archgraph.errors import ArchgraphError
from archgraph.export.rules.nearest import _exact_differs

FACTORS = (1, 1.05, 1.1, 1.125, 1.25, 1.3, 1.5, 2, 2.1, 2.25, 2.5, 3, 3.1, 0.75, 0.5, 1 / 3, 0.3)
BINARY = (1, 1.125, 1.25, 1.5, 2, 2.25, 3, 0.75, 0.5)


def resized(shape: list[Any], **how: Any) -> Any:
    return network({"resized": {"op": "interpolate", **how}}, {"x": shape})


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("count", [15, pytest.param(60, marks=pytest.mark.slow)])
def test_factors_at_known_sizes(mode: str, count: int, tmp_path: Path) -> None:
    rng = Random(mode)
    tried = 0
    while tried < count:
        scales = [rng.choice([*FACTORS, rng.uniform(0.2, 4)]) for _ in range(2)]
        shape: list[Any] = [1, rng.randint(1, 5), *(rng.choice([1, 2, 3, rng.randint(4, 50)]) for _ in range(2))]
        corners = {"align_corners": rng.random() < 0.3} if mode == "bilinear" else {}
        try:
            graph = resized(shape, scale_factor=scales, mode=mode, **corners)
        except ArchgraphError:
            continue  # nothing would remain
        require_torchs(graph, tmp_path, [random_inputs(graph)], ["portable"])
        tried += 1


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("scale", BINARY)
def test_factors_at_free_sizes(mode: str, scale: float, tmp_path: Path) -> None:
    """Small ones, where the size stays or doubles, and large ones beside them."""
    graph = resized(["N", 3, "H", "W"], scale_factor=[scale, 2], mode=mode)
    heights = [size for size in (1, 2, 3, 4, 5, 7, 8) if math.floor(size * scale)]
    sizes = [{"N": 1, "H": height, "W": width} for height in heights for width in (3, 80)]
    require_torchs(graph, tmp_path, [random_inputs(graph, one) for one in sizes], ["portable"])


@pytest.mark.parametrize("how", [{}, {"mode": "bilinear"}, {"mode": "bilinear", "align_corners": True}])
def test_sizes(how: dict[str, Any], tmp_path: Path) -> None:
    rng = Random(str(how))
    for size in (["=H", "=2 * W"], ["=H + 1", "=W // 2"], [5, 1], ["=3 * H", 100]):
        graph = resized(["N", 3, "H", "W"], size=size, **how)
        given = [random_inputs(graph, {"N": 1, "H": rng.randint(1, 60), "W": rng.randint(2, 60)}) for _ in range(4)]
        require_torchs(graph, tmp_path, given, ["portable"], atol=1e-4)  # places are rounded to float32 by either


@pytest.mark.parametrize(
    ("size", "scale", "copies"), [(14, 1.05, True), (3, 2.25, True), (14, 1.5, False), (1, 1.5, False)]
)
def test_where_the_factor_is_left_aside(size: int, scale: float, copies: bool) -> None:
    """torch itself: where the factor alone would take other pixels, it copies or doubles."""
    x = torch.arange(float(size)).reshape(1, 1, 1, size)
    found = F.interpolate(x, scale_factor=(1, scale))[0, 0, 0].numpy()
    by_factor = np.minimum(np.floor(np.arange(len(found), dtype=np.float32) * np.float32(1 / scale)), size - 1)
    assert bool((found != by_factor).any()) is copies
    assert _exact_differs(size, scale) is copies


def test_the_size_is_kept_in_one_dimension_alone(tmp_path: Path) -> None:
    shape: list[Dim] = [2, 4, 14, 14]
    graph = resized(shape, scale_factor=1.05)
    x = random_inputs(graph)
    require_torchs(graph, tmp_path, [x])
    graph = resized([2, 4, 2, 3], scale_factor=1.1, mode="bilinear")
    require_torchs(graph, tmp_path, [random_inputs(graph)])


_PLAIN = ["nearest", "nearest-exact", "bilinear", "bicubic"]


@pytest.mark.parametrize(
    "how", [*({"mode": mode} for mode in _PLAIN), *({"mode": mode, "antialias": True} for mode in _PLAIN[2:])], ids=str
)
@pytest.mark.parametrize("scale", [[1.05, 1.05], [1.05, 0.4]])
def test_a_factor_under_which_the_size_stays(how: dict[str, Any], scale: list[float], tmp_path: Path) -> None:
    """torch copies in all modes but one: cubic places without antialias follow the factor."""
    for shape in ([1, 3, 10, 10], ["N", 3, "H", "W"]):
        graph = resized(shape, scale_factor=scale, **how)
        given = random_inputs(graph, {"N": 1, "H": 10, "W": 10} if "N" in shape else None)
        require_torchs(graph, tmp_path, [given], ["portable"], atol=1e-5)
