"""What a spec wants to learn, and whether the pictures serve it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from archgraph.diffusion import Schedule
from archgraph.errors import TrainingError, nearest
from archgraph.graph.task import Role, roles
from archgraph.graph.types import Graph, Value
from archgraph.meta.diffusion import PREDICTIONS
from archgraph.meta.training import TASKS
from archgraph.training.classification import Classification
from archgraph.training.compatibility import (
    Extent,
    Labelling,
    answers_alike,
    require_fit,
    require_kind,
    require_size,
)
from archgraph.training.diffusion import Denoising, Diffusion
from archgraph.training.images import (
    ImageData,
    PixelRange,
    Prepare,
    for_classification,
    for_diffusion,
    prepared_shape,
    settled_preprocess,
)
from archgraph.training.lightning_module import Learning
from archgraph.training.recipe import Recipe

STATISTICS = {1: "mean: [0.5], std: [0.5]", 3: "mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]"}
"""What `preprocess` may hold, by the number of channels."""


@dataclass(frozen=True)
class Task:
    """How pictures are prepared, which classes there may be, and what learns from them.

    `image` is the input that takes the pictures. `labelling` is None where labels are not looked at. `meta` is what a
    run's spec says of its pictures, `diffusion` what the spec said of it, for checkpoints.
    """

    prepare: Prepare
    pixel_range: PixelRange
    image: Value
    labelling: Labelling | None
    make: Callable[[nn.Module, Recipe, PixelRange, int], Learning]
    meta: Mapping[str, Any] = field(default_factory=dict)
    diffusion: Mapping[str, Any] = field(default_factory=dict)

    def fitted(self, graph: Graph, pictures: ImageData, source: str) -> ImageData:
        """The pictures with the network's own classes. Raises InputError."""
        return self.labelling.fitted(graph, pictures, source) if self.labelling else pictures


def task_of(graph: Graph, recipe: Recipe) -> Task:
    """The task that `meta.task` names. Raises TrainingError, and SamplingError for a schedule that makes no sense."""
    name = graph.info.meta.get("task")
    if name not in TASKS:
        raise TrainingError(
            f"{graph.title} does not say what it is to learn",
            expected=f"meta: {{task: {' | '.join(TASKS)}}}",
            received=f"task: {name}" if name else "no meta.task",
            hint=nearest(str(name), TASKS)
            if name
            else "meta.preprocess and meta.diffusion say how its pictures are prepared",
        )
    require_fit(graph)
    return _diffusion(graph, recipe) if name == "diffusion" else _classification(graph, recipe)


def _only(graph: Graph, values: tuple[Value, ...], expected: str) -> Value:
    if len(values) != 1:
        received = ", ".join(f"{value.name} {value.type}" for value in values)
        raise TrainingError(f"{graph.title} cannot be trained as it is", expected=expected, received=received)
    return values[0]


def _names(graph: Graph) -> tuple[str, ...]:
    labels = graph.info.meta.get("labels")
    return tuple(map(str, labels)) if isinstance(labels, list) else ()


def _usual_sizes(graph: Graph, symbols: Mapping[str, int]) -> dict[str, Any]:
    """`meta.size` with the sizes that are trained at."""
    declared = graph.info.meta.get("size")
    found = {**(declared if isinstance(declared, Mapping) else {}), **symbols}
    return {"size": found} if found else {}


# --- classification ---------------------------------------------------------------------------------------------------


def _classification(graph: Graph, recipe: Recipe) -> Task:
    image = _only(graph, graph.inputs, "one picture in")
    output = _only(graph, tuple(graph.outputs.values()), "one output, the scores of classes")
    classes = classes_of(graph)
    if classes is None:
        raise TrainingError(
            f"{graph.title} gives no scores of classes", expected="[N, classes]", received=str(output.type)
        )
    for name, value in graph.training_outputs.items():
        if value.type != output.type:
            raise TrainingError(
                f"the output '{name}' is there in training only, and gives no scores of the same classes",
                expected=str(output.type),
                received=str(value.type),
            )
    require_kind(graph, image, ("float32",), "pictures")
    _require_picture(graph, image)
    wanted = settled_preprocess(graph.info.meta, image.shape, recipe.size)
    prepare, pixel_range = for_classification({"preprocess": wanted}, None)
    channels, height, width = prepared_shape(prepare)
    _require_channels(graph, image, channels)
    source = "train.size" if recipe.size else "meta.preprocess" if _declares_size(graph) else "the usual preprocess"
    symbols = require_size(graph, image, Extent(height, width, source))
    labelling = Labelling(classes, classes_of, _names(graph))
    return Task(
        prepare, pixel_range, image, labelling, Classification, {**_usual_sizes(graph, symbols), "preprocess": wanted}
    )


def classes_of(graph: Graph) -> int | None:
    """How many classes a classifier has scores for; None for another network."""
    shapes = [value.shape for value in graph.outputs.values()]
    classes = shapes[0][1] if len(shapes) == 1 and len(shapes[0]) == 2 else None
    return classes if isinstance(classes, int) else None


def _declares_size(graph: Graph) -> bool:
    declared = graph.info.meta.get("preprocess") or {}
    return "resize" in declared or "crop" in declared


def _require_picture(graph: Graph, image: Value) -> None:
    if len(image.shape) != 4 or (isinstance(image.shape[1], int) and image.shape[1] not in STATISTICS):
        raise TrainingError(
            f"{graph.title} does not take pictures, from which alone it could learn",
            expected="[N, 1 or 3, H, W]",
            received=f"{image.name} {image.type}",
        )


