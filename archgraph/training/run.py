"""A training run: a graph and pictures in, a folder out."""

from __future__ import annotations

import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from archgraph.artifact.file_kinds import is_folder
from archgraph.codegen import to_torch
from archgraph.errors import InputError, TrainingError
from archgraph.graph.types import Graph
from archgraph.training.batches import HELD_OUT_BATCH, PictureData
from archgraph.training.checkpoint_callback import CheckpointCallback
from archgraph.training.checkpoints import ResumePoint, start_of
from archgraph.training.compatibility import require_batches
from archgraph.training.hardware import Machine
from archgraph.training.image_sources import images_in, read_pictures
from archgraph.training.images import ImageData
from archgraph.training.lightning_import import L, callbacks, deterministic, process_rank, quiet, rank_zero_only
from archgraph.training.lightning_module import Learning
from archgraph.training.metrics import MetricsFile, read_metrics, series
from archgraph.training.progress import Watch, Watching
from archgraph.training.recipe import Recipe
from archgraph.training.run_folder import AVERAGED, RunFolder, resolved
from archgraph.training.sharding import calls_twice
from archgraph.training.task import Task, task_of

Tell = Callable[[str], None]

MOST_BROKEN = 10


@dataclass(frozen=True)
class TrainingResult:
    """A finished run: its folder, how many steps it took, how long, and its last numbers."""

    folder: RunFolder
    steps: int
    seconds: float
    metrics: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"folder": str(self.folder.path), "steps": self.steps, "seconds": self.seconds, **self.metrics}


@dataclass(frozen=True)
class TrainingRequest:
    """What to train on: the pictures, changes of the recipe, the seed, and the initial weights or checkpoint."""

    data: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    weights: Any = None
    resume: bool = False


@dataclass(frozen=True)
class RunRequest:
    """A run as it was asked for."""

    graph: Graph
    order: TrainingRequest
    machine: Machine
    watch: Watch


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
    task = task_of(graph, recipe)
    _require_folder_outside_of_data(place, order.data)
    pictures = _pictures(graph, order, task, tell, recipe.memory)
    split = _split(graph, task, pictures, recipe, tell)
    claims = _claims(graph, order, recipe, task, pictures, on)
    start = start_of(place, graph, claims, order.resume)
    for note in start.notes:
        tell(note)
    if start.path:
        tell(f"goes on after step {start.step:,}")
    network = to_torch(graph, weights=order.weights, seed=order.seed)
    place.make()
    learning = task.make(network, recipe, task.pixel_range, order.seed)
    learning.claims, learning.apart = claims, not calls_twice(graph)
    _announce(place, graph, recipe, task, pictures)
    return _fitted(learning, split, place, start, RunRequest(graph, order, on, watch))


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
    pictures = task.fitted(graph, read_pictures(order.data, task.prepare, memory * 2**30), order.data)
    for text in pictures.broken[:MOST_BROKEN]:
        tell(f"skipped: {text}")
    if pictures.broken:
        tell(f"{len(pictures.broken)} images could not be read and are skipped; {len(pictures)} are left")
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
def _announce(place: RunFolder, graph: Graph, recipe: Recipe, task: Task, pictures: ImageData) -> None:
    """The run's spec with the preprocessing of its pictures, so that `infer` and `sample` prepare theirs equally."""
    meta = {key: value for key, value in graph.info.meta.items() if key not in ("weights", "train", "labels")}
    meta |= task.meta
    if task.labelling is not None:
        meta["labels"] = list(pictures.names)
    place.write_spec(graph, {**meta, "train": recipe.to_json(), "weights": AVERAGED, "self_contained": True})


