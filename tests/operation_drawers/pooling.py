"""Random applications of pooling."""

from __future__ import annotations

from random import Random

from operation_drawers.sampling import Draw, Drawer, each, over_axes, space


def window_pool(rng: Random, axes: int) -> Draw:
    attributes = {"kernel_size": each(rng, axes, 1, 4), "ceil_mode": rng.random() < 0.5}
    if rng.random() < 0.7:
        attributes["stride"] = each(rng, axes, 1, 4)
    return attributes, {"input": (1, 2, *space(rng, axes, 2 * axes - 1, 10))}


def max_pool(rng: Random, axes: int) -> Draw:
    attributes, shapes = window_pool(rng, axes)
    padding, dilation = each(rng, axes, 0, 2) if axes < 3 else rng.choice([0, 1]), each(rng, axes, 1, 2)
    return {**attributes, "padding": padding, "dilation": dilation, "return_indices": rng.random() < 0.3}, shapes


def avg_pool(rng: Random, axes: int) -> Draw:
    attributes, shapes = window_pool(rng, axes)
    padding = each(rng, axes, 0, 2) if axes < 3 else rng.choice([0, 0, 1])
    return {**attributes, "padding": padding, "count_include_pad": rng.random() < 0.5}, shapes


def lp_pool(rng: Random, axes: int) -> Draw:
    attributes, shapes = window_pool(rng, axes)
    return {**attributes, "norm_type": rng.choice([1.0, 2.0, 3.0, 1.5])}, shapes


def adaptive_pool(rng: Random, axes: int) -> Draw:
    wanted = rng.choice([1, 3, [rng.choice([1, 2, 5, 14, None] if axes > 1 else [2, 5, 14]) for _ in range(axes)]])
    return {"output_size": wanted}, {"input": (2, 3, *space(rng, axes, 1, 12))}


DRAWERS: dict[str, Drawer] = {
    **over_axes("max_pool", max_pool),
    **over_axes("avg_pool", avg_pool),
    **over_axes("lp_pool", lp_pool),
    **over_axes("adaptive_avg_pool", adaptive_pool),
    **over_axes("adaptive_max_pool", adaptive_pool),
}
