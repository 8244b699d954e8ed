"""How a picture becomes the input of a network."""

from __future__ import annotations

from archgraph.meta.fields import EXTENT, STATISTIC, Field, one_of

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")
PREPROCESS: dict[str, Field] = {
    "resize": EXTENT,
    "crop": EXTENT,
    "mean": STATISTIC,
    "std": STATISTIC,
    "interpolation": one_of(*INTERPOLATIONS),
}
