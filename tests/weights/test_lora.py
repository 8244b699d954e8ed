"""LoRA merged into weights: the product as it is defined, under PEFT's, diffusers' and kohya's names."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import references
import torch
from naming_cases import State, lazy, naming_of, read, thin_state
from safetensors.torch import save_file

from archgraph.artifact.arrays import Array
from archgraph.errors import WeightsError
from archgraph.weights.element_types import numpy_type
from archgraph.weights.fitting import FittedWeights, fitted
from archgraph.weights.lora import Adapter, Merged, merged
from archgraph.weights.requests import WeightsRequest
from archgraph.weights.targets import WeightsTarget
from archgraph.weights.tensors import of_array
from archgraph.weights.wanted import WantedWeight

RANK = 2


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def network() -> State:
    """Linear, convolutions, a table and a norm."""
    return {
        "down.0.attn.to_q.weight": randn(6, 4, seed=1),
        "down.0.attn.to_q.bias": randn(6, seed=2),
        "down.0.attn.to_out.0.weight": randn(4, 6, seed=3),
        "conv_in.weight": randn(5, 3, 3, 3, seed=4),
        "proj_in.weight": randn(5, 4, 1, 1, seed=5),
        "embed.weight": randn(7, 4, seed=6),
        "norm.weight": randn(4, seed=7),
    }


def merge(own: State, adapter: State, scale: float = 1.0, folder: Path | None = None) -> tuple[State, Merged]:
    path = folder / "adapter_model.safetensors" if folder else None
    found = merged(lazy(own), Adapter(lazy(adapter), "style.safetensors", path=path), scale)
    return read(found.tensors), found


def config(folder: Path, **entries: object) -> Path:
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "lora_alpha": 8, "r": RANK} | entries))
    return folder


def assert_changed(found: State, own: State, expected: Mapping[str, torch.Tensor]) -> None:
    """These weights are the expected ones, and all others what they were."""
    for key, tensor in own.items():
        if key in expected:
            torch.testing.assert_close(found[key], expected[key], rtol=1e-6, atol=1e-6)
            assert not torch.equal(found[key], tensor)
        else:
            assert torch.equal(found[key], tensor)
    assert list(found) == list(own)


# -- the product -------------------------------------------------------------------------------------------------------


def test_linear_layers_under_the_names_of_peft(tmp_path: Path) -> None:
    own, a, b = network(), randn(RANK, 4), randn(6, RANK, seed=9)
    start = "base_model.model.down.0.attn.to_q"
    found, result = merge(
        own, {f"{start}.lora_A.weight": a, f"{start}.lora_B.weight": b}, 0.5, config(tmp_path, lora_alpha=8)
    )
    key = "down.0.attn.to_q.weight"
    assert_changed(found, own, {key: own[key] + 0.5 * (8 / RANK) * (b @ a)})
    assert result.changed == (key,)


@pytest.mark.parametrize("kernel", [1, 3])
def test_convolutions_under_the_names_of_kohya(kernel: int) -> None:
    own = network()
    key = "conv_in.weight" if kernel == 3 else "proj_in.weight"
    out, width = own[key].shape[:2]
    down, up = randn(RANK, width, kernel, kernel), randn(out, RANK, 1, 1, seed=9)
    name = f"lora_unet_{key.removesuffix('.weight')}"
    adapter = {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up, f"{name}.alpha": torch.tensor(1.0)}
    image = randn(1, width, 8, 8, seed=10)
    found, _ = merge(own, adapter, 0.8)
    conv = torch.nn.functional.conv2d
    expected = conv(image, own[key]) + 0.8 * (1 / RANK) * conv(conv(image, down), up)
    torch.testing.assert_close(conv(image, found[key]), expected, rtol=1e-5, atol=1e-5)


def test_linear_factors_of_a_convolution_of_one_pixel() -> None:
    own, down, up = network(), randn(RANK, 4), randn(5, RANK, seed=9)
    adapter = {"lora_unet_proj_in.lora_down.weight": down, "lora_unet_proj_in.lora_up.weight": up}
    found, _ = merge(own, adapter)
    expected = own["proj_in.weight"] + (up @ down)[..., None, None]  # without alpha it is the rank
    assert_changed(found, own, {"proj_in.weight": expected})


def test_a_convolution_between_two_of_one_pixel() -> None:
    """LoCon's third factor: three convolutions, one after the other."""
    own, name = network(), "lora_unet_conv_in"
    down, middle, up = randn(RANK, 3, 1, 1), randn(RANK, RANK, 3, 3, seed=8), randn(5, RANK, 1, 1, seed=9)
    factors = {"lora_down": down, "lora_mid": middle, "lora_up": up}
    found, _ = merge(own, {f"{name}.{role}.weight": factor for role, factor in factors.items()})
    image, conv = randn(1, 3, 8, 8, seed=10), torch.nn.functional.conv2d
    expected = conv(image, own["conv_in.weight"]) + conv(conv(conv(image, down), middle), up)
    torch.testing.assert_close(conv(image, found["conv_in.weight"]), expected, rtol=1e-5, atol=1e-5)


