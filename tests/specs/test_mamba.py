"""Mamba against transformers: keys, outputs, gradients, and a file for any number of tokens."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import references
import torch

import archgraph as ag
from archgraph.graph import weights

NARROW = {"vocabulary": 20, "dim": 16, "depth": 2, "state_size": 4}
CONFIG = {"vocab_size": 20, "hidden_size": 16, "num_hidden_layers": 2, "state_size": 4}


def mamba(**config: Any) -> torch.nn.Module:
    references.torchvision()  # transformers imports it where it is installed
    from transformers import MambaConfig, MambaModel

    found: torch.nn.Module = MambaModel(MambaConfig(use_cache=False, **config))
    return found


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("mamba_130m", {"hidden_size": 768, "num_hidden_layers": 24}),
        ("mamba_1_4b", {"hidden_size": 2048, "num_hidden_layers": 48}),
    ],
)
def test_keys_and_shapes_in_order(name: str, config: dict[str, int]) -> None:
    with torch.device("meta"):
        reference = mamba(vocab_size=50280, **config)
    theirs = [(key, tuple(tensor.shape)) for key, tensor in reference.state_dict().items()]
    assert [(item.key, item.weight.shape) for item in weights(ag.load(name))] == theirs


@pytest.mark.parametrize("length", [1, 7])
def test_outputs_and_gradients(length: int, tmp_path: Path) -> None:
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


def test_the_file_is_proved(tmp_path: Path) -> None:
    ag.to_onnx(ag.to_torch(ag.load("mamba", **NARROW), seed=1), tmp_path / "mamba.onnx")
