"""The shipped namings of networks for images, against torchvision and timm: the same numbers, and the same outputs."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import references
import torch
from naming_cases import (
    State,
    assert_both_directions,
    assert_equal,
    backward,
    forward,
    naming_in,
    naming_of,
    thin,
    thin_state,
)
from narrow_transformers import NARROW
from safetensors.torch import save_file
from sampling_of_cases import with_slow
from shipped_graphs import shipped

from archgraph.weights.fitting import fitted
from archgraph.weights.targets import network_of
from archgraph.weights.tensors import LazyTensor
from archgraph.weights.wanted import left_to_compute, wanted_by


class Recorder:
    """What is handed to a module to load."""

    state: State

    def load_state_dict(self, state: State) -> None:
        """Keeps it."""
        self.state = state


class Published:
    """Weights as torchvision names them."""

    def __init__(self, state: State) -> None:
        self.state = state

    def get_state_dict(self, **_: object) -> State:
        """The published file."""
        return dict(self.state)


def test_densenet_as_torchvision_loads_it() -> None:
    """torchvision leaves counters of batches under their old names; the published files have none."""
    own, naming = thin_state("densenet121"), naming_of("densenet121", "original")
    own = {key: tensor for key, tensor in own.items() if not key.endswith("num_batches_tracked")}
    published = backward(naming, own)
    assert "features.denseblock1.denselayer1.norm.1.running_mean" in published
    model = Recorder()
    references.torchvision().models.densenet._load_state_dict(model, Published(published), progress=False)
    assert_equal(model.state, own)
    assert_equal(forward(naming, published), own)


def torchvision_vit() -> Any:
    return references.torchvision().models.VisionTransformer(
        image_size=32, patch_size=16, num_layers=2, num_heads=2, hidden_dim=8, mlp_dim=16, num_classes=5
    )


def test_vit_as_torchvision_loads_it() -> None:
    own, naming = references.randomised(torchvision_vit()).state_dict(), naming_in("vit", "original")
    published = backward(naming, own)
    assert "encoder.layers.encoder_layer_1.mlp.linear_2.bias" in published
    other = torchvision_vit()
    other.load_state_dict(dict(published))  # without the version that new files have
    assert_equal(other.state_dict(), own)
    assert_both_directions(naming, published, own)


def assert_same_outputs(naming_file: tuple[str, str], theirs: Any, ours: Any, image: torch.Tensor) -> None:
    """Their weights, renamed, make our module compute what theirs computes; and the way back is exact."""
    published = references.randomised(theirs).state_dict()
    naming = naming_in(*naming_file)
    renamed = forward(naming, published)
    assert_equal(backward(naming, renamed), published)
    missing = ours.load_state_dict(renamed, strict=False)
    assert missing.unexpected_keys == []
    assert [key for key in missing.missing_keys if not key.endswith("relative_position_index")] == []
    with torch.no_grad():
        torch.testing.assert_close(ours.eval()(image), theirs(image), rtol=1e-4, atol=1e-5)


def image(size: int) -> torch.Tensor:
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))


def test_vit_of_timm() -> None:
    theirs = references.timm().models.vision_transformer.VisionTransformer(
        img_size=32, patch_size=16, depth=2, num_heads=2, embed_dim=8, mlp_ratio=2, num_classes=5
    )
    assert_same_outputs(("vit", "timm"), theirs, torchvision_vit(), image(32))


@pytest.mark.slow
def test_vit_of_transformers_as_it_loads_it() -> None:
    transformers = references.transformers()
    config = transformers.ViTConfig(
        image_size=32,
        patch_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        hidden_size=8,
        intermediate_size=16,
        num_labels=5,
        layer_norm_eps=1e-6,
    )
    ours, naming = references.randomised(torchvision_vit()), naming_in("vit", "transformers")
    published = backward(naming, ours.state_dict())
    assert "vit.encoder.layer.1.attention.attention.key.bias" in published
    loaded = transformers.ViTForImageClassification.from_pretrained(None, config=config, state_dict=dict(published))
    with torch.no_grad():
        torch.testing.assert_close(loaded.eval()(image(32)).logits, ours(image(32)), rtol=1e-4, atol=1e-5)
    assert_both_directions(naming, published, ours.state_dict())


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("vit_model", "encoder.layer.1.attention.attention.key.bias"),
        ("vit_classifier", "vit.encoder.layer.1.output.dense.weight"),
        ("segformer", "segformer.encoder.block.1.1.attention.self.sr.weight"),
        ("mit", "segformer.encoder.layer_norm.3.weight"),
    ],
)
def test_older_files_as_transformers_loads_them(name: str, key: str) -> None:
    """transformers renames what it finds; the weights are then where ours are."""
    narrow = NARROW[name]
    theirs = references.randomised(narrow.build())
    own, naming = theirs.state_dict(), naming_in(narrow.spec, "transformers_old")
    published = backward(naming, own)
    assert key in published
    loaded = type(theirs).from_pretrained(None, config=theirs.config, state_dict=dict(published))
    assert_equal(loaded.state_dict(), own)
    assert_both_directions(naming, published, own)


def test_swin_of_timm() -> None:
    theirs = references.timm().models.swin_transformer.SwinTransformer(
        img_size=64, window_size=2, embed_dim=8, depths=(2, 2, 2, 2), num_heads=(1, 2, 2, 4), num_classes=5
    )
    ours = references.torchvision().models.swin_transformer.SwinTransformer(
        [4, 4], 8, [2, 2, 2, 2], [1, 2, 2, 4], [2, 2], num_classes=5
    )
    assert_same_outputs(("swin", "timm"), theirs, ours, image(64))


def test_efficientnet_of_timm() -> None:
    theirs = references.timm().models.efficientnet._gen_efficientnet("efficientnet_b0", 0.25, num_classes=5)
    torchvision = references.torchvision().models.efficientnet
    stages, last = torchvision._efficientnet_conf("efficientnet_b0", width_mult=0.25, depth_mult=1.0)
    ours = torchvision.EfficientNet(stages, 0.2, num_classes=5, last_channel=last)
    assert_same_outputs(("efficientnet", "timm"), theirs, ours, image(64))


def test_mobilenet_of_timm() -> None:
    theirs = references.timm().models.efficientnet._gen_mobilenet_v2("mobilenetv2_100", 0.25, num_classes=5)
    ours = references.torchvision().models.MobileNetV2(num_classes=5, width_mult=0.25)
    assert_same_outputs(("mobilenet", "timm"), theirs, ours, image(64))


def test_regnet_of_timm() -> None:
    """Both libraries make the same widths of one slope."""
    timm, torchvision = references.timm().models.regnet, references.torchvision().models.regnet
    theirs = timm.RegNet(timm.RegNetCfg(depth=8, w0=8, wa=8, wm=2, group_size=4, se_ratio=0.25), num_classes=5)
    settings = torchvision.BlockParams.from_init_params(depth=8, w_0=8, w_a=8, w_m=2, group_width=4, se_ratio=0.25)
    assert_same_outputs(("regnet", "timm"), theirs, torchvision.RegNet(settings, num_classes=5), image(64))


OF_TIMM = {
    **{f"efficientnet_b{number}": f"efficientnet_b{number}" for number in range(5)},
    "mobilenet_v2": "mobilenetv2_100",
    "regnet_y_400mf": "regnety_004",
    "regnet_y_800mf": "regnety_008_tv",
    "regnet_y_1_6gf": "regnety_016",
    "regnet_x_400mf": "regnetx_004_tv",
    "resnet50": "resnet50",
    "swin_t": "swin_tiny_patch4_window7_224",
    "swin_b": "swin_base_patch4_window7_224",
}
"""Presets, and what timm calls them. Its resnets have torchvision's names."""


