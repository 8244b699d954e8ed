"""Mamba against transformers: keys, outputs, gradients, and a file for any number of tokens."""

from __future__ import annotations

import math
from typing import Any

import pytest
import references
import torch
from torch import Tensor
from torch.nn import functional as F

import archgraph as ag
from archgraph.graph import weights

NARROW = {"vocabulary": 20, "dim": 16, "depth": 2, "state_size": 4}
CONFIG = {"vocab_size": 20, "hidden_size": 16, "num_hidden_layers": 2, "state_size": 4}


def mamba(**config: Any) -> torch.nn.Module:
    references.torchvision()  # transformers imports it where it is installed
    from transformers import MambaConfig, MambaModel

    found: torch.nn.Module = MambaModel(MambaConfig(use_cache=False, **config))
    return found


@pytest.mark.parity("keys")
@pytest.mark.slow  # importing transformers
@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("mamba_130m", {"hidden_size": 768, "num_hidden_layers": 24}),
        ("mamba_370m", {"hidden_size": 1024, "num_hidden_layers": 48}),
    ],
)
def test_keys_and_shapes_in_order(name: str, config: dict[str, int]) -> None:
    with torch.device("meta"):
        reference = mamba(vocab_size=50280, **config)
    theirs = [(key, tuple(tensor.shape)) for key, tensor in reference.state_dict().items()]
    assert [(item.key, item.weight.shape) for item in weights(ag.load(name))] == theirs


def mixed(w: dict[str, Tensor], x: Tensor) -> Tensor:
    """A mixer as in the paper's algorithm 2, step by step: x [N, L, C] → [N, L, C]."""
    hidden, gate = F.linear(x, w["in_proj.weight"]).chunk(2, -1)
    kernel = w["conv1d.weight"]
    padded = F.pad(hidden.transpose(1, 2), (kernel.shape[-1] - 1, 0))
    u = F.silu(F.conv1d(padded, kernel, w["conv1d.bias"], groups=len(kernel))).transpose(1, 2)
    size, rank = w["A_log"].shape[1], w["dt_proj.weight"].shape[1]
    dt, b, c = F.linear(u, w["x_proj.weight"]).split([rank, size, size], -1)
    delta = F.softplus(F.linear(dt, w["dt_proj.weight"], w["dt_proj.bias"]))
    h, found = x.new_zeros(len(x), *w["A_log"].shape), []
    for t in range(x.shape[1]):
        a_bar = torch.exp(-delta[:, t, :, None] * w["A_log"].exp())
        h = a_bar * h + torch.einsum("nd,ns,nd->nds", delta[:, t], b[:, t], u[:, t])
        found.append(torch.einsum("nds,ns->nd", h, c[:, t]) + w["D"] * u[:, t])
    return F.linear(torch.stack(found, 1) * F.silu(gate), w["out_proj.weight"])


@pytest.mark.parametrize("length", [1, 7])
def test_a_mixer_is_the_papers(length: int) -> None:
    module = ag.to_torch(ag.load("mamba", **NARROW), seed=1)
    torch.manual_seed(length)
    with torch.no_grad():
        for key, value in module.named_parameters():
            value.copy_(torch.rand(value.shape) if key.endswith("A_log") else torch.randn(value.shape) / 2)
    mixer = module.get_submodule("layers.0.mixer")
    x = torch.randn(2, length, 16, requires_grad=True)
    ours, theirs = mixer(x), mixed(dict(mixer.named_parameters()), x)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    gradients = [torch.autograd.grad(y.square().sum(), x)[0] for y in (ours, theirs)]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4)


@pytest.mark.parity("outputs", "gradients")
@pytest.mark.slow  # importing transformers
@pytest.mark.parametrize("length", [1, 7])
def test_outputs_and_gradients(length: int) -> None:
    reference = references.randomised(mamba(**CONFIG))
    with torch.no_grad():
        for layer in reference.layers:  # rates that neither explode nor vanish
            layer.mixer.A_log.copy_(torch.rand(layer.mixer.A_log.shape) * math.log(4))
    module = ag.to_torch(ag.load("mamba", **NARROW), weights=reference.state_dict()).eval()
    tokens = torch.randint(0, 20, (2, length), generator=torch.Generator().manual_seed(0))
    ours, theirs = module(tokens), reference(tokens).last_hidden_state
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    ours.square().sum().backward()
    theirs.square().sum().backward()
    given = dict(reference.named_parameters())
    for key, mine in module.named_parameters():
        torch.testing.assert_close(mine.grad, given[key].grad, rtol=1e-4, atol=1e-4)
