"""Every row of the tables over the number of dimensions, all of one number in one file: at free sizes, in every
profile, with all of ONNX Runtime's optimisations, and in low types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from table_graphs import opened

import archgraph as ag
from archgraph.dims import symbol
from archgraph.export import ExportOptions, export
from archgraph.graph.builder import Builder
from archgraph.graph.types import Graph
from archgraph.ops import REGISTRY, make
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
SIZES = ((3, 5, 7), (4, 9, 8), (6, 12, 18))


def cut(attributes: Mapping[str, Any], axes: int) -> dict[str, Any]:
    """Attributes for three dimensions, as those for fewer: their last ones."""
    return {key: value[-axes:] if isinstance(value, tuple) else value for key, value in attributes.items()}


def family(axes: int) -> Graph:
    """All cases over one number of dimensions, and a pool with its inverse."""
    build = Builder("family")
    x = build.input("x", (symbol("N"), 4, *map(symbol, "DHW"[-axes:])))
    outputs = {}
    for number, (name, attributes) in enumerate(CASES):
        made = build.apply(f"{name}_{number}", make(REGISTRY[f"{name}{axes}d"], cut(attributes, axes)), x)
        outputs[f"{name}_{number}"] = made.output
    pool = build.apply("pool", make(REGISTRY[f"max_pool{axes}d"], {"kernel_size": 2, "return_indices": True}), x)
    outputs["indices"] = pool.outputs[1]
    unpool = make(REGISTRY[f"max_unpool{axes}d"], {"kernel_size": 2, "output_size": list(x.shape[2:])})
    outputs["unpooled"] = build.apply("unpool", unpool, list(pool.outputs)).output
    return build.finish(outputs, constraints=build.facts.constraints())


def images(graph: Graph, axes: int) -> Iterator[torch.Tensor]:
    torch.manual_seed(0)
    for sizes in SIZES:
        yield torch.randn(2, 4, *sizes[-axes:])


@pytest.mark.parametrize("profile", ["portable", "cpu", "cuda"])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_families_are_torchs_at_free_sizes(axes: int, profile: str, tmp_path: Path) -> None:
    graph = family(axes)
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
@pytest.mark.parametrize("axes", [1, 3])
def test_families_in_a_low_type_are_verified(axes: int, dtype: str, tmp_path: Path) -> None:
    found = ag.to_onnx(family(axes), tmp_path / "it.onnx", dtype=dtype)
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
