"""What a person reads when an operation does not fit: the message, what was expected and what was received."""

from __future__ import annotations

from typing import Any

import pytest

from archgraph.dims import Facts, symbol
from archgraph.errors import Problem, ShapeError
from archgraph.ops import Inputs, TensorType, lookup, make

H = symbol("H")
Shapes = dict[str, Any]


def problem(name: str, attributes: dict[str, Any], shapes: Shapes | tuple[Any, ...]) -> Problem:
    """The problem of an application that must be refused; weights are asked for first, as the builder does."""
    given = shapes if isinstance(shapes, dict) else {"input": shapes}
    types = {port: kind if isinstance(kind, TensorType) else TensorType(kind) for port, kind in given.items()}
    op, inputs = make(lookup(name), attributes), Inputs(types)
    with pytest.raises(ShapeError) as caught:
        op.weights(inputs), op.infer(inputs, Facts())
    return caught.value.problems[0]


def ints(*shape: int) -> TensorType:
    return TensorType(shape, "int64")


CONV = {"out_channels": 4, "kernel_size": 3}
IMAGE = (2, 3, 5, 5)
TOKENS = (2, 5, 8)


@pytest.mark.parametrize(
    ("name", "attributes", "shapes", "message", "expected", "received"),
    [
        ("conv2d", CONV, (2, 3), "the input must have 4 dimensions", "4 dimensions", "[2, 3] (2)"),
        ("conv1d", CONV, (2, 3), "the input must have 3 dimensions", "3 dimensions", "[2, 3] (2)"),
        ("conv2d", CONV, (2, H, 5, 5), "dimension 1 must be a fixed number", "a whole number", "H in [2, H, 5, 5]"),
        (
            "conv2d",
            {**CONV, "groups": 2},
            IMAGE,
            "groups must divide the input channels",
            "a multiple of 2",
            "3",
        ),
        (
            "conv2d",
            {**CONV, "groups": 3},
            IMAGE,
            "groups must divide the output channels",
            "a multiple of 3",
            "4",
        ),
        (
            "conv_transpose2d",
            {**CONV, "stride": 2, "output_padding": 2},
            IMAGE,
            "output_padding must be smaller than the stride or the dilation",
            "less than 2",
            "2",
        ),
        ("linear", {"out_features": 2}, (), "linear needs at least one dimension", "[..., C]", "[]"),
        ("linear", {"out_features": 2}, (2, H), "dimension -1 must be a fixed number", "a whole number", "H in [2, H]"),
        (
            "matmul",
            {},
            {"input": (4,), "other": (4, 5)},
            "matmul needs matrices",
            "at least 2 dimensions each",
            "[4] and [4, 5]",
        ),
        ("sinusoidal_embedding", {"dim": 4}, ints(2, 3), "the input must have 1 dimension", "1", "[2, 3] int64 (2)"),
        ("batch_norm2d", {}, (2, 3), "the input must have 4 dimensions", "4", "[2, 3] (2)"),
        ("group_norm", {"num_groups": 2}, (5,), "group_norm needs at least 2 dimensions", "[N, C, ...]", "[5]"),
        (
            "group_norm",
            {"num_groups": 4},
            (2, 6, 5),
            "num_groups must divide the channels",
            "a multiple of 4 channels",
            "6 channels in [2, 6, 5]",
        ),
        (
            "group_norm",
            {"num_groups": 2},
            (1, 2),
            "group_norm needs more than one value",
            "at least 2 values",
            "[1, 2]",
        ),
        (
            "instance_norm2d",
            {},
            (2, 2, 1, 1),
            "instance_norm2d needs more than one",
            "at least 2",
            "[2, 2, 1, 1]",
        ),
        ("layer_norm", {}, (), "layer_norm needs at least one dimension", "[..., C]", "[]"),
        (
            "rms_norm",
            {"normalized_shape": [5, 8]},
            (2, 8),
            "the input of rms_norm must end with normalized_shape",
            "[..., 5, 8]",
            "[2, 8]",
        ),
        ("softmax", {"dim": 2}, (2, 3), "dim 2 is out of range for [2, 3]", "-2 to 1", "2"),
        ("softmax", {"dim": 0}, (), "dim 0 is out of range for []", "a value with at least one dimension", "0"),
        (
            "max_pool2d",
            {"kernel_size": 3, "padding": 2},
            (1, 1, 9, 9),
            "the padding of a pool is at most half its kernel_size",
            "at most 1",
            "2",
        ),
        (
            "interpolate",
            {"scale_factor": 0.7},
            (1, 1, H, H),
            "⌊H · 0.7⌋ is not exact for every size",
            "exact in binary",
            "0.7, which makes 90 to 62",
        ),
        (
            "pixel_shuffle",
            {"upscale_factor": 2},
            (1, 6, 2, 2),
            "a multiple of upscale_factor² channels",
            "4",
            "6 channels",
        ),
        ("pad", {"pad": [1, 1, 1, 1]}, (5,), "pad names 2 dimensions", "at most 1", "[5]"),
        (
            "pad",
            {"pad": [1, 1], "mode": "reflect"},
            (2, 3, 4, 5),
            "mode: reflect pads all dimensions after the first two",
            "a value with 3 dimensions",
            "[2, 3, 4, 5]",
        ),
        (
            "add",
            {},
            {"input": (2, 3), "other": (2, 4)},
            "the shapes [2, 3] and [2, 4] do not fit together in dimension -1",
            "equal sizes, or 1",
            "3 and 4",
        ),
        ("add", {}, (2, 3), "add takes two inputs, or one input and a 'value'", "", "one input and no value"),
        (
            "mul",
            {"value": 2},
            {"input": (2,), "other": (2,)},
            "mul takes two inputs, or one input and a 'value'",
            "",
            "two inputs and a value",
        ),
        ("mul", {"value": 2**63}, ints(2), "the number does not fit into int64", "to 9223372036854775807", str(2**63)),
        ("floor_divide", {"value": 0}, ints(2), "floor_divide divides whole numbers by 0", "", "value: 0"),
        ("div", {"value": 0, "rounding_mode": "trunc"}, ints(2), "div divides whole numbers by 0", "", "value: 0"),
        (
            "pow",
            {"value": -2},
            ints(2),
            "whole numbers have no powers of negative whole numbers",
            "a value of at least 0",
            "-2",
        ),
        ("bitwise_and", {"value": 1}, (2,), "bitwise_and has no meaning for float32", "uint8 or int32", "float32"),
        (
            "concat",
            {},
            {"tensors.0": (2, 3, 4), "tensors.1": (2, 5, 6)},
            "concat along dimension 1 needs all other sizes of [2, 3, 4] and [2, 5, 6] equal",
            "4",
            "6",
        ),
        (
            "concat",
            {},
            {"tensors.0": (2, 3, 4), "tensors.1": (2, 5)},
            "concat needs values of equal rank",
            "",
            "[2, 3, 4] and [2, 5]",
        ),
        (
            "split",
            {"split_size": [2, 3], "dim": 1},
            (2, 6),
            "the sizes of the parts must add up to dimension 1 of [2, 6]",
            "6",
            "5",
        ),
        ("reshape", {"shape": [-1, -1]}, (2, 3), "only one size may be -1", "", "[-1, -1]"),
        ("reshape", {"shape": [-1, H]}, (2, 3), "must keep the number of elements", "a multiple of H", "6"),
        ("permute", {"dims": [0, 0]}, (2, 3), "dims names a dimension of [2, 3] twice", "", "[0, 0]"),
        ("permute", {"dims": [0]}, (2, 3), "permute needs every dimension once", "2 dims for [2, 3]", "[0]"),
        ("transpose", {"dim0": 0, "dim1": 5}, (2, 3), "dim1 5 is out of range", "-2 to 1", "5"),
        (
            "roll",
            {"shifts": [1, 2], "dims": 0},
            (2, 3),
            "roll needs one shift for each dimension",
            "1 shifts",
            "[1, 2]",
        ),
        (
            "roll",
            {"shifts": [], "dims": []},
            (2, 3),
            "roll needs one shift for each dimension",
            "at least one dimension and its shift",
            "[]",
        ),
        (
            "flatten",
            {"start_dim": 2, "end_dim": 1},
            (2, 3, 4),
            "start_dim must not come after end_dim in [2, 3, 4]",
            "",
            "2 and 1",
        ),
        ("unsqueeze", {"dim": 3}, (2, 3), "dim 3 is out of range for [2, 3]", "-3 to 2", "3"),
        ("squeeze", {"dim": 1}, (2, 3), "only a dimension of size 1 can be removed", "1", "3"),
        ("squeeze", {"dim": 1}, (2, H), "only a dimension of size 1 can be removed", "1", "H"),
        ("expand", {"shape": [3]}, (2, 3), "expand cannot drop dimensions of [2, 3]", "", "[3]"),
        ("expand", {"shape": [-1, 2, 3]}, (2, 3), "a new leading dimension cannot be -1", "", "[-1, 2, 3]"),
        ("mean", {"dim": [0, -2]}, (2, 3), "dim names a dimension of [2, 3] twice", "", "[0, -2]"),
        (
            "scaled_dot_product_attention",
            {"num_heads": 3},
            {"query": TOKENS, "key": TOKENS, "value": TOKENS},
            "num_heads must divide the channels of the query",
            "a multiple of 3",
            "8 in [2, 5, 8]",
        ),
        (
            "scaled_dot_product_attention",
            {"num_heads": 2},
            {"query": (2, 3, 5, 8), "key": (2, 3, 5, 8), "value": (2, 3, 5, 8)},
            "num_heads is for tokens whose heads are not apart yet",
            "[N, L, C] at the query, or no num_heads",
            "[2, 3, 5, 8]",
        ),
        (
            "scaled_dot_product_attention",
            {},
            {"query": TOKENS, "key": (2, 5, 4), "value": TOKENS},
            "query and key differ in channels",
            "[2, 5, 8]",
            "[2, 5, 4]",
        ),
        (
            "scaled_dot_product_attention",
            {"is_causal": True},
            {"query": TOKENS, "key": TOKENS, "value": TOKENS, "mask": (5, 5)},
            "a mask and is_causal exclude each other",
            "",
            "",
        ),
        (
            "scaled_dot_product_attention",
            {},
            {"query": TOKENS, "key": TOKENS, "value": TOKENS, "mask": TensorType((5, 5), "float64")},
            "the mask has the wrong element type",
            "float32 or bool",
            "float64",
        ),
        (
            "scaled_dot_product_attention",
            {},
            {"query": TOKENS, "key": TOKENS, "value": TOKENS, "mask": (1, 1, 1, 5, 5)},
            "must broadcast to the scores [2, 1, 5, 5]",
            "2 to 4 dimensions",
            "5",
        ),
        (
            "scaled_dot_product_attention",
            {},
            {"query": TOKENS, "key": TOKENS, "value": TOKENS, "mask": (5,)},
            "must broadcast to the scores [2, 1, 5, 5]",
            "2 to 4 dimensions",
            "1",
        ),
    ],
)
def test_shapes_that_do_not_fit(
    name: str, attributes: dict[str, Any], shapes: Any, message: str, expected: str, received: str
) -> None:
    given = {"input": shapes} if isinstance(shapes, TensorType) else shapes
    found = problem(name, attributes, given)
    assert message in found.message
    assert expected in found.expected
    assert received in found.received
    assert bool(expected) == bool(found.expected)


