"""The kinds of noise schedule: how the variances β_t that each time adds grow. To add one: a function, and its name in
BETAS."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from archgraph.meta import implemented
from archgraph.meta.diffusion import SCHEDULES

Float64 = NDArray[np.float64]


def linear(start: float, end: float, steps: int) -> Float64:
    """β grows evenly (Ho et al. 2020)."""
    return np.linspace(start, end, steps)


def scaled_linear(start: float, end: float, steps: int) -> Float64:
    """√β grows evenly (Rombach et al. 2022, latent diffusion)."""
    betas: Float64 = np.linspace(start**0.5, end**0.5, steps) ** 2
    return betas


def cosine(start: float, end: float, steps: int) -> Float64:
    """ᾱ falls as cos²((t/T + s) / (1 + s) · π/2) with s = 0.008; β is held below 0.999 (Nichol and Dhariwal 2021)."""
    times = np.arange(steps + 1) / steps
    alpha_bar = np.cos((times + 0.008) / 1.008 * np.pi / 2) ** 2
    betas: Float64 = np.minimum(1 - alpha_bar[1:] / alpha_bar[:-1], 0.999)
    return betas


def sigmoid(start: float, end: float, steps: int) -> Float64:
    """β grows as the logistic function from -6 to 6 (Xu et al. 2022, GeoDiff)."""
    rise = 1 / (1 + np.exp(-np.linspace(-6.0, 6.0, steps)))
    betas: Float64 = rise * (end - start) + start
    return betas


def with_zero_terminal_snr(betas: Float64) -> Float64:
    """√ᾱ shifted and stretched so that it begins as before and ends at 0 (Lin et al. 2023, algorithm 1)."""
    roots = np.sqrt(np.cumprod(1 - betas))
    scaled = (roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])
    alpha_bar = scaled**2
    alphas: Float64 = np.append(alpha_bar[:1], alpha_bar[1:] / alpha_bar[:-1])
    return 1 - alphas


BETAS: dict[str, Callable[[float, float, int], Float64]] = implemented(
    SCHEDULES, {"linear": linear, "scaled_linear": scaled_linear, "cosine": cosine, "sigmoid": sigmoid}
)
