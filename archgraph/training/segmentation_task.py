"""The task of a segmentation: pictures by `meta.preprocess` with their masks, scores [N, classes, H, W]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from torch import nn

from archgraph.errors import InputError, TrainingError
from archgraph.graph.input_sizes import InputSizes
from archgraph.graph.types import Graph, Value
from archgraph.training.compatibility import setting_for
from archgraph.training.images import ImageData, PixelRange, Prepare
from archgraph.training.images import settled_preprocess as by_shape
from archgraph.training.lightning_module import Learning
from archgraph.training.masked_pictures import CLASSES, read_masked
from archgraph.training.picture_input import picture_input, prepared_pictures
from archgraph.training.recipe import Recipe
from archgraph.training.segmentation import Segmentation
from archgraph.training.task_definition import Task, class_names, declares_size

USUAL_SIDE = 256


def segmentation(graph: Graph, recipe: Recipe) -> Task:
    """A class for each pixel. Raises TrainingError for a network that is no segmentation of pictures."""
    image = picture_input(graph)
    wanted = whole_pictures(graph, image, recipe.size)
    source = "train.size" if recipe.size else "meta.preprocess" if declares_size(graph) else "meta.size"
    prepared = prepared_pictures(graph, image, wanted, source)
    classes = _require_scores(graph, image, prepared.symbols)
    names = class_names(graph, recipe, classes)
    pairs = partial(_pairs, graph, prepared.prepare, wanted, (classes, names if recipe.labels else (), names))

    def make(network: nn.Module, recipe: Recipe, pixel_range: PixelRange, seed: int, pictures: ImageData) -> Learning:
        return Segmentation(pictures.names, network, recipe, pixel_range, seed)

    made = (prepared.prepare, prepared.pixel_range, image, None, make)
    return Task(*made, "iou", Segmentation.metrics, prepared.meta, pairs=pairs)


def whole_pictures(graph: Graph, image: Value, size: int | None) -> dict[str, Any]:
    """`meta.preprocess`; where it settles no size, or the recipe another, pictures are resized whole and not cut."""
    wanted = by_shape(graph.info.meta, image.shape, None)
    open_ = "crop" in wanted and wanted["crop"] is None and not isinstance(wanted.get("resize"), list)
    if size is None and declares_size(graph) and not open_:
        return wanted
    usual = graph.info.meta.get("size")
    usual = usual if isinstance(usual, Mapping) else {}
    sides = [side if isinstance(side, int) else usual.get(str(side), USUAL_SIDE) for side in image.shape[2:]]
    return {**wanted, "resize": [size, size] if size else sides, "crop": None}


def pixel_classes_of(graph: Graph) -> int | None:
    """How many classes a segmentation has scores for, by its first output; None for another network."""
    shape = next((value.shape for value in graph.outputs.values()), ())
    classes = shape[1] if len(shape) == 4 else None
    return classes if isinstance(classes, int) else None


def _require_scores(graph: Graph, image: Value, symbols: Mapping[str, int]) -> int:
    """The number of classes. Raises TrainingError where an output gives no scores for every pixel."""
    classes, at = pixel_classes_of(graph), InputSizes(symbols)
    sides = at.shape(image.shape[2:])
    outputs = {**graph.outputs, **graph.training_outputs}
    for name, value in outputs.items():
        fits = len(value.shape) == 4 and at.shape(value.shape[2:]) == sides and value.shape[1] == classes
        if classes is None or not fits:
            lower = len(value.shape) == 4 and value.shape[1] == classes
            size = ", ".join(f"={side}" for side in image.shape[2:])
            raise TrainingError(
                f"the output '{name}' of {graph.title} gives no scores of classes for each pixel",
                expected=f"[N, {classes or 'classes'}, {', '.join(map(str, image.shape[2:]))}]",
                received=str(value.type),
                hint=f"end with {{op: interpolate, size: [{size}], mode: bilinear}}" if lower else "",
            )
    assert classes is not None
    if classes < 2:
        raise TrainingError(
            f"{graph.title} has scores of one class",
            expected="[N, 2 or more, H, W]: what is not the object is a class too",
            received=str(next(iter(graph.outputs.values())).type),
        )
    return classes


def _pairs(
    graph: Graph,
    prepare: Prepare,
    preprocess: Mapping[str, Any],
    known: tuple[int, tuple[str, ...], tuple[str, ...]],
    source: str,
    budget: float,
) -> ImageData:
    """The pairs of a folder with the names of their classes: the recipe's, else the folder's, else the spec's."""
    classes, first, spare = known
    pictures, values = read_masked(source, prepare, preprocess, budget)

    def hint(wanted: int) -> str:
        setting = setting_for(graph, pixel_classes_of, wanted)
        return f"--set {setting} makes it fit" if setting else f"{255} is the number of pixels without a class"

    if pictures.names and len(pictures.names) != classes and not first:
        raise InputError(
            f"{source}/{CLASSES} has another number of classes than {graph.title}",
            expected=f"{classes} names, one a line",
            received=f"{len(pictures.names)}: {', '.join(pictures.names[:8])}",
            hint=hint(len(pictures.names)),
        )
    values.require(source, classes, hint)
    names = first or pictures.names or (spare if len(spare) == classes else ())
    return replace(pictures, names=names or tuple(f"class {number}" for number in range(classes)))
