"""Every shipped spec in a form of few blocks, with all of its constructs; and the presets at their full size."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from codegen_cases import NARROW
from timm_networks import NETWORKS

import archgraph as ag
from archgraph.graph.types import Graph
from archgraph.language.library import read_spec

SPECS = Path(__file__).parent.parent.parent / "specs"
SHALLOW: dict[str, dict[str, Any]] = {
    "adm@imagenet256": {"layers": 1, "multipliers": [1, 2], "attention": [False, True]},
    "adm@imagenet64": {"layers": 1, "multipliers": [1, 2], "attention": [False, True]},
    "conformer@conformer_s": {"depth": 2},
    "controlnet@control_sd21": {},
    "flux@flux1_dev": {"double_depth": 2, "single_depth": 2},
    "flux@flux1_schnell": {"double_depth": 1, "single_depth": 3},
    "hifigan@hifigan_v1": {"rates": [8, 2], "kernels": [16, 4]},
    "hifigan@hifigan_v3": {},
    "mamba@mamba_130m": {"depth": 2},
    "sd3@sd3_medium": {"depth": 2},
    "sd3@sd35_medium": {"depth": 3, "dual": 1},
    "sd_unet@sd15": {"channels": [32, 64], "depth": [1, 0], "heads": [2, 2]},
    "sd_unet@sdxl": {"channels": [32, 64], "depth": [0, 2], "mid_depth": 2, "heads": [1, 2]},
    "sd_unet@lcm_dreamshaper_v7": {"channels": [32, 64], "depth": [1, 0], "heads": [2, 2]},
}
"""Presets with what makes them shallow."""
AT_FULL_SIZE = ("ddpm@cifar10", "densenet@densenet121", "resnet@resnet50", "vit@vit_b_16")
"""Presets that stand for all at their full size; the others are slow."""
LIKE_OTHERS = {*NETWORKS, "mvit", "deeplabv3_mobile"} - {"cait", "mobileone", "vovnet"}
"""Specs of which others have all the constructs."""


def full_size() -> list[str]:
    """Every preset, and every spec without any."""
    found: list[str] = []
    for path in sorted(SPECS.glob("*.yaml")):
        found += [f"{path.stem}@{preset}" for preset in read_spec(path).block.presets] or [path.stem]
    return found


@cache
def cases() -> tuple[Any, ...]:
    """The shallow forms of every spec, and its presets at full size, most of them slow."""
    found = []
    for path in sorted(SPECS.glob("*.yaml")):
        forms = [name for name in (*NARROW, *SHALLOW) if name.partition("@")[0] == path.stem]
        slow = [pytest.mark.slow] * (path.stem in LIKE_OTHERS)
        found += [pytest.param(f"shallow {name}", marks=slow) for name in forms or [path.stem]]
    for name in full_size():
        found.append(pytest.param(name, marks=[] if name in AT_FULL_SIZE else pytest.mark.slow))
    return tuple(found)


@cache
def network(case: str) -> Graph:
    """The graph of a case, made once in a process."""
    kind, _, name = case.rpartition(" ")
    if not kind:
        return ag.load(name)
    return ag.load(name, **(NARROW[name][0] if name in NARROW else SHALLOW.get(name, {})))
