"""The blocks and the U-Net of the annotated DDPM, and VQGAN's block, against torch modules written from the papers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import annotated_ddpm
import pytest
import references
import torch
from parity import assert_equal_runs, assert_same_keys

import archgraph as ag


def network(op: str, inputs: dict[str, Any], nodes: dict[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
    """A spec that is one block, hidden, so that its keys stand at the top."""
    block = {"op": op, "path": ".", **arguments}
    if len(inputs) > 1:
        block["in"] = list(inputs)
    return {"archgraph": 1, "name": "single", "inputs": inputs, "nodes": {"block": block, **(nodes or {})}}


def assert_equal(spec: dict[str, Any], reference: torch.nn.Module, *inputs: torch.Tensor, rename: Any = None) -> None:
    rename = rename or (lambda key: key)
    references.randomised(reference)
    model = ag.to_torch(ag.load(spec))
    model.load_state_dict({rename(key): value for key, value in reference.state_dict().items()}, strict=True)
    model.eval()
    with torch.no_grad():
        want, got = reference(*inputs), model(*inputs)
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4 * float(want.abs().max()))


IMAGE = {"x": ["N", 16, "H", "W"]}
TIMED = IMAGE | {"temb": ["N", 24]}


@pytest.mark.parametrize("out", [16, 32])
@pytest.mark.parametrize("timed", [True, False])
def test_diffusion_resblock(out: int, timed: bool) -> None:
    reference = annotated_ddpm.ResnetBlock(16, out, 24 if timed else None)
    inputs = [torch.randn(2, 16, 6, 5)] + [torch.randn(2, 24)] * timed
    spec = network("diffusion_resblock", TIMED if timed else IMAGE, out_channels=out, timed=timed)
    assert_equal(spec, reference, *inputs)


def test_attention_over_all_positions() -> None:
    spec = network("attention2d", IMAGE, heads=4, head_dim=8)
    assert_equal(spec, annotated_ddpm.Attention(16, 4, 8), torch.randn(2, 16, 6, 5))


def test_residual_prenorm_attention_has_the_published_keys() -> None:
    spec = network("residual_connection", IMAGE, fn={"op": "prenorm", "fn": "attention2d"})
    reference = annotated_ddpm.Residual(annotated_ddpm.PreNorm(16, annotated_ddpm.Attention(16)))
    assert "fn.fn.qkv_proj.weight" in reference.state_dict()
    assert_equal(spec, reference, torch.randn(2, 16, 6, 5))


def test_time_embedding() -> None:
    unet = annotated_ddpm.Unet(16, (1,))
    spec = network("time_embedding", {"t": {"shape": ["N"], "dtype": "int64"}}, dim=16)
    assert_equal(spec, unet.time_mlp, torch.tensor([0, 17, 999]))


@pytest.mark.parity("outputs", "gradients")
@pytest.mark.parametrize("size", [8, 16])
def test_attention_unet(size: int) -> None:
    reference = annotated_ddpm.Unet(16, (1, 2, 4))
    references.randomised(reference)
    graph = ag.load("attention_unet", dim=16, dim_mults=[1, 2, 4])
    model = ag.to_torch(graph).eval()
    model.load_state_dict(reference.state_dict(), strict=True)
    assert_equal_runs(model, reference, [(2, 3, size, size + 4 * (size // 8))], torch.tensor([5, 700]))


@pytest.mark.parity("keys")
def test_attention_unet_keys_stand_in_the_order_of_the_reference() -> None:
    with torch.device("meta"):
        reference = annotated_ddpm.Unet(64, (1, 2, 4, 8))
    assert_same_keys(ag.load("attention_unet"), reference)


@pytest.mark.parametrize("out", [32, 64])
@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("temb", [24, 0])
def test_latent_resblock(out: int, wide: bool, temb: int) -> None:
    """diffusers keeps the same block under other names, without the wide shortcut; that one is added by hand."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers.models.resnet import ResnetBlock2D
    reference = ResnetBlock2D(
        in_channels=32, out_channels=out, temb_channels=temb or None, groups=32, eps=1e-6, non_linearity="silu"
    )
    if wide and out != 32:
        reference.conv_shortcut = torch.nn.Conv2d(32, out, 3, padding=1)
    reference.forward = _with_required_temb(reference.forward, temb)
    inputs = {"x": ["N", 32, "H", "W"]} | ({"temb": ["N", temb]} if temb else {})
    spec = network(
        "latent_resblock", inputs, out_channels=out, conv_shortcut=wide, temb_channels=temb, activation="silu"
    )
    shortcut = "conv_shortcut" if wide else "nin_shortcut"

    def renamed(key: str) -> str:
        return key.replace("time_emb_proj", "temb_proj").replace("conv_shortcut", shortcut)

    arguments = [torch.randn(2, 32, 6, 5)] + ([torch.randn(2, temb)] if temb else [])
    assert_equal(spec, reference, *arguments, rename=renamed)


def _with_required_temb(forward: Callable[..., torch.Tensor], temb: int) -> Callable[..., torch.Tensor]:
    return forward if temb else lambda x: forward(x, None)


def test_latent_resblock_activates_with_leaky_relu_by_default() -> None:
    graph = ag.load(network("latent_resblock", {"x": ["N", 32, "H", "W"]}, temb_channels=0))
    slopes = [p.node.op.negative_slope for p in ag.graph.walk(graph) if p.node.op.name == "leaky_relu"]
    assert slopes == [0.2, 0.2]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_attention_unet_runs_in_other_types(dtype: torch.dtype) -> None:
    """The embedding of the timestep is computed in float32 and handed on in the type of the module."""
    model = ag.to_torch(ag.load("attention_unet", dim=16, dim_mults=[1, 2])).eval()
    x, time = torch.randn(1, 3, 8, 8), torch.tensor([700])
    with torch.no_grad():
        want = model(x, time)
        got = model.to(dtype)(x.to(dtype), time)
    assert got.dtype == dtype
    tolerance = 1e-4 if dtype == torch.float64 else 0.1
    torch.testing.assert_close(got.float(), want, rtol=tolerance, atol=tolerance)
