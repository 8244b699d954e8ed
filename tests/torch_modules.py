"""The modules of torch that compute each operation with weights: MODULES, by name."""

from __future__ import annotations

import warnings
from dataclasses import asdict
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch_functions import Layer, over_axes

from archgraph.ops import Inputs, Operation

PARAMETRIZATIONS = ("weight_norm", "spectral_norm")


def _window(kind: type[nn.Module]) -> Layer:
    """The constructors of convolutions take the contract's attributes under the same names."""
    return lambda op, x: kind(in_channels=x[1], **op.model_dump(exclude=set(PARAMETRIZATIONS)))


def _norm(kind: type[nn.Module]) -> Layer:
    return lambda op, x: kind(x[1], **op.model_dump())


def _over(x: tuple[int, ...], op: Any) -> Any:
    return op.normalized_shape or x[-1]


class Free(nn.Module):
    """What `parameter` and `buffer` are: one tensor, which is also the output."""

    def __init__(self, op: Any):
        super().__init__()
        kind = getattr(torch, getattr(op, "dtype", "float32"))
        tensor = torch.zeros(op.shape, dtype=kind)
        if op.name == "parameter":
            self.register_parameter("tensor", nn.Parameter(tensor))
        else:
            self.register_buffer("tensor", tensor)

    def forward(self) -> Tensor:
        return self.tensor


class LSTM(nn.LSTM):
    """The states one by one: torch takes and returns them as a pair."""

    def forward(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        output, last = super().forward(x, states or None)  # type: ignore[arg-type]
        return output, *last


class LSTMCell(nn.LSTMCell):
    def forward(self, x: Tensor, *states: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        return super().forward(x, states or None)  # type: ignore[arg-type]


def _recurrent(kind: type[nn.Module]) -> Layer:
    """torch warns where a single layer has a dropout, which is between layers."""

    def layer(op: Any, x: tuple[int, ...], *states: Any) -> nn.Module:
        settings = op.model_dump()
        if settings.get("num_layers") == 1:
            del settings["dropout"]
        return kind(x[-1], **settings)

    return layer


class References(dict[str, Layer]):
    """What torch computes, by operation."""

    def __missing__(self, name: str) -> Layer:
        pytest.fail(f"tests/torch_functions.py has no row for '{name}' in FUNCTIONS, nor this file in MODULES")


MODULES: References = References(
    {
        **over_axes("conv", lambda axes: _window(getattr(nn, f"Conv{axes}d"))),
        **over_axes("conv_transpose", lambda axes: _window(getattr(nn, f"ConvTranspose{axes}d"))),
        **over_axes("batch_norm", lambda axes: _norm(getattr(nn, f"BatchNorm{axes}d"))),
        **over_axes("instance_norm", lambda axes: _norm(getattr(nn, f"InstanceNorm{axes}d"))),
        "linear": lambda op, x: nn.Linear(x[-1], op.out_features, op.bias),
        "embedding": lambda op, x: nn.Embedding(op.num_embeddings, op.embedding_dim),
        "bilinear": lambda op, x, y: nn.Bilinear(x[-1], y[-1], op.out_features, op.bias),
        "embedding_bag": lambda op, x: nn.EmbeddingBag(op.num_embeddings, op.embedding_dim, mode=op.mode),
        "group_norm": lambda op, x: nn.GroupNorm(op.num_groups, x[1], op.eps, op.affine),
        "layer_norm": lambda op, x: nn.LayerNorm(_over(x, op), op.eps, op.elementwise_affine, op.bias),
        "rms_norm": lambda op, x: nn.RMSNorm(_over(x, op), op.eps, op.elementwise_affine),
        "lstm": _recurrent(LSTM),
        "gru": _recurrent(nn.GRU),
        "rnn": _recurrent(nn.RNN),
        "lstm_cell": _recurrent(LSTMCell),
        "gru_cell": _recurrent(nn.GRUCell),
        "rnn_cell": _recurrent(nn.RNNCell),
        "prelu": lambda op, x: nn.PReLU(op.num_parameters, op.init),
        "parameter": lambda op: Free(op),
        "buffer": lambda op: Free(op),
    }
)


def module(op: Operation, inputs: Inputs) -> nn.Module:
    return parametrized(op, MODULES[op.name](op, *(kind.shape for kind in inputs.values()))).eval()


def parametrized(op: Any, made: nn.Module) -> nn.Module:
    """torch's own wrappers of a module, of the newer kind or of the older one, which it warns of."""
    for name in PARAMETRIZATIONS:
        if getattr(op, name, None) is not None:
            options = asdict(getattr(op, name))
            place = nn.utils.parametrizations if options.pop("parametrize") else nn.utils
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)
                made = getattr(place, name)(made, **options)
    return made
