"""A training run: a graph and pictures in, a folder out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archgraph.artifact.file_kinds import is_folder
from archgraph.codegen import to_torch
from archgraph.errors import InputError, TrainingError
from archgraph.graph.types import Graph
from archgraph.training.batches import HELD_OUT_BATCH
from archgraph.training.caller_loss import CallerLoss
from archgraph.training.checkpoints import start_of
from archgraph.training.compatibility import require_batches
from archgraph.training.fitting import EvaluationRule, RunRequest, fit, judgement
from archgraph.training.hardware import Machine
from archgraph.training.image_sources import images_in
from archgraph.training.images import ImageData
from archgraph.training.lightning_import import process_rank, rank_zero_only
from archgraph.training.lightning_module import Learning
from archgraph.training.loss_trial import try_loss
from archgraph.training.parameter_groups import frozen_count, require_groups
from archgraph.training.progress import Watch
from archgraph.training.recipe import Recipe
from archgraph.training.run_folder import AVERAGED, BEST, RunFolder, resolved
from archgraph.training.run_report import TrainingResult
from archgraph.training.sharding import calls_twice
from archgraph.training.task import task_of
from archgraph.training.task_definition import Task

Tell = Callable[[str], None]

MOST_BROKEN = 10


@dataclass(frozen=True)
class TrainingRequest:
    """What to train on: the pictures, changes of the recipe, the seed, and the initial weights or checkpoint.

    `loss` takes the network's output and its target, in place of the loss of `meta.task`, or names one of a plugin.
    """

    data: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    weights: Any = None
    resume: bool = False
    loss: Callable[[Any, Any], Any] | str | None = None


def train(
    graph: Graph,
    order: TrainingRequest,
    folder: str | Path,
    machine: Machine | None = None,
    tell: Tell = lambda text: None,
    watch: Watch = lambda progress: None,
) -> TrainingResult:
    """Trains a network by the recipe of its `meta` and writes the run's folder.

    With `resume` it goes on at the newest checkpoint of the folder, and ends with the weights of an undisturbed run.
    `watch` is called at every step. Raises TrainingError, InputError for the pictures, and WeightsError.
    """
    place, on = RunFolder(Path(folder)), machine or Machine()
    on.require()
    tell = tell if process_rank() == 0 else _silent
    recipe = Recipe.of(graph.info.meta, order.changes)
    require_groups(graph, recipe)
    loss = None if order.loss is None else CallerLoss(order.loss)
    task = task_of(graph, recipe, order.data, own_loss=loss is not None)
    _require_folder_outside_of_data(place, order.data)
    pictures = _pictures(graph, order, task, tell, recipe.memory)
    split = _split(graph, task, pictures, recipe, tell)
    judged = judgement(task, recipe, len(split[1]))
    claims = _claims(graph, order, recipe, task, pictures, on)
    start = start_of(place, graph, claims, order.resume)
    for note in start.notes:
        tell(note)
    if start.path:
        tell(f"goes on after step {start.step:,}")
    network = to_torch(graph, weights=order.weights, seed=order.seed)
    learning = task.make(network, recipe, task.pixel_range, order.seed, pictures)
    learning.claims, learning.apart, learning.loss = claims, not calls_twice(graph), loss
    if loss is not None:
        try_loss(learning, split[0])
    _tell_of_frozen(learning, tell)
    place.make()
    _announce(place, graph, recipe, task, pictures, judged)
    asked = RunRequest(graph, order.data, order.seed, on, judged, watch, tell, loss.name if loss else "")
    return fit(learning, split, place, start, asked)


def _tell_of_frozen(learning: Learning, tell: Tell) -> None:
    frozen, whole = frozen_count(learning.network)
    if frozen:
        tell(f"trains {whole - frozen:,} of {whole:,} parameters; the others are frozen")


def _silent(text: str) -> None:
    """What the other processes have to say."""


def _require_folder_outside_of_data(place: RunFolder, data: str) -> None:
    """Raises TrainingError where the run's folder would be read as pictures the next time."""
    source, target = Path(data).resolve(), place.path.resolve()
    if is_folder(source) and (target == source or (target.parent == source and not images_in(source))):
        raise TrainingError(
            f"the run would be written into the folder of the pictures, {data}",
            received=f"-o {place.path}",
            hint="-o names another folder",
        )


def _pictures(graph: Graph, order: TrainingRequest, task: Task, tell: Tell, memory: float) -> ImageData:
    pictures = task.fitted(graph, task.read(order.data, memory * 2**30), order.data)
    for note in pictures.notes:
        tell(note)
    for text in pictures.broken[:MOST_BROKEN]:
        tell(f"skipped: {text}")
    if pictures.broken:
        count = "1 image" if len(pictures.broken) == 1 else f"{len(pictures.broken)} images"
        tell(f"{count} could not be read and left out; {len(pictures)} remain")
    return pictures


def _claims(
    graph: Graph, order: TrainingRequest, recipe: Recipe, task: Task, pictures: ImageData, on: Machine
) -> dict[str, Any]:
    """The record of the run that its checkpoints hold."""
    return {
        "spec": resolved(graph),
        "diffusion": dict(task.diffusion),
        "recipe": recipe.to_json(),
        "pictures": pictures.digest,
        "seed": order.seed,
        "processes": on.processes,
        **({"loss": CallerLoss(order.loss).name} if order.loss is not None else {}),
    }


def _split(graph: Graph, task: Task, pictures: ImageData, recipe: Recipe, tell: Tell) -> tuple[ImageData, ImageData]:
    """What is trained on and what is held out. Raises InputError where nothing is left, TrainingError for batches."""
    trained, held_out = pictures.split(recipe.held_out)
    if not len(trained):
        raise InputError(
            f"all {len(pictures)} pictures are held out, and none is left to train on",
            expected="train.held_out: a smaller part of each class",
            received=f"train.held_out: {recipe.held_out}",
            hint="--set train.held_out=0 trains on all",
        )
    last = len(held_out) % HELD_OUT_BATCH
    counts = {f"batches of {recipe.batch}": recipe.batch, f"{last} held-out pictures at once": last}
    require_batches(graph, task.image, counts)
    if recipe.batch > len(trained):
        tell(
            f"a batch of {recipe.batch} is more than the {len(trained)} pictures that are trained on, so each step "
            f"takes some of them several times; --batch {len(trained)} takes each once"
        )
    return trained, held_out


@rank_zero_only
def _announce(
    place: RunFolder, graph: Graph, recipe: Recipe, task: Task, pictures: ImageData, judged: EvaluationRule
) -> None:
    """The run's spec with the preprocessing of its pictures, so that `infer` and `sample` prepare theirs equally."""
    meta = {key: value for key, value in graph.info.meta.items() if key not in ("weights", "train")}
    if task.named and pictures.names:
        meta["labels"] = list(pictures.names)
    elif not task.named:
        meta.pop("labels", None)
    weights = BEST if judged.keeps_best else AVERAGED
    meta |= {**task.meta, "train": recipe.to_json(), "weights": weights, "self_contained": True}
    place.write_spec(graph, meta)