@pytest.mark.parametrize("preset", with_slow(OF_TIMM, OF_TIMM.keys() - {"regnet_y_1_6gf", "resnet50"}))
def test_the_published_keys_of_timm(preset: str) -> None:
    """A preset's weights have timm's names and shapes under the naming, and timm's fit the preset whole."""
    with torch.device("meta"):
        theirs = references.timm().create_model(OF_TIMM[preset]).state_dict()
    published = {key: absent(tuple(tensor.shape), str(tensor.dtype)) for key, tensor in theirs.items()}
    wanted = wanted_by(shipped(preset))
    computed = left_to_compute((), wanted)
    if preset == "resnet50":
        assert {key: one.shape for key, one in wanted.items()} == {key: one.shape for key, one in published.items()}
        return
    naming = naming_of(preset, "timm")
    own = {key: tensor.shape for key, tensor in naming.forward(published).tensors.items()}
    assert own == {key: weight.shape for key, weight in wanted.items() if key not in computed}
    made = naming.backward({key: absent(weight.shape, weight.dtype) for key, weight in wanted.items()}).tensors
    assert {key: tensor.shape for key, tensor in made.items()} == {key: one.shape for key, one in published.items()}


def absent(shape: tuple[int, ...], dtype: str) -> LazyTensor:
    """A tensor that nobody may read."""
    return LazyTensor(dtype.removeprefix("torch."), shape, lambda: pytest.fail("it is read"))