def _require_channels(graph: Graph, image: Value, channels: int) -> None:
    wanted = image.shape[1]
    if wanted != channels:
        raise TrainingError(
            f"{graph.title} does not take the pictures that its `meta.preprocess` makes",
            expected=f"[N, {channels}, H, W]",
            received=str(image.type),
            hint=f"mean and std have one number per channel: meta: {{preprocess: {{{STATISTICS[wanted]}}}}}"
            if isinstance(wanted, int)
            else "give the number of channels in the shape of the input",
        )


# --- diffusion --------------------------------------------------------------------------------------------------------


def _diffusion(graph: Graph, recipe: Recipe) -> Task:
    declared = graph.info.meta.get("diffusion") or {}
    if not isinstance(declared, Mapping):
        raise TrainingError("`meta.diffusion` is not a mapping", expected="{size: 32, …}", received=repr(declared)[:80])
    known = roles(graph)
    if known is None:
        received = ", ".join(f"{value.name} {value.type}" for value in graph.inputs)
        expected = "a picture [N, C, H, W], a time [N], and perhaps a label [N]"
        raise TrainingError(f"{graph.title} is no diffusion network", expected=expected, received=received)
    image, time = (graph.inputs[known.index(role)] for role in ("image", "time"))
    output = _only(graph, (*graph.outputs.values(), *graph.training_outputs.values()), "one output, like the picture")
    require_kind(graph, image, ("float32",), "pictures")
    require_kind(graph, time, ("int64", "float32"), "times")
    channels = _channels(graph, image)
    extent = _extent(graph, declared, image, recipe)
    symbols = require_size(graph, image, extent)
    _require_answer(graph, image, output, symbols)
    denoising = _denoising(declared, known, torch.float32 if time.dtype == "float32" else torch.int64)
    prepare, pixel_range = for_diffusion(channels, (extent.height, extent.width))
    size = extent.height if extent.height == extent.width else [extent.height, extent.width]
    labelling = None
    if "label" in known:
        require_kind(graph, graph.inputs[known.index("label")], ("int64",), "class numbers")
        labelling = Labelling(denoising.classes, _declared_classes, _names(graph), denoising.null_label)

    def make(*given: Any) -> Learning:
        return Diffusion(denoising, *given)

    meta = {**_usual_sizes(graph, symbols), "diffusion": {**declared, "size": size}}
    return Task(prepare, pixel_range, image, labelling, make, meta, dict(declared))


def _declared_classes(graph: Graph) -> int | None:
    classes = (graph.info.meta.get("diffusion") or {}).get("classes")
    return classes if isinstance(classes, int) else None


def _channels(graph: Graph, image: Value) -> int:
    channels = image.shape[1]
    if not isinstance(channels, int) or channels not in (1, 3):
        raise TrainingError(
            f"{graph.title} does not take pictures", expected="1 or 3 channels", received=str(image.type)
        )
    return channels


def _require_answer(graph: Graph, image: Value, output: Value, symbols: Mapping[str, int]) -> None:
    if not answers_alike(image, output, symbols):
        raise TrainingError(
            f"{graph.title} does not answer with a picture like the one it is given",
            expected=str(image.type),
            received=str(output.type),
        )


def _extent(graph: Graph, declared: Mapping[str, Any], image: Value, recipe: Recipe) -> Extent:
    """The size by the recipe, the spec or the shape of the input, in this order. Raises TrainingError."""
    height, width = image.shape[2:]
    if recipe.size:
        return Extent(recipe.size, recipe.size, "train.size")
    size = declared.get("size")
    if isinstance(size, int):
        return Extent(size, size, "meta.diffusion.size")
    if isinstance(size, list) and len(size) == 2 and all(isinstance(side, int) for side in size):
        return Extent(size[0], size[1], "meta.diffusion.size")
    if size is None and isinstance(height, int) and isinstance(width, int):
        return Extent(height, width, f"the shape of '{image.name}'")
    raise TrainingError(
        f"{graph.title} does not say how large its pictures are",
        expected="meta: {diffusion: {size: 32}}",
        received="no size" if size is None else f"size: {size}",
        hint="--set train.size=32",
    )


def _denoising(declared: Mapping[str, Any], known: tuple[Role, ...], time_type: torch.dtype) -> Denoising:
    prediction = declared.get("prediction", "epsilon")
    if prediction not in PREDICTIONS:
        raise TrainingError(
            f"nothing can be trained to predict '{prediction}'",
            expected=", ".join(PREDICTIONS),
            hint=nearest(str(prediction), PREDICTIONS),
        )
    classes, none = declared.get("classes"), declared.get("null_label")
    if "label" in known and (not isinstance(classes, int) or classes < 1):
        raise TrainingError(
            "the network takes a label, and its `meta.diffusion` does not say how many there are",
            expected="meta: {diffusion: {classes: 10, null_label: 10}}; without null_label there is no guidance",
            received=f"classes: {classes}" if "classes" in declared else "no classes",
        )
    schedule, learned = Schedule.from_meta(declared.get("schedule")), declared.get("variance") == "learned"
    if learned and prediction == "epsilon" and not schedule.alphas_cumprod[-1]:
        raise TrainingError(
            "a variance cannot be learned with a prediction of noise at zero terminal SNR",
            expected="prediction: velocity or sample",
            received="prediction: epsilon, which says nothing of the picture there",
        )
    return Denoising(
        schedule=schedule,
        prediction=prediction,
        roles=known,
        classes=classes if "label" in known and isinstance(classes, int) else 0,
        null_label=none if "label" in known and isinstance(none, int) else None,
        clip=bool(declared.get("clip", False)),
        learned_variance=learned,
        time_type=time_type,
    )
