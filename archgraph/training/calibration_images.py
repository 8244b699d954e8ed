"""The digits as a network is shown them in training, for whoever observes what it does with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archgraph.errors import InputError
from archgraph.training.image_sources import digits
from archgraph.training.images import for_classification, for_diffusion

HELD_OUT = 0.2
"""The part that the shipped models were not trained on: it is left out here too, so that it can judge."""


def digits_for(meta: Mapping[str, Any]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Prepared pictures [n, C, H, W] and labels, without the held-out ones. Raises InputError."""
    declared = meta.get("diffusion")
    if isinstance(declared, Mapping):
        size, channels = declared.get("size"), declared.get("channels", 3)
        if not isinstance(size, int) or channels not in (1, 3):
            raise InputError(
                "the digits cannot be prepared for this network",
                expected="meta: {diffusion: {size: 16, channels: 1}}",
                received=f"size {size}, channels {channels}",
            )
        prepare, seen = for_diffusion(channels, size)
    else:
        prepare, seen = for_classification(meta, None)
    part = digits(prepare).split(HELD_OUT)[0]
    mean, std = (np.array(each, np.float32).reshape(-1, 1, 1) for each in (seen.mean, seen.std))
    return ((np.asarray(part.pixels) / np.float32(255) - mean) / std).astype(np.float32), part.labels
