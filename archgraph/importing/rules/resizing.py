"""Resizing of images and signals, and images read at the places of a grid."""

from __future__ import annotations

from typing import Any

from archgraph.graph.types import Value
from archgraph.importing.rules.registry import rule
from archgraph.importing.rules.site import Site

_MODES = {
    "upsample_nearest": "nearest",
    "_upsample_nearest_exact": "nearest-exact",
    "upsample_linear": "linear",
    "upsample_bilinear": "bilinear",
    "_upsample_bilinear": "bilinear",
    "upsample_bicubic": "bicubic",
    "_upsample_bicubic": "bicubic",
    "upsample_trilinear": "trilinear",
}


_NEAREST = [f"{name}{rank}d" for name in ("upsample_nearest", "_upsample_nearest_exact") for rank in (1, 2, 3)]
_LINEAR = ("upsample_linear1d", "upsample_bilinear2d", "_upsample_bilinear2d_aa", "upsample_trilinear3d")


@rule(*_NEAREST, *_LINEAR, "upsample_bicubic2d", "_upsample_bicubic2d_aa")
def interpolate(site: Site) -> Value:
    antialias = site.torch_name.endswith("_aa")
    mode = _MODES[site.torch_name.removesuffix("_aa").rstrip("123d")]
    attributes: dict[str, Any] = {"mode": mode, "antialias": antialias or None}
    if site.given("align_corners"):
        attributes["align_corners"] = site.get("align_corners") or None
    factors = site.get("scale_factors") or [site.get(name) for name in ("scales_d", "scales_h", "scales_w", "scales")]
    factors = [factor for factor in factors if factor is not None]
    if factors:
        attributes["scale_factor"] = float(factors[0]) if len(set(factors)) == 1 else [float(f) for f in factors]
    else:
        attributes["size"] = list(site.result_shape[2:])
    return site.emit("interpolate", site.tensor(next(iter(site.arguments))), **attributes)


_SAMPLED = ("bilinear", "nearest", "bicubic")
_PADDINGS = ("zeros", "border", "reflection")
"""torch's numbers of both, in order."""


@rule("grid_sampler", "grid_sampler_2d", "grid_sampler_3d")
def sampled(site: Site) -> Value:
    return site.emit(
        "grid_sample",
        site.tensor("input"),
        site.tensor("grid"),
        mode=_SAMPLED[site.get("interpolation_mode")],
        padding_mode=_PADDINGS[site.get("padding_mode")],
        align_corners=site.get("align_corners"),
    )


@rule("affine_grid_generator")
def affine_grid(site: Site) -> Value:
    return site.emit(
        "affine_grid", site.tensor("theta"), size=site.get("size"), align_corners=site.get("align_corners")
    )
