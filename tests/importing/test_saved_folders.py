"""Folders that `save_pretrained` wrote: networks of transformers and diffusers, and pipelines of several."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import references
import torch
from safetensors.torch import load_file, save_file

import archgraph as ag
from archgraph.cli import main
from archgraph.diffusion import Schedule
from archgraph.errors import ImportingError
from archgraph.importing.diffusers_schedulers import diffusion_of
from archgraph.importing.sources.saved_folders import pipeline_parts
from archgraph.importing.sources.source_names import names_module

WEIGHTS = "diffusion_pytorch_model.safetensors"
CLIP = {"hidden_size": 8, "intermediate_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1, "vocab_size": 50}
SPECIAL = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "max_position_embeddings": 77}


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline of a small U-Net, a text encoder that it does not read, a scheduler and a tokenizer."""
    diffusers, transformers = references.diffusers(), references.transformers()
    folder: Path = tmp_path_factory.mktemp("saved") / "tiny"
    torch.manual_seed(0)
    unet = diffusers.UNet2DModel(
        sample_size=8, block_out_channels=(8,), layers_per_block=1, norm_num_groups=4,
        down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",), attention_head_dim=4,
    )  # fmt: skip
    scheduler = diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2", variance_type="fixed_large")
    diffusers.DDPMPipeline(unet, scheduler).save_pretrained(folder)
    encoder = transformers.CLIPTextModel(transformers.CLIPTextConfig(**CLIP, **SPECIAL))
    encoder.half().save_pretrained(folder / "text_encoder")
    index = json.loads((folder / "model_index.json").read_text())
    index |= {"text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"]}
    (folder / "model_index.json").write_text(json.dumps({**index, "safety_checker": [None, None]}))
    return folder


def status(*arguments: str) -> Any:
    """How a command ends."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return ended.value.code


def test_each_network_of_a_pipeline_becomes_a_spec_with_its_weights(
    pipeline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert status("import", str(pipeline), "-o", str(out)) == 0
    printed = capsys.readouterr().out
    assert "left    tokenizer: CLIPTokenizer has no config.json, so it is no network" in printed
    assert printed.count("equal   H") >= 2
    assert {path.suffix for path in out.iterdir()} == {".yaml", ".safetensors", ".json"}
    unet = references.diffusers().UNet2DModel.from_pretrained(pipeline / "unet").eval()
    ours = ag.to_torch(out / "unet.yaml", out / "unet.safetensors").eval()
    x, t = torch.randn(2, 3, 8, 8), torch.tensor([3, 700])
    with torch.no_grad():
        torch.testing.assert_close(ours(x, t), unet(x, t).sample, rtol=1e-5, atol=1e-5)
    encoder = load_file(out / "text_encoder.safetensors")
    half = load_file(pipeline / "text_encoder" / "model.safetensors")
    assert {tensor.dtype for tensor in encoder.values()} == {torch.float32}
    for key, tensor in encoder.items():
        assert torch.equal(tensor, half[key].float()), key
    diffusion = ag.load(out / "unet.yaml").info.meta["diffusion"]
    assert diffusion["size"] == 8
    assert diffusion["variance"] == "large"
    assert status("verify", str(out / "unet.yaml")) == 0


def test_one_of_its_networks_stands_wherever_a_module_may(pipeline: Path) -> None:
    graph = ag.from_torch(str(pipeline / "unet"), verify=False)
    assert graph.name == "unet"
    inputs = ("--input", "sample=N,3,16,16", "--input", "timestep=N:int64")
    assert status("check", str(pipeline / "unet"), *inputs) == 0


@pytest.mark.parametrize("named", ["--input", "--name", "--config"])
def test_options_of_one_network_are_not_for_a_pipeline(
    pipeline: Path, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status("import", str(pipeline), named, str(pipeline / "unet" / "config.json")) == 1
    assert f"{named} is for one network" in capsys.readouterr().err


def test_a_pipeline_is_no_network(pipeline: Path) -> None:
    with pytest.raises(ImportingError, match="holds several networks") as refused:
        ag.from_torch(str(pipeline))
    assert str(pipeline / "unet") in str(refused.value)


@pytest.fixture
def unet(pipeline: Path, tmp_path: Path) -> Path:
    """A copy of the U-Net's folder, to be broken."""
    folder = tmp_path / "unet"
    folder.mkdir()
    for name in ("config.json", WEIGHTS):
        (folder / name).write_bytes((pipeline / "unet" / name).read_bytes())
    return folder


def _changed(folder: Path, **tensors: torch.Tensor | None) -> None:
    found = load_file(folder / WEIGHTS) | {name.replace("__", "."): value for name, value in tensors.items()}
    save_file({name: value for name, value in found.items() if value is not None}, folder / WEIGHTS)


