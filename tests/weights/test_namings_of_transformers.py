"""Namings that need more than names: DiT's shared embeddings, and the rotary channels of Meta's Llama."""

from __future__ import annotations

import pytest
import torch
from naming_cases import assert_equal, backward, forward, naming_in, naming_of, thin_state, with_equal_copies
from original_dit import OriginalDiT
from references import randomised
from torch import Tensor

import archgraph as ag
from archgraph.errors import WeightsError

SMALL = {"size": 8, "channels": 2, "width": 16, "depth": 2, "heads": 2, "classes": 3}


def test_dit_of_its_authors() -> None:
    """Their weights, renamed, make our module compute what theirs computes, but for the frequencies of timesteps."""
    theirs, naming = OriginalDiT(**SMALL), naming_in("dit", "original")
    positions = theirs.pos_embed.detach().clone()
    published = randomised(theirs).state_dict()
    published["pos_embed"].copy_(positions)
    graph = ag.load("dit", **SMALL)
    own = forward(naming, published)
    ours = ag.to_torch(graph, own).eval()
    generator = torch.Generator().manual_seed(0)
    sample, timestep = torch.randn(2, 2, 8, 8, generator=generator), torch.tensor([7, 300])
    label = torch.tensor([0, 3])
    theirs.freq_shift = 1
    with torch.no_grad():
        expected = theirs(sample, timestep, label)
        torch.testing.assert_close(ours(sample, timestep, label), expected, rtol=1e-4, atol=1e-5)
    assert_equal(backward(naming, own), {key: t for key, t in published.items() if key != "pos_embed"})


def test_embeddings_that_differ_between_blocks_have_no_file_of_dits_authors() -> None:
    own, naming = forward(naming_in("dit", "original"), OriginalDiT(**SMALL).state_dict()), naming_in("dit", "original")
    key = "transformer_blocks.1.norm1.emb.timestep_embedder.linear_1.weight"
    own[key] = own[key] + 1
    with pytest.raises(WeightsError, match=f"linear_1.weight' and '{key}' are one tensor under the published names"):
        backward(naming, own)


def test_the_published_keys_of_dit() -> None:
    """Keys that DiT-XL-2-256x256.pt holds, and as many."""
    naming = naming_of("dit_xl_2_256", "original")
    own = with_equal_copies(naming, thin_state("dit_xl_2_256"))
    published = backward(naming, own)
    assert len(published) == 2 + 4 + 1 + 28 * 10 + 4
    assert {
        *("x_embedder.proj.bias", "t_embedder.mlp.2.weight", "y_embedder.embedding_table.weight"),
        *("blocks.27.attn.qkv.weight", "blocks.0.attn.proj.bias", "blocks.3.mlp.fc2.weight"),
        *("blocks.9.adaLN_modulation.1.bias", "final_layer.linear.weight", "final_layer.adaLN_modulation.1.weight"),
    } <= published.keys()
    assert_equal(forward(naming, published), own)


def scores_of_meta(x: Tensor, wq: Tensor, wk: Tensor, heads: int) -> Tensor:
    """Products of queries and keys whose pairs of channels are complex numbers, turned by their position."""
    width = wq.shape[0] // heads
    rates = 10000.0 ** -(torch.arange(0, width, 2) / width)
    turns = torch.polar(torch.ones(len(x), width // 2), torch.arange(len(x))[:, None] * rates)
    q, k = (torch.view_as_complex((x @ w.T).unflatten(1, (heads, -1, 2))) * turns[:, None] for w in (wq, wk))
    return torch.einsum("qhc,khc->hqk", q, k.conj()).real


def scores_of_halves(x: Tensor, wq: Tensor, wk: Tensor, heads: int) -> Tensor:
    """The same with channels in two halves, which transformers turns by `rotate_half`."""
    width = wq.shape[0] // heads
    angles = torch.arange(len(x))[:, None] * 10000.0 ** -(torch.arange(0, width, 2) / width)
    cos, sin = angles.cos()[:, None], angles.sin()[:, None]
    halves = ((x @ w.T).unflatten(1, (heads, 2, -1)).unbind(2) for w in (wq, wk))
    q, k = (torch.cat([a * cos - b * sin, b * cos + a * sin], 2) for a, b in halves)
    return torch.einsum("qhc,khc->hqk", q, k)


@pytest.mark.parametrize(("preset", "width"), [("llama2_7b", 128), ("llama3_2_1b", 64)])
def test_rotary_channels_of_metas_llama(preset: str, width: int) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(5, 4, generator=generator)
    wq, wk = (torch.randn(2 * width, 4, generator=generator) for _ in range(2))
    published = {"layers.0.attention.wq.weight": wq, "layers.0.attention.wk.weight": wk}
    own = forward(naming_of(preset, "original"), published)
    q, k = (own[f"model.layers.0.self_attn.{name}_proj.weight"] for name in "qk")
    expected = scores_of_meta(x, wq, wk, heads=2)
    torch.testing.assert_close(scores_of_halves(x, q, k, heads=2), expected, rtol=1e-4, atol=1e-4)
    assert_equal(backward(naming_of(preset, "original"), own), published)


def test_the_published_keys_of_llama() -> None:
    """Keys of consolidated.00.pth of Llama 2 7B, and as many: its frequencies are computed here."""
    own, naming = thin_state("llama2_7b"), naming_of("llama2_7b", "original")
    published = backward(naming, own)
    assert len(published) == 3 + 32 * 9
    assert {
        *("tok_embeddings.weight", "norm.weight", "output.weight", "layers.31.attention.wo.weight"),
        *("layers.0.attention_norm.weight", "layers.0.ffn_norm.weight", "layers.0.feed_forward.w2.weight"),
    } <= published.keys()
    assert torch.equal(published["layers.2.feed_forward.w1.weight"], own["model.layers.2.mlp.gate_proj.weight"])
    q = own["model.layers.2.self_attn.q_proj.weight"].reshape(32, 2, 64)
    assert torch.equal(published["layers.2.attention.wq.weight"].reshape(32, 64, 2), q.transpose(1, 2))
    rope = {"rope.freqs": torch.zeros(64)}
    assert_equal(forward(naming, published | rope), own)
