"""The task of a denoiser: a picture, a time and perhaps a label in, the prediction of `meta.diffusion` out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from archgraph.diffusion import Schedule
from archgraph.errors import TrainingError, nearest
from archgraph.graph.task import Role, roles
from archgraph.graph.types import Graph, Value
from archgraph.meta.diffusion import PREDICTIONS
from archgraph.training.compatibility import Extent, Labelling, answers_alike, require_kind, require_size
from archgraph.training.diffusion import Denoising, Diffusion
from archgraph.training.images import ImageData, PixelRange, for_diffusion
from archgraph.training.lightning_module import Learning
from archgraph.training.recipe import Recipe
from archgraph.training.task_definition import Task, class_names, only, usual_sizes


def diffusion(graph: Graph, recipe: Recipe, *, own_loss: bool) -> Task:
    """Denoising. Raises TrainingError for a network that is no denoiser, and SamplingError for an odd schedule."""
    declared = graph.info.meta.get("diffusion") or {}
    if not isinstance(declared, Mapping):
        raise TrainingError("`meta.diffusion` is not a mapping", expected="{size: 32, …}", received=repr(declared)[:80])
    known = roles(graph)
    if known is None:
        received = ", ".join(f"{value.name} {value.type}" for value in graph.inputs)
        expected = "a picture [N, C, H, W], a time [N], and perhaps a label [N]"
        raise TrainingError(f"{graph.title} is no diffusion network", expected=expected, received=received)
    image, time = (graph.inputs[known.index(role)] for role in ("image", "time"))
    output = only(graph, (*graph.outputs.values(), *graph.training_outputs.values()), "one output, like the picture")
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
        labelling = Labelling(
            denoising.classes, _declared_classes, class_names(graph, recipe, denoising.classes), denoising.null_label
        )

    if own_loss:
        _require_plain_loss(recipe, denoising)

    def make(network: nn.Module, recipe: Recipe, pixel_range: PixelRange, seed: int, pictures: ImageData) -> Learning:
        return Diffusion(denoising, network, recipe, pixel_range, seed)

    meta = {**usual_sizes(graph, symbols), "diffusion": {**declared, "size": size}}
    said, named = dict(declared), labelling is not None
    return Task(prepare, pixel_range, image, labelling, make, meta=meta, diffusion=said, keep="last", named=named)


def _require_plain_loss(recipe: Recipe, denoising: Denoising) -> None:
    """Raises TrainingError for weights of single pictures, which a loss of one number cannot have."""
    for name, used in (("train.min_snr", recipe.min_snr), ("diffusion.variance: learned", denoising.learned_variance)):
        if used:
            raise TrainingError(
                f"{name} weights the squared error, in whose place a loss was given",
                expected="a loss of (prediction, target) without it",
            )


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
