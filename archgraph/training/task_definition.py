"""What a task is made of: how pictures are prepared, which classes there may be, and what learns from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from archgraph.errors import TrainingError
from archgraph.graph.types import Graph, Value
from archgraph.meta.training import MONITORS
from archgraph.training.compatibility import Labelling
from archgraph.training.image_sources import read_pictures
from archgraph.training.images import ImageData, PixelRange, Prepare
from archgraph.training.lightning_module import Learning
from archgraph.training.recipe import Recipe


@dataclass(frozen=True)
class Task:
    """How pictures are prepared, which classes there may be, and what learns from them.

    `image` is the input that takes the pictures. `labelling` is None where labels are not looked at. `meta` is what a
    run's spec says of its pictures, `diffusion` what the spec said of it, for checkpoints. `pairs` reads pictures with
    their masks, in place of pictures. `monitor` is what the task is judged by, of the loss and `metrics`. `named`: the
    names of the classes are the run's, whatever the spec's `labels`.
    """

    prepare: Prepare
    pixel_range: PixelRange
    image: Value
    labelling: Labelling | None
    make: Callable[[nn.Module, Recipe, PixelRange, int, ImageData], Learning]
    monitor: str = "held_out_loss"
    metrics: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    diffusion: Mapping[str, Any] = field(default_factory=dict)
    pairs: Callable[[str, float], ImageData] | None = None
    keep: str = "best"
    named: bool = True

    def read(self, source: str, budget: float) -> ImageData:
        """The pictures of a source, with their masks where the task has such. Raises InputError."""
        return self.pairs(source, budget) if self.pairs else read_pictures(source, self.prepare, budget)

    def fitted(self, graph: Graph, pictures: ImageData, source: str) -> ImageData:
        """The pictures with the network's own classes. Raises InputError."""
        return self.labelling.fitted(graph, pictures, source) if self.labelling else pictures

    def monitored(self, recipe: Recipe) -> str:
        """What the evaluations of a run are compared by. Raises TrainingError for what its task does not measure."""
        wanted = recipe.monitor or self.monitor
        measured = ("held_out_loss", *self.metrics)
        if wanted not in measured:
            raise TrainingError(
                f"train.monitor: this task has no {wanted}",
                expected=", ".join(name for name in MONITORS if name in measured),
                received=wanted,
            )
        return wanted


def only(graph: Graph, values: tuple[Value, ...], expected: str) -> Value:
    """The only one of some values. Raises TrainingError where there is none, or another one."""
    if len(values) != 1:
        received = ", ".join(f"{value.name} {value.type}" for value in values)
        raise TrainingError(f"{graph.title} cannot be trained as it is", expected=expected, received=received)
    return values[0]


def class_names(graph: Graph, recipe: Recipe, classes: int) -> tuple[str, ...]:
    """The names of the classes in the recipe, else in `meta.labels`. Raises TrainingError for the recipe's."""
    if recipe.labels is not None and len(recipe.labels) != classes:
        raise TrainingError(
            f"train.labels does not name the classes of {graph.title}",
            expected=f"{classes} names",
            received=f"{len(recipe.labels)} names",
        )
    labels = recipe.labels or graph.info.meta.get("labels")
    return tuple(map(str, labels)) if isinstance(labels, (list, tuple)) else ()


def usual_sizes(graph: Graph, symbols: Mapping[str, int]) -> dict[str, Any]:
    """`meta.size` with the sizes that are trained at."""
    declared = graph.info.meta.get("size")
    found = {**(declared if isinstance(declared, Mapping) else {}), **symbols}
    return {"size": found} if found else {}


def declares_size(graph: Graph) -> bool:
    """Whether `meta.preprocess` sets the size of pictures."""
    declared = graph.info.meta.get("preprocess") or {}
    return "resize" in declared or "crop" in declared
