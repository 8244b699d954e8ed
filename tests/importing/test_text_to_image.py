"""The networks of a text-to-image pipeline, imported from its folder and run as ONNX files: its own loop's latents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import references
import torch

import archgraph as ag
from archgraph.diffusion import Schedule, sample
from archgraph.importing.diffusers_schedulers import diffusion_of
from archgraph.runtime import Session

GUIDANCE, STEPS = 3.0, 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A U-Net that reads a text, the text's encoder, and the scheduler, as a pipeline has them."""
    diffusers, transformers = references.diffusers(), references.transformers()
    torch.manual_seed(0)
    diffusers.UNet2DConditionModel(
        sample_size=8, block_out_channels=(8,), layers_per_block=1, norm_num_groups=4, cross_attention_dim=8,
        down_block_types=("CrossAttnDownBlock2D",), up_block_types=("CrossAttnUpBlock2D",), attention_head_dim=2,
    ).save_pretrained(tmp_path / "unet")  # fmt: skip
    config = transformers.CLIPTextConfig(
        hidden_size=8, intermediate_size=16, num_attention_heads=2, num_hidden_layers=1, vocab_size=50,
        bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    transformers.CLIPTextModel(config).save_pretrained(tmp_path / "text_encoder")
    scheduler = diffusers.DDIMScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1
    )
    scheduler.save_pretrained(tmp_path / "scheduler")
    return tmp_path


def _latents_of_diffusers(folder: Path, noise: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """The loop of a pipeline with guidance: the text without words first."""
    diffusers, transformers = references.diffusers(), references.transformers()
    unet = diffusers.UNet2DConditionModel.from_pretrained(folder / "unet").eval()
    encoder = transformers.CLIPTextModel.from_pretrained(folder / "text_encoder").eval()
    scheduler = diffusers.DDIMScheduler.from_pretrained(folder / "scheduler")
    scheduler.set_timesteps(STEPS)
    x = torch.from_numpy(noise)
    with torch.no_grad():
        texts = encoder(torch.from_numpy(tokens)).last_hidden_state
        for t in scheduler.timesteps:
            without, with_text = unet(torch.cat([x, x]), t, texts).sample.chunk(2)
            x = scheduler.step(without + GUIDANCE * (with_text - without), t, x).prev_sample
    return x.numpy()


def test_latents_are_those_of_the_pipeline(folder: Path, tmp_path: Path) -> None:
    sessions: dict[str, Session] = {}
    for name in ("unet", "text_encoder"):
        module = ag.from_torch(str(folder / name), verify=False)
        weights = next((folder / name).glob("*.safetensors"))
        ag.to_onnx(ag.to_torch(module, weights), tmp_path / f"{name}.onnx", verify=False)
        sessions[name] = Session(tmp_path / f"{name}.onnx")
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((1, 4, 8, 8)).astype(np.float32)
    tokens = rng.integers(3, 50, (2, 7))
    tokens[:, -1] = 2
    texts = sessions["text_encoder"].run({"input_ids": tokens})["last_hidden_state"]

    def denoise(x: np.ndarray, t: np.ndarray) -> Any:
        feeds = {"sample": np.concatenate([x, x]), "timestep": np.concatenate([t, t]), "encoder_hidden_states": texts}
        without, with_text = np.split(sessions["unet"].run(feeds)["output"], 2)
        return without + GUIDANCE * (with_text - without)

    said = diffusion_of(folder / "scheduler", {})
    found = sample(
        denoise, noise=noise, steps=STEPS, schedule=Schedule(**said["schedule"]), clip=said["clip"], sampler="ddim"
    )
    np.testing.assert_allclose(found, _latents_of_diffusers(folder, noise, tokens), rtol=1e-4, atol=1e-4)
