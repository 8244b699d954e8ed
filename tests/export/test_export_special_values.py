"""What is no number, infinite, tiny or huge, and values without dimensions, through every operation that maps, reduces
or moves elements: as in torch, with all optimisations on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_cases import network, require_torchs

SPECIAL = np.array(
    [
        *(np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-45, 1e-38, -3e-39, 1e30, -1e30, 88, -88, 89, -89, 104, -104),
        *(20, -20, 1e-8, 3, -3, 0.5, -1.5, 1, -1),
    ],
    np.float32,
)
LARGEST = np.array([3.4e38, -3.4e38], np.float32)

MAPS: list[Any] = [
    *("relu", "relu6", "leaky_relu", "elu", "silu", "gelu", "sigmoid", "tanh", "hardswish", "hardsigmoid"),
    *("softplus", "exp", "sqrt", "identity"),
    {"op": "leaky_relu", "negative_slope": -0.5},
    {"op": "elu", "alpha": 0.5},
    {"op": "gelu", "approximate": "tanh"},
    {"op": "softplus", "beta": 2.0, "threshold": 10.0},
    {"op": "softplus", "beta": 0.5, "threshold": 100.0},
    {"op": "clamp", "min": -0.5, "max": 0.5},
    {"op": "clamp", "min": 0.0},
    {"op": "clamp", "max": 0.7},
    {"op": "add", "value": 1.5},
    {"op": "sub", "value": 2},
    {"op": "mul", "value": 0},
    {"op": "mul", "value": 1e30},
    {"op": "div", "value": 0},
    {"op": "div", "value": 2},
]
OVERFLOWS_IN_TORCH = ("hardswish",)
"""x · relu6(x + 3) is infinite before it is divided by 6."""


def single(one: Any, shape: list[Any]) -> Any:
    return network({"it": {"op": one} if isinstance(one, str) else one}, {"x": shape})


@pytest.mark.parametrize("one", MAPS, ids=str)
def test_special_values(one: Any, tmp_path: Path) -> None:
    """In vectors short and long: the kernels treat the rest of a vector in another way."""
    values = SPECIAL if one in OVERFLOWS_IN_TORCH else np.concatenate([SPECIAL, LARGEST])
    require_torchs(single(one, ["N"]), tmp_path, [{"x": values}, {"x": np.tile(values, 7)}, {"x": values[:1]}])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "one",
    [
        {"op": "mean", "dim": 1},
        {"op": "sum", "dim": []},
        {"op": "softmax", "dim": 1},
        {"op": "avg_pool2d", "kernel_size": 2},
        {"op": "avg_pool2d", "kernel_size": 3, "padding": 1, "ceil_mode": True},
        {"op": "adaptive_avg_pool2d", "output_size": 1},
        {"op": "instance_norm2d"},
        {"op": "interpolate", "scale_factor": 2, "mode": "bilinear"},
        {"op": "conv2d", "out_channels": 4, "kernel_size": 3, "padding": 1},
    ],
    ids=str,
)
def test_one_special_value_among_others(one: Any, value: float, tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((2, 4, 6, 7)).astype(np.float32)
    x[0, 1, 2, 3] = value
    require_torchs(single(one, ["N", 4, "H", "W"]), tmp_path, [{"x": x}])


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize(
    "one", [{"op": "amax", "dim": [2, 3]}, {"op": "max_pool2d", "kernel_size": 2, "padding": 1}], ids=str
)
def test_infinity_in_a_maximum(one: Any, value: float, tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((2, 4, 6, 7)).astype(np.float32)
    x[0, 1, 2, 3] = value
    require_torchs(single(one, ["N", 4, "H", "W"]), tmp_path, [{"x": x}])


SCALARS: list[Any] = [
    *MAPS,
    *("mean", "sum", "amax", "dropout"),
    {"op": "mean", "dim": []},
    {"op": "sum", "keepdim": True},
    {"op": "amax", "dim": [], "keepdim": True},
    {"op": "reshape", "shape": []},
    {"op": "reshape", "shape": [1, 1]},
    {"op": "reshape", "shape": [-1]},
    {"op": "unsqueeze", "dim": [-1, -1]},
    {"op": "expand", "shape": []},
    {"op": "expand", "shape": [2, 3]},
    {"op": "permute", "dims": []},
    {"op": "squeeze", "dim": []},
    {"op": "stochastic_depth", "p": 0.5},
]


@pytest.mark.parametrize("one", SCALARS, ids=str)
def test_values_without_dimensions(one: Any, tmp_path: Path) -> None:
    """As an input, and in the middle of a network, where the optimiser joins operators."""
    require_torchs(single(one, []), tmp_path, [{"x": np.array(0.7, np.float32)}])
    middle = {"op": one} if isinstance(one, str) else one
    chain = network({"m": "mean", "it": middle, "after": {"op": "mul", "value": 2}}, {"x": ["N", 3]})
    require_torchs(chain, tmp_path, [{"x": np.array([[0.5, 1, 0.25]], np.float32)}])


@pytest.mark.parametrize(
    "weight",
    [
        {"op": "parameter", "shape": [], "init": 0.5},
        {"op": "parameter", "shape": [], "init": "ones"},
        {"op": "buffer", "shape": [], "init": 0.5},
        {"op": "buffer", "shape": [2, 3], "init": "arange"},
        {"op": "constant", "value": 0.5},
    ],
    ids=str,
)
def test_weights_without_dimensions(weight: Any, tmp_path: Path) -> None:
    graph = network({"p": weight, "e": {"op": "exp", "in": "p"}, "m": {"op": "mul", "in": ["x", "e"]}}, {"x": [2, 3]})
    require_torchs(graph, tmp_path, [{"x": np.arange(6, dtype=np.float32).reshape(2, 3)}])


@pytest.mark.parametrize("kind", ["mean", "sum", "amax"])
@pytest.mark.parametrize("keepdim", [False, True])
def test_no_dimension_stands_for_all(kind: str, keepdim: bool, tmp_path: Path) -> None:
    graph = single({"op": kind, "dim": [], "keepdim": keepdim}, ["N", 4])
    (result,) = graph.outputs.values()
    assert result.shape == ((1, 1) if keepdim else ())
    require_torchs(graph, tmp_path, [{"x": np.arange(8, dtype=np.float32).reshape(2, 4)}])


def test_symbolic_channels_of_pixel_unshuffle(tmp_path: Path) -> None:
    graph = single({"op": "pixel_unshuffle", "downscale_factor": 2}, ["N", "C", "H", "W"])
    rng = np.random.default_rng(0)
    shapes = [(1, 1, 2, 2), (2, 3, 4, 6)]
    require_torchs(graph, tmp_path, [{"x": rng.standard_normal(shape).astype(np.float32)} for shape in shapes])
