"""What a network learns, and by which recipe."""

from __future__ import annotations

from archgraph.meta.fields import POSITIVE, SWITCH, Field, number, one_of, whole

TASKS = ("diffusion", "classification")
DECAYS = ("cosine", "constant")
TRAIN: dict[str, Field] = {
    **dict.fromkeys(("steps", "batch", "check_every", "save_every", "log_every", "size"), whole(1)),
    "warmup": whole(0),
    "lr": POSITIVE,
    "decay": one_of(*DECAYS),
    **dict.fromkeys(("weight_decay", "clip", "memory", "min_snr", "vlb", "guidance", "shift", "rotate"), number(0)),
    **dict.fromkeys(("ema", "held_out", "label_dropout", "label_smoothing", "scale"), number(0, below=1)),
    **dict.fromkeys(("flip", "compile"), SWITCH),
}
