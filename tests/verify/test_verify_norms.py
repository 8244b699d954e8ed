"""Norms over nearly constant numbers: 1 / √(variance + eps) amplifies what rounding moves, and hides no fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import numpy_helper
from tiny_network import altered, attribute

import archgraph
from archgraph.errors import VerificationError
from archgraph.export import ExportOptions, export
from archgraph.verify import export_verified, verify
from archgraph.verify.perturbation import perturbed
from archgraph.verify.reference_values import in_dtype, run_module
from archgraph.verify.rounding_reach import reach

STEP = 2.0**-24
IMAGE = ["N", 4, "H", "W"]
TOKENS = ["N", "L", 16]
NORMS: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "instance norm": ({"op": "instance_norm2d", "affine": True}, IMAGE),
    "group norm": ({"op": "group_norm", "num_groups": 2, "eps": 1e-6}, IMAGE),
    "batch norm": ({"op": "batch_norm2d", "track_running_stats": False}, IMAGE),
    "stored batch norm": ({"op": "batch_norm2d"}, IMAGE),
    "layer norm": ({"op": "layer_norm"}, TOKENS),
    "rms norm": ({"op": "rms_norm"}, TOKENS),
}
LEVEL = {"dead": {"op": "mul", "in": "x", "value": 1e-4}, "level": {"op": "add", "value": 0.7}}
"""0.7 and 0.0001 of noise: a standard deviation 30 times smaller than the root of an epsilon of 1e-5."""
NOTHING = {"nothing": {"op": "sub", "in": ["x", "x"]}}


def net(nodes: dict[str, Any], **inputs: Any) -> Any:
    return archgraph.load({"archgraph": 1, "name": "net", "inputs": inputs, "nodes": nodes})


@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize("before", [LEVEL, NOTHING], ids=["level", "nothing"])
def test_a_norm_of_nearly_constant_numbers_is_verified(name: str, before: dict[str, Any], tmp_path: Path) -> None:
    """The first norm leaves its bias where nothing else is, and the second takes the mean of that away."""
    norm, shape = NORMS[name]
    graph = net({**before, "norm": norm, "next": norm}, x=shape)
    certificate = export_verified(archgraph.to_torch(graph, seed=1), tmp_path / "m.onnx").certificate
    assert certificate is not None
    assert certificate.equal


@pytest.mark.parametrize("name", ["atan", "acos", "softplus", "expm1", "log1p", "elu"])
def test_a_kernel_that_rounds_the_rest_of_a_vector_otherwise_is_verified(name: str, tmp_path: Path) -> None:
    """Equal numbers come out unequal, and a norm of them amplifies that: rows of 7 are no whole vectors."""
    level = {"op": "clamp", "min": 0.3, "max": 0.3}
    graph = net({"level": level, "kernel": name, "norm": {"op": "layer_norm"}}, x=["N", 7])
    certificate = export_verified(archgraph.to_torch(graph, seed=1), tmp_path / "m.onnx").certificate
    assert certificate is not None
    assert certificate.equal


def test_the_rest_of_a_vector_within_a_row_is_verified(tmp_path: Path) -> None:
    """Rows of three, the last of which is cut by a vector of four: the last three numbers moved together show none."""
    level = {"op": "clamp", "min": 0.75, "max": 0.75}
    graph = net({"level": level, "kernel": "sin", "norm": {"op": "layer_norm"}}, x=[2, 3])
    certificate = export_verified(archgraph.to_torch(graph, seed=1), tmp_path / "m.onnx").certificate
    assert certificate is not None
    assert certificate.equal


def test_the_mean_of_a_layer_norm_is_rounded() -> None:
    """One of four numbers differs: what a norm makes of them does not depend on by how much, so that moving these
    numbers moves nothing. What moves is the mean: by a rounding of 1.6, where the deviation is 0.019."""
    graph = net({"norm": {"op": "layer_norm"}}, x=["N", 4])
    double = in_dtype(archgraph.to_torch(graph), "float64")
    inputs = {"x": np.array([[-1.6, -1.5561593, -1.6, -1.6]], np.float32)}
    exact = run_module(double, ["output"], inputs, "float64")
    reached = reach(double, inputs, exact, "float32")["output"]
    assert 0.2 < reached.max() / (STEP * 1.6 / 0.019) < 3


def test_rounding_reaches_what_is_known_of_the_mean_of_a_norm() -> None:
    """Of 16,384 times 3: the mean may be off by 512 roundings of it, and that is divided by √eps. Draws are 0.5 to 1.5
    times as large."""
    module = in_dtype(archgraph.to_torch(net({"y": NORMS["instance norm"][0]}, x=["N", 16, "H", "W"])), "float64")
    x = np.full((2, 16, 128, 128), 3.0, np.float32)
    exact = run_module(module, ["y"], {"x": x}, "float64")
    (found,) = reach(module, {"x": x}, exact, "float32").values()
    assert 0.5 <= np.sqrt(np.mean(found**2)) / (512 * STEP * 3 / np.sqrt(1e-5)) <= 1.5


def test_each_group_is_off_by_itself() -> None:
    """What the mean is off is the same at all places that it is taken away from, and another one in another group."""
    module = in_dtype(archgraph.to_torch(net({"y": NORMS["group norm"][0]}, x=IMAGE)), "float64")
    levels = np.linspace(3, 4, 16, dtype=np.float32).reshape(8, 2, 1, 1).repeat(2, axis=1)
    x = np.broadcast_to(levels, (8, 4, 128, 128)).copy()
    found = perturbed(module, ["y"], {"x": x}, "float32", 0)["y"].reshape(8, 2, -1)
    shifts = found.mean(axis=2)
    assert np.abs(shifts).min() > 10 * found.std(axis=2).max()
    assert (shifts > 0).any()
    assert (shifts < 0).any()


def test_a_batch_norm_with_stored_statistics_adds_up_nothing() -> None:
    """(x - mean) / √(variance + eps) of 3 and 1 rounds x, the mean, and what comes of them."""
    module = in_dtype(archgraph.to_torch(net({"y": NORMS["stored batch norm"][0]}, x=IMAGE)), "float64")
    x = np.full((2, 4, 128, 128), 3.0, np.float32)
    exact = run_module(module, ["y"], {"x": x}, "float64")
    (found,) = reach(module, {"x": x}, exact, "float32").values()
    assert found.max() < 5 * 3 * STEP


# --- faults -----------------------------------------------------------------------------------------------------------

Change = Callable[[Any, dict[str, Any]], None]


def eps(factor: float) -> Change:
    def change(graph: Any, nodes: dict[str, Any]) -> None:
        for node in graph.node:
            if any(item.name == "epsilon" for item in node.attribute):
                attribute(node, "epsilon").f *= factor
        for item in graph.initializer:
            value = numpy_helper.to_array(item)
            if value.dtype == np.float32 and value.size == 1 and 0 < value.min() < 2e-5:
                item.CopyFrom(numpy_helper.from_array(value * np.float32(factor), item.name))

    return change


def replaced(weight: str, number: float) -> Change:
    """A weight of the norm that the operator does not read: numbers stand in its place."""

    def change(graph: Any, nodes: dict[str, Any]) -> None:
        (tensor,) = (item for item in graph.initializer if item.name.startswith(f"norm.{weight}"))
        made = np.full(list(tensor.dims), number, np.float32)
        graph.initializer.append(numpy_helper.from_array(made, "numbers"))
        for node in graph.node:
            node.input[:] = ["numbers" if name == tensor.name else name for name in node.input]

    return change


def one_group(graph: Any, nodes: dict[str, Any]) -> None:
    """The mean of all channels, where it is that of each half."""
    for item in graph.initializer:
        value = numpy_helper.to_array(item).copy()
        if value.tolist() == [0, 2, -1]:
            value[1] = 1
            item.CopyFrom(numpy_helper.from_array(value, item.name))
        elif value.shape == (2,) and value.dtype == np.float32:
            item.CopyFrom(numpy_helper.from_array(value[:1], item.name))


def over_rows(graph: Any, nodes: dict[str, Any]) -> None:
    """The mean along a height, where it is that of the batch and the places."""
    for item in graph.initializer:
        if numpy_helper.to_array(item).tolist() == [0, 2, 3]:
            item.CopyFrom(numpy_helper.from_array(np.array([2]), item.name))


NEAR = {"dead": {"op": "mul", "in": "x", "value": 1e-3}, "level": {"op": "add", "value": 0.7}}
"""The variance is 1e-6, so that an epsilon of 1e-5 or 1e-6 matters, and 0.7 is 700 standard deviations."""
ABOVE = [name for name in NORMS if name not in ("rms norm", "stored batch norm")]
FAULTS = [
    *((name, "a larger epsilon", eps(1.1)) for name in ABOVE),
    ("group norm", "none", eps(0.0)),
    *((name, "no scale", replaced("weight", 1.0)) for name in ABOVE),
    *((name, "no bias", replaced("bias", 0.0)) for name in ABOVE),
    ("group norm", "one group", one_group),
    ("batch norm", "another axis", over_rows),
]


@pytest.mark.parametrize(("name", "fault", "change"), FAULTS, ids=[f"{a}, {b}" for a, b, _ in FAULTS])
def test_a_fault_at_such_a_norm_is_found(name: str, fault: str, change: Change, tmp_path: Path) -> None:
    norm, shape = NORMS[name]
    module = archgraph.to_torch(net({**NEAR, "norm": norm}, x=shape), seed=1)
    path = tmp_path / "m.onnx"
    export(net({**NEAR, "norm": norm}, x=shape), module, path)
    assert verify(module, path).equal
    altered(path, change)
    with pytest.raises(VerificationError, match=r"departs|norm is the first node whose result in the file is wrong"):
        verify(module, path)


def test_what_a_long_sum_may_hide_is_looked_for_at_the_smallest_sizes(tmp_path: Path) -> None:
    """A scale that is a thousandth too large, over 2,664 numbers whose mean may be off by 83 roundings of it.

    Over the two numbers of the smallest picture it shows, though not in the output: there the second norm has a
    single place, and leaves its bias.
    """
    nodes = {
        **NEAR,
        "norm": {"op": "group_norm", "num_groups": 2, "affine": False},
        "stem": {"op": "conv2d", "out_channels": 4, "kernel_size": 1},
        "next": {"op": "instance_norm2d", "affine": True},
        "pool": {"op": "avg_pool2d", "kernel_size": 2, "stride": 1, "padding": 1},
    }
    module = archgraph.to_torch(net(nodes, x=IMAGE), seed=1)
    path = tmp_path / "m.onnx"
    export(net(nodes, x=IMAGE), module, path)
    assert verify(module, path).equal

    def larger(graph: Any, nodes: dict[str, Any]) -> None:
        ones = nodes["norm/InstanceNormalization"].input[1]
        (tensor,) = (item for item in graph.initializer if item.name == ones)
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(1.001), ones))

    altered(path, larger)
    with pytest.raises(VerificationError, match="norm: group_norm is the first node whose result in the file is wrong"):
        verify(module, path)


@pytest.mark.parametrize("name", ABOVE)
def test_a_bias_that_is_lost_over_nothing_but_constants_is_found(name: str, tmp_path: Path) -> None:
    """Neither the epsilon nor the scale changes anything there: the bias is all that is left."""
    norm, shape = NORMS[name]
    module = archgraph.to_torch(net({**NOTHING, "norm": norm}, x=shape), seed=1)
    export(net({**NOTHING, "norm": norm}, x=shape), module, tmp_path / "m.onnx")
    assert verify(module, tmp_path / "m.onnx").equal
    altered(tmp_path / "m.onnx", replaced("bias", 0.0))
    with pytest.raises(VerificationError, match="departs"):
        verify(module, tmp_path / "m.onnx")


# --- the epsilon that an RMS norm does not name -----------------------------------------------------------------------

TINY = {"tiny": {"op": "mul", "in": "x", "value": 1e-4}, "norm": {"op": "rms_norm"}}
"""A mean square of 1e-8 beside float32's epsilon of 1.2e-7; that of float64 is 2.2e-16."""


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_an_epsilon_that_is_not_named_is_float32s_in_every_type(dtype: str) -> None:
    """x / √(mean(x²) + 2⁻²³), whatever type the module is converted to."""
    module = in_dtype(archgraph.to_torch(net({"norm": TINY["norm"]}, x=TOKENS)), dtype)
    x = (np.random.default_rng(0).standard_normal((2, 3, 16)) * 1e-4).astype(np.float32)
    found = run_module(module, ["y"], {"x": x}, dtype)["y"]
    wide = x.astype(np.float64)
    wanted = wide / np.sqrt(np.mean(wide**2, axis=-1, keepdims=True) + 2.0**-23)
    np.testing.assert_allclose(
        found, wanted, rtol=1e-12 if dtype == "float64" else 0.02, atol=1e-12 if dtype == "float64" else 2e-4
    )


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_wrong_epsilon_of_an_rms_norm_is_found(dtype: str, tmp_path: Path) -> None:
    module = archgraph.to_torch(net(TINY, x=TOKENS), seed=1)
    path = tmp_path / "m.onnx"
    export(net(TINY, x=TOKENS), module, path, ExportOptions(dtype=dtype))
    assert verify(module, path).equal
    altered(path, eps(0.5))
    with pytest.raises(VerificationError, match="departs"):
        verify(module, path)