@pytest.mark.parametrize(
    ("name", "attributes", "shape", "reason"),
    [
        ("conv2d", {**CONV, "padding": 1}, (2, 3, 5, 0), "a window of 3 must fit into 0 + 2 of padding"),
        (
            "conv2d",
            {**CONV, "padding": 5, "padding_mode": "reflect"},
            IMAGE,
            "reflect padding of 5 needs a size",
        ),
        ("conv_transpose2d", {**CONV, "padding": 3}, (2, 3, 2, 2), "the transposed convolution of 2 must not be empty"),
        ("max_pool2d", {"kernel_size": 3, "ceil_mode": True}, (1, 1, 0, 3), "a window of 3 must start within 0"),
        ("interpolate", {"scale_factor": 0.25}, (1, 1, 3, 8), "3 scaled by 0.25 must not be empty"),
        ("pixel_unshuffle", {"downscale_factor": 2}, (1, 3, 5, 4), "pixel_unshuffle needs multiples of 2"),
        ("split", {"split_size": [6, 0], "dim": 1}, (2, 6), "a part must not be empty"),
        ("chunk", {"chunks": 4, "dim": 1}, (2, 6), "4 equal parts of dimension 1 of [2, 6]"),
        ("reshape", {"shape": [4, 2]}, (2, 3), "[2, 3] as [4, 2] must keep the number of elements"),
        ("reshape", {"shape": [-1, 4]}, (2, 3), "[2, 3] as [-1, 4] must keep the number of elements"),
        ("reshape", {"shape": [-2, -3]}, (2, 3), "[2, 3] as [-2, -3] must keep the number of elements"),
        ("expand", {"shape": [4, 3]}, (2, 3), "expand stretches sizes of 1 only; dimension 0 of [2, 3]"),
        ("select", {"dim": 1, "index": 3}, (2, 3), "index 3 must lie within dimension 1 of [2, 3]"),
        ("slice", {"dim": 1, "end": 4}, (2, 3), "the slice must lie within dimension 1 of [2, 3], and not be empty"),
        ("slice", {"dim": 1, "start": 2, "end": 2}, (2, 3), "the slice must lie within dimension 1 of [2, 3]"),
        ("slice", {"dim": 1, "start": -4}, (2, 3), "the slice must lie within dimension 1 of [2, 3]"),
    ],
)
def test_sizes_that_do_not_fit_name_their_cause(
    name: str, attributes: dict[str, Any], shape: tuple[Any, ...], reason: str
) -> None:
    assert reason in str(problem(name, attributes, shape))
