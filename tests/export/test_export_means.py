"""Means of many numbers, with all of ONNX Runtime's optimisations: as near to the truth as torch's in float32."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from export_cases import network, random_weights, run

import archgraph
from archgraph.export import ExportOptions, export

IMAGES: dict[str, list[Any]] = {"known": [1, 32, 112, 112], "free": ["N", 32, "H", "W"]}
VOLUMES: dict[str, list[Any]] = {"known": [1, 32, 16, 40, 40], "free": ["N", 32, "D", "H", "W"]}
WHOLE = {"op": "adaptive_avg_pool2d", "output_size": 1}
FORMS: list[tuple[dict[str, Any], list[Any], tuple[int, ...], float]] = [
    (WHOLE, IMAGES["known"], (112, 112), 2.0),
    (WHOLE, IMAGES["free"], (64, 64), 4.0),
    ({"op": "adaptive_avg_pool2d", "output_size": 2}, IMAGES["known"], (112, 112), 0.5),
    ({"op": "adaptive_avg_pool3d", "output_size": 1}, VOLUMES["known"], (16, 40, 40), 2.0),
    ({"op": "adaptive_avg_pool3d", "output_size": 1}, VOLUMES["free"], (16, 40, 40), 2.0),
    ({"op": "avg_pool2d", "kernel_size": 28}, IMAGES["free"], (56, 60), 0.5),
    ({"op": "avg_pool2d", "kernel_size": 33, "padding": 16, "stride": 8}, IMAGES["free"], (56, 60), 0.5),
    ({"op": "avg_pool3d", "kernel_size": [8, 20, 20]}, VOLUMES["free"], (16, 40, 40), 0.5),
    ({"op": "lp_pool2d", "norm_type": 2, "kernel_size": 28}, IMAGES["free"], (56, 60), 0.5),
    ({"op": "mean", "dim": [2, 3]}, IMAGES["known"], (112, 112), 2.0),
    ({"op": "sum", "dim": [2, 3]}, IMAGES["known"], (112, 112), 2.0),
    ({"op": "vector_norm", "dim": [2, 3]}, IMAGES["free"], (64, 64), 2.0),
    ({"op": "vector_norm", "ord": 1, "dim": [2, 3]}, IMAGES["free"], (64, 64), 0.5),
]
"""Operations, the size of what they read in the spec and in the try, and how many of float32's own errors a file may
have: torch adds what is in a window one after another too, but not a whole image."""


def operators(path: Path) -> list[str]:
    return [node.op_type for node in onnx.load(path).graph.node]


@pytest.mark.parametrize("convolved", [False, True])
@pytest.mark.parametrize(("op", "shape", "sizes", "most"), FORMS, ids=str)
def test_a_mean_of_many_positive_numbers_is_right(
    op: dict[str, Any], shape: list[Any], sizes: tuple[int, ...], most: float, convolved: bool, tmp_path: Path
) -> None:
    """Behind a convolution too, in whose blocked layout other kernels add."""
    nodes = {"relu": {"op": "relu"}, "it": op}
    if convolved:
        axes = len(sizes)
        nodes = {"conv": {"op": f"conv{axes}d", "out_channels": 32, "kernel_size": 1, "bias": False}, **nodes}
    graph = network(nodes, {"x": shape})
    state = random_weights(graph)
    if convolved:  # an image goes through as it is
        state["conv.weight"] = np.eye(32, dtype=np.float32).reshape(state["conv.weight"].shape)
    module = archgraph.to_torch(graph).eval()
    module.load_state_dict({key: torch.from_numpy(value) for key, value in state.items()})
    draw = np.random.default_rng(0)
    for profile in ("portable", "cpu"):
        export(graph, state, tmp_path / f"{profile}.onnx", ExportOptions(profile))
    errors: dict[str, float] = {}
    for _ in range(3):
        x = draw.standard_normal((1, 32, *sizes)).astype(np.float32)
        with torch.no_grad():
            single, exact = module(torch.from_numpy(x)).numpy(), module.double()(torch.from_numpy(x).double()).numpy()
        module.float()
        found = {profile: run(tmp_path / f"{profile}.onnx", {"x": x})[0] for profile in ("portable", "cpu")}
        for name, value in {"torch": single, **found}.items():
            errors[name] = max(errors.get(name, 0.0), float(np.abs(value - exact).max()))
    assert errors["portable"] <= most * errors["torch"]
    assert errors["cpu"] <= most * errors["torch"]


@pytest.mark.parametrize(
    ("op", "size"),
    [
        ({"kernel_size": [9, 12], "stride": [3, 5], "padding": [4, 6]}, (31, 37)),
        ({"kernel_size": [9, 12], "stride": [3, 5], "padding": [4, 6], "count_include_pad": False}, (31, 37)),
        ({"kernel_size": [9, 12], "stride": [4, 5], "padding": [4, 1], "ceil_mode": True}, (31, 36)),
        ({"kernel_size": [20, 12], "stride": [4, 5], "ceil_mode": True, "count_include_pad": False}, (31, 36)),
        ({"kernel_size": [100, 1], "stride": [7, 2]}, (131, 9)),
    ],
    ids=str,
)
def test_large_windows_are_those_of_torch(op: dict[str, Any], size: Sequence[int], tmp_path: Path) -> None:
    """One dimension after another, at the edges too."""
    graph = network({"it": {"op": "avg_pool2d", **op}}, {"x": ["N", 2, "H", "W"]})
    export(graph, {}, tmp_path / "m.onnx")
    assert operators(tmp_path / "m.onnx").count("AveragePool") == 2
    x = torch.randn(2, 2, *size)
    (found,) = run(tmp_path / "m.onnx", {"x": x.numpy()})
    np.testing.assert_allclose(found, torch.nn.functional.avg_pool2d(x, **op).numpy(), atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "profile", "wanted"),
    [
        (["N", 4, "H", "W"], "cpu", ["ReduceMean"]),
        (["N", 4, "H", 56], "cpu", ["ReduceMean"]),
        (["N", 4, "D", "H", "W"], "cpu", ["ReduceMean", "ReduceMean"]),
        (["N", 4, 7, 7], "cpu", ["GlobalAveragePool"]),
        (["N", 4, 56, 56], "cpu", ["ReduceMean"]),
        (["N", 4, 112, 112], "cpu", ["ReduceMean", "ReduceMean"]),
        (["N", 4, 56, 56], "cuda", ["GlobalAveragePool"]),
        (["N", 4, "H", "W"], "cuda", ["GlobalAveragePool"]),
    ],
    ids=str,
)
def test_the_form_of_a_whole_image_follows_from_what_is_known(
    shape: list[Any], profile: str, wanted: list[str], tmp_path: Path
) -> None:
    op = {"op": f"adaptive_avg_pool{len(shape) - 2}d", "output_size": 1}
    export(network({"it": op}, {"x": shape}), {}, tmp_path / "m.onnx", ExportOptions(profile))
    assert operators(tmp_path / "m.onnx") == wanted


def test_the_mean_of_tokens_that_are_an_image_of_one_dimension_is_right(tmp_path: Path) -> None:
    """ONNX Runtime would move the transposition behind a reduction, and add row by row: 14 of torch's errors."""
    nodes = {"channels_first": {"op": "transpose", "dim0": 1, "dim1": 2}, "it": {"op": "adaptive_avg_pool1d"}}
    nodes["it"]["output_size"] = 1
    graph = network(nodes, {"x": ["N", "L", 64]})
    export(graph, {}, tmp_path / "m.onnx", ExportOptions("cpu"))
    x = np.abs(np.random.default_rng(0).standard_normal((1, 2720, 64))).astype(np.float32)
    (found,) = run(tmp_path / "m.onnx", {"x": x})
    exact = x.astype(np.float64).mean(1)
    off = np.abs(torch.from_numpy(x).transpose(1, 2).mean(-1).numpy() - exact).max()
    assert np.abs(found[..., 0] - exact).max() <= 4 * off


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_low_types_are_not_rounded_between_two_means(dtype: str, tmp_path: Path) -> None:
    nodes = {"it": {"op": "avg_pool2d", "kernel_size": 32}}
    export(network(nodes, {"x": ["N", 4, 64, 64]}), {}, tmp_path / "m.onnx", ExportOptions("cpu", dtype=dtype))
    assert operators(tmp_path / "m.onnx").count("AveragePool") == 1
