"""The shipped namings of networks for images, against torchvision and timm: the same numbers, and the same outputs."""

from __future__ import annotations

from collections import defaultdict
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
    thin_state,
)


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


def test_swin_of_timm() -> None:
    theirs = references.timm().models.swin_transformer.SwinTransformer(
        img_size=64, window_size=2, embed_dim=8, depths=(2, 2, 2, 2), num_heads=(1, 2, 2, 4), num_classes=5
    )
    ours = references.torchvision().models.swin_transformer.SwinTransformer(
        [4, 4], 8, [2, 2, 2, 2], [1, 2, 2, 4], [2, 2], num_classes=5
    )
    assert_same_outputs(("swin", "timm"), theirs, ours, image(64))


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


@pytest.mark.parametrize("preset", ["convnext_tiny", "convnextv2_atto"])
def test_convnext_of_its_authors_as_timm_converts_it(preset: str) -> None:
    own, naming = thin_state(preset), naming_of(preset, "original")
    published = backward(naming, own)
    assert {"downsample_layers.0.1.bias", "stages.2.1.dwconv.weight", "stages.3.0.pwconv2.bias", "head.bias"} <= (
        published.keys()
    )
    rank = 4 if preset == "convnextv2_atto" else 2
    if rank == 4:
        assert published["stages.0.0.grn.gamma"].shape == (1, 1, 1, 160)
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