def test_weights_that_lack_are_told(unet: Path) -> None:
    _changed(unet, conv_in__weight=None)
    with pytest.raises(ImportingError, match=r"do not fit UNet2DModel") as refused:
        ag.from_torch(str(unet))
    assert "conv_in.weight" in str(refused.value)


def test_weights_of_another_shape_are_told(unet: Path) -> None:
    _changed(unet, conv_out__bias=torch.zeros(1))
    with pytest.raises(ImportingError, match=r"conv_out\.bias"):
        ag.from_torch(str(unet))


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "is no JSON"), ("[]", "is no mapping"), ("{}", "names no class"), ('{"_class_name": "UNet9"}', "UNet9")],
)
def test_a_configuration_that_cannot_be_read_is_told(unet: Path, text: str, message: str) -> None:
    (unet / "config.json").write_text(text)
    with pytest.raises(ImportingError, match=message):
        ag.from_torch(str(unet))


SCHEDULERS: list[tuple[str, dict[str, Any], str]] = [
    ("DDPMScheduler", {}, "ddpm"),
    ("DDIMScheduler", {"beta_schedule": "scaled_linear", "steps_offset": 1, "clip_sample": False}, "ddim"),
    ("DDIMScheduler", {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}, "ddim"),
    ("DDPMScheduler", {"beta_schedule": "squaredcos_cap_v2", "prediction_type": "v_prediction"}, "ddpm"),
    ("EulerDiscreteScheduler", {"beta_start": 0.00085, "beta_end": 0.012}, "euler"),
    ("PNDMScheduler", {"skip_prk_steps": True}, ""),
]


@pytest.mark.parametrize(("name", "config", "sampler"), SCHEDULERS)
def test_a_scheduler_is_the_schedule_of_the_network(
    name: str, config: dict[str, Any], sampler: str, tmp_path: Path
) -> None:
    scheduler = getattr(references.diffusers(), name)(**config)
    scheduler.save_pretrained(tmp_path)
    found = diffusion_of(tmp_path, {"sample_size": 32})
    schedule = Schedule(**found["schedule"])
    np.testing.assert_allclose(schedule.alphas_cumprod, scheduler.alphas_cumprod.numpy(), rtol=2e-4, atol=1e-7)
    if sampler in ("ddpm", "ddim"):
        scheduler.set_timesteps(20)
        assert schedule.timesteps(20).tolist() == scheduler.timesteps.tolist()
    assert found.get("sampler", "") == sampler
    assert found["prediction"] == {"v_prediction": "velocity"}.get(scheduler.config.prediction_type, "epsilon")
    assert found["clip"] == scheduler.config.get("clip_sample", False)


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("FlowMatchEulerDiscreteScheduler", {}, "FlowMatchEulerDiscreteScheduler"),
        ("DDIMScheduler", {"clip_sample_range": 2.0}, "clip_sample_range"),
        ("EulerDiscreteScheduler", {"use_exponential_sigmas": True}, "use_exponential_sigmas"),
        ("DDPMScheduler", {"variance_type": "learned"}, "variance_type"),
    ],
)
def test_a_scheduler_without_counterpart_is_told(
    name: str, config: dict[str, Any], message: str, tmp_path: Path
) -> None:
    getattr(references.diffusers(), name)(**config).save_pretrained(tmp_path)
    with pytest.raises(ImportingError, match=message):
        diffusion_of(tmp_path, {})


@pytest.mark.parametrize("config", [{"beta_start": 2.0, "beta_end": 3.0}, {"num_train_timesteps": "many"}])
def test_a_scheduler_that_makes_no_sense_is_told(config: dict[str, Any], tmp_path: Path) -> None:
    references.diffusers().DDIMScheduler().save_pretrained(tmp_path)
    file = tmp_path / "scheduler_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | config))
    with pytest.raises(ImportingError, match="DDIMScheduler"):
        diffusion_of(tmp_path, {})


def test_without_the_library_it_is_named(
    pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    assert status("import", str(pipeline), "-o", str(tmp_path / "out"), "--no-verify") == 1
    printed = capsys.readouterr()
    assert "left    scheduler: diffusers is not installed" in printed.out
    assert "pip install diffusers" in printed.err
    assert (tmp_path / "out" / "text_encoder.yaml").is_file()


@pytest.mark.parametrize("text", ["x" * 5000, "a\0b", "/proc/1/root/net.yaml"])
def test_any_text_may_be_asked_whether_it_names_a_folder(text: str) -> None:
    assert not names_module(text)


def test_a_part_never_leads_out_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "pipeline"
    for place in (folder, tmp_path / "unet"):
        place.mkdir()
        (place / "config.json").write_text("{}")
    (folder / "model_index.json").write_text('{"../unet": ["diffusers", "UNet2DModel"]}')
    with pytest.raises(ImportingError, match="holds no network"):
        pipeline_parts(folder)
