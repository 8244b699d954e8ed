"""How a diffusion network was trained and is sampled: the names of schedules, samplers and predictions."""

from __future__ import annotations

from collections.abc import Sequence

from archgraph.meta.fields import EXTENT, NUMBER, SWITCH, Field, Section, one_of, whole

SCHEDULES = ("linear", "scaled_linear", "cosine", "sigmoid")
SPACINGS = ("leading", "trailing", "linspace")
PREDICTIONS = ("epsilon", "velocity", "sample")
VARIANCES = ("small", "large", "learned")
SAMPLERS = (
    *("ddpm", "ddim", "euler", "euler_ancestral", "heun"),
    *("dpm2", "lms", "dpmpp_2m", "dpmpp_2m_sde", "unipc"),
)
TIME_NAMES = ("t", "time", "times", "timestep", "timesteps")
LABEL_NAMES = ("y", "label", "labels", "class", "classes", "class_label", "class_labels")
"""What an input is called that is the time, and one that is a class."""


def labels_among(names: Sequence[str]) -> list[str]:
    """The names, of the inputs beside the image, that take a class: by their own, or because another is a time's."""
    if len(names) < 2:
        return []
    by_name = [name for name in names if name.lower() in LABEL_NAMES]
    return by_name or [name for name in names if name.lower() not in TIME_NAMES]


SCHEDULE: dict[str, Field] = {
    "kind": one_of(*SCHEDULES),
    "beta_start": NUMBER,
    "beta_end": NUMBER,
    "train_steps": whole(1),
    "spacing": one_of(*SPACINGS),
    "offset": whole(0),
    "karras": SWITCH,
    "zero_terminal_snr": SWITCH,
}
DIFFUSION: Section = {
    "schedule": SCHEDULE,
    "prediction": one_of(*PREDICTIONS),
    "variance": one_of(*VARIANCES),
    "clip": SWITCH,
    "threshold": NUMBER,
    "size": EXTENT,
    "channels": whole(1),
    "classes": whole(1),
    "null_label": whole(0),
    "guidance": NUMBER,
    "sampler": one_of(*SAMPLERS),
    "steps": whole(1),
}