def test_swin_of_timm_needs_no_option(tmp_path: Path) -> None:
    """The indices of relative positions, which timm does not store, are computed, and the report names them."""
    own = thin_state("swin_t")
    published = backward(naming_of("swin_t", "timm"), own)
    assert not [key for key in published if "index" in key]
    save_file(published, tmp_path / "swin.safetensors")
    target = network_of(shipped("swin_t"))
    thinly = {key: replace(one, shape=thin(one.shape), dtype="float64") for key, one in target.wanted.items()}
    found = fitted(replace(target, wanted=thinly), tmp_path / "swin.safetensors")
    computed = [key for key in own if key.endswith("relative_position_index")]
    assert list(found.report.computed) == list(found.fresh) == computed
    assert len(computed) == 12
    assert found.report.naming == "timm"
    assert found.report.fresh == found.report.left_out == ()
    assert any(line.startswith("computed  12: features.1.0.attn") for line in found.report.lines())


COMPUTED = {
    "layers.0.blocks.1.attn_mask": torch.zeros(1),
    "layers.0.blocks.0.attn.relative_position_index": torch.zeros(1),
}
"""Buffers that Microsoft's files hold."""


def test_swin_of_microsoft_as_timm_converts_it() -> None:
    """A file with its downsampling at the end of a stage, through timm's conversion and without it."""
    own = {key: t for key, t in thin_state("swin_t").items() if not key.endswith("relative_position_index")}
    published = backward(naming_of("swin_t", "original"), own)
    assert "layers.0.downsample.reduction.weight" in published
    assert "head.weight" in published
    timm = references.timm()
    with torch.device("meta"):
        model = timm.models.swin_transformer.SwinTransformer(embed_dim=96)
    tables = {key for key in published if key.endswith("bias_table")}
    whole = published | {key: published[key].expand(-1, heads(key)) for key in tables}
    whole |= {"patch_embed.proj.weight": published["patch_embed.proj.weight"].expand(-1, 3, 4, 4)}
    converted = timm.models.swin_transformer.checkpoint_filter_fn(whole | COMPUTED, model)
    converted = {key: published.get(key, t)[..., :1] if key in tables else t for key, t in converted.items()}
    converted["patch_embed.proj.weight"] = converted["patch_embed.proj.weight"][:, :1, :1, :1]
    assert_equal(forward(naming_in("swin", "timm"), converted), own)
    assert_equal(forward(naming_in("swin", "original"), published | COMPUTED), own)


def heads(key: str) -> int:
    """Of the stage that a key names: 3, 6, 12 or 24."""
    return 3 << int(key.split(".")[1])


def test_convnext_of_timm() -> None:
    theirs = references.timm().models.convnext.ConvNeXt(depths=(1, 1, 2, 1), dims=(4, 6, 8, 10), num_classes=5)
    torchvision = references.torchvision().models.convnext
    setting = [
        torchvision.CNBlockConfig(width, after, depth)
        for width, after, depth in [(4, 6, 1), (6, 8, 1), (8, 10, 2), (10, None, 1)]
    ]
    assert_same_outputs(("convnext", "timm"), theirs, torchvision.ConvNeXt(setting, num_classes=5), image(64))


@pytest.mark.parametrize("preset", ["convnext_tiny", "convnextv2_atto", "convnextv2_tiny"])
def test_convnext_of_its_authors_as_timm_converts_it(preset: str) -> None:
    own, naming = thin_state(preset), naming_of(preset, "original")
    published = backward(naming, own)
    assert {"downsample_layers.0.1.bias", "stages.2.1.dwconv.weight", "stages.3.0.pwconv2.bias", "head.bias"} <= (
        published.keys()
    )
    rank = 4 if preset == "convnextv2_atto" else 2
    if preset.startswith("convnextv2"):
        assert published["stages.0.0.grn.gamma"].shape == (1, 1, 1, own["stages.0.blocks.0.mlp.grn.weight"].shape[0])
    converted = references.timm().models.convnext.checkpoint_filter_fn(dict(published), Shapes(rank))
    if preset == "convnext_tiny":
        converted = forward(naming_in("convnext", "timm"), converted)
    assert_equal(converted, own)
    assert_equal(forward(naming, published), own)


class Shapes:
    """A model whose linear layers are matrices, or convolutions: timm's conversion asks for their shapes."""

    def __init__(self, rank: int) -> None:
        self.rank = rank

    def state_dict(self) -> Any:
        """One shape for every key: as many rows as there are."""
        return defaultdict(lambda: SimpleNamespace(shape=(-1, *[1] * (self.rank - 1))))
