"""What a run writes as it goes: weights, the curve of the loss, and pictures that the averaged network draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from archgraph.artifact.arrays import Floats
from archgraph.diffusion import initial_noise, sample
from archgraph.runtime import grid, save_png, to_pixels
from archgraph.training.diffusion import Diffusion
from archgraph.training.lightning_import import L, callbacks
from archgraph.training.lightning_module import Learning
from archgraph.training.loss_curve import drawn, smoothed
from archgraph.training.metrics import read_metrics, series
from archgraph.training.run_folder import AVERAGED, LAST, RunFolder
from archgraph.training.sharding import full_state_dict, is_sharded

GRID_STEPS, ROWS = 25, 4
COLUMNS = 16
"""Of more classes the first are drawn: a thousand columns are neither seen nor fit into memory."""


class CheckpointCallback(callbacks.Callback):
    """Writes at every checkpoint and check, in the first process only; the others help where weights are sharded."""

    def __init__(self, folder: RunFolder, title: str, shape: tuple[int, int, int]):
        self._folder, self._title, self._shape = folder, title, shape

    def on_train_batch_end(self, trainer: L.Trainer, module: Any, *rest: Any) -> None:
        step, recipe = trainer.global_step, module.recipe
        if not trainer.is_global_zero and not is_sharded(module.network):
            return
        if step % recipe.save_every == 0 or step == recipe.steps:
            self.write(module)
        if isinstance(module, Diffusion) and (step % recipe.check_every == 0 or step == recipe.steps):
            self.draw(module, step)

    def write(self, module: Learning) -> None:
        """The weights and the curve."""
        for name, network in ((LAST, module.network), (AVERAGED, module.average)):
            weights = full_state_dict(network)
            if module.global_rank == 0:
                self._folder.write_weights(name, weights)
        if module.global_rank == 0:
            self.plot()

    def plot(self) -> None:
        """The loss over the steps so far."""
        rows = read_metrics(self._folder.metrics)
        curves = {"loss": smoothed(series(rows, "loss")), "held-out loss": series(rows, "held_out_loss")}
        save_png(drawn(curves, self._title), self._folder.curve)

    def draw(self, module: Diffusion, step: int) -> None:
        """A grid of samples from always the same noise: a column for each of the first classes, where there are any."""
        denoising = module.denoising
        columns = min(denoising.classes, COLUMNS) if "label" in denoising.roles else None
        count = (columns or ROWS) * ROWS
        pictures = sample(
            denoiser_of(module, count),
            noise=initial_noise(count, self._shape, module.seed),
            schedule=denoising.schedule,
            prediction=denoising.prediction,
            sampler="ddim",
            steps=min(GRID_STEPS, denoising.schedule.train_steps),
            clip=denoising.clip,
            batch=count,
        )
        if module.global_rank:
            return
        path = self._folder.grid(step)
        path.parent.mkdir(exist_ok=True)
        save_png(grid(to_pixels(pictures), columns), path, {"archgraph.step": str(step)})


def denoiser_of(module: Diffusion, count: int) -> Callable[[Floats, NDArray[np.int64]], Floats]:
    """The averaged network as a function of x and t, guided where it has a label of none (Ho and Salimans 2022)."""
    denoising, strength = module.denoising, module.recipe.guidance
    labels = torch.arange(count, device=module.device) % max(1, min(denoising.classes, COLUMNS))

    @torch.no_grad()
    def call(x: Floats, t: NDArray[np.int64]) -> Floats:
        given, times = torch.tensor(x, device=module.device), torch.tensor(t, device=module.device)
        answer = denoising.predict(module.average, given, times, labels)
        if denoising.null_label is not None and "label" in denoising.roles:
            none = denoising.predict(module.average, given, times, torch.full_like(labels, denoising.null_label))
            answer = none + strength * (answer - none)
        return answer.float().cpu().numpy()

    return call