def test_an_embedding(tmp_path: Path) -> None:
    own, a, b = network(), randn(RANK, 7), randn(4, RANK, seed=9)
    start = "base_model.model.embed.lora_embedding"
    found, _ = merge(own, {f"{start}_A": a, f"{start}_B": b}, 1.0, config(tmp_path, lora_alpha=RANK))
    ids = torch.tensor([3, 0, 6])
    lookup = torch.nn.functional.embedding
    expected = lookup(ids, own["embed.weight"]) + lookup(ids, a.T) @ b.T
    torch.testing.assert_close(lookup(ids, found["embed.weight"]), expected)


def test_weights_that_the_network_keeps_turned(tmp_path: Path) -> None:
    """GPT-2's linear layers are [in, out]; the square one shows that the configuration decides."""
    own = {"h.attn.c_proj.weight": randn(4, 4), "h.attn.c_attn.weight": randn(4, 12, seed=1)}
    adapter, expected = State(), State()
    for key, weight in own.items():
        a, b = randn(RANK, weight.shape[0], seed=2), randn(weight.shape[1], RANK, seed=3)
        name = f"base_model.model.{key.removesuffix('.weight')}"
        adapter |= {f"{name}.lora_A.weight": a, f"{name}.lora_B.weight": b}
        expected[key] = weight + 4 * (b @ a).T
    found, _ = merge(own, adapter, 1.0, config(tmp_path, fan_in_fan_out=True))
    assert_changed(found, own, expected)
    with pytest.raises(WeightsError, match="fan_in_fan_out"):
        merge(own, adapter, 1.0, config(tmp_path, fan_in_fan_out=False))


def test_rank_stabilised_scale_and_alphas_of_single_modules(tmp_path: Path) -> None:
    own, a, b = network(), randn(RANK, 4), randn(6, RANK, seed=9)
    start, key = "base_model.model.down.0.attn.to_q", "down.0.attn.to_q.weight"
    adapter = {f"{start}.lora_A.weight": a, f"{start}.lora_B.weight": b}
    found, _ = merge(own, adapter, 1.0, config(tmp_path, use_rslora=True))
    assert_changed(found, own, {key: own[key] + 8 / RANK**0.5 * (b @ a)})
    found, _ = merge(own, adapter, 1.0, config(tmp_path, alpha_pattern={"attn.to_q": 1, "to_q": 3, "to_k": 5}))
    assert_changed(found, own, {key: own[key] + 1 / RANK * (b @ a)})


def test_low_precision_is_rounded_once() -> None:
    own = {"fc.weight": of_array(np.array([[1.0, 2.0]]).astype(numpy_type("bfloat16")))}
    factors = {"fc.lora_A.weight": torch.full((1, 2), 0.0625), "fc.lora_B.weight": torch.full((1, 1), 0.125)}
    found = merged(own, Adapter(lazy(factors), "style"), 1.0).tensors["fc.weight"]
    assert found.dtype == "bfloat16"
    exact = torch.tensor([[1.0078125, 2.0078125]]).bfloat16()
    assert torch.equal(torch.from_numpy(found.read().astype(np.float32)), exact.float())


