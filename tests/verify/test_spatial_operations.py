"""Every row of the tables over the number of dimensions, all of one number in one file: at free sizes, in every
profile, with all of ONNX Runtime's optimisations, and in low types."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from table_graphs import opened

import archgraph as ag
from archgraph.dims import Dim, Facts, evaluate, symbol
from archgraph.errors import ShapeError
from archgraph.export import ExportOptions, export
from archgraph.graph.builder import Builder
from archgraph.graph.types import Graph
from archgraph.ops import REGISTRY, Inputs, TensorType, make
from archgraph.verify.operator_definitions import runnable

CASES: list[tuple[str, dict[str, Any]]] = [
    ("conv", {"out_channels": 4, "kernel_size": (2, 3, 2), "padding": (1, 1, 0), "stride": (1, 2, 2), "groups": 2}),
    ("conv", {"out_channels": 2, "kernel_size": (2, 2, 4), "dilation": 2, "padding": "same"}),
    ("conv", {"out_channels": 2, "kernel_size": (2, 3, 4), "padding": "same", "padding_mode": "reflect"}),
    ("conv", {"out_channels": 2, "kernel_size": (2, 3, 4), "padding": "same", "padding_mode": "replicate"}),
    ("conv", {"out_channels": 2, "kernel_size": (2, 3, 4), "padding": "same", "padding_mode": "circular"}),
    ("conv", {"out_channels": 2, "kernel_size": 2, "padding": "valid", "padding_mode": "circular", "bias": False}),
    ("conv_transpose", {"out_channels": 6, "kernel_size": (2, 3, 2), "stride": 2, "output_padding": 1, "groups": 2}),
    ("conv_transpose", {"out_channels": 2, "kernel_size": 3, "padding": 1, "dilation": 2, "output_padding": (0, 0, 1)}),
    ("batch_norm", {}),
    ("batch_norm", {"track_running_stats": False}),
    ("instance_norm", {"affine": True}),
    ("max_pool", {"kernel_size": (2, 3, 3), "stride": 2, "padding": 1, "ceil_mode": True}),
    ("max_pool", {"kernel_size": 2, "stride": 1, "dilation": 2}),
    ("avg_pool", {"kernel_size": (2, 3, 3), "stride": 2, "padding": 1, "ceil_mode": True}),
    ("avg_pool", {"kernel_size": (2, 3, 3), "padding": 1, "count_include_pad": False}),
    ("lp_pool", {"kernel_size": (2, 3, 2), "norm_type": 2.0, "ceil_mode": True}),
    ("lp_pool", {"kernel_size": 2, "norm_type": 1.0}),
    ("adaptive_avg_pool", {"output_size": 1}),
    ("adaptive_avg_pool", {"output_size": (2, 4, 9)}),
    ("adaptive_max_pool", {"output_size": 1}),
    ("adaptive_max_pool", {"output_size": (1, 4, 9)}),
    ("dropout", {}),
]
LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}
N, W = symbol("N"), symbol("W")
SYMBOLS: tuple[Dim, ...] = (symbol("D"), symbol("H"), W)
RESIZED: list[tuple[str, dict[str, Any]]] = [
    *(("interpolate", {"mode": mode, "scale_factor": 1.3}) for mode in ("nearest", "nearest-exact", "area", "linear")),
    *(("interpolate", {"mode": mode, "size": 6}) for mode in ("nearest", "nearest-exact", "area", "linear")),
    ("interpolate", {"mode": "linear", "scale_factor": 1.3, "align_corners": True}),
    ("interpolate", {"mode": "linear", "scale_factor": 0.4, "recompute_scale_factor": True}),
    *(
        ("interpolate", {"mode": mode, "antialias": smooth, **wanted})
        for mode in ("bicubic", "bilinear")
        for smooth in (False, True)
        for wanted in ({"scale_factor": 1.7}, {"scale_factor": 0.6}, {"size": 6}, {"size": 9, "align_corners": True})
    ),
    ("pad", {"pad": [-1, 2, 1, -2, 0, -1]}),
    ("pad", {"pad": [W, 1, 1, N, 0, -1], "value": 0.5}),
    ("pad", {"pad": [-(W // 2), 1]}),
    ("pad", {"pad": [-1, 2, 1, -1, 2, 0], "mode": "reflect"}),
    ("pad", {"pad": [W, -1, 1, N, 0, -1], "mode": "replicate"}),
    ("pad", {"pad": [W - 1, -1, 1, -1, 0, 2], "mode": "circular"}),
    ("pixel_shuffle", {"upscale_factor": 2}),
    ("channel_shuffle", {"groups": 2}),
    ("unfold", {"kernel_size": (2, 3), "dilation": (2, 1), "padding": (1, 0), "stride": (1, 2)}),
]
SIZES = ((3, 5, 7), (4, 9, 8), (6, 12, 18))


def cut(attributes: Mapping[str, Any], axes: int) -> dict[str, Any]:
    """Attributes for three dimensions, as those for fewer: their last ones."""
    return {key: value[-axes:] if isinstance(value, tuple) else value for key, value in attributes.items()}


def family(axes: int, sizes: tuple[Dim, ...] = SYMBOLS) -> Graph:
    """All cases over one number of dimensions, and a pool with its inverse."""
    build = Builder("family")
    x = build.input("x", (N, 4, *sizes[-axes:]))
    outputs = {}
    for number, (name, attributes) in enumerate(CASES):
        made = build.apply(f"{name}_{number}", make(REGISTRY[f"{name}{axes}d"], cut(attributes, axes)), x)
        outputs[f"{name}_{number}"] = made.output
    pool = build.apply("pool", make(REGISTRY[f"max_pool{axes}d"], {"kernel_size": 2, "return_indices": True}), x)
    outputs["indices"] = pool.outputs[1]
    unpool = make(REGISTRY[f"max_unpool{axes}d"], {"kernel_size": 2, "output_size": list(x.shape[2:])})
    outputs["unpooled"] = build.apply("unpool", unpool, list(pool.outputs)).output
    return build.finish(outputs, constraints=build.facts.constraints())


def resized(axes: int, sizes: tuple[Dim, ...] = SYMBOLS) -> Graph:
    """All cases of other sizes that there are for one number of dimensions."""
    build = Builder("resized")
    x = build.input("x", (N, 4, *sizes[-axes:]))
    outputs = {}
    for number, (name, attributes) in enumerate(RESIZED):
        given = dict(attributes)
        if given.get("mode") == "linear":
            given["mode"] = LINEAR[axes]
        if "pad" in given:
            given["pad"] = given["pad"][: 2 * axes]
        if (name in ("pixel_shuffle", "unfold") or given.get("mode") in ("bilinear", "bicubic")) and axes != 2:
            continue
        outputs[f"{name}_{number}"] = build.apply(f"{name}_{number}", make(REGISTRY[name], given), x).output
    return build.finish(outputs, constraints=build.facts.constraints())


def images(graph: Graph, axes: int) -> Iterator[torch.Tensor]:
    torch.manual_seed(0)
    for sizes in SIZES:
        yield torch.randn(2, 4, *sizes[-axes:])


@pytest.mark.parametrize("profile", ["portable", "cpu", "cuda"])
@pytest.mark.parametrize("graph_of", [family, resized])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_families_are_torchs_at_free_sizes(axes: int, graph_of: Any, profile: str, tmp_path: Path) -> None:
    graph = graph_of(axes)
    module = ag.to_torch(graph, seed=1).eval()
    state = {key: tensor.numpy() for key, tensor in module.state_dict().items()}
    export(graph, state, tmp_path / "it.onnx", ExportOptions(profile))
    with runnable(tmp_path / "it.onnx") as path:
        session = opened(path)
    for x in images(graph, axes):
        with torch.no_grad():
            expected = module(x)
        for name, ours, torchs in zip(graph.outputs, session.run(None, {"x": x.numpy()}), expected, strict=True):
            assert ours.dtype == torchs.numpy().dtype
            np.testing.assert_allclose(ours, torchs.numpy(), rtol=2e-4, atol=2e-5, err_msg=f"{name} of {x.shape}")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize(("axes", "graph_of"), [(1, family), (3, family), (2, resized)])
def test_families_in_a_low_type_are_verified(axes: int, graph_of: Any, dtype: str, tmp_path: Path) -> None:
    found = ag.to_onnx(graph_of(axes, SYMBOLS if axes < 3 else SIZES[0]), tmp_path / "it.onnx", dtype=dtype)
    assert found.certificate is not None
    assert found.certificate.equal


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_same_padding_of_even_kernels_is_wider_at_the_end(axes: int, tmp_path: Path) -> None:
    """With zeros torch copies the input for it, and says so."""
    build = Builder("same")
    x = build.input("x", (1, 2, *map(symbol, "DHW"[-axes:])))
    op = make(REGISTRY[f"conv{axes}d"], {"out_channels": 3, "kernel_size": (3, 2, 4)[-axes:], "padding": "same"})
    graph = build.finish({"y": build.apply("conv", op, x).output}, constraints=build.facts.constraints())
    assert ag.to_onnx(graph, tmp_path / "it.onnx").certificate.equal  # type: ignore[union-attr]


@pytest.mark.parametrize("profile", ["portable", "cuda"])
def test_grids_are_torchs_at_free_sizes(profile: str, tmp_path: Path) -> None:
    """Rotated, and beyond the edges."""
    build = Builder("grid")
    x, theta = build.input("x", (N, 2, symbol("H"), W)), build.input("theta", (N, 2, 3))
    grid = build.apply("grid", make(REGISTRY["affine_grid"], {"size": [N, 2, W, symbol("H")]}), theta).output
    outputs = {"grid": grid}
    for number, mode in enumerate(("bilinear", "nearest", "bicubic")):
        for padding in ("zeros", "border", "reflection"):
            op = make(
                REGISTRY["grid_sample"], {"mode": mode, "padding_mode": padding, "align_corners": bool(number % 2)}
            )
            outputs[f"{mode}_{padding}"] = build.apply(f"{mode}_{padding}", op, [x, grid]).output
    graph = build.finish(outputs, constraints=build.facts.constraints())
    module = ag.to_torch(graph).eval()
    export(graph, {}, tmp_path / "it.onnx", ExportOptions(profile))
    session = opened(tmp_path / "it.onnx")
    torch.manual_seed(0)
    for sizes in ((3, 5), (4, 7), (1, 6)):
        given = {"x": torch.randn(2, 2, *sizes), "theta": torch.randn(2, 2, 3)}
        found = session.run(None, {name: tensor.numpy() for name, tensor in given.items()})
        for name, ours, torchs in zip(graph.outputs, found, module(*given.values()), strict=True):
            np.testing.assert_allclose(ours, torchs.numpy(), rtol=2e-4, atol=5e-5, err_msg=f"{name} of {sizes}")


@pytest.mark.parametrize("scale", [1.3, 0.7, 1 / 3, 2 / 3, 1.1, 0.9, 2.3])
def test_a_factor_is_a_ratio_at_free_sizes_only_where_torch_rounds_like_one(scale: float) -> None:
    """Torch's sizes are products in double precision: 90 · 0.7 is 62.99999999999999."""
    facts, kind = Facts(), TensorType((1, 1, symbol("W")))
    op = make(REGISTRY["interpolate"], {"scale_factor": scale})
    sizes = [*range(1, 3000), *range(3000, 200_000, 90)]
    exact = Fraction(scale).limit_denominator(1024)
    if all(math.floor(size * scale) == size * exact.numerator // exact.denominator for size in sizes):
        found = op.infer(Inputs({"input": kind}), facts)[0].shape[2]
        assert all(evaluate(found, {"W": size}) == math.floor(size * scale) for size in sizes)
    else:
        with pytest.raises(ShapeError, match="which makes"):
            op.infer(Inputs({"input": kind}), facts)
