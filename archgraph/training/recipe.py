"""What is settled before the first step. A spec's `meta.train` holds a recipe; the command line changes parts of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from archgraph.errors import Problem, TrainingError, nearest
from archgraph.meta.training import TRAIN

OPEN = ("size", "monitor", "keep", "labels")
"""What the task or the pictures settle where the recipe says nothing."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Numbers of a training run. Raises TrainingError for those that make no sense."""

    steps: int = 2000
    batch: int = 64
    """Pictures per step and process."""
    lr: float = 1e-3
    warmup: int = 100
    """Steps until the rate is reached."""
    decay: str = "cosine"
    freeze: Sequence[str] = ()
    """Paths or patterns of what is not trained."""
    rates: Mapping[str, float] = field(default_factory=dict)
    """Factors of `lr` by path or pattern; of several that match, the first counts."""
    weight_decay: float = 0.0
    clip: float = 1.0
    """The largest norm of the gradient; 0: any."""
    ema: float = 0.999
    """How much of the averaged weights stays at each step; 0: no average."""
    held_out: float = 0.1
    """The part of each class that is not trained on."""
    check_every: int = 500
    """Steps between looks at the held-out pictures and sample grids; the last step ends with one too."""
    monitor: str | None = None
    """What the evaluations are compared by; by default what the task is judged by."""
    patience: int = 0
    """After so many evaluations without a better one the run ends; 0: never."""
    keep: str | None = None
    """Which weights are the run's, the best or the last; by default the best, but the last of a diffusion network."""
    save_every: int = 500
    """Steps between checkpoints."""
    log_every: int = 10
    memory: float = 4.0
    """GiB that a folder's pictures may take; more are decoded on demand."""
    size: int | None = None
    """Side of the pictures; by default that of `meta`."""
    labels: Sequence[str] | None = None
    """The names of the classes, where neither folders nor a file name them."""
    label_dropout: float = 0.1
    """Diffusion: how often a label is replaced by none, which guidance needs (Ho and Salimans 2022)."""
    min_snr: float = 0.0
    """Diffusion: the γ of min-SNR weighting (Hang et al. 2023); 0: without."""
    vlb: float = 0.001
    """Diffusion with a learned variance: the λ of the variational bound (Nichol and Dhariwal 2021)."""
    guidance: float = 2.0
    """Diffusion: how strongly the grids follow their labels."""
    label_smoothing: float = 0.0
    dice: float = 0.0
    """Segmentation: how much of the soft Dice loss is added to the cross entropy."""
    shift: float = 0.0
    """Augmentation: at most so many pixels."""
    rotate: float = 0.0
    """Augmentation: at most so many degrees."""
    scale: float = 0.0
    """Augmentation: at most this part larger or smaller."""
    flip: bool = False
    compile: bool = False
    """Whether torch compiles the network."""

    def __post_init__(self) -> None:
        problems = [problem for each in fields(self) for problem in _complaints(each.name, getattr(self, each.name))]
        if problems:
            raise TrainingError(*problems)

    @classmethod
    def of(cls, meta: Mapping[str, Any], changes: Mapping[str, Any]) -> Self:
        """The spec's recipe with changes. Raises TrainingError for what a recipe does not have."""
        given = meta.get("train") or {}
        if not isinstance(given, Mapping):
            raise TrainingError("`meta.train` is not a mapping", expected="{steps: 2000, …}", received=repr(given)[:80])
        known = [each.name for each in fields(cls)]
        settled = {**given, **changes}
        unknown = [
            Problem(f"training has no '{key}'", expected=", ".join(known), hint=nearest(str(key), known))
            for key in settled
            if key not in known
        ]
        if unknown:
            raise TrainingError(*unknown)
        return cls(**settled)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    def rate(self, step: int) -> float:
        """The part of `lr` at a step: up in a line, then constant or half a cosine (Loshchilov and Hutter 2017)."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        if self.decay == "constant":
            return 1.0
        along = (step - self.warmup) / max(1, self.steps - self.warmup)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, along)))


def _complaints(name: str, value: Any) -> list[Problem]:
    wanted = TRAIN[name]
    if (name in OPEN and value is None) or wanted.fits(value):
        return []
    hint = nearest(str(value), wanted.choices)
    return [Problem(f"train.{name} makes no sense", expected=wanted.expected, received=repr(value), hint=hint)]
