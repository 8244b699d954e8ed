"""More networks of timm: keys at full size, outputs, input gradients and training mode of narrow variants."""

from __future__ import annotations

from pathlib import Path

import pytest
import references
from published_parity import CLASSES, Case, assert_equal_networks, assert_same_keys, spec
from sampling_of_cases import with_slow
from timm_networks import NETWORKS, timm_model

import archgraph as ag
from archgraph.language.library import read_spec, shipped_specs

PUBLISHED = (
    *("seresnet50", "seresnet101", "seresnet152", "seresnext50_32x4d", "seresnext101_32x8d"),
    *("resnet18d", "resnet34d", "resnet26d", "resnet50d", "resnet101d", "resnet152d"),
    *("ecaresnet50d", "ecaresnet101d"),
    *(f"mixer_{size}_224" for size in ("s16", "s32", "b16", "b32", "l16", "l32")),
    *(
        preset
        for name in {name.partition(" ")[0]: None for name in NETWORKS}
        for preset in read_spec(shipped_specs() / f"{name}.yaml").block.presets
    ),
)
DEFAULT = {
    "seresnext50_32x4d",
    "resnet34d",
    "ecaresnet50d",
    "deit_tiny_distilled_patch16_224",
    "vit_small_patch14_dinov2",
    "mixer_s32_224",
    "beit_base_patch16_224",
    "caformer_s18",
    "cspdarknet53",
    "xcit_nano_12_p8_224",
}
"""Of the families in `NETWORKS` strict loading of a narrow variant holds the names in every run."""


@pytest.mark.parity("keys")
@pytest.mark.parametrize("name", with_slow(PUBLISHED, set(PUBLISHED) - DEFAULT))
def test_keys_and_shapes_in_order(name: str) -> None:
    assert_same_keys(name, timm_model(name))


DEPTHS = [1, 2, 1, 1]
CASES = {
    name: Case(timm_model(name, layers=DEPTHS, num_classes=CLASSES), spec(name, depths=DEPTHS), (2, 3, 40, 33))
    for name in ("seresnet50", "resnet18d", "ecaresnet50d")
}
SMALL = {"embed_dim": 12, "depth": 2, "num_heads": 3, "num_classes": CLASSES}
OURS = {"image_size": 32, "patch": 8, "dim": 12, "depth": 2, "heads": 3}
CASES |= {
    "deit": Case(
        timm_model("deit_tiny_distilled_patch16_224", img_size=32, patch_size=8, **SMALL),
        spec("deit@deit_tiny_distilled_patch16_224", **OURS),
        (2, 3, 32, 32),
        normed=False,
    ),
    "mixer": Case(
        lambda: references.timm().models.mlp_mixer.MlpMixer(
            img_size=32, patch_size=8, embed_dim=12, num_blocks=2, num_classes=CLASSES
        ),
        spec("mixer", image_size=32, patch=8, dim=12, depth=2),
        (2, 3, 32, 32),
        normed=False,
    ),
    "dinov2": Case(
        timm_model("vit_small_patch14_dinov2", img_size=32, patch_size=8, **SMALL),
        spec("deit@vit_small_patch14_dinov2", **OURS),
        (2, 3, 32, 32),
        normed=False,
    ),
}


WHOLE = {
    *("xception", "xception_aligned", "hgnet", "inception_v4", "inception_resnet_v2"),
    *("legacy_senet", "legacy_senet next", "nextvit"),
}
"""Networks at their full width, which take seconds."""
CASES |= {name: narrow.case(name.partition(" ")[0]) for name, narrow in NETWORKS.items()}


@pytest.mark.parity("outputs", "gradients")
@pytest.mark.parametrize("name", [name for name in CASES if not CASES[name].normed])
def test_outputs_and_input_gradients_without_batch_norm(name: str) -> None:
    assert_equal_networks(CASES[name].graph(), CASES[name].published, CASES[name].shape)


@pytest.mark.parity("outputs", "gradients")
@pytest.mark.parametrize("name", with_slow([name for name in CASES if CASES[name].normed], WHOLE))
@pytest.mark.parametrize("training", [pytest.param(False, marks=pytest.mark.slow), True])
def test_outputs_and_input_gradients(name: str, training: bool) -> None:
    case = CASES[name]
    assert_equal_networks(case.graph(), case.published, case.shape, training=training)


@pytest.mark.parity("file")
@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_file_is_proved_equal(name: str, tmp_path: Path) -> None:
    found = ag.to_onnx(ag.to_torch(CASES[name].graph()), tmp_path / "network.onnx", profile="cpu")
    assert found.certificate is not None
