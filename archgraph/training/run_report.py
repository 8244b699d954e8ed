"""What a run says at its end: the result for the caller, and `run.json`."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from archgraph.graph.plugin_use import plugins_in
from archgraph.plugins import ENABLED
from archgraph.training.best_weights import Evaluation
from archgraph.training.lightning_import import rank_zero_only
from archgraph.training.metrics import MEASURED, read_metrics, series
from archgraph.training.recipe import Recipe
from archgraph.training.run_folder import RunFolder

if TYPE_CHECKING:
    from archgraph.training.fitting import RunRequest


@dataclass(frozen=True)
class TrainingResult:
    """A finished run: its folder, how many steps it took, how long, its last numbers, and its best evaluation.

    `weights` is the file of the run's weights.
    """

    folder: RunFolder
    steps: int
    seconds: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    best: Evaluation | None = None
    weights: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        found = {"folder": str(self.folder.path), "steps": self.steps, "seconds": self.seconds, **self.metrics}
        return {**found, "weights": str(self.weights), **best_of(self.best)}


def best_of(best: Evaluation | None) -> dict[str, Any]:
    """The best evaluation as plain data, where there is one."""
    if best is None:
        return {}
    return {"best": {"step": best.step, **best.numbers}, **({"classes": best.classes} if best.classes else {})}


def final_metrics(place: RunFolder) -> dict[str, float]:
    """The last number of each kind."""
    rows = read_metrics(place.metrics)
    found = {name: series(rows, name) for name in ("loss", "held_out_loss", *MEASURED)}
    return {name: values[-1][1] for name, values in found.items() if values}


def _plugins(asked: RunRequest) -> dict[str, str]:
    """The versions of the plugins whose operations, blocks or loss the run has."""
    found = {used.package: used.version for used in plugins_in(asked.graph)}
    of_loss = ENABLED.get(asked.loss.partition(".")[0]) if "." in asked.loss else None
    return found | ({of_loss.package: of_loss.version} if of_loss else {})


@rank_zero_only
def write_report(
    outcome: TrainingResult, asked: RunRequest, recipe: Recipe, counts: tuple[int, int], device: str
) -> None:
    """Writes `run.json`."""
    on = asked.machine
    outcome.folder.write_report(
        {
            "network": asked.graph.title,
            "data": asked.data,
            "pictures": {"trained": counts[0], "held_out": counts[1]},
            "seed": asked.seed,
            **({"loss": asked.loss} if asked.loss else {}),
            "recipe": recipe.to_json(),
            "machine": {
                "device": device,
                "processes": on.processes,
                "strategy": on.strategy,
                "precision": on.precision,
            },
            "versions": {
                "torch": torch.__version__,
                "lightning": version("lightning"),
                "python": platform.python_version(),
                **_plugins(asked),
            },
            "steps": outcome.steps,
            "seconds": round(outcome.seconds, 1),
            "metrics": outcome.metrics,
            "monitor": asked.judged.monitor,
            "weights": outcome.weights.name if outcome.weights else None,
            **best_of(outcome.best),
        }
    )
