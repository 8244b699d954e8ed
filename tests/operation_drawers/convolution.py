"""Random applications of convolutions."""

from __future__ import annotations

from random import Random

from operation_drawers.sampling import Draw, Drawer, each, over_axes, parametrization, space


def convolution(rng: Random, axes: int) -> Draw:
    attributes = {
        "out_channels": rng.choice([2, 4, 6]),
        "kernel_size": each(rng, axes, 1, 4),
        "stride": each(rng, axes, 1, 3),
        "padding": each(rng, axes, 0, 3),
        "dilation": each(rng, axes, 1, 3),
        "groups": rng.choice([1, 1, 2, 3]),
        "bias": rng.random() < 0.5,
        "padding_mode": rng.choice(["zeros", "zeros", "reflect", "replicate", "circular"]),
    }
    if rng.random() < 0.3:
        attributes |= {"padding": rng.choice(["same", "same", "valid"]), "stride": 1}
        if attributes["padding_mode"] == "zeros":
            attributes["dilation"] = 2  # torch warns where it has to copy the input
    shapes = {"input": (rng.randint(1, 2), rng.choice([2, 4, 6]), *space(rng, axes, 3, 12))}
    return attributes | parametrization(rng, axes + 2), shapes


def transposed(rng: Random, axes: int) -> Draw:
    attributes = {
        "out_channels": rng.choice([2, 4, 6]),
        "kernel_size": each(rng, axes, 1, 4),
        "stride": each(rng, axes, 1, 3),
        "padding": each(rng, axes, 0, 2),
        "output_padding": each(rng, axes, 0, 2),
        "dilation": each(rng, axes, 1, 3),
        "groups": rng.choice([1, 1, 2, 3]),
        "bias": rng.random() < 0.5,
    }
    shapes = {"input": (rng.randint(1, 2), rng.choice([2, 4, 6]), *space(rng, axes, 3, 12))}
    return attributes | parametrization(rng, axes + 2), shapes


DRAWERS: dict[str, Drawer] = {
    **over_axes("conv", convolution),
    **over_axes("conv_transpose", transposed),
}
