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
    """A narrow variant: timm's arguments, the same of the spec, and the sizes of the image."""

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
        return timm_model(self.name, num_classes=CLASSES, **theirs)()


def narrow_csp(stem: dict[str, Any], *stages: dict[str, Any]) -> dict[str, Any]:
    module = references.timm().models.cspnet
    merged = {key: value for part in stages for key, value in part.items()}
    return {"stem": module.CspStemCfg(**stem), "stages": module.CspStagesCfg(**merged)}


SMALL = {"img_size": 32, "patch_size": 8, "embed_dim": 12, "depth": 2, "num_heads": 3}
OURS = {"image_size": 32, "patch": 8, "dim": 12, "depth": 2, "heads": 3}
"""A small vision transformer, under timm's names and ours."""
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
