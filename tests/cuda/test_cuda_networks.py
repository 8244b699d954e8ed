"""The shipped networks on ONNX Runtime's real CUDA provider, over a stand-in for NVIDIA's libraries.

What holds without numbers: the options are ones that the provider takes, each node has a kernel there, and the
optimised graph is what the architecture calls for. The counts follow from the networks, as those of the profile `cpu`
do in `tests/export/test_export_fused.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cuda_cases import NETWORKS, job, network, probed

from archgraph.export.lowering.applications import LoweredStep, flatten
from archgraph.runtime.devices import CPU, CUDA

DTYPES = ("float32", "float16")
WAYS: tuple[dict[str, Any], ...] = (
    {"device": "auto"},
    {"how": {"tf32": True}},
    {"how": {"cuda_graph": True}},
)
TIMED = ("ddpm@cifar10", "sd_unet")
"""Networks whose residual blocks add the time embedding before their second norm."""

Answer = Mapping[str, Any]


@pytest.fixture(scope="session")
def answers(libraries: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], list[Answer]]:
    """What the provider made of each network in each type, one answer for each way of opening it."""
    folder = tmp_path_factory.mktemp("files")
    asked = [(name, dtype) for name in NETWORKS for dtype in DTYPES]
    jobs = [job(network(name), folder, dtype, **way) for name, dtype in asked for way in WAYS]
    found = probed(libraries, jobs)
    return {which: found[i * len(WAYS) : (i + 1) * len(WAYS)] for i, which in enumerate(asked)}


@pytest.fixture(params=[f"{name} {dtype}" for name in NETWORKS for dtype in DTYPES])
def case(request: pytest.FixtureRequest, answers: dict[tuple[str, str], list[Answer]]) -> tuple[str, str, list[Answer]]:
    name, dtype = request.param.split()
    return name, dtype, answers[name, dtype]


@cache
def applications(name: str) -> tuple[LoweredStep, ...]:
    return flatten(network(name)).steps


def steps(name: str, *kinds: str) -> list[LoweredStep]:
    return [step for step in applications(name) if step.node.op.name in kinds]


def number(name: str, *kinds: str) -> int:
    return len(steps(name, *kinds))


def test_every_way_of_opening_a_file_is_taken(case: tuple[str, str, list[Answer]]) -> None:
    """An option that does not exist, or a value that it does not take, is an error of the provider."""
    name, _, found = case
    shapes = {output or "output": len(value.type.shape) for output, value in network(name).outputs.items()}
    for answer in found:
        assert "error" not in answer, answer["error"]
        assert answer["device"] == "cuda"
        assert {output: len(shape) for output, shape in answer["shapes"].items()} == shapes
    assert [answer["notes"][0].startswith("TF32 is on") for answer in found] == [False, True, False]


def test_a_graph_is_captured_once_and_replayed(case: tuple[str, str, list[Answer]]) -> None:
    """Of four runs of the same shapes the first binds buffers, the second captures, and all but the first replay."""
    plain, _, captured = case[2]
    assert (plain["captured"], plain["replayed"]) == (0, 0)
    assert (captured["captured"], captured["replayed"]) == (1, 3)


def test_no_node_is_left_to_the_cpu(case: tuple[str, str, list[Answer]]) -> None:
    name, _, found = case
    for answer in found:
        assert answer["placement"].get(CPU, {}) == {}
        assert sum(answer["placement"][CUDA].values()) >= len(set(applications(name))) / 2
        assert not {"MemcpyFromHost", "MemcpyToHost"} & answer["optimised"].keys()


def test_the_channels_stay_last_from_end_to_end(case: tuple[str, str, list[Answer]]) -> None:
    """An image is transposed where it comes in and, if the file hands one out, where it goes out. Nothing else is, but
    the class token: a few numbers for each sample. In float32 without group norms the channels stay first."""
    name, dtype, found = case
    if dtype == "float32" and not number(name, "group_norm"):
        assert [answer["optimised"].get("Conv") for answer in found] == [number(name, "conv2d")] * len(found)
        return
    images = sum(len(value.type.shape) == 4 for value in network(name).outputs.values())
    # A pooled image is [N, C, 1, 1] and is flattened behind a transpose of it.
    pooled = number(name, "adaptive_avg_pool2d")
    for answer in found:
        assert answer["optimised"]["Transpose"] == 1 + images + pooled + number(name, "expand")
        assert answer["optimised"]["Conv, channels last"] == number(name, "conv2d")


def test_layers_are_fused(case: tuple[str, str, list[Answer]]) -> None:
    name, _, found = case
    operators = Counter(found[0]["optimised"])
    sums = number(name, "unsqueeze") if name in TIMED else 0
    normed = {step.outputs[0] for step in steps(name, "group_norm")}
    alone = {step.inputs["input"] for step in steps(name, "silu")} - normed
    assert (operators["GroupNorm"], operators["SkipGroupNorm"]) == (number(name, "group_norm") - sums, sums)
    assert operators["QuickGelu"] == len(alone)  # the others are the group norms' own
    assert operators["MultiHeadAttention"] == number(name, "scaled_dot_product_attention")
    assert operators["Gelu"] + operators["BiasGelu"] == number(name, "gelu")
    assert operators["LayerNormalization"] + operators["SkipLayerNormalization"] == number(name, "layer_norm")
    assert operators["Relu"] == number(name, "relu")  # on CUDA no convolution takes its activation
    assert not operators.keys() & {"Sigmoid", "Erf", "Pad", "Softmax", "InstanceNormalization", "BatchNormalization"}


def test_reshapes_are_those_of_tokens(case: tuple[str, str, list[Answer]]) -> None:
    """One from an image to tokens and one back, each with a shape that is a constant or that of a value at hand."""
    name, _, found = case
    operators = Counter(found[0]["optimised"])
    assert operators["Reshape"] == number(name, "flatten", "reshape") - operators["Flatten"]
    assert operators["Shape"] <= number(name, "reshape", "expand")


def test_values_are_cast_where_types_meet(case: tuple[str, str, list[Answer]]) -> None:
    """Before and behind what stays in float32, at the ends, and where the time comes in; never twice for a value."""
    name, dtype, found = case
    casts = Counter(found[0]["optimised"])["Cast"]
    angles = number(name, "sinusoidal_embedding")
    ends = len(network(name).outputs) + sum(len(value.type.shape) > 1 for value in network(name).inputs)
    embeddings = number(name, "unsqueeze") if angles else 0
    layers = 2 * number(name, "layer_norm")
    assert casts == (angles if dtype == "float32" else angles + ends + embeddings + layers)
