"""What a spec wants to learn, and whether the pictures serve it."""

from __future__ import annotations

from archgraph.errors import TrainingError, nearest
from archgraph.graph.types import Graph
from archgraph.meta.training import TASKS
from archgraph.training.caller_task import caller_task
from archgraph.training.classification_task import classification
from archgraph.training.compatibility import require_fit
from archgraph.training.diffusion_task import diffusion
from archgraph.training.recipe import Recipe
from archgraph.training.segmentation_task import segmentation
from archgraph.training.task_definition import Task


def task_of(graph: Graph, recipe: Recipe, data: str = "", *, own_loss: bool = False) -> Task:
    """The task that `meta.task` names; with a loss of the caller's it may name none.

    Raises TrainingError, and SamplingError for a schedule that makes no sense.
    """
    name = graph.info.meta.get("task")
    if name is None and own_loss:
        return caller_task(graph, recipe, data)
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
    if name == "diffusion":
        return diffusion(graph, recipe, own_loss=own_loss)
    return classification(graph, recipe) if name == "classification" else segmentation(graph, recipe)
