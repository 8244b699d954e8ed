"""The task of a classifier: pictures by `meta.preprocess`, scores [N, classes]."""

from __future__ import annotations

from torch import nn

from archgraph.errors import TrainingError
from archgraph.graph.types import Graph
from archgraph.training.classification import Classification
from archgraph.training.compatibility import Labelling
from archgraph.training.images import ImageData, PixelRange, settled_preprocess
from archgraph.training.lightning_module import Learning
from archgraph.training.picture_input import picture_input, prepared_pictures
from archgraph.training.recipe import Recipe
from archgraph.training.task_definition import Task, class_names, declares_size, only


def classification(graph: Graph, recipe: Recipe) -> Task:
    """Classes of whole pictures. Raises TrainingError for a network that is no classifier of pictures."""
    image = picture_input(graph)
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
    wanted = settled_preprocess(graph.info.meta, image.shape, recipe.size)
    source = "train.size" if recipe.size else "meta.preprocess" if declares_size(graph) else "the usual preprocess"
    prepared = prepared_pictures(graph, image, wanted, source)
    labelling = Labelling(classes, classes_of, class_names(graph, recipe, classes))

    def make(network: nn.Module, recipe: Recipe, pixel_range: PixelRange, seed: int, pictures: ImageData) -> Learning:
        return Classification(network, recipe, pixel_range, seed)

    made = (prepared.prepare, prepared.pixel_range, image, labelling, make)
    return Task(*made, "accuracy", Classification.metrics, prepared.meta)


def classes_of(graph: Graph) -> int | None:
    """How many classes a classifier has scores for; None for another network."""
    shapes = [value.shape for value in graph.outputs.values()]
    classes = shapes[0][1] if len(shapes) == 1 and len(shapes[0]) == 2 else None
    return classes if isinstance(classes, int) else None