def test_two_adapters_and_nothing_read_before_it_is_needed() -> None:
    own, reads = network(), list[int]()

    def counted(values: Array) -> Array:
        reads.append(1)
        return values

    adapter = {"proj_in.lora_A.weight": randn(RANK, 4), "proj_in.lora_B.weight": randn(5, RANK, seed=9)}
    first = merged(lazy(own), Adapter(lazy(adapter), "one"), 1.0)
    slow = {key: tensor.mapped(tensor.shape, counted) for key, tensor in first.tensors.items()}
    both = merged(slow, Adapter(lazy(adapter), "two"), -1.0)
    assert reads == []
    torch.testing.assert_close(read(both.tensors)["proj_in.weight"], own["proj_in.weight"])


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("down", "up"),
    [
        ("base_model.model.{}.lora_A.weight", "base_model.model.{}.lora_B.weight"),
        ("base_model.model.{}.lora_A.default.weight", "base_model.model.{}.lora_B.default.weight"),
        ("unet.{}.lora_A.weight", "unet.{}.lora_B.weight"),
        ("transformer.{}.lora.down.weight", "transformer.{}.lora.up.weight"),
        ("diffusion_model.{}.lora_down.weight", "diffusion_model.{}.lora_up.weight"),
        ("{}.lora_linear_layer.down.weight", "{}.lora_linear_layer.up.weight"),
        ("unet.{}_lora.down.weight", "unet.{}_lora.up.weight"),
        ("lora_unet_{}.lora_down.weight", "lora_unet_{}.lora_up.weight"),
        ("lora_te1_{}.lora_down.weight", "lora_te1_{}.lora_up.weight"),
        ("lycoris_{}.lora_down.weight", "lycoris_{}.lora_up.weight"),
        ("base_model.model.bert.{}.lora_A.weight", "base_model.model.bert.{}.lora_B.weight"),
    ],
)
def test_names_of_published_adapters(down: str, up: str, tmp_path: Path) -> None:
    own, path = network(), "down.0.attn.to_out.0"
    flat = down.startswith(("lora_", "lycoris_"))
    name = (
        path.replace(".", "_") if flat else path.replace(".attn", ".attn.processor")[:-2] if "_lora." in down else path
    )
    adapter = {down.format(name): randn(RANK, 6), up.format(name): randn(4, RANK, seed=9)}
    _, result = merge(own, adapter, 1.0, config(tmp_path))
    assert result.changed == (f"{path}.weight",)


def test_the_older_names_of_a_text_encoder() -> None:
    own = {"text_model.encoder.layers.0.self_attn.out_proj.weight": randn(4, 4)}
    name = "text_encoder.text_model.encoder.layers.0.self_attn.to_out_lora"
    _, result = merge(own, {f"{name}.down.weight": randn(RANK, 4), f"{name}.up.weight": randn(4, RANK)})
    assert result.changed == tuple(own)


def attention(state: State) -> dict[str, torch.Tensor]:
    return {key: tensor for key, tensor in state.items() if "attn" in key and key.endswith(".weight")}


@pytest.mark.slow
def test_stable_diffusion_xls_original_names_as_diffusers_maps_them() -> None:
    """kohya's scripts train SDXL under its original names, with `_` in place of dots."""
    references.diffusers()
    conversion: Any = importlib.import_module("diffusers.loaders.lora_conversion_utils")
    own, naming = thin_state("sdxl"), naming_of("sdxl", "original")
    published = attention(read(naming.backward(lazy(own)).tensors))
    adapter: State = {}
    for number, (key, weight) in enumerate(published.items()):
        name = "lora_unet_" + key.removesuffix(".weight").replace(".", "_")
        adapter |= {
            f"{name}.lora_down.weight": torch.full((1, 1), 1.0 + number),
            f"{name}.lora_up.weight": torch.ones(weight.shape[0], 1),
        }
    found = merged(lazy(own), Adapter(lazy(adapter), "style"), 1.0, lambda: (naming,))
    theirs = conversion._maybe_map_sgm_blocks_to_diffusers(dict(adapter), SimpleNamespace(layers_per_block=2))
    theirs, _ = conversion._convert_non_diffusers_lora_to_diffusers(theirs)
    expected = {
        key.removeprefix("unet.")
        .replace(".processor.", ".")
        .replace("_lora.down", "")
        .replace("to_out", "to_out.0"): down
        for key, down in theirs.items()
        if "down.weight" in key
    }
    assert set(found.changed) == set(expected)
    changed = read({key: found.tensors[key] for key in found.changed})
    assert all(torch.equal(changed[key] - own[key], expected[key].expand_as(own[key]).double()) for key in expected)


def _todays(key: str) -> str:
    """A weight by the older name that diffusers maps an adapter to."""
    bare = key.removeprefix("unet.").replace(".processor.", ".").replace("_lora.down", "")
    return bare.replace("to_out", "to_out.0")


def test_a_packed_projection_is_split_as_its_weight_is() -> None:
    """FLUX's original names: one factor for queries, keys and values."""
    own, naming = thin_state("flux1_dev"), naming_of("flux1_dev", "original")
    name = "lora_unet_double_blocks_3_img_attn_qkv"
    up = torch.arange(3 * 3072.0).reshape(-1, 1)
    adapter = {f"{name}.lora_down.weight": torch.ones(1, 1), f"{name}.lora_up.weight": up}
    found = merged(lazy(own), Adapter(lazy(adapter), "style"), 1.0, lambda: (naming,))
    keys = [f"transformer_blocks.3.attn.{part}.weight" for part in ("to_q", "to_k", "to_v")]
    assert sorted(found.changed) == sorted(keys)
    changed = read({key: found.tensors[key] for key in keys})
    assert torch.equal(torch.cat([changed[key] - own[key] for key in keys]), up.double())


