"""Lightning's trainer with what a run writes and watches, from the first step to the last, or to an error."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from archgraph.errors import TrainingError
from archgraph.graph.types import Graph
from archgraph.training.batches import PictureData
from archgraph.training.best_weights import BestWeights
from archgraph.training.checkpoint_callback import CheckpointCallback
from archgraph.training.checkpoints import ResumePoint
from archgraph.training.hardware import Machine
from archgraph.training.images import ImageData
from archgraph.training.lightning_import import L, callbacks, deterministic, quiet
from archgraph.training.lightning_module import Learning
from archgraph.training.metrics import MetricsFile, columns_for
from archgraph.training.progress import Watch, Watching
from archgraph.training.recipe import Recipe
from archgraph.training.run_folder import RunFolder
from archgraph.training.run_report import TrainingResult, final_metrics, write_report
from archgraph.training.task_definition import Task


@dataclass(frozen=True)
class EvaluationRule:
    """What evaluations are compared by, and whether the run's weights are the best or the last ones."""

    monitor: str
    metrics: tuple[str, ...]
    keeps_best: bool


@dataclass(frozen=True)
class RunRequest:
    """A run as it was asked for."""

    graph: Graph
    data: str
    seed: int
    machine: Machine
    judged: EvaluationRule
    watch: Watch
    tell: Callable[[str], None]
    loss: str = ""
    """The name of a loss that takes the place of the task's own."""


def judgement(task: Task, recipe: Recipe, held_out: int) -> EvaluationRule:
    """How a run is judged. Raises TrainingError where that needs held-out pictures, and there are none."""
    monitor = task.monitored(recipe)
    if not held_out:
        for key, used in (("keep: best", recipe.keep == "best"), (f"patience: {recipe.patience}", recipe.patience)):
            if used:
                raise TrainingError(
                    f"train.{key} needs held-out pictures, by which the weights are judged",
                    expected="train.held_out: the part of each class that is not trained on, such as 0.1",
                    received=f"train.held_out: {recipe.held_out}",
                )
    return EvaluationRule(monitor, task.metrics, bool(held_out) and (recipe.keep or task.keep) == "best")


def fit(
    learning: Learning, split: tuple[ImageData, ImageData], place: RunFolder, start: ResumePoint, asked: RunRequest
) -> TrainingResult:
    """Trains from a checkpoint or the beginning on, and writes the run's files. Raises TrainingError."""
    recipe, (trained, held_out), on = learning.recipe, split, asked.machine
    data = PictureData(trained, held_out, recipe.batch, asked.seed)
    _, channels, height, width = trained.pixels.shape
    judged = asked.judged
    keeping = CheckpointCallback(place, asked.graph.title, (channels, height, width))
    best = BestWeights(place, judged.monitor, keeps=judged.keeps_best, patience=recipe.patience, tell=asked.tell)
    watching = Watching(asked.watch, len(trained), recipe.batch * on.processes)
    watch = time.perf_counter()
    with quiet(), deterministic(), _stopping(place):
        logger = MetricsFile(place.metrics, start.step, columns_for(judged.metrics))
        trainer = _trainer(recipe, place, on, [keeping, best, watching], logger, evaluated=bool(len(held_out)))
        if start.step < recipe.steps:
            trainer.fit(learning, data, ckpt_path=start.path)
            trainer.save_checkpoint(place.checkpoints / f"step={trainer.global_step}.ckpt")
    seconds, steps = time.perf_counter() - watch, trainer.global_step or recipe.steps
    weights = place.path / ("best.safetensors" if judged.keeps_best else "ema.safetensors")
    outcome = TrainingResult(place, steps, seconds, final_metrics(place), best.best, weights)
    write_report(outcome, asked, recipe, (len(trained), len(held_out)), str(trainer.strategy.root_device))
    if trainer.is_global_zero:
        keeping.plot()
    return outcome


def _trainer(
    recipe: Recipe,
    place: RunFolder,
    on: Machine,
    watching: list[callbacks.Callback],
    logger: MetricsFile,
    *,
    evaluated: bool,
) -> L.Trainer:
    saving = callbacks.ModelCheckpoint(
        place.checkpoints, filename="{step}", every_n_train_steps=recipe.save_every, save_on_train_epoch_end=False
    )
    return L.Trainer(
        **on.lightning(),
        logger=logger,
        callbacks=[*watching, saving],
        max_steps=recipe.steps,
        max_epochs=-1,
        gradient_clip_val=recipe.clip or None,
        val_check_interval=recipe.check_every if evaluated else None,
        limit_val_batches=None if evaluated else 0,
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
            *(replace(problem, hint=problem.hint or _advice(place)) for problem in error.problems)
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


def _advice(place: RunFolder) -> str:
    return f"{_good(place)}; a smaller rate (--lr) or train.clip often helps"


def _torch_hint(place: RunFolder, reason: str) -> str:
    if "memory" in reason:
        return f"a smaller --batch needs less memory; {_good(place)}"
    if "more than 1 value per channel" in reason:
        return "batch norm needs several values of each channel: --batch 2 or more"
    return _good(place)


def _good(place: RunFolder) -> str:
    newest = place.newest_checkpoint()
    return f"the last good checkpoint is {newest}" if newest else "there is no checkpoint yet"
