"""What a spec wants to learn, and whether the pictures serve it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from archgraph.errors import InputError, TrainingError, nearest
from archgraph.graph.types import Graph, Value
from archgraph.runtime import Schedule
from archgraph.train.classification import Classification
from archgraph.train.diffusion import Denoising, Diffusion, Role
from archgraph.train.learning import Learning
from archgraph.train.pictures import Pictures, Prepare, Range, for_classification, for_diffusion
from archgraph.train.recipe import Recipe

TASKS = ("diffusion", "classification")
LABEL_NAMES = ("label", "labels", "class_label", "class_labels", "classes", "y")
PREDICTIONS = ("epsilon", "velocity", "sample")


@dataclass(frozen=True)
class Task:
    """How pictures are prepared, how many classes there may be, and what learns from them.

    `classes` is None where labels are not looked at. `diffusion` is what the spec says of it, for checkpoints.
    """

    prepare: Prepare
    pixel_range: Range
    classes: int | None
    make: Callable[[nn.Module, Recipe, Range, int], Learning]
    diffusion: Mapping[str, Any] = field(default_factory=dict)

    def require(self, pictures: Pictures, source: str) -> None:
        """Raises InputError where the pictures lack labels, or have more classes than the network."""
        if self.classes is None:
            return
        if not pictures.names:
            raise InputError(
                f"the pictures of {source} have no labels",
                expected="a folder with one folder per class, an .npz file with labels, or digits",
            )
        if len(pictures.names) > self.classes:
            raise InputError(
                f"{source} has more classes than the network",
                expected=f"at most {self.classes}",
                received=f"{len(pictures.names)}: {', '.join(pictures.names[:8])}",
                hint=f"--set classes={len(pictures.names)}, if the spec has that parameter",
            )


def task_of(graph: Graph, recipe: Recipe) -> Task:
    """The task that `meta.task` names. Raises TrainingError, and SamplingError for a schedule that makes no sense."""
    name = graph.info.meta.get("task")
    if name == "diffusion":
        return _diffusion(graph, recipe)
    if name == "classification":
        return _classification(graph, recipe)
    raise TrainingError(
        f"{graph.title} does not say what it is to learn",
        expected=f"meta: {{task: {' | '.join(TASKS)}}}",
        received=f"task: {name}" if name else "no meta.task",
        hint=nearest(str(name), TASKS),
    )


def _classification(graph: Graph, recipe: Recipe) -> Task:
    image, output = _only(graph, graph.inputs), _only(graph, tuple(graph.outputs.values()))
    if len(output.shape) != 2 or not isinstance(output.shape[1], int):
        raise TrainingError(
            f"{graph.title} gives no scores of classes", expected="[N, classes]", received=str(output.type)
        )
    prepare, pixel_range = for_classification(graph.info.meta, recipe.size)
    _require_channels(graph, image, len(pixel_range.mean))
    return Task(prepare, pixel_range, output.shape[1], Classification)


def _only(graph: Graph, values: tuple[Value, ...]) -> Value:
    if len(values) != 1:
        received = ", ".join(value.name for value in values)
        raise TrainingError(
            f"{graph.title} is no classifier", expected="one picture in, one score out", received=received
        )
    return values[0]


def _require_channels(graph: Graph, image: Value, channels: int) -> None:
    if len(image.shape) != 4 or image.shape[1] != channels:
        raise TrainingError(
            f"{graph.title} does not take the pictures that its `meta.preprocess` makes",
            expected=f"[N, {channels}, H, W]",
            received=str(image.type),
            hint="its mean and std have one number per channel",
        )


def _diffusion(graph: Graph, recipe: Recipe) -> Task:
    told = graph.info.meta.get("diffusion") or {}
    roles = tuple(_role(graph, value) for value in graph.inputs)
    if sorted(set(roles)) != sorted(roles) or not {"image", "time"} <= set(roles):
        received = ", ".join(f"{value.name} {value.type}" for value in graph.inputs)
        expected = "a picture [N, C, H, W], a time [N], and perhaps a label [N]"
        raise TrainingError(f"{graph.title} is no diffusion network", expected=expected, received=received)
    image = graph.inputs[roles.index("image")]
    output = _only(graph, tuple(graph.outputs.values()))
    _require_answer(graph, image, output, told.get("variance") == "learned")
    denoising = _denoising(told, roles)
    prepare, pixel_range = for_diffusion(int(str(image.shape[1])), _size(graph, told, recipe))
    classes = denoising.classes if "label" in roles else None
    return Task(prepare, pixel_range, classes, lambda *given: Diffusion(denoising, *given), dict(told))


def _require_answer(graph: Graph, image: Value, output: Value, learned: bool) -> None:
    """A picture like the one given, with as many channels again where the variance is learned."""
    channels = image.shape[1]
    doubled = (image.shape[0], 2 * channels, *image.shape[2:]) if isinstance(channels, int) else None
    if channels in (1, 3) and output.shape == (doubled if learned else image.shape):
        return
    wanted = f"{image.type}, of 1 or 3 channels" + (", and twice as many out" if learned else "")
    hint = "meta.diffusion.variance: learned says that it has twice as many channels"
    raise TrainingError(
        f"{graph.title} does not answer with a picture like the one it is given",
        expected=wanted,
        received=str(output.type),
        hint=hint if output.shape == doubled or learned else "",
    )


def _role(graph: Graph, value: Value) -> Role:
    if len(value.shape) == 4:
        return "image"
    labelled = value.name in LABEL_NAMES or (len(graph.inputs) == 3 and "label" in value.name)
    return "label" if labelled else "time"


def _denoising(told: Mapping[str, Any], roles: tuple[Role, ...]) -> Denoising:
    prediction = told.get("prediction", "epsilon")
    if prediction not in PREDICTIONS:
        raise TrainingError(
            f"nothing can be trained to predict '{prediction}'",
            expected=", ".join(PREDICTIONS),
            hint=nearest(str(prediction), PREDICTIONS),
        )
    classes, none = told.get("classes"), told.get("null_label")
    if "label" in roles and not isinstance(classes, int):
        raise TrainingError(
            "the network takes a label, and its `meta.diffusion` does not say how many there are",
            expected="meta: {diffusion: {classes: 10, null_label: 10}}; without null_label there is no guidance",
        )
    schedule, learned = Schedule.from_meta(told.get("schedule")), told.get("variance") == "learned"
    if learned and prediction == "epsilon" and not schedule.alphas_cumprod[-1]:
        raise TrainingError(
            "a variance cannot be learned with a prediction of noise at zero terminal SNR",
            expected="prediction: velocity or sample",
            received="prediction: epsilon, which says nothing of the picture there",
        )
    return Denoising(
        schedule=schedule,
        prediction=prediction,
        roles=roles,
        classes=classes if "label" in roles and isinstance(classes, int) else 0,
        null_label=none if "label" in roles and isinstance(none, int) else None,
        clip=bool(told.get("clip", False)),
        learned_variance=learned,
    )


def _size(graph: Graph, told: Mapping[str, Any], recipe: Recipe) -> int:
    size = recipe.size or told.get("size")
    if not isinstance(size, int):
        raise TrainingError(
            f"{graph.title} does not say how large its pictures are",
            expected="meta: {diffusion: {size: 32}}",
            hint="--set train.size=32",
        )
    return size
