"""More networks of torchvision: keys at full size, outputs, input gradients and training mode of narrow variants."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import references
import torch
from published_parity import (
    CLASSES,
    Case,
    Network,
    Ordered,
    assert_equal_networks,
    assert_same_keys,
    narrow_network,
    narrow_spec,
    spec,
    torchvision_model,
)
from sampling_of_cases import with_slow

import archgraph as ag


def on_the_cpu(build: Network) -> Network:
    """Of a network whose blocks are computed by tensors, which the meta device does not have."""

    def built() -> torch.nn.Module:
        with torch.device("cpu"):
            return build()

    return built


def regnet(name: str) -> Network:
    """A RegNet of any size: torchvision computes its widths by tensors, which the meta device does not have."""

    def built() -> torch.nn.Module:
        module = references.torchvision().models.regnet
        widths = module.BlockParams.from_init_params

        def computed(*args: Any, **config: Any) -> Any:
            with torch.device("cpu"):
                return widths(*args, **config)

        with mock.patch.object(module.BlockParams, "from_init_params", computed):
            return torchvision_model(name)()

    return built


def segmentation(name: str, **config: Any) -> Network:
    return lambda: getattr(references.torchvision().models.segmentation, name)(
        weights=None, weights_backbone=None, **config
    )


def video(name: str, **config: Any) -> Network:
    return lambda: getattr(references.torchvision().models.video, name)(weights=None, **config)


DEFAULT = (
    *("alexnet", "squeezenet1_0", "mnasnet1_0", "mobilenet_v3_small", "shufflenet_v2_x1_0", "vgg11_bn"),
    *("efficientnet_v2_s", "swin_v2_t", "lraspp_mobilenet_v3_large", "r2plus1d_18", "s3d"),
    "regnet_y_400mf",
)
"""One network of each family in every run."""
PUBLISHED: dict[str, Network] = {
    **{
        name: torchvision_model(name)
        for name in (
            *("alexnet", "squeezenet1_0", "squeezenet1_1", "convnext_large", "vit_l_32", "vit_h_14", "densenet161"),
            *("mnasnet0_5", "mnasnet0_75", "mnasnet1_0", "mnasnet1_3", "mobilenet_v3_large", "mobilenet_v3_small"),
            *(f"shufflenet_v2_x{width}" for width in ("0_5", "1_0", "1_5", "2_0")),
            *(f"vgg{depth}{norm}" for depth in (11, 13, 16, 19) for norm in ("", "_bn")),
            *(f"efficientnet_v2_{size}" for size in "sml"),
            *(f"swin_v2_{size}" for size in "tsb"),
            *(f"efficientnet_b{number}" for number in (5, 6, 7)),
        )
    },
    **{
        f"regnet_{kind}_{size}": regnet(f"regnet_{kind}_{size}")
        for kind in "yx"
        for size in ("400mf", "800mf", "1_6gf", "3_2gf", "8gf", "16gf", "32gf")
    },
    "regnet_y_128gf": regnet("regnet_y_128gf"),
    **{name: segmentation(name, aux_loss=True) for name in ("fcn_resnet50", "fcn_resnet101")},
    "lraspp_mobilenet_v3_large": segmentation("lraspp_mobilenet_v3_large"),
    "deeplabv3_mobilenet_v3_large": segmentation("deeplabv3_mobilenet_v3_large", aux_loss=True),
    **{name: video(name) for name in ("mc3_18", "r2plus1d_18", "s3d")},
    **{name: on_the_cpu(video(name)) for name in ("mvit_v1_b", "mvit_v2_s", "swin3d_t", "swin3d_s", "swin3d_b")},
}


@pytest.mark.parity("keys")
@pytest.mark.parametrize("name", with_slow(PUBLISHED, PUBLISHED.keys() - set(DEFAULT)))
def test_keys_and_shapes_in_order(name: str) -> None:
    assert_same_keys(name, PUBLISHED[name])


def narrow_efficientnet() -> torch.nn.Module:
    module = references.torchvision().models.efficientnet
    setting = [
        module.FusedMBConvConfig(1, 3, 1, 16, 16, 1),
        module.FusedMBConvConfig(4, 3, 2, 16, 24, 2),
        module.MBConvConfig(4, 3, 2, 24, 32, 2),
    ]
    return module.EfficientNet(
        setting,
        dropout=0.0,
        stochastic_depth_prob=0.0,
        num_classes=CLASSES,
        norm_layer=lambda channels: torch.nn.BatchNorm2d(channels, eps=1e-3),
        last_channel=64,
    )


def narrow_fcn() -> torch.nn.Module:
    models = references.torchvision().models
    backbone = models.resnet.ResNet(
        models.resnet.Bottleneck, [1, 1, 2, 1], replace_stride_with_dilation=[False, True, True]
    )
    return Ordered(models.segmentation.fcn._fcn_resnet(backbone, CLASSES, True))


def narrow_swin_v2() -> torch.nn.Module:
    module = references.torchvision().models.swin_transformer
    return module.SwinTransformer(
        [4, 4],
        8,
        [2, 2],
        [1, 2],
        [3, 3],
        stochastic_depth_prob=0.0,
        num_classes=CLASSES,
        block=module.SwinTransformerBlockV2,
        downsample_layer=module.PatchMergingV2,
    )


def narrow_swin3d() -> torch.nn.Module:
    module = references.torchvision().models.video.swin_transformer
    return module.SwinTransformer3d(
        [2, 2, 2], 8, [2, 2], [1, 2], [2, 3, 3], stochastic_depth_prob=0.0, num_classes=CLASSES
    )


def narrow_mvit(*, improved: bool) -> Network:
    """Three blocks in two stages: the first version widens behind the first block, the second in the second one."""

    def build() -> torch.nn.Module:
        module = references.torchvision().models.video.mvit
        inputs, outputs = ([8, 8, 16], [8, 16, 16]) if improved else ([8, 16, 16], [16, 16, 16])
        plain = ([3, 3, 3], [1, 1, 1]) if improved else ([], [])
        pooled = ([3, 3, 3], [1, 2, 2])
        settings = [
            module.MSBlockConfig(heads, width, out, kernel, [3, 3, 3], stride, [1, kv, kv])
            for heads, width, out, (kernel, stride), kv in zip(
                [1, 2, 2], inputs, outputs, [plain, pooled, plain], [4, 1, 1], strict=True
            )
        ]
        return module.MViT(
            spatial_size=(32, 32),
            temporal_size=4,
            block_setting=settings,
            residual_pool=improved,
            residual_with_cls_embed=False,
            rel_pos_embed=improved,
            proj_after_attn=improved,
            num_classes=CLASSES,
        )

    return build


MVIT = {"frames": 4, "image_size": 32, "depths": [1, 2], "channels": [8, 16], "heads": [1, 2], "kv_strides": [4, 1]}
CASES: dict[str, Case] = {
    # Two windows of frames, and the second stage has one in its rows, of its very size.
    "swin3d": Case(
        narrow_swin3d,
        spec("swin3d", depths=[2, 2], heads=[1, 2], channels=8, patch=[2, 2, 2], window=[2, 3, 3], drop_path=0.0),
        (2, 3, 5, 11, 21),
        normed=False,
    ),
    **{
        f"mvit v{version}": Case(
            narrow_mvit(improved=version == 2),
            spec("mvit", **MVIT, improved=version == 2, drop_path=0.0),
            (2, 3, 4, 32, 32),
            normed=False,
        )
        for version in (1, 2)
    },
    "deeplabv3_mobile": Case(
        lambda: Ordered(segmentation("deeplabv3_mobilenet_v3_large", num_classes=CLASSES, aux_loss=True)()),
        spec("deeplabv3_mobile"),
        (2, 3, 40, 33),
    ),
    # The first stage has several windows, the second has one in its rows or none to shift at all.
    "swin_v2": Case(
        narrow_swin_v2,
        spec("swin_v2", depths=[2, 2], heads=[1, 2], channels=8, window=3, drop_path=0.0),
        (2, 3, 41, 20),
        normed=False,
    ),
    "alexnet": Case(
        narrow_network(torchvision_model("alexnet"), 16), narrow_spec("alexnet", 16), (2, 3, 67, 80), normed=False
    ),
    "vgg": Case(
        narrow_network(torchvision_model("vgg11_bn"), 16),
        spec("vgg@vgg11_bn", channels=[4, 8, 16, 32, 32], hidden=256),
        (2, 3, 40, 33),
    ),
    "squeezenet 1.0": Case(
        torchvision_model("squeezenet1_0", num_classes=CLASSES), spec("squeezenet1_0"), (2, 3, 40, 33), normed=False
    ),
    "squeezenet 1.1": Case(
        torchvision_model("squeezenet1_1", num_classes=CLASSES), spec("squeezenet1_1"), (2, 3, 40, 33), normed=False
    ),
    "mnasnet": Case(
        torchvision_model("mnasnet0_5", num_classes=CLASSES, dropout=0.0), spec("mnasnet0_5"), (2, 3, 40, 65)
    ),
    "mobilenet_v3": Case(
        torchvision_model("mobilenet_v3_small", num_classes=CLASSES), spec("mobilenet_v3_small"), (2, 3, 40, 33)
    ),
    "shufflenet_v2": Case(
        torchvision_model("shufflenet_v2_x0_5", num_classes=CLASSES), spec("shufflenet_v2_x0_5"), (2, 3, 40, 33)
    ),
    "efficientnet_v2": Case(
        narrow_efficientnet,
        spec(
            "efficientnet_v2",
            stem=16,
            fused=2,
            expand=[1, 4, 4],
            strides=[1, 2, 2],
            channels=[16, 24, 32],
            depths=[1, 2, 2],
            head=64,
            drop_path=0.0,
        ),
        (2, 3, 40, 33),
    ),
    "lraspp": Case(
        lambda: Ordered(segmentation("lraspp_mobilenet_v3_large", num_classes=CLASSES)()),
        spec("lraspp"),
        (2, 3, 40, 33),
    ),
    "fcn": Case(narrow_fcn, spec("fcn", depths=[1, 1, 2, 1]), (2, 3, 33, 24)),
    "mc3": Case(narrow_network(video("mc3_18"), 8), spec("mc3_18", stem=8, planes=[8, 16, 32, 64]), (2, 3, 5, 33, 24)),
    "s3d": Case(
        narrow_network(video("s3d", num_classes=8 * CLASSES), 8),
        narrow_spec("s3d", 8),
        (2, 3, 17, 217, 224),
    ),
    "r2plus1d": Case(video("r2plus1d_18", num_classes=CLASSES), spec("r2plus1d_18"), (2, 3, 5, 17, 24)),
}
EVAL_TOO = ("mnasnet", "shufflenet_v2")
"""Of networks with batch norm these are compared in evaluation in every run, the others in training."""
LARGE = ("s3d", "r2plus1d", "fcn", "deeplabv3_mobile")
PROVED = ("squeezenet 1.1", "shufflenet_v2")
"""Networks whose files are proved in every run, for their ceil_mode and their shuffle."""


def cases() -> list[Any]:
    found = []
    for name, case in CASES.items():
        for training in (False, True) if case.normed else (False,):
            slow = name in LARGE or (case.normed and not training and name not in EVAL_TOO)
            found.append(pytest.param(name, training, marks=[pytest.mark.slow] * slow))
    return found


@pytest.mark.parity("outputs", "gradients")
@pytest.mark.parametrize(("name", "training"), cases())
def test_outputs_and_input_gradients(name: str, training: bool) -> None:
    case = CASES[name]
    assert_equal_networks(case.graph(), case.published, case.shape, training=training)


@pytest.mark.parity("file")
@pytest.mark.parametrize("name", with_slow(CASES, CASES.keys() - set(PROVED)))
def test_the_file_is_proved_equal(name: str, tmp_path: Path) -> None:
    found = ag.to_onnx(ag.to_torch(CASES[name].graph()), tmp_path / "network.onnx", profile="cpu")
    assert found.certificate is not None
