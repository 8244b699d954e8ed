"""Random applications of interpolation, grids, shuffles of pixels and channels, padding, sliding windows."""

from __future__ import annotations

from random import Random
from typing import Any

from operation_drawers.sampling import Draw, Drawer, box, each, image, pair, space


def interpolate(rng: Random) -> Draw:
    mode = rng.choice(["nearest", "bilinear", "nearest-exact", "linear", "bicubic", "trilinear", "area"])
    axes = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}.get(mode, rng.randint(1, 3))
    attributes: dict[str, Any] = {"mode": mode}
    if rng.random() < 0.5:
        attributes["size"] = each(rng, axes, 1, 9)
    else:
        scales = [rng.choice([2, 0.5, 0.4, 1.05, 1.25, 1.3, 3, 0.25, 2.1]) for _ in range(axes)]
        attributes["scale_factor"] = rng.choice([scales[0], scales])
        attributes["recompute_scale_factor"] = rng.random() < 0.3
    if mode in ("linear", "bilinear", "bicubic", "trilinear"):
        attributes["align_corners"] = rng.random() < 0.4
    if mode in ("bilinear", "bicubic"):
        attributes["antialias"] = rng.random() < 0.4 and not _one_column(attributes, axes)
    return attributes, {"input": (rng.randint(1, 2), rng.randint(1, 3), *space(rng, axes, 3, 12))}


def _one_column(attributes: dict[str, Any], axes: int) -> bool:
    """Whether the result may be one column wide, of which torch's antialiased kernel is wrong on contiguous tensors."""
    wanted = attributes.get("size", attributes.get("scale_factor"))
    return (wanted[axes - 1] if isinstance(wanted, list) else wanted) <= 1


def grid_sample(rng: Random) -> Draw:
    attributes = {
        "mode": rng.choice(["bilinear", "nearest", "bicubic"]),
        "padding_mode": rng.choice(["zeros", "border", "reflection"]),
        "align_corners": rng.random() < 0.5,
    }
    axes = rng.choice([2, 2, 3])
    shape = (2, 3, *space(rng, axes, 2, 8))
    batch = 2 if rng.random() < 0.8 else 3
    return attributes, {"input": shape, "grid": (batch, *space(rng, axes, 1, 5), axes)}


def affine_grid(rng: Random) -> Draw:
    axes = rng.choice([2, 3])
    sizes = [rng.randint(1, 3), 3, *(rng.randint(1, 5) for _ in range(axes))]
    theta = (sizes[0] + (rng.random() < 0.1), axes, axes + 1)
    return {"size": sizes, "align_corners": 1 not in sizes[2:] and rng.random() < 0.5}, {"theta": theta}


def pixel_shuffle(rng: Random) -> Draw:
    leading = [rng.randint(1, 2) for _ in range(rng.randint(0, 2))]
    return {"upscale_factor": rng.choice([1, 2, 3])}, {"input": (*leading, *image(rng, rng.choice([4, 9, 12, 36]))[1:])}


def pixel_unshuffle(rng: Random) -> Draw:
    leading = [rng.randint(1, 2) for _ in range(rng.randint(0, 2))]
    return {"downscale_factor": rng.choice([1, 2, 3])}, {"input": (*leading, *image(rng)[1:])}


def channel_shuffle(rng: Random) -> Draw:
    return {"groups": rng.choice([1, 2, 3])}, {"input": (2, rng.choice([2, 4, 6, 12]), *box(rng, 1, 3))}


def pad(rng: Random) -> Draw:
    count, mode = rng.randint(1, 3), rng.choice(["constant", "reflect", "replicate", "circular"])
    rank = count + 2 if mode != "constant" else rng.randint(1, 4)
    sizes = tuple(rng.randint(2, 5) for _ in range(rank))
    return {"pad": [rng.randint(-1, 3) for _ in range(2 * count)], "mode": mode}, {"input": sizes}


def windows(rng: Random) -> dict[str, Any]:
    return {
        "kernel_size": pair(rng, 1, 3),
        "dilation": pair(rng, 1, 2),
        "padding": pair(rng, 0, 2),
        "stride": pair(rng, 1, 3),
    }


def unfold(rng: Random) -> Draw:
    return windows(rng), {"input": image(rng)}


def fold(rng: Random) -> Draw:
    """Mostly as many columns as there are windows."""
    attributes = windows(rng)
    size = [rng.randint(4, 9), rng.randint(4, 9)]
    two = {key: value if isinstance(value, list) else [value] * 2 for key, value in attributes.items()}
    reach = [two["dilation"][i] * (two["kernel_size"][i] - 1) + 1 for i in range(2)]
    counts = [(size[i] + 2 * two["padding"][i] - reach[i]) // two["stride"][i] + 1 for i in range(2)]
    columns = max(1, counts[0] * counts[1] + (rng.random() < 0.1))
    rows = two["kernel_size"][0] * two["kernel_size"][1] * rng.randint(1, 2) + (rng.random() < 0.1)
    return {"output_size": size, **attributes}, {"input": (2, rows, columns)}


DRAWERS: dict[str, Drawer] = {
    "interpolate": interpolate,
    "pixel_shuffle": pixel_shuffle,
    "pixel_unshuffle": pixel_unshuffle,
    "channel_shuffle": channel_shuffle,
    "grid_sample": grid_sample,
    "affine_grid": affine_grid,
    "unfold": unfold,
    "fold": fold,
    "pad": pad,
}
