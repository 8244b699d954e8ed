"""Learning to take noise away: ‖target - network(√ᾱ_t x_0 + √(1 - ᾱ_t) ε, t)‖² at uniform times (Ho et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archgraph.diffusion import Schedule
from archgraph.graph.task import Role
from archgraph.training.batches import Batch
from archgraph.training.lightning_module import Learning
from archgraph.training.randomness import HELD_OUT, Draws
from archgraph.training.variational_bound import Bound


@dataclass(frozen=True)
class Denoising:
    """The diffusion process that is learned: schedule, prediction type, its inputs in order, the null label, and the
    element type of its times."""

    schedule: Schedule
    prediction: str
    roles: Sequence[Role]
    classes: int = 0
    null_label: int | None = None
    clip: bool = False
    learned_variance: bool = False
    time_type: torch.dtype = torch.int64

    def target(self, x0: Tensor, noise: Tensor, signal: Tensor, sigma: Tensor) -> Tensor:
        """What the network should answer: ε, x_0, or v = √ᾱ_t ε - √(1 - ᾱ_t) x_0 (Salimans and Ho 2022)."""
        if self.prediction == "epsilon":
            return noise
        return x0 if self.prediction == "sample" else signal * noise - sigma * x0

    def weights(self, gamma: float) -> NDArray[np.float64]:
        """min(SNR, γ) per time, as a weight of this prediction's error (Hang et al. 2023); 1 for γ = 0."""
        alpha_bar = np.asarray(self.schedule.alphas_cumprod, np.float64)
        if not gamma:
            return np.ones_like(alpha_bar)
        ratio = alpha_bar / (1 - alpha_bar)
        least = np.minimum(ratio, gamma)
        if self.prediction == "sample":
            return least
        # A time without any signal has ratio 0, where both forms of the weight tend to 1 and to 0.
        return least / np.maximum(ratio, 1e-20) if self.prediction == "epsilon" else least / (ratio + 1)

    def predict(self, network: nn.Module, x: Tensor, t: Tensor, labels: Tensor | None) -> Tensor:
        """The network's output, with its inputs in the order of the spec."""
        given = {"image": x, "time": t.to(self.time_type), "label": labels}
        answer: Tensor = network(*(given[role] for role in self.roles))
        return answer


class Diffusion(Learning):
    """A network from noised pictures, times and perhaps labels to the prediction that `Denoising` declares."""

    table_signal: Tensor
    table_sigma: Tensor
    table_weight: Tensor

    def __init__(self, denoising: Denoising, *args: Any):
        super().__init__(*args)
        self.denoising = denoising
        alpha_bar = np.array(denoising.schedule.alphas_cumprod, np.float64)
        tables = {
            "signal": np.sqrt(alpha_bar),
            "sigma": np.sqrt(1 - alpha_bar),
            "weight": denoising.weights(self.recipe.min_snr),
        }
        for name, values in tables.items():
            self.register_buffer(f"table_{name}", torch.tensor(values, dtype=torch.float32), persistent=False)
        self.bound = Bound(denoising.schedule, denoising.prediction) if denoising.learned_variance else None

    def loss_of(self, network: nn.Module, pictures: Tensor, labels: Tensor, draws: Draws) -> Tensor:
        t = draws.integers(len(self.table_signal))
        forgotten = draws.uniform() < self.recipe.label_dropout
        noise = draws.normal(*pictures.shape[1:])
        if self.denoising.null_label is not None:
            labels = torch.where(forgotten, self.denoising.null_label, labels)
        if self.loss is not None:
            return self.loss(*self.answered(network, pictures, labels, t, noise))
        errors, bound = self.errors(network, pictures, labels, t, noise)
        return (self.table_weight[t] * errors + bound).mean()

    def answered(
        self, network: nn.Module, x0: Tensor, labels: Tensor, t: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What the network answers at these times, and what it should."""
        signal, sigma = (table[t].reshape(-1, 1, 1, 1) for table in (self.table_signal, self.table_sigma))
        answer = self.denoising.predict(network, signal * x0 + sigma * noise, t, labels).float()
        return answer, self.denoising.target(x0, noise, signal, sigma)

    def errors(self, network: nn.Module, x0: Tensor, labels: Tensor, t: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """The mean squared error of each picture, [N], and λ T L_t where the variance is learned, else zeros."""
        answer, target = self.answered(network, x0, labels, t, noise)
        error = answer[:, : x0.shape[1]] - target
        squared = error.square().mean((1, 2, 3))
        if self.bound is None:
            return squared, torch.zeros_like(squared)
        weight = self.recipe.vlb * len(self.table_signal)
        return squared, weight * self.bound(error, answer[:, x0.shape[1] :], x0, t)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Always the same noise and times, so that the numbers of two steps can be compared."""
        draws = self.draws(HELD_OUT, batch)
        pictures = self.normalized(batch["pixels"])
        t, noise = draws.integers(len(self.table_signal)), draws.normal(*pictures.shape[1:])
        if self.loss is not None:
            found = self.loss(*self.answered(self.average, pictures, batch["labels"], t, noise))
        else:
            squared, bound = self.errors(self.average, pictures, batch["labels"], t, noise)
            found = (squared + bound).mean()
        self.log("held_out_loss", found, batch_size=len(pictures), prog_bar=True)
        self.log("step", float(self.global_step), batch_size=len(pictures))