def _fitted(
    learning: Learning, split: tuple[ImageData, ImageData], place: RunFolder, start: ResumePoint, asked: RunRequest
) -> TrainingResult:
    graph, order, on = asked.graph, asked.order, asked.machine
    recipe, (trained, held_out) = learning.recipe, split
    data = PictureData(trained, held_out, recipe.batch, order.seed)
    _, channels, height, width = trained.pixels.shape
    keeping = CheckpointCallback(place, graph.title, (channels, height, width))
    watching = Watching(asked.watch, len(trained), recipe.batch * on.processes)
    watch = time.perf_counter()
    with quiet(), deterministic(), _stopping(place):
        trainer = _trainer(recipe, place, start, on, [keeping, watching], bool(len(held_out)))
        if start.step < recipe.steps:
            trainer.fit(learning, data, ckpt_path=start.path)
            trainer.save_checkpoint(place.checkpoints / f"step={recipe.steps}.ckpt")
    seconds = time.perf_counter() - watch
    outcome = TrainingResult(place, recipe.steps, seconds, _final_metrics(place))
    _report(place, outcome, asked, recipe, (len(trained), len(held_out)), str(trainer.strategy.root_device))
    if trainer.is_global_zero:
        keeping.plot()
    return outcome


def _trainer(
    recipe: Recipe, place: RunFolder, start: ResumePoint, on: Machine, watching: list[callbacks.Callback], checked: bool
) -> L.Trainer:
    saving = callbacks.ModelCheckpoint(
        place.checkpoints, filename="{step}", every_n_train_steps=recipe.save_every, save_on_train_epoch_end=False
    )
    return L.Trainer(
        **on.lightning(),
        logger=MetricsFile(place.metrics, start.step),
        callbacks=[*watching, saving],
        max_steps=recipe.steps,
        max_epochs=-1,
        gradient_clip_val=recipe.clip or None,
        val_check_interval=recipe.check_every if checked else None,
        limit_val_batches=None if checked else 0,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        log_every_n_steps=recipe.log_every,
        enable_model_summary=False,
        enable_progress_bar=False,
        use_distributed_sampler=False,
        deterministic="warn",
        default_root_dir=place.path,
    )


@contextmanager
def _stopping(place: RunFolder) -> Iterator[None]:
    """An error that ends a run early names the checkpoint from which it can be resumed."""
    interrupting = signal.getsignal(signal.SIGINT)
    try:
        yield
    except TrainingError as error:
        raise TrainingError(
            str(error.problems[0].message),
            hint=f"{_good(place)}; a smaller rate (--lr) or train.clip often helps",
        ) from None
    except SystemExit:  # how Lightning ends after Ctrl-C, which it ignores from then on
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, interrupting)
        on = "--resume goes on there" if place.newest_checkpoint() else "train.save_every says how often one is written"
        raise TrainingError("training was stopped", hint=f"{_good(place)}; {on}") from None
    except (RuntimeError, ValueError, IndexError, TypeError) as error:  # torch's own, of which the first line says most
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise TrainingError("torch gave up a step", received=reason[:300], hint=_torch_hint(place, reason)) from error
    except OSError as error:
        raise TrainingError(
            f"the run cannot be written to {place.path}", received=error.strerror or str(error), hint=_good(place)
        ) from None


def _torch_hint(place: RunFolder, reason: str) -> str:
    if "memory" in reason:
        return f"a smaller --batch needs less memory; {_good(place)}"
    if "more than 1 value per channel" in reason:
        return "batch norm needs several values of each channel: --batch 2 or more"
    return _good(place)


def _good(place: RunFolder) -> str:
    newest = place.newest_checkpoint()
    return f"the last good checkpoint is {newest}" if newest else "there is no checkpoint yet"


def _final_metrics(place: RunFolder) -> dict[str, float]:
    rows = read_metrics(place.metrics)
    found = {name: series(rows, name) for name in ("loss", "held_out_loss", "accuracy")}
    return {name: values[-1][1] for name, values in found.items() if values}


@rank_zero_only
def _report(
    place: RunFolder,
    outcome: TrainingResult,
    asked: RunRequest,
    recipe: Recipe,
    counts: tuple[int, int],
    device: str,
) -> None:
    graph, order, on = asked.graph, asked.order, asked.machine
    place.write_report(
        {
            "network": graph.title,
            "data": order.data,
            "pictures": {"trained": counts[0], "held_out": counts[1]},
            "seed": order.seed,
            "recipe": recipe.to_json(),
            "machine": {
                "device": device,
                "processes": on.processes,
                "strategy": on.strategy,
                "precision": on.precision,
            },
            "versions": {
                "torch": torch.__version__,
                "lightning": version("lightning"),
                "python": platform.python_version(),
            },
            "seconds": round(outcome.seconds, 1),
            "metrics": outcome.metrics,
        }
    )
