"""What a contract assumes where a spec says nothing: torch's defaults; and which operations mix a batch."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from torch import nn

from archgraph.ops import Inputs, TensorType, lookup, make

MODULES: dict[str, type[nn.Module]] = {
    "conv1d": nn.Conv1d,
    "conv2d": nn.Conv2d,
    "conv_transpose2d": nn.ConvTranspose2d,
    "linear": nn.Linear,
    "embedding": nn.Embedding,
    "batch_norm2d": nn.BatchNorm2d,
    "group_norm": nn.GroupNorm,
    "layer_norm": nn.LayerNorm,
    "rms_norm": nn.RMSNorm,
    "instance_norm2d": nn.InstanceNorm2d,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "softplus": nn.Softplus,
    "dropout": nn.Dropout,
    "max_pool2d": nn.MaxPool2d,
    "avg_pool2d": nn.AvgPool2d,
    "flatten": nn.Flatten,
}
OURS = {"normalized_shape", "weight_norm", "spectral_norm"}
"""The first is required by torch, and the last dimension here; the others are functions that wrap a module."""


@pytest.mark.parametrize("name", sorted(MODULES))
def test_defaults_are_torchs(name: str) -> None:
    torchs = inspect.signature(MODULES[name]).parameters
    for key, field in lookup(name).model_fields.items():
        if not field.is_required() and key not in OURS:
            wanted = torchs[key].default
            found = field.default
            assert found == wanted or (isinstance(found, tuple) and set(found) == {wanted}), key


@pytest.mark.parametrize(
    ("name", "attributes", "answer"),
    [
        ("softmax", {}, lambda x, dim: x.softmax(dim)),
        ("split", {"split_size": [2, 2]}, lambda x, dim: x.split(2, dim)[0]),
        ("chunk", {"chunks": 2}, lambda x, dim: x.chunk(2, dim)[0]),
        ("slice", {"start": 1, "step": 2}, lambda x, dim: x.index_select(dim, torch.tensor([1, 3]))),
        ("roll", {"shifts": 1}, lambda x, dim: x.roll(1, dim)),
    ],
)
def test_work_along_a_dimension_mixes_a_batch_where_that_is_the_first(
    name: str, attributes: dict[str, Any], answer: Any
) -> None:
    """torch says which: a change of one element of the batch then shows in another one, or the batch gets shorter."""
    x = torch.arange(4.0 * 4 * 4).reshape(4, 4, 4)
    for dim in (0, 1, 2, -1, -3):
        key = {"dims": [dim]} if name == "roll" else {"dim": dim}
        op = make(lookup(name), {**attributes, **key})
        mixes = op.mixes_batch(Inputs({"input": TensorType((4, 4, 4))}))
        parts = [answer(x[place : place + 1], dim) for place in range(4)] if dim not in (0, -3) else []
        kept = bool(parts) and torch.equal(torch.cat(parts), answer(x, dim))
        assert mixes == (not kept), dim
