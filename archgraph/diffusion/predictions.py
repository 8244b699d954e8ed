"""What a network's output says of x = √ᾱ x_0 + √(1 - ᾱ) ε, where √ᾱ is the signal and √(1 - ᾱ) the spread.

A network predicts the noise ε (Ho et al. 2020), the clean image x_0, or the velocity v = √ᾱ ε - √(1 - ᾱ) x_0 (Salimans
and Ho 2022).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.errors import SamplingError, nearest
from archgraph.meta.diffusion import PREDICTIONS

Scale = float | Array


def check_choice(what: str, name: Any, known: Mapping[str, Any] | tuple[str, ...]) -> None:
    """Raises SamplingError for a name that is not known, with the nearest that is."""
    if not isinstance(name, str) or name not in known:
        expected, hint = ", ".join(known), nearest(str(name), known)
        raise SamplingError(f"there is no {what} '{name}'", expected=expected, hint=hint)


def original_of_noise(x: Array, noise: Array, signal: Scale, spread: Scale) -> Array:
    """x_0 = (x - √(1 - ᾱ) ε) / √ᾱ."""
    result: Array = (x - spread * noise) / signal
    return result


def noise_of_original(x: Array, original: Array, signal: Scale, spread: Scale) -> Array:
    """ε = (x - √ᾱ x_0) / √(1 - ᾱ)."""
    result: Array = (x - signal * original) / spread
    return result


def velocity_of(original: Array, noise: Array, signal: Scale, spread: Scale) -> Array:
    """v = √ᾱ ε - √(1 - ᾱ) x_0."""
    result: Array = signal * noise - spread * original
    return result


def original_of_velocity(x: Array, velocity: Array, signal: Scale, spread: Scale) -> Array:
    """x_0 = √ᾱ x - √(1 - ᾱ) v."""
    result: Array = signal * x - spread * velocity
    return result


def noise_of_velocity(x: Array, velocity: Array, signal: Scale, spread: Scale) -> Array:
    """ε = √ᾱ v + √(1 - ᾱ) x."""
    result: Array = signal * velocity + spread * x
    return result


def separated(prediction: str, x: Array, output: Array, signal: Scale, spread: Scale) -> tuple[Array, Array]:
    """x_0 and ε, as the output says that x is made of them. Raises SamplingError for an unknown prediction."""
    check_choice("prediction", prediction, PREDICTIONS)
    if prediction == "epsilon":
        return original_of_noise(x, output, signal, spread), output
    if prediction == "sample":
        return output, noise_of_original(x, output, signal, spread)
    return original_of_velocity(x, output, signal, spread), noise_of_velocity(x, output, signal, spread)


def clipped(original: Array) -> Array:
    """x_0 held within [-1, 1]."""
    return original.clip(-1, 1)


def dynamically_thresholded(original: Array, ratio: float) -> Array:
    """x_0 held within [-s, s] and divided by s, with s that share of its absolute values, at least 1.

    Pictures that guidance has pushed out of the range keep their contrasts (Saharia et al. 2022, Imagen, section 2.3).
    """
    sizes = np.quantile(np.abs(original).reshape(len(original), -1), ratio, axis=1)
    limits = np.maximum(sizes, 1).astype(original.dtype).reshape(-1, *[1] * (original.ndim - 1))
    result: Array = original.clip(-limits, limits) / limits
    return result
