"""timm's networks next to the specs: which presets are published, and narrow variants of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import references
import torch
from published_parity import CLASSES, Case, Network, spec


def timm_model(name: str, **config: Any) -> Network:
    return lambda: references.timm().create_model(name, **config)


@dataclass(frozen=True)
class Narrow:
    """A narrow variant: a network of timm or a module and its class, with arguments, the same of the spec, and sizes."""

    name: str
    theirs: Mapping[str, Any] | Callable[[], Mapping[str, Any]]
    ours: Mapping[str, Any]
    size: tuple[int, int] = (32, 32)
    normed: bool = True
    preset: str = ""

    def case(self, name: str) -> Case:
        loaded = f"{name}@{self.preset}" if self.preset else name
        return Case(self.published, spec(loaded, **self.ours), (2, 3, *self.size), self.normed)

    def published(self) -> torch.nn.Module:
        theirs = self.theirs() if callable(self.theirs) else self.theirs
        module, _, maker = self.name.rpartition(".")
        if module:
            made: torch.nn.Module = getattr(getattr(references.timm().models, module), maker)(
                num_classes=CLASSES, **theirs
            )
            return made
        return timm_model(self.name, num_classes=CLASSES, **theirs)()


def narrow_csp(stem: dict[str, Any], *stages: dict[str, Any]) -> dict[str, Any]:
    module = references.timm().models.cspnet
    merged = {key: value for part in stages for key, value in part.items()}
    return {"stem": module.CspStemCfg(**stem), "stages": module.CspStagesCfg(**merged)}


def narrow_byob(blocks: str, stem: str, channels: int, **config: Any) -> dict[str, Any]:
    module = references.timm().models.byobnet
    return {"cfg": module.ByoModelCfg(blocks=getattr(module, blocks)(**config), stem_type=stem, stem_chs=channels)}


def narrow_mixer(block: str, **more: Any) -> dict[str, Any]:
    layer = getattr(references.timm().models.mlp_mixer, block)
    return {"img_size": 32, "patch_size": 8, "embed_dim": 12, "num_blocks": 2, "block_layer": layer, **more}


SMALL = {"img_size": 32, "patch_size": 8, "embed_dim": 12, "depth": 2, "num_heads": 3}
OURS = {"image_size": 32, "patch": 8, "dim": 12, "depth": 2, "heads": 3}
"""A small vision transformer, under timm's names and ours."""
VOVNET = {
    "stem_chs": [8, 8, 16],
    "stage_conv_chs": [8] * 4,
    "stage_out_chs": [16, 24, 24, 32],
    "layer_per_block": 2,
    "block_per_stage": [1, 2, 1, 1],
}
OUR_VOVNET = {
    "stem": [8, 8, 16],
    "hidden": [8] * 4,
    "channels": [16, 24, 24, 32],
    "layers": 2,
    "depths": [1, 2, 1, 1],
}
DPN = {"k_sec": (1, 2, 1, 1), "inc_sec": (4, 4, 4, 4), "k_r": 8, "groups": 4, "num_init_features": 8}
OUR_DPN = {"depths": [1, 2, 1, 1], "joined": [4, 4, 4, 4], "hidden": 8, "groups": 4, "stem": 8}
NETWORKS: dict[str, Narrow] = {
    "cspnet": Narrow(
        "cspresnet50",
        lambda: narrow_csp(
            {"out_chs": (16, 24), "kernel_size": 7, "stride": 4, "pool": "max"},
            {"depth": (1, 2), "out_chs": (32, 48), "stride": (1, 2), "groups": 2, "expand_ratio": 2.0},
            {"bottle_ratio": 0.5, "cross_linear": True},
        ),
        {
            "stem": [16, 24],
            "depths": [1, 2],
            "channels": [32, 48],
            "expand": [2.0, 2.0],
            "hidden": [0.5, 0.5],
            "groups": 2,
        },
    ),
    "cspnet darknet": Narrow(
        "cspdarknet53",
        lambda: narrow_csp(
            {"out_chs": 8, "kernel_size": 3, "stride": 1, "pool": ""},
            {"depth": (1, 2), "out_chs": (16, 24), "stride": 2, "expand_ratio": (2.0, 1.0), "bottle_ratio": (0.5, 1.0)},
            {"block_ratio": (1.0, 0.5), "down_growth": True, "block_type": "dark"},
        ),
        {"stem": [8], "depths": [1, 2], "channels": [16, 24], "expand": [2.0, 1.0], "hidden": [0.5, 1.0]},
        preset="cspdarknet53",
    ),
    "cait": Narrow(
        "cait_xxs24_224",
        SMALL,
        OURS,
        normed=False,
    ),
    "beit": Narrow("beit_base_patch16_224", SMALL, OURS, normed=False),
    "eva02": Narrow(
        "eva02_tiny_patch14_224",
        SMALL | {"embed_dim": 24, "mlp_ratio": 2},
        OURS | {"dim": 24, "hidden": 48},
        normed=False,
    ),
    "eva02 large": Narrow(
        "eva02_base_patch14_224",
        SMALL | {"embed_dim": 24, "mlp_ratio": 2},
        OURS | {"dim": 24, "hidden": 48, "large": True},
        normed=False,
    ),
    "deit registers": Narrow(
        "vit_small_patch14_reg4_dinov2",
        SMALL,
        OURS,
        normed=False,
        preset="vit_small_patch14_reg4_dinov2",
    ),
    "repvgg": Narrow(
        "byobnet.ByobNet",
        lambda: narrow_byob("_rep_vgg_bcfg", "rep", 8, d=(2, 3), wf=(0.125, 0.125), groups=4),
        {"stem": 8, "depths": [2, 3], "channels": [8, 16], "groups": 4},
    ),
    "mobileone": Narrow(
        "byobnet.ByobNet",
        lambda: narrow_byob(
            "_mobileone_bcfg", "one", 8, d=(2, 3), wf=(0.125, 0.25), se_blocks=(0, 1), num_conv_branches=2
        ),
        {"stem": 8, "depths": [2, 3], "channels": [8, 32], "branches": 2, "weighed": [0, 1]},
    ),
    "convmixer": Narrow(
        "convmixer.ConvMixer",
        {"dim": 16, "depth": 2, "kernel_size": 5},
        {"dim": 16, "depth": 2, "kernel_size": 5},
    ),
    "resmlp": Narrow(
        "mlp_mixer.MlpMixer",
        lambda: narrow_mixer("ResBlock", mlp_ratio=4, norm_layer=references.timm().models.mlp_mixer.Affine),
        {"image_size": 32, "patch": 8, "dim": 12, "depth": 2},
        normed=False,
    ),
    "gmlp": Narrow(
        "mlp_mixer.MlpMixer",
        lambda: narrow_mixer("SpatialGatingBlock", mlp_ratio=6, mlp_layer=references.timm().layers.GatedMlp),
        {"image_size": 32, "patch": 8, "dim": 12, "depth": 2},
        normed=False,
    ),
    "resnest": Narrow(
        "resnest50d", {"layers": [1, 2, 1, 1], "base_width": 16}, {"depths": [1, 2, 1, 1], "base_width": 16}
    ),
    "sknet": Narrow("skresnet18", {"layers": [1, 2, 1, 1]}, {"depths": [1, 2, 1, 1]}),
    "sknet next": Narrow(
        "skresnext50_32x4d",
        {"layers": [1, 1, 1, 1], "cardinality": 4},
        {"depths": [1, 1, 1, 1], "groups": 4},
        preset="skresnext50_32x4d",
    ),
    "vovnet": Narrow("ese_vovnet39b", VOVNET, OUR_VOVNET),
    "vovnet depthwise": Narrow("ese_vovnet19b_dw", VOVNET, OUR_VOVNET, preset="ese_vovnet19b_dw"),
    "dpn": Narrow("dpn92", DPN | {"small": False}, OUR_DPN | {"added": [256, 512, 1024, 2048]}),
    "dpn b": Narrow("dpn68b", DPN, OUR_DPN, preset="dpn68b"),
    "xcit": Narrow(
        "xcit_tiny_12_p16_224",
        {"embed_dim": 24, "depth": 2, "num_heads": 3},
        {"dim": 24, "depth": 2, "heads": 3},
        (48, 32),
    ),
    "xcit nano": Narrow(
        "xcit_nano_12_p8_224",
        {"embed_dim": 24, "depth": 1, "num_heads": 3},
        {"dim": 24, "depth": 1, "heads": 3},
        (24, 32),
        preset="xcit_nano_12_p8_224",
    ),
}
"""By the name of the spec, and a word for a further variant."""
