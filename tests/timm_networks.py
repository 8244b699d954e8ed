"""timm's networks next to the specs: which presets are published, and narrow variants of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import references
import torch
from published_parity import CLASSES, Case, Network, spec


def timm_model(name: str, **config: Any) -> Network:
    return lambda: references.timm().create_model(name, **config)


@dataclass(frozen=True)
class Narrow:
    """A narrow variant: a network of timm or a module and its class, arguments, the same of the spec, sizes."""

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


def narrow_poolformer(**sizes: Any) -> dict[str, Any]:
    plain = {"downsample_norm": None, "mlp_act": torch.nn.GELU, "mlp_bias": True, "use_mlp_head": False}
    scales = {"layer_scale_init_values": 1e-5, "res_scale_init_values": None}
    return {"norm_layers": references.timm().models.metaformer.GroupNorm1, **plain, **scales, **sizes}


def narrow_caformer(**sizes: Any) -> dict[str, Any]:
    module = references.timm().models.metaformer
    norms = [module.LayerNorm2dNoBias] * 2 + [module.LayerNormNoBias] * 2
    return {"token_mixers": [module.SepConv] * 2 + [module.Attention] * 2, "norm_layers": norms, **sizes}


def narrow_coatnet(**sizes: Any) -> dict[str, Any]:
    return {"img_size": 64, **sizes}


def narrow_efficientnet(stages: list[list[str]], norm: float = 1e-5, act: str = "silu", **config: Any) -> Any:
    """A network of timm's builder, its stages in timm's notation."""
    models, layers = references.timm().models, references.timm().layers
    arguments = models._efficientnet_builder.decode_arch_def(stages)
    norm_layer = partial(torch.nn.BatchNorm2d, eps=norm)
    sizes = {"block_args": arguments, "norm_layer": norm_layer, "act_layer": layers.get_act_layer(act)}
    return {**sizes, **config}


def narrow_mobilenet(*stages: list[list[str]], norm: float = 1e-5, force_act_layer: Any = None, **config: Any) -> Any:
    """A network with MobileNetV3's units and head, its stages in timm's notation."""
    layer = references.timm().models._efficientnet_blocks.SqueezeExcite
    squeeze = partial(layer, gate_layer="hard_sigmoid", force_act_layer=force_act_layer)
    sizes = {"stem_size": 16, "num_features": 24, "se_layer": squeeze, **config}
    return narrow_efficientnet([stage for part in stages for stage in part], norm, "hard_swish", **sizes)


def narrow_universal(*stages: list[list[str]], layer_scale: float | None = None) -> Any:
    """A network with MobileNetV4's units and head, its stages in timm's notation."""
    config = {"stem_size": 8, "num_features": 24, "head_bias": False, "head_norm": True}
    sizes = {**config, "layer_scale_init_value": layer_scale}
    return narrow_efficientnet([stage for part in stages for stage in part], act="relu", **sizes)


def narrow_mobilevit(version: str, stem: int, head: int, *stages: tuple[Any, ...]) -> Any:
    """Stages of inverted residuals, and of what follows one in a stage of attention."""
    models = references.timm().models
    block = getattr(models.mobilevit, f"_{version}_block")
    blocks = [models.mobilevit._inverted_residual_block(*stages[0], br=2.0), *(block(*s, br=2.0) for s in stages[1:])]
    config = {"stem_chs": stem, "stem_pool": "", "downsample": "", "act_layer": "silu", "num_features": head}
    return {"cfg": models.byobnet.ByoModelCfg(blocks=tuple(blocks), **config)}


def narrow_gernet() -> dict[str, Any]:
    """Stages of basic blocks, and of bottlenecks that narrow or widen."""
    models = references.timm().models.byobnet
    stages = (("basic", 1, 8, 2, 0, 1.0), ("basic", 2, 16, 2, 0, 1.0), ("bottle", 2, 32, 2, 0, 0.25))
    wide = (("bottle", 1, 8, 2, 1, 3.0), ("bottle", 2, 16, 1, 1, 3.0))
    blocks = tuple(
        models.ByoBlockCfg(type=kind, d=depth, c=width, s=stride, gs=group, br=ratio)
        for kind, depth, width, stride, group, ratio in (*stages, *wide)
    )
    return {"cfg": models.ByoModelCfg(blocks=blocks, stem_chs=8, stem_pool=None, num_features=24)}


def narrow_hgnet(scaled: bool) -> dict[str, Any]:
    """Two stages of whole convolutions, then two of separable ones."""
    stages = {
        "stage1": [12, 8, 16, 1, False, False, 3, 2],
        "stage2": [16, 12, 24, 2, True, False, 3, 2],
        "stage3": [24, 8, 16, 2, True, True, 5, 2],
        "stage4": [16, 12, 24, 1, True, True, 5, 2],
    }
    return {"cfg": {"stem_type": "v2", "stem_chs": [8, 12], **stages}, "use_lab": scaled, "head_hidden_size": 24}


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
TWINS = {"depths": [2, 3], "embed_dims": [8, 16], "num_heads": [1, 2], "mlp_ratios": [2, 2], "sr_ratios": [2, 1]}
OUR_TWINS = {"depths": [2, 3], "channels": [8, 16], "heads": [1, 2], "expansions": [2, 2], "reductions": [2, 1]}
OUR_MOBILENET = {
    "stem": 16,
    "kernels": [[3], [5, 3], [5]],
    "hidden": [[0], [48, 48], [48]],
    "channels": [[16], [24, 24], [32]],
    "squeezes": [[0], [0, 24], [24]],
    "strides": [1, 2, 2],
    "top": 24,
    "head": 24,
}
OUR_EFFICIENT = {
    "stem": 8,
    "fused": 2,
    "expand": [1, 3, 2],
    "strides": [1, 2, 2],
    "channels": [16, 24, 32],
    "depths": [2, 2, 2],
    "head": 24,
}
OUR_SEARCHED = {
    "stem": 8,
    "expand": [1, 6],
    "kernels": [3, 5],
    "strides": [1, 2],
    "channels": [16, 24],
    "depths": [1, 2],
    "head": 24,
}
CROSSVIT = {"img_size": 120, "embed_dim": [12, 24], "depth": [[1, 2, 0], [1, 2, 0]], "num_heads": [3, 3]}
OUR_CROSSVIT = {"image_size": 120, "small_size": 112, "dims": [12, 24], "heads": 3, "scales": 2, "layers": 2}
COATNET: dict[str, Any] = {"img_size": 64, "embed_dim": (8, 32, 64, 64), "depths": (1, 2, 2, 1), "stem_width": (8, 12)}
OUR_COATNET = {"image_size": 64, "stem": [8, 12], "depths": [1, 2, 2, 1], "channels": [8, 32, 64, 64]}
OUR_UNIVERSAL: dict[str, Any] = {
    "stem": 8,
    "starts": [[3, 0, 3, 0]],
    "kernels": [[5, 3, 0, 0]],
    "channels": [16],
    "key_dims": [8],
    "top": 24,
    "head": 24,
}
NARROW_DLA: dict[str, Any] = {"levels": (1, 1, 1, 3, 2, 1), "channels": (4, 8, 16, 16, 24, 32)}
OUR_DLA = {"levels": [1, 1, 1, 3, 2, 1], "channels": [4, 8, 16, 16, 24, 32]}
OUR_RELATIVE = {"image_size": 32, "patch_size": 8, "embed_dim": 12, "depth": 2, "num_heads": 3}
NEST = {"img_size": 32, "patch_size": 4, "num_levels": 2, "embed_dims": (12, 24), "num_heads": (3, 6), "depths": (1, 2)}
OUR_NEST = {"image_size": 32, "embed_dims": [12, 24], "num_heads": [3, 6], "depths": [1, 2]}
OUR_HGNET: dict[str, Any] = {
    "stem_chs": [8, 12],
    "mid_chs": [8, 12, 8, 12],
    "out_chs": [16, 24, 16, 24],
    "block_num": [1, 2, 2, 1],
    "layer_num": 2,
    "head_hidden_size": 24,
}
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
    "vovnet depthwise": Narrow(
        "ese_vovnet19b_dw",
        VOVNET | {"block_per_stage": [1] * 4},
        OUR_VOVNET | {"depths": [1] * 4},
        preset="ese_vovnet19b_dw",
    ),
    "dpn": Narrow("dpn92", DPN | {"small": False}, OUR_DPN | {"added": [256, 512, 1024, 2048]}),
    "dpn b": Narrow("dpn68b", DPN, OUR_DPN, preset="dpn68b"),
    "poolformer": Narrow(
        "metaformer.MetaFormer",
        lambda: narrow_poolformer(depths=(1, 2), dims=(8, 16)),
        {"depths": [1, 2], "channels": [8, 16]},
        normed=False,
    ),
    "metaformer": Narrow(
        "metaformer.MetaFormer",
        lambda: narrow_caformer(depths=(1, 1, 1, 1), dims=(8, 16, 32, 64)),
        {"depths": [1, 1, 1, 1], "channels": [8, 16, 32, 64]},
        (64, 32),
        normed=False,
        preset="caformer_s18",
    ),
    "pvt_v2": Narrow(
        "pvt_v2_b0",
        {"depths": [1, 2], "embed_dims": [8, 16], "num_heads": [1, 2], "sr_ratios": [2, 1], "mlp_ratios": [8, 4]},
        {"depths": [1, 2], "channels": [8, 16], "heads": [1, 2], "reductions": [2, 1], "expansions": [8, 4]},
    ),
    "pvt_v2 linear": Narrow(
        "pvt_v2_b2_li",
        {"depths": [1, 1], "embed_dims": [8, 16], "num_heads": [1, 2], "sr_ratios": [2, 1], "mlp_ratios": [8, 4]},
        {"depths": [1, 1], "channels": [8, 16], "heads": [1, 2], "reductions": [2, 1], "expansions": [8, 4]},
        preset="pvt_v2_b2_li",
    ),
    "repvit": Narrow("repvit_m0_9", {"depth": [1, 3], "embed_dim": [16, 32]}, {"depths": [1, 3], "channels": [16, 32]}),
    "starnet": Narrow("starnet_s1", {"depths": [1, 2], "base_dim": 8}, {"depths": [1, 2], "channels": 8}),
    "inception_next": Narrow(
        "inception_next_tiny",
        {"depths": [1, 2], "dims": [16, 24], "mlp_ratios": [4, 3]},
        {"depths": [1, 2], "channels": [16, 24], "expansions": [4, 3]},
    ),
    "visformer": Narrow(
        "visformer_tiny",
        {"img_size": 64, "init_channels": 8, "embed_dim": 16, "depth": [2, 1, 1], "num_heads": 2, "group": 2},
        {"image_size": 64, "stem": 8, "dim": 16, "depths": [2, 1, 1], "heads": 2, "groups": 2},
        (64, 64),
    ),
    "focalnet": Narrow(
        "focalnet.FocalNet",
        {"depths": [1, 2], "embed_dim": 8, "focal_levels": [3, 3], "focal_windows": [3, 3], "drop_path_rate": 0.0},
        {"depths": [1, 2], "channels": 8, "levels": 3, "drop_path": 0.0},
        normed=False,
    ),
    "ghostnet": Narrow("ghostnet_050", {"drop_rate": 0.0}, {"dropout": 0.0}, preset="ghostnet_050"),
    "coatnet": Narrow(
        "coatnet_0_224",
        lambda: narrow_coatnet(embed_dim=(8, 16, 32, 64), depths=(1, 2, 2, 1), stem_width=8, head_hidden_size=64),
        {"image_size": 64, "stem": 8, "depths": [1, 2, 2, 1], "channels": [8, 16, 32, 64]},
        (64, 64),
    ),
    "edgenext": Narrow(
        "edgenext_xx_small",
        {"depths": [1, 2, 2, 1], "dims": [8, 12, 20, 24], "heads": [2] * 4},
        {"depths": [1, 2, 2, 1], "channels": [8, 12, 20, 24], "heads": 2},
        (32, 48),
        normed=False,
    ),
    "fasternet": Narrow(
        "fasternet_t0",
        {"depths": (1, 2), "embed_dim": 8, "feature_dim": 16},
        {"depths": [1, 2], "channels": 8, "head": 16},
        preset="fasternet_t0",
    ),
    "twins": Narrow("twins.Twins", TWINS | {"img_size": (32, 64)}, OUR_TWINS, (32, 64), normed=False),
    "twins windows": Narrow(
        "twins.Twins",
        TWINS | {"img_size": (32, 64), "wss": [3, 3]},
        OUR_TWINS | {"window": 3},
        (32, 64),
        normed=False,
    ),
    "xception": Narrow("legacy_xception", {}, {}, (64, 80)),
    "hgnet": Narrow("hgnet_tiny", {}, {}),
    "davit": Narrow(
        "davit_tiny",
        {"depths": (1, 1), "embed_dims": (8, 16), "num_heads": (1, 2), "window_size": 3},
        {"depths": [1, 1], "channels": [8, 16], "heads": [1, 2], "window": 3},
        (36, 52),
        normed=False,
    ),
    "inception_v4": Narrow("inception_v4", {}, {}, (107, 123)),
    "efficientformer": Narrow(
        "efficientformer.EfficientFormer",
        {"depths": (1, 1, 1, 3), "embed_dims": (8, 8, 16, 24), "num_vit": 2},
        {"depths": [1, 1, 1, 3], "channels": [8, 8, 16, 24], "attentions": 2},
        (224, 224),
    ),
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
    "tf_efficientnet": Narrow(
        "efficientnet.EfficientNet",
        lambda: narrow_efficientnet(
            [["ds_r2_k3_s1_e1_c16_se0.25"], ["ir_r2_k5_s2_e3_c24_se0.25"], ["ir_r2_k3_s2_e2_c16"]],
            1e-3,
            stem_size=8,
            num_features=24,
            pad_type="same",
        ),
        {
            "stem": 8,
            "expand": [1, 3, 2],
            "kernels": [3, 5, 3],
            "strides": [1, 2, 2],
            "channels": [16, 24, 16],
            "depths": [2, 2, 2],
            "weighed": [0, 1],
            "head": 24,
        },
        (37, 48),
    ),
    "tf_efficientnet edge": Narrow(
        "efficientnet.EfficientNet",
        lambda: narrow_efficientnet(
            [["er_r2_k3_s1_e2_c8_fc8_noskip"], ["er_r2_k3_s2_e3_c16"], ["ir_r2_k5_s2_e2_c24"]],
            act="relu",
            stem_size=16,
            num_features=24,
        ),
        {
            "stem": 16,
            "fused": 2,
            "expand": [2, 3, 2],
            "kernels": [3, 3, 5],
            "strides": [1, 2, 2],
            "channels": [8, 16, 24],
            "depths": [2, 2, 2],
            "head": 24,
        },
        preset="efficientnet_es",
    ),
    "nfnet": Narrow(
        "dm_nfnet_f0",
        {"depths": (1, 2), "channels": (32, 48), "stem_chs": 64, "group_size": 4, "num_features": 32},
        {"depths": [1, 2], "channels": [32, 48], "stem": 64, "group": 4, "head": 32},
        (37, 48),
        normed=False,
    ),
    "nfnet light": Narrow(
        "eca_nfnet_l0",
        {"depths": (1, 2), "channels": (32, 64), "stem_chs": 64, "group_size": 2, "num_features": 32},
        {"depths": [1, 2], "channels": [32, 64], "stem": 64, "group": 2, "head": 32},
        (37, 48),
        normed=False,
        preset="eca_nfnet_l0",
    ),
    "resnet_v2": Narrow(
        "resnetv2_50",
        {"layers": [1, 2], "channels": (32, 64), "stem_chs": 16},
        {"depths": [1, 2], "channels": [32, 64], "stem": 16},
        (37, 48),
    ),
    "resnet_v2 deep": Narrow(
        "resnetv2_18d",
        {"layers": [1, 2], "channels": (16, 24), "stem_chs": 16},
        {"depths": [1, 2], "channels": [16, 24], "stem": 16},
        (37, 48),
        preset="resnetv2_18d",
    ),
    "resnet_v2 bit": Narrow(
        "resnetv2.ResNetV2",
        lambda: {
            "layers": [1, 2],
            "channels": (128, 256),
            "stem_chs": 32,
            "stem_type": "fixed",
            "conv_layer": partial(references.timm().layers.StdConv2d, eps=1e-8),
        },
        {"depths": [1, 2], "channels": [128, 256], "stem": 32},
        (37, 48),
        normed=False,
        preset="resnetv2_50x1_bit",
    ),
    "mobilevit": Narrow(
        "byobnet.ByobNet",
        lambda: narrow_mobilevit("mobilevit", 8, 24, (2, 16, 1), (1, 24, 2, 16, 2, 2), (1, 32, 2, 24, 1, 2)),
        {
            "stem": 8,
            "expand": 2,
            "depths": [2, 1, 1],
            "channels": [16, 24, 32],
            "dims": [16, 24],
            "layers": [2, 1],
            "head": 24,
        },
        (37, 48),
    ),
    "mobilevit_v2": Narrow(
        "byobnet.ByobNet",
        lambda: narrow_mobilevit("mobilevitv2", 8, 0, (2, 16, 1), (1, 32, 2, 2), (1, 48, 2, 1)),
        {"stem": 8, "depths": [2, 1, 1], "channels": [16, 32, 48], "layers": [2, 1]},
        (37, 48),
    ),
    "tresnet": Narrow(
        "tresnet_m",
        {"layers": [1, 2, 2, 1], "width_factor": 0.25},
        {"depths": [1, 2, 2, 1], "channels": 16},
        (64, 96),
    ),
    "tresnet v2": Narrow(
        "tresnet_v2_l",
        {"layers": [1, 2, 1, 1], "width_factor": 0.25},
        {"depths": [1, 2, 1, 1], "channels": 16},
        (64, 96),
        preset="tresnet_v2_l",
    ),
    "dla": Narrow("dla102", NARROW_DLA, OUR_DLA | {"adds": True}, (64, 96)),
    "dla basic": Narrow("dla34", NARROW_DLA, OUR_DLA, (64, 96), preset="dla34"),
    "dla split": Narrow(
        "dla60_res2next",
        NARROW_DLA | {"cardinality": 2, "base_width": 16},
        OUR_DLA | {"groups": 2, "width": 16},
        (64, 96),
        preset="dla60_res2next",
    ),
    "hardcorenas": Narrow(
        "mobilenetv3.MobileNetV3",
        lambda: narrow_mobilenet(
            [["ds_r1_k3_s1_e1_c16_nre"], ["ir_r1_k5_s2_e3_c24_nre", "ir_r1_k3_s1_e2_c24_nre_se0.5"]],
            [["ir_r1_k5_s2_e2_c32_se0.5"], ["cn_r1_k1_s1_c24"]],
            force_act_layer=torch.nn.ReLU,
        ),
        OUR_MOBILENET | {"early": 2},
        (37, 48),
    ),
    "tf_mobilenet_v3": Narrow(
        "mobilenetv3.MobileNetV3",
        lambda: narrow_mobilenet(
            [["ds_r1_k3_s1_e1_c16_nre"], ["ir_r1_k5_s2_e3_c24_nre", "ir_r1_k3_s1_e2_c24_nre_se0.5"]],
            [["ir_r1_k5_s2_e2_c32_se0.5"], ["cn_r1_k1_s1_c24"]],
            norm=1e-3,
            force_act_layer=torch.nn.ReLU,
            pad_type="same",
        ),
        OUR_MOBILENET | {"early": 2},
        (37, 48),
        preset="tf_mobilenetv3_large_100",
    ),
    "fbnet_v3": Narrow(
        "mobilenetv3.MobileNetV3",
        lambda: narrow_mobilenet(
            [["ds_r1_k3_s1_e1_c16"], ["ir_r1_k5_s2_e3_c24", "ir_r1_k3_s1_e2_c24_se0.5"]],
            [["ir_r1_k5_s2_e2_c32_se0.5"], ["cn_r1_k1_s1_c24"]],
            head_bias=False,
        ),
        OUR_MOBILENET,
        (37, 48),
    ),
    "lcnet": Narrow(
        "mobilenetv3.MobileNetV3",
        lambda: narrow_mobilenet(
            [["dsa_r1_k3_s1_c16"], ["dsa_r2_k5_s2_c16"], ["dsa_r1_k3_s1_c16_se0.5"]], force_act_layer=torch.nn.ReLU
        ),
        {
            "stem": 16,
            "kernels": [[3], [5, 5], [3]],
            "hidden": [[0], [0, 0], [0]],
            "channels": [[16], [16, 16], [16]],
            "squeezes": [[0], [0, 0], [8]],
            "strides": [1, 2, 1],
            "head": 24,
        },
        (37, 48),
    ),
    "tf_efficientnet_v2": Narrow(
        "efficientnet.EfficientNet",
        lambda: narrow_efficientnet(
            [["cn_r2_k3_s1_e1_c16_skip"], ["er_r2_k3_s2_e3_c24"], ["ir_r2_k3_s2_e2_c32_se0.25"]],
            1e-3,
            stem_size=8,
            num_features=24,
            pad_type="same",
        ),
        OUR_EFFICIENT,
        (37, 48),
    ),
    "tf_efficientnet_v2 rw": Narrow(
        "efficientnet.EfficientNet",
        lambda: narrow_efficientnet(
            [["er_r2_k3_s1_e1_c16"], ["er_r2_k3_s2_e3_c24"], ["ir_r2_k3_s2_e2_c32_se0.25"]],
            stem_size=8,
            num_features=24,
        ),
        OUR_EFFICIENT,
        preset="efficientnetv2_rw_s",
    ),
    "tinynet": Narrow(
        "efficientnet.EfficientNet",
        lambda: narrow_efficientnet(
            [["ds_r1_k3_s1_e1_c16_se0.25"], ["ir_r2_k5_s2_e6_c24_se0.25"]], stem_size=8, num_features=24
        ),
        OUR_SEARCHED,
    ),
    "timm_mobilenet_v2": Narrow(
        "efficientnet.EfficientNet",
        lambda: narrow_efficientnet(
            [["ds_r1_k3_s1_c16"], ["ir_r2_k5_s2_e6_c24"]], act="relu6", stem_size=8, num_features=24
        ),
        OUR_SEARCHED,
    ),
    "semnasnet": Narrow(
        "efficientnet.EfficientNet",
        lambda: narrow_efficientnet(
            [["ds_r1_k3_s1_c16_noskip"], ["ir_r2_k5_s2_e6_c24_se0.25"]], act="relu", stem_size=8, num_features=24
        ),
        OUR_SEARCHED | {"weighed": [1]},
    ),
    "mixnet": Narrow(
        "efficientnet.EfficientNet",
        lambda: narrow_efficientnet(
            [
                ["ds_r1_k3_s1_e1_c16"],
                ["ir_r1_k3.5_a1.1_p1.1_s2_e6_c24", "ir_r1_k3_a1.1_p1.1_s1_e3_c24"],
                ["ir_r1_k3.5.7_s2_e6_c40_se0.5_nsw", "ir_r2_k3.5_p1.1_s1_e6_c40_se0.5_nsw"],
            ],
            1e-3,
            "relu",
            stem_size=16,
            num_features=24,
            pad_type="same",
        ),
        {
            "channels": [16, 24, 40],
            "depths": [1, 2, 3],
            "strides": [1, 2, 2],
            "squeezes": [0, 0, 2],
            "first_kernels": [[3], [3, 5], [3, 5, 7]],
            "first_reads": [1, 2, 1],
            "first_writes": [1, 2, 1],
            "expand": [1, 3, 6],
            "kernels": [[3], [3], [3, 5]],
            "reads": [1, 2, 1],
            "writes": [1, 2, 2],
            "head": 24,
        },
        (37, 48),
        preset="tf_mixnet_s",
    ),
    "crossvit": Narrow(
        "crossvit_9_240",
        CROSSVIT,
        OUR_CROSSVIT,
        (120, 120),
        normed=False,
    ),
    "crossvit dagger": Narrow(
        "crossvit_9_dagger_240",
        CROSSVIT,
        OUR_CROSSVIT,
        (120, 120),
        normed=False,
        preset="crossvit_9_dagger_240",
    ),
    "focalnet large": Narrow(
        "focalnet.FocalNet",
        {
            "depths": [1, 2],
            "embed_dim": 8,
            "focal_levels": [2, 2],
            "focal_windows": [3, 3],
            "use_post_norm": True,
            "use_post_norm_in_modulation": True,
            "use_overlap_down": True,
            "layerscale_value": 1e-4,
        },
        {"depths": [1, 2], "channels": 8, "levels": 2},
        normed=False,
        preset="focalnet_huge_fl3",
    ),
    "coatnet_rw": Narrow("coatnet_0_rw_224", COATNET, OUR_COATNET, (64, 64)),
    "coatnet_rw pool": Narrow("coatnet_nano_rw_224", COATNET, OUR_COATNET, (64, 64), preset="coatnet_nano_rw_224"),
    "coatnet_rw norm": Narrow("coatnet_bn_0_rw_224", COATNET, OUR_COATNET, (64, 64), preset="coatnet_bn_0_rw_224"),
    "coatnet_rw network": Narrow(
        "coatnet_rmlp_1_rw_224", COATNET, OUR_COATNET | {"dropout": 0.0}, (64, 64), preset="coatnet_rmlp_1_rw_224"
    ),
    "coatnet_rw scale": Narrow(
        "coatnet_rmlp_2_rw_224", COATNET, OUR_COATNET | {"dropout": 0.0}, (64, 64), preset="coatnet_rmlp_2_rw_224"
    ),
    "rexnet": Narrow("rexnet_100", {"width_mult": 0.25}, {"wider": 0.25, "dropout": 0.0}, (64, 48)),
    "mobilenet_v4": Narrow(
        "mobilenetv3.MobileNetV3",
        lambda: narrow_universal(
            [["cn_r1_k3_s2_e1_c16", "cn_r1_k1_s1_e1_c8"]],
            [["uir_r1_a3_k5_s2_e4_c16", "uir_r1_a0_k3_s1_e2_c16", "uir_r1_a3_k0_s1_e2_c16", "uir_r1_a0_k0_s1_e2_c16"]],
            [["cn_r1_k1_s1_c24"]],
        ),
        OUR_UNIVERSAL
        | {"fused": 0, "plain": [[16, 8]], "expand": [[4, 2, 2, 2]], "heads": [[0, 0, 0, 0]], "kv_strides": [1]},
        (64, 96),
    ),
    "mobilenet_v4 hybrid": Narrow(
        "mobilenetv3.MobileNetV3",
        lambda: narrow_universal(
            [["er_r1_k3_s2_e4_c8"]],
            [
                [
                    "uir_r1_a3_k5_s2_e4_c16",
                    "mqa_r1_k3_h2_s1_v2_d8_c16",
                    "uir_r1_a3_k0_s1_e2_c16",
                    "mqa_r1_k3_h2_s1_v2_d8_c16",
                ]
            ],
            [["cn_r1_k1_s1_c24"]],
            layer_scale=1e-5,
        ),
        OUR_UNIVERSAL
        | {
            "fused": 8,
            "plain": [],
            "expand": [[4, 0, 2, 0]],
            "heads": [[0, 2, 0, 2]],
            "starts": [[3, 0, 3, 0]],
            "kernels": [[5, 0, 0, 0]],
            "key_dims": [8],
            "kv_strides": [2],
        },
        (64, 96),
        preset="mobilenetv4_hybrid_medium",
    ),
    "tiny_vit": Narrow(
        "tiny_vit_5m_224",
        {"embed_dims": (8, 16, 24), "depths": (2, 2, 1), "num_heads": (1, 2, 3), "window_sizes": (3, 3, 4)},
        {"channels": [8, 16, 24], "depths": [2, 2, 1], "heads": [1, 2, 3], "windows": [3, 3, 4]},
        (44, 64),
    ),
    "mambaout": Narrow(
        "mambaout_femto",
        {"depths": (1, 2), "dims": (12, 24)},
        {"depths": [1, 2], "channels": [12, 24]},
        (36, 48),
        normed=False,
    ),
    "pit": Narrow(
        "pit_ti_distilled_224",
        {"img_size": 64, "base_dims": [4, 4, 4], "depth": [1, 2, 1]},
        {"image_size": 64, "dim": 8, "depths": [1, 2, 1]},
        (64, 64),
        normed=False,
        preset="pit_ti_distilled_224",
    ),
    "inception_resnet_v2": Narrow("inception_resnet_v2", {}, {}, (75, 91)),
    "shvit": Narrow(
        "shvit_s1",
        {"embed_dim": (16, 24, 32), "partial_dim": (8, 8, 12), "depth": (1, 2, 1)},
        {"embed_dim": [16, 24, 32], "partial_dim": [0, 8, 12], "depth": [1, 2, 1]},
        (96, 144),
    ),
    "convit": Narrow(
        "convit_tiny",
        {"img_size": 32, "patch_size": 8, "embed_dim": 4, "depth": 2, "num_heads": 3, "local_up_to_layer": 1},
        {"image_size": 32, "patch_size": 8, "head_dim": 4, "depth": 2, "num_heads": 3, "local_up_to_layer": 1},
        normed=False,
    ),
    "repghost": Narrow(
        "repghost.RepGhostNet",
        {
            "cfgs": [[[3, 8, 16, 0, 1]], [[3, 24, 24, 0.25, 2]], [[5, 36, 24, 0, 1], [5, 40, 24, 0.25, 1]]],
            "width": 0.58,
            "drop_rate": 0.0,
        },
        {
            "kernels": [3, 3, 5, 5],
            "mid_chs": [8, 24, 36, 40],
            "out_chs": [16, 24, 24, 24],
            "weighed": [False, True, False, True],
            "strides": [1, 2, 1, 1],
            "places": ["0.0", "1.0", "2.0", "2.1"],
            "top": 3,
            "width": 0.58,
            "drop_rate": 0.0,
        },
        (37, 48),
    ),
    "gernet": Narrow(
        "byobnet.ByobNet",
        narrow_gernet,
        {"stem_chs": 8, "out_chs": [8, 16, 32, 8, 16], "depths": [1, 2, 2, 1, 2], "num_features": 24},
        (37, 48),
    ),
    "xception_aligned": Narrow(
        "xception_aligned.XceptionAligned",
        lambda: {
            "block_cfg": [
                {"in_chs": 64, "out_chs": 16, "stride": 2},
                {"in_chs": 16, "out_chs": 24, "stride": 1},
                {"in_chs": 24, "out_chs": 24, "stride": 1},
                {"in_chs": 24, "out_chs": (728, 1024, 1024), "stride": 2},
                {"in_chs": 1024, "out_chs": (1536, 1536, 2048), "stride": 1, "no_skip": True, "start_with_relu": False},
            ],
            "norm_layer": partial(torch.nn.BatchNorm2d, eps=1e-3),
        },
        {"channels": [16, 24], "strides": [2, 1], "depth": 1},
        (37, 48),
    ),
    "selecsls": Narrow(
        "selecsls.SelecSls",
        lambda: {
            "cfg": {
                "block": references.timm().models.selecsls.SelecSlsBlock,
                "features": [
                    (32, 0, 8, 8, True, 2),
                    (8, 8, 8, 8, False, 1),
                    (8, 8, 8, 12, False, 1),
                    (12, 0, 16, 16, True, 2),
                    (16, 16, 16, 24, False, 1),
                ],
                "head": [(24, 16, 3, 2), (16, 24, 1, 1)],
                "num_features": 24,
                "feature_info": [],
            }
        },
        {"mid_chs": [8, 16], "out_chs": [12, 24], "depth": [3, 2], "head": [16, 24], "head_kernels": [3, 1]},
        (75, 96),
    ),
    "hgnet_v2": Narrow("hgnet.HighPerfGpuNet", narrow_hgnet(True), OUR_HGNET, (37, 48)),
    "hgnet_v2 plain": Narrow(
        "hgnet.HighPerfGpuNet", narrow_hgnet(False), OUR_HGNET | {"use_lab": False}, (37, 48), preset="hgnetv2_b4"
    ),
    "mobilenet_v1": Narrow(
        "efficientnet.EfficientNet",
        lambda: narrow_efficientnet(
            [["dsa_r1_k3_s1_c16"], ["dsa_r2_k3_s2_c24"]], act="relu6", stem_size=8, num_features=0
        ),
        {"channels": [16, 24], "depths": [1, 2]},
        (37, 48),
    ),
    "legacy_senet": Narrow(
        "legacy_seresnet50",
        {"layers": [1, 2, 1, 1], "drop_rate": 0.0},
        {"layers": [1, 2, 1, 1], "drop_rate": 0.0},
        (64, 80),
    ),
    "legacy_senet next": Narrow(
        "legacy_seresnext26_32x4d",
        {"layers": [1, 2, 1, 1], "drop_rate": 0.0},
        {"layers": [1, 2, 1, 1], "drop_rate": 0.0},
        (64, 80),
        preset="legacy_seresnext26_32x4d",
    ),
    "nest": Narrow("nest.Nest", NEST, OUR_NEST, normed=False),
    "nest same": Narrow("nest.Nest", NEST | {"pad_type": "same"}, OUR_NEST, normed=False, preset="nest_tiny_jx"),
    "rdnet": Narrow(
        "rdnet_tiny",
        {
            "growth_rates": (8, 16, 8, 16),
            "num_blocks_list": (2,) * 4,
            "block_type": ("Block",) * 2 + ("BlockESE",) * 2,
            "is_downsample_block": (None, True, True, False),
            "num_init_features": 16,
        },
        {"growth_rates": [8, 16, 8, 16], "stride": [0, 2, 2, 1], "num_blocks": 2, "num_init_features": 16},
        (36, 48),
        normed=False,
    ),
    "tnt": Narrow(
        "tnt_s_patch16_224",
        {"img_size": 32, "patch_size": 16, "embed_dim": 24, "inner_dim": 8, "depth": 2, "num_heads_outer": 3},
        {"image_size": 32, "patch_size": 16, "embed_dim": 24, "inner_dim": 8, "depth": 2, "num_heads_outer": 3},
        normed=False,
    ),
    "lcnet_v2": Narrow(
        "lcnetv2_small",
        {"scale": 0.25, "depths": (1, 1, 2, 2), "head_hidden_size": 24},
        {"out_chs": [32, 64, 128, 256], "depths": [1, 1, 2, 2], "head_hidden_size": 24},
        (64, 80),
    ),
    "cspnext": Narrow("cspnext_tiny", {"widen_factor": 0.125}, {"channels": 8}, (64, 96)),
    "volo": Narrow(
        "volo.VOLO",
        {"layers": (1, 1, 1, 1), "img_size": 32, "embed_dims": (12, 24, 24, 24), "num_heads": (3, 6, 6, 6)}
        | {"stem_hidden_dim": 8},
        {"layers": [1, 1, 1, 1], "image_size": 32, "embed_dims": [12, 24], "num_heads": [3, 6], "stem_hidden_dim": 8},
    ),
    "vit_relpos": Narrow("vit_relpos_small_patch16_224", SMALL, OUR_RELATIVE, normed=False),
    "nextvit": Narrow(
        "nextvit_small",
        {"stem_chs": (8, 8, 8), "depths": (1, 2, 10, 2), "drop_path_rate": 0.0},
        {"stem_chs": [8, 8, 8], "depths": [1, 2, 10, 2], "drop_path_rate": 0.0},
        (64, 96),
    ),
}
"""By the name of the spec, and a word for a further variant. Those without arguments are whole networks."""
