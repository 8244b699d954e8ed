"""The task of a classifier: pictures by `meta.preprocess`, scores [N, classes]."""

from __future__ import annotations

from torch import nn

from archgraph.errors import TrainingError
from archgraph.graph.types import Graph
from archgraph.training.classification import Classification
from archgraph.training.compatibility import Extent, Labelling, require_kind, require_size
from archgraph.training.images import ImageData, PixelRange, for_classification, prepared_shape, settled_preprocess
from archgraph.training.lightning_module import Learning
from archgraph.training.recipe import Recipe
from archgraph.training.task_definition import (
    Task,
    class_names,
    declares_size,
    only,
    require_channels,
    require_picture,
    usual_sizes,
)


def classification(graph: Graph, recipe: Recipe) -> Task:
    """Classes of whole pictures. Raises TrainingError for a network that is no classifier of pictures."""
    image = only(graph, graph.inputs, "one picture in")
    output = only(graph, tuple(graph.outputs.values()), "one output, the scores of classes")
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
    require_picture(graph, image)
    wanted = settled_preprocess(graph.info.meta, image.shape, recipe.size)
    prepare, pixel_range = for_classification({"preprocess": wanted}, None)
    channels, height, width = prepared_shape(prepare)
    require_channels(graph, image, channels)
    source = "train.size" if recipe.size else "meta.preprocess" if declares_size(graph) else "the usual preprocess"
    symbols = require_size(graph, image, Extent(height, width, source))
    labelling = Labelling(classes, classes_of, class_names(graph, recipe, classes))
    meta = {**usual_sizes(graph, symbols), "preprocess": wanted}

    def make(network: nn.Module, recipe: Recipe, pixel_range: PixelRange, seed: int, pictures: ImageData) -> Learning:
        return Classification(network, recipe, pixel_range, seed)

    return Task(prepare, pixel_range, image, labelling, make, "accuracy", Classification.metrics, meta)


def classes_of(graph: Graph) -> int | None:
    """How many classes a classifier has scores for; None for another network."""
    shapes = [value.shape for value in graph.outputs.values()]
    classes = shapes[0][1] if len(shapes) == 1 and len(shapes[0]) == 2 else None
    return classes if isinstance(classes, int) else None
