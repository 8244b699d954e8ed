"""The variational bound that trains a learned variance (Nichol and Dhariwal 2021).

The second half of its channels, v from -1 to 1, puts the variance of p(x_{t-1} | x_t) between that of the posterior
(small, β̃_t) and β_t (large), on a logarithmic scale. Only the variance learns here: the mean's gradient is stopped.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from archgraph.diffusion import Schedule

HALF_BIN = 1 / 255
"""Half the distance of two bytes in [-1, 1]."""
RIM = 0.999
LEAST = 1e-12


class Bound(nn.Module):
    """The terms of the bound in bits per value, of one kind of prediction on one schedule."""

    gap: Tensor
    small: Tensor
    large: Tensor

    def __init__(self, schedule: Schedule, prediction: str):
        super().__init__()
        alpha_bar = np.array(schedule.alphas_cumprod, np.float64)
        before = np.concatenate([[1.0], alpha_bar[:-1]])
        betas = np.array(schedule.betas, np.float64)
        signal, sigma = np.sqrt(alpha_bar), np.sqrt(1 - alpha_bar)
        # x_0 - x̂_0 = k (answer - target), and the mean of the posterior moves with x_0 by √ᾱ_{t-1} β_t / (1 - ᾱ_t).
        with np.errstate(divide="ignore"):
            k = {"epsilon": sigma / signal, "velocity": sigma, "sample": -np.ones_like(sigma)}[prediction]
        posterior = (1 - before) / (1 - alpha_bar) * betas
        posterior[0] = posterior[1] if len(betas) > 1 else betas[0]  # that of the first is 0, which has no logarithm
        tables = {"gap": k * np.sqrt(before) * betas / (1 - alpha_bar), "small": posterior, "large": betas}
        for name, values in tables.items():
            found = values if name == "gap" else np.log(values)
            self.register_buffer(name, torch.tensor(found, dtype=torch.float32), persistent=False)

    def forward(self, error: Tensor, v: Tensor, x0: Tensor, t: Tensor) -> Tensor:
        """[N] terms of times t, the error of the prediction [N, C, H, W] and the network's variance output v."""
        gap, small, large = (table[t].reshape(-1, 1, 1, 1) for table in (self.gap, self.small, self.large))
        apart = gap * error.detach()
        predicted = small + (v + 1) / 2 * (large - small)
        first = (t == 0).reshape(-1, 1, 1, 1)
        terms = torch.where(first, _surprise(apart, predicted, x0), _divergence(apart, small, predicted))
        return terms.mean((1, 2, 3)) / math.log(2)


def _divergence(apart: Tensor, log_true: Tensor, log_predicted: Tensor) -> Tensor:
    """KL(N(m, e^true) ‖ N(m + apart, e^predicted))."""
    return 0.5 * (
        log_predicted - log_true - 1 + torch.exp(log_true - log_predicted) + apart.square() * torch.exp(-log_predicted)
    )


def _surprise(apart: Tensor, log_predicted: Tensor, x0: Tensor) -> Tensor:
    """-log p(x_0) of a byte under N(x_0 - apart, e^predicted); the bins of the two rims reach to infinity."""
    scale = torch.exp(-0.5 * log_predicted)
    to_lower, to_upper = (apart - HALF_BIN) * scale, (apart + HALF_BIN) * scale
    far = apart.abs()  # by symmetry, so that no two numbers near 1 are subtracted
    inside = torch.special.ndtr((HALF_BIN - far) * scale) - torch.special.ndtr((-HALF_BIN - far) * scale)
    found = torch.where(x0 > RIM, torch.special.log_ndtr(-to_lower), torch.log(inside.clamp_min(LEAST)))
    return -torch.where(x0 < -RIM, torch.special.log_ndtr(to_upper), found)