def test_a_part_of_a_packed_projection_leaves_the_others() -> None:
    """A vision transformer under the names of transformers, of which only queries and values were trained."""
    own, naming = thin_state("vit_b_16"), naming_of("vit_b_16", "transformers")
    adapter: State = {}
    for part in ("query", "value"):
        name = f"vit.encoder.layer.2.attention.attention.{part}"
        adapter |= {f"{name}.lora_A.weight": torch.ones(1, 1), f"{name}.lora_B.weight": torch.ones(768, 1)}
    found = merged(lazy(own), Adapter(lazy(adapter), "style"), 1.0, lambda: (naming,))
    (key,) = found.changed
    change = read({key: found.tensors[key]})[key] - own[key]
    assert torch.equal(change.reshape(3, 768), torch.tensor([[1.0], [0.0], [1.0]]).expand(3, 768).double())


def test_of_a_file_for_a_whole_pipeline_the_part_that_fits() -> None:
    own = network()
    here = {"lora_unet_proj_in.lora_down.weight": randn(RANK, 4), "lora_unet_proj_in.lora_up.weight": randn(5, RANK)}
    there = {key.replace("unet_proj_in", "te_text_model_fc1"): tensor for key, tensor in here.items()}
    _, result = merge(own, here | there)
    assert (result.changed, result.left_out) == (("proj_in.weight",), ("lora_te_text_model_fc1",))
    twice = {key.replace("unet", "te"): tensor for key, tensor in here.items()}
    with pytest.raises(WeightsError, match="more than one fits"):
        merge(own, here | twice)


def test_what_diffusers_embeds(tmp_path: Path) -> None:
    own, a, b = network(), randn(RANK, 4), randn(6, RANK, seed=9)
    adapter = {"unet.down.0.attn.to_q.lora_A.weight": a, "unet.down.0.attn.to_q.lora_B.weight": b}
    entries = {"unet.lora_alpha": 6, "unet.r": RANK, "text_encoder.lora_alpha": 100}
    metadata = {"lora_adapter_metadata": json.dumps(entries)}
    found = read(merged(lazy(own), Adapter(lazy(adapter), "style", metadata), 1.0).tensors)
    key = "down.0.attn.to_q.weight"
    assert_changed(found, own, {key: own[key] + 3 * (b @ a)})


# -- what is refused ---------------------------------------------------------------------------------------------------

PAIR = {"fc.lora_A.weight": randn(RANK, 4), "fc.lora_B.weight": randn(6, RANK)}


def tied(folder: Path, *changed: str) -> FittedWeights:
    """A table that a head shares, in a file once, with factors for these modules."""
    wanted = {
        "embed.weight": WantedWeight((7, 4), "float32"),
        "head.weight": WantedWeight((7, 4), "float32", "embed.weight"),
    }
    save_file({"embed.weight": randn(7, 4, seed=6)}, folder / "w.safetensors")
    factors = {f"{name}.lora.down.weight": randn(RANK, 4, seed=1) for name in changed}
    factors |= {f"{name}.lora.up.weight": randn(7, RANK, seed=2) for name in changed}
    save_file(factors, folder / "style.safetensors")
    request = WeightsRequest(folder / "w.safetensors", lora=f"{folder / 'style.safetensors'}:0.5")
    return fitted(WeightsTarget("net", wanted), request)


@pytest.mark.parametrize("module", ["embed", "head"])
def test_both_keys_of_a_weight_that_the_network_shares_are_changed(module: str, tmp_path: Path) -> None:
    found = tied(tmp_path, module)
    made = read(found.tensors)
    expected = randn(7, 4, seed=6) + 0.5 * randn(7, RANK, seed=2) @ randn(RANK, 4, seed=1)
    torch.testing.assert_close(made["embed.weight"], expected, rtol=1e-6, atol=1e-6)
    assert torch.equal(made["embed.weight"], made["head.weight"])
    assert list(found.report.lora.values()) == [("embed.weight", "head.weight")]


