"""The task of a network whose spec names none, and whose loss the caller hands in."""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

from archgraph.graph.types import Graph
from archgraph.training.caller_learning import CallerLearning
from archgraph.training.images import ImageData, PixelRange, Prepare
from archgraph.training.lightning_module import Learning
from archgraph.training.masked_pictures import is_layout, read_masked
from archgraph.training.picture_input import picture_input, prepared_pictures
from archgraph.training.recipe import Recipe
from archgraph.training.segmentation_task import whole_pictures
from archgraph.training.task_definition import Task


def caller_task(graph: Graph, recipe: Recipe, data: str) -> Task:
    """Pictures in, anything out: the loss compares it with the masks of the pictures, their labels or themselves."""
    image = picture_input(graph)
    wanted = whole_pictures(graph, image, recipe.size)
    pictures = prepared_pictures(graph, image, wanted, "train.size" if recipe.size else "meta.preprocess")
    masked = is_layout(data)

    def make(network: nn.Module, recipe: Recipe, pixel_range: PixelRange, seed: int, data: ImageData) -> Learning:
        target = "masks" if masked else "labels" if data.names else "pictures"
        return CallerLearning(target, network, recipe, pixel_range, seed)

    pairs = partial(_pairs, pictures.prepare, wanted) if masked else None
    return Task(pictures.prepare, pictures.pixel_range, image, None, make, meta=pictures.meta, pairs=pairs)


def _pairs(prepare: Prepare, preprocess: dict[str, Any], source: str, budget: float) -> ImageData:
    return read_masked(source, prepare, preprocess, budget)[0]
