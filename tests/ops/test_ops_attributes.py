"""What a person reads when attributes are unknown, missing, mistyped or make no sense together."""

from __future__ import annotations

from typing import Any

import pytest

from archgraph.dims import symbol
from archgraph.errors import SchemaError, UnknownNameError
from archgraph.ops import lookup, make

H = symbol("H")
CONV = {"out_channels": 4, "kernel_size": 3}


@pytest.mark.parametrize(
    ("name", "attributes", "expected"),
    [
        (
            "conv2d",
            {"out_chanels": 3, "kernel_size": 3},
            ["needs the parameter 'out_channels'", "'out_chanels'"],
        ),
        ("conv2d", {"out_channels": True, "kernel_size": 3}, ["expected: a whole number of at least 1", "True (bool)"]),
        ("conv2d", {"out_channels": 0, "kernel_size": 3}, ["must be at least 1", "received: 0 (int)"]),
        ("conv2d", {"out_channels": H, "kernel_size": 3}, ["a whole number of at least 1", "received: the size H"]),
        ("conv2d", {**CONV, "bias": "false"}, ["expected: true or false", "received: 'false' (str)"]),
        ("conv2d", {**CONV, "padding": -1}, ["must be at least 0", "or two of them"]),
        ("conv2d", {**CONV, "stride": [1, 2, 3]}, ["'stride' has a wrong value", "received: [1, 2, 3] (list)"]),
        (
            "conv2d",
            {**CONV, "padding_mode": "mirror"},
            ["zeros, reflect, replicate, circular", "'mirror' (str)"],
        ),
        ("group_norm", {"num_groups": 2, "eps": "1e-5"}, ["a number of at least 0", "'1e-5' (str)"]),
        ("relu", {"inplace": True}, ["relu has no parameter 'inplace'", "relu takes no parameters"]),
        ("clamp", {}, ["clamp: min, max or both must be given"]),
        ("clamp", {"min": 1, "max": 0}, ["clamp: min must not exceed max: 1 > 0"]),
        ("dropout", {"p": 1.5}, ["must be between 0 and 1", "received: 1.5 (float)"]),
        ("softplus", {"beta": 0.0}, ["must be greater than 0"]),
        ("layer_norm", {"eps": -1e-5}, ["must not be negative"]),
        ("leaky_relu", {"negative_slope": float("nan")}, ["expected: a number", "received: nan (float)"]),
        ("sinusoidal_embedding", {"dim": 7}, ["dim must be even", "it is 7"]),
        ("sinusoidal_embedding", {"dim": 2}, ["freq_shift must be less than dim / 2 = 1; it is 1"]),
        ("interpolate", {}, ["either size or scale_factor must be given"]),
        ("interpolate", {"size": 4, "scale_factor": 2}, ["either size or scale_factor must be given"]),
        (
            "interpolate",
            {"size": 4, "align_corners": True},
            ["align_corners has a meaning for linear"],
        ),
        ("interpolate", {"scale_factor": 1e300}, ["must be greater than 0, and at most 1024"]),
        ("pad", {"pad": [1, 2, 3]}, ["pad needs two numbers for each dimension; it has 3"]),
        ("pad", {"pad": [1, 2], "mode": "reflect", "value": 1.0}, ["value has a meaning for mode: constant only"]),
        ("split", {"split_size": 3}, ["chunk divides into equal parts, split into a list of sizes"]),
        ("chunk", {"chunks": 10**9}, ["must be between 1 and 1000"]),
        ("constant", {"value": [[1], [2, 3]]}, ["all rows must have the same length"]),
        ("constant", {"value": [True, 1]}, ["true and false cannot stand among numbers"]),
        ("constant", {"value": 1.5, "dtype": "int64"}, ["the value does not fit the dtype int64"]),
        ("constant", {"value": 2**63}, ["a whole number must fit into 64 bits"]),
        ("constant", {"value": float("inf")}, ["inf is not finite"]),
        ("constant", {"value": "a"}, ["'a' is not a number"]),
        ("parameter", {"shape": [2], "init": "one"}, ["zeros, ones, normal", "'one' (str)"]),
        ("parameter", {"shape": [2], "std": 0.1}, ["std needs init: normal"]),
        ("parameter", {"shape": [2], "init": "xavier_uniform"}, ["needs a shape of at least 2 dimensions"]),
        ("parameter", {"shape": [H]}, ["a list of whole numbers of at least 1"]),
        ("buffer", {"shape": [2], "init": 0.5, "dtype": "int64"}, ["init: 0.5 does not fit the dtype int64"]),
        ("buffer", {"shape": [2], "init": "normal", "dtype": "int64"}, ["init: normal needs the dtype float32"]),
        ("buffer", {"shape": [2], "std": 0.5}, ["std needs init: normal"]),
    ],
)
def test_attributes_that_make_no_sense(name: str, attributes: dict[str, Any], expected: list[str]) -> None:
    with pytest.raises(SchemaError) as caught:
        make(lookup(name), attributes)
    for text in expected:
        assert text in str(caught.value)
    assert "pydantic" not in str(caught.value).lower()


def test_all_wrong_attributes_are_named_at_once() -> None:
    with pytest.raises(SchemaError) as caught:
        make(lookup("conv2d"), {"kernel_size": "3", "stried": 2, "groups": 1.5})
    assert {found.path for found in caught.value.problems} == {"out_channels", "kernel_size", "stried", "groups"}
    (unknown,) = (found for found in caught.value.problems if found.path == "stried")
    assert unknown.hint == "did you mean 'stride'?"


def test_an_unknown_operation_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'batch_norm2d'"):
        lookup("batchnorm2d")