def test_factors_for_both_keys_of_a_shared_weight_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        WeightsError, match=r"are one weight in the network, and '.*style.safetensors:0.5' changes both"
    ):
        tied(tmp_path, "embed", "head")


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("base_model.model.fc.lora_magnitude_vector", "DoRA"),
        ("lora_unet_fc.dora_scale", "DoRA"),
        ("lora_unet_fc.hada_w1_a", "LoHa"),
        ("lora_unet_fc.lokr_w2", "LoKr"),
        ("lora_unet_fc.oft_blocks", "OFT"),
        ("base_model.model.fc.ia3_l", "IA³"),
    ],
)
def test_other_adapters_are_refused_by_name(key: str, name: str) -> None:
    with pytest.raises(WeightsError, match=f"'style.safetensors' is a {name}, and not a LoRA"):
        merge(network(), PAIR | {key: randn(4)})


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"use_dora": True}, "DoRA"),
        ({"peft_type": "LOHA"}, "describes LOHA"),
        ({"init_lora_weights": "pissa_niter_16"}, "begins from pissa"),
        ({"lora_alpha": "8"}, "alpha is a number"),
        ({"lora_alpha": float("nan")}, "alpha is not finite"),
        ({"alpha_pattern": {"fc": float("inf")}}, "alpha is not finite"),
    ],
)
def test_configurations_of_other_adapters(entries: dict[str, object], said: str, tmp_path: Path) -> None:
    adapter = {f"base_model.model.{key}": tensor for key, tensor in PAIR.items()}
    with pytest.raises(WeightsError, match=said):
        merge({"fc.weight": randn(6, 4)}, adapter, 1.0, config(tmp_path, **entries))


def test_an_adapter_of_another_model_names_its_keys() -> None:
    with pytest.raises(WeightsError) as caught:
        merge(network(), PAIR | {key.replace("fc", "down.0.attn.to_q"): tensor for key, tensor in PAIR.items()})
    text = str(caught.value)
    assert "is a LoRA for another model: 1 of its 2 modules are not in the network: fc" in text
    with pytest.raises(WeightsError) as caught:
        merge(network(), {"proj_in.lora_A.weight": randn(RANK, 9), "proj_in.lora_B.weight": randn(5, RANK)})
    text = str(caught.value)
    assert "weights have another shape than its factors: proj_in.weight" in text
    assert "[5, 4, 1, 1]" in text
    assert "[5, 9]" in text


@pytest.mark.parametrize(
    ("adapter", "said"),
    [
        ({"fc.weight": randn(6, 4)}, "is no LoRA"),
        ({}, "is no LoRA"),
        ({"fc.lora_A.weight": randn(RANK, 4)}, "does not hold both factors of 'fc'"),
        (PAIR | {"other.alpha": torch.tensor(1.0)}, "does not hold both factors of 'other'"),
        (PAIR | {"fc.lora_B.weight": randn(6, 3)}, "factors of 'fc' in 'style.safetensors' do not fit"),
        (PAIR | {"fc.lora_B.bias": randn(6)}, "1 tensors that are no factors: fc.lora_B.bias"),
        (PAIR | {"classifier.weight": randn(2, 6)}, "no factors: classifier.weight"),
        (PAIR | {"fc.alpha": randn(2)}, "no single number"),
        (PAIR | {"fc.alpha": torch.tensor(float("nan"))}, "'fc.alpha' is not finite"),
        ({"fc.lora_A.weight": randn(0, 4), "fc.lora_B.weight": randn(6, 0)}, "factors of 'fc'"),
        ({"fc.lora_A.weight": torch.tensor(1.0), "fc.lora_B.weight": randn(6, 2)}, "factors of 'fc'"),
        ({"fc.lora_embedding_A": torch.tensor(1.0), "fc.lora_embedding_B": randn(4, 2)}, "factors of 'fc'"),
        ({f"base_model.model.{key}": tensor for key, tensor in PAIR.items()}, "adapter_config.json next to it"),
    ],
)
def test_damaged_adapters(adapter: State, said: str) -> None:
    with pytest.raises(WeightsError, match=said):
        merge({"fc.weight": randn(6, 4)}, adapter)


def test_a_flat_name_of_two_modules_is_refused() -> None:
    own = {"b.c_d.weight": randn(6, 4), "b_c.d.weight": randn(6, 4)}
    adapter = {"lora_unet_b_c_d.lora_down.weight": randn(2, 4), "lora_unet_b_c_d.lora_up.weight": randn(6, 2)}
    with pytest.raises(WeightsError, match=r"'lora_unet_b_c_d' may mean several modules[\s\S]*b\.c_d\.weight, b_c\.d"):
        merge(own, adapter)


def test_a_sum_beyond_its_type_is_refused() -> None:
    """The largest number of float16 is 65504."""
    merge({"fc.weight": randn(6, 4).half()}, PAIR, 1_000.0)
    with pytest.raises(WeightsError, match=r"'fc\.weight' with the adapter does not fit into float16"):
        merge({"fc.weight": randn(6, 4).half()}, PAIR, 1e6)
