"""Networks of transformers: keys, outputs, gradients and padding equal its own, and their files are proved equal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import references
import torch
from narrow_transformers import NARROW
from other_presets import OTHERS
from sampling_of_cases import with_slow
from torch import Tensor, nn
from transformers_networks import PUBLISHED

import archgraph as ag
from archgraph.graph import weights

LIKE_ANOTHER = {
    *("gpt2_medium", "gpt2_large", "gpt2_xl", "llama2_70b", "clip_vision_l_14", "clip_text_b", "whisper_tiny"),
    *("gemma_7b", "gpt_neox_20b", "opt_1_3b", "electra_base", "albert_xxlarge_v2", "modernbert_large"),
    *("mistral_7b_v0_3", "siglip_base_patch16_224"),
}
"""What differs from the others in numbers: loading it holds its number of parameters against the published one."""


@pytest.mark.parity("keys")
@pytest.mark.parametrize("name", with_slow({**PUBLISHED, **OTHERS}, {*LIKE_ANOTHER, *OTHERS}))
def test_keys_and_shapes_in_order(name: str) -> None:
    with torch.device("meta"):
        reference = {**PUBLISHED, **OTHERS}[name]()
    theirs = [(key, tuple(tensor.shape)) for key, tensor in reference.state_dict().items()]
    network = ag.load(name)
    assert [(item.key, item.weight.shape) for item in weights(network)] == theirs


def answers(found: Mapping[str, Tensor], module: nn.Module, mask: Tensor | None) -> dict[str, Tensor]:
    """The outputs at the tokens that are no padding, and the gradients of a weighted sum of them in all weights."""
    generator = torch.Generator().manual_seed(3)
    kept = {name: value[mask] if mask is not None and value.dim() == 3 else value for name, value in found.items()}
    total = sum((value * torch.randn(value.shape, generator=generator)).sum() for value in kept.values())
    assert isinstance(total, Tensor)
    total.backward()
    gradients = {key: weight.grad for key, weight in module.named_parameters() if weight.grad is not None}
    return {**{name: value.detach() for name, value in kept.items()}, **gradients}


@pytest.mark.parity("outputs", "gradients")
@pytest.mark.parametrize("name", NARROW)
def test_outputs_and_gradients(name: str) -> None:
    """With random weights, a padded text, and lengths that differ."""
    case = NARROW[name]
    reference = references.randomised(case.build())
    model = ag.to_torch(ag.load(case.spec, **case.params)).eval()
    model.load_state_dict(reference.state_dict(), strict=True)
    for length in (8, 13):
        inputs = case.inputs(length)
        mask = inputs.get("attention_mask")
        outputs = model(**inputs)
        mine = dict(zip(case.outputs, outputs if isinstance(outputs, tuple) else (outputs,), strict=True))
        published = reference(**inputs)
        theirs = answers({name: published[key] for name, key in case.outputs.items()}, reference, mask)
        ours = answers(mine, model, mask)
        assert ours.keys() == theirs.keys()
        for key, value in ours.items():
            # The bias of keys has no gradient: it adds the same to all scores of a query.
            torch.testing.assert_close(value, theirs[key], rtol=1e-4, atol=1e-5 + 1e-4 * float(theirs[key].abs().max()))


@pytest.mark.parity("file")
@pytest.mark.parametrize("name", with_slow(NARROW, ("smollm2", "mistral", "qwen2", "electra", "distilbert")))
def test_the_file_is_proved_equal(name: str, tmp_path: Path) -> None:
    module = ag.to_torch(ag.load(NARROW[name].spec, **NARROW[name].params))
    found = ag.to_onnx(module, tmp_path / f"{name}.onnx", profile="cpu")
    assert found.certificate is not None


def test_the_buckets_of_relative_positions() -> None:
    network = {
        "archgraph": 1,
        "name": "buckets",
        "inputs": {"position": {"shape": ["L"], "dtype": "int64"}},
        "nodes": {"buckets": "relative_buckets"},
    }
    position = torch.arange(300)
    theirs = references.transformers().models.t5.modeling_t5.T5Attention._relative_position_bucket
    assert ag.to_torch(network)(position).equal(theirs(position - position[:, None]))


def test_linear_biases_are_blooms() -> None:
    """BLOOM adds slope · key, which differs from -slope · (query - key) by the same amount in a row of scores."""
    network = {
        "archgraph": 1,
        "name": "biases",
        "inputs": {"position": {"shape": ["L"], "dtype": "int64"}},
        "nodes": {"bias": {"op": "alibi", "heads": 8}},
    }
    build = references.transformers().models.bloom.modeling_bloom.build_alibi_tensor
    theirs = build(torch.ones(1, 6), 8, torch.float32)
    bias = ag.to_torch(network)(torch.arange(6))
    assert bias.shape == (8, 6, 6)
    torch.testing.assert_close(bias[:, -1] - bias[:, -1, :1], theirs[:, 0])


def test_the_stored_positions_of_whisper() -> None:
    """They start as the published sinusoids, and are not trained."""
    module = ag.to_torch(ag.load(NARROW["whisper"].spec, **NARROW["whisper"].params))
    theirs = NARROW["whisper"].build().state_dict()["embed_positions.weight"]
    torch.testing.assert_close(module.state_dict()["embed_positions.weight"], theirs)
    assert "embed_positions.weight" not in dict(module.named_parameters())
