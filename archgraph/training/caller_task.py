"""The task of a network whose spec names none, and whose loss the caller hands in."""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

from archgraph.graph.types import Graph
from archgraph.training.caller_learning import CallerLearning
from archgraph.training.compatibility import Extent, require_kind, require_size
from archgraph.training.images import ImageData, PixelRange, Prepare, for_classification, prepared_shape
from archgraph.training.lightning_module import Learning
from archgraph.training.masked_pictures import is_layout, read_masked
from archgraph.training.recipe import Recipe
from archgraph.training.segmentation_task import whole_pictures
from archgraph.training.task_definition import Task, only, require_channels, require_picture, usual_sizes


def caller_task(graph: Graph, recipe: Recipe, data: str) -> Task:
    """Pictures in, anything out: the loss compares it with the masks of the pictures, their labels or themselves."""
    image = only(graph, graph.inputs, "one picture in")
    require_kind(graph, image, ("float32",), "pictures")
    require_picture(graph, image)
    wanted = whole_pictures(graph, image, recipe.size)
    prepare, pixel_range = for_classification({"preprocess": wanted}, None)
    channels, height, width = prepared_shape(prepare)
    require_channels(graph, image, channels)
    symbols = require_size(graph, image, Extent(height, width, "train.size" if recipe.size else "meta.preprocess"))
    masked = is_layout(data)

    def make(network: nn.Module, recipe: Recipe, pixel_range: PixelRange, seed: int, pictures: ImageData) -> Learning:
        target = "masks" if masked else "labels" if pictures.names else "pictures"
        return CallerLearning(target, network, recipe, pixel_range, seed)

    meta: dict[str, Any] = {**usual_sizes(graph, symbols), "preprocess": wanted}
    pairs = partial(_pairs, prepare, wanted) if masked else None
    return Task(prepare, pixel_range, image, None, make, meta=meta, pairs=pairs)


def _pairs(prepare: Prepare, preprocess: dict[str, Any], source: str, budget: float) -> ImageData:
    return read_masked(source, prepare, preprocess, budget)[0]
