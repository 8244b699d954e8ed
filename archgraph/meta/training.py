"""What a network learns, and by which recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archgraph.meta.fields import NAMES, POSITIVE, SWITCH, Field, is_number, number, one_of, whole

TASKS = ("diffusion", "classification", "segmentation")
DECAYS = ("cosine", "constant")
MONITORS = ("held_out_loss", "accuracy", "iou", "dice")
"""What is measured on the held-out pictures; the loss is better where it is small, the others where they are large."""
KEEPS = ("best", "last")


def _are_rates(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(path, str) and is_number(rate) and rate > 0 for path, rate in value.items()
    )


PATTERNS = Field(
    "a list of paths or patterns, such as [conv1, 'layer1.*']",
    lambda value: isinstance(value, (list, tuple)) and all(isinstance(path, str) and path for path in value),
)
RATES = Field("a mapping from paths or patterns to factors of lr, more than 0: {head: 1, backbone: 0.1}", _are_rates)
TRAIN: dict[str, Field] = {
    **dict.fromkeys(("steps", "batch", "check_every", "save_every", "log_every", "size"), whole(1)),
    **dict.fromkeys(("warmup", "patience"), whole(0)),
    "lr": POSITIVE,
    "decay": one_of(*DECAYS),
    "freeze": PATTERNS,
    "rates": RATES,
    "monitor": one_of(*MONITORS),
    "keep": one_of(*KEEPS),
    "labels": NAMES,
    **dict.fromkeys(
        ("weight_decay", "clip", "memory", "min_snr", "vlb", "guidance", "dice", "shift", "rotate"), number(0)
    ),
    **dict.fromkeys(("ema", "held_out", "label_dropout", "label_smoothing", "scale"), number(0, below=1)),
    **dict.fromkeys(("flip", "compile"), SWITCH),
}
