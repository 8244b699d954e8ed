"""What diffusers' schedulers make of the same noise and the same network, step by step.

Their tables and their x are float32, which costs 1 - ᾱ up to four digits at the last times, and a step of second order
from σ = 2e4 down (the end of the cosine schedule) nearly all of them: that would be all that one sees. So their code
runs with float64 wherever it says float32, on a float64 table of the same betas; the network sees and says float32.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import diffusers
import numpy as np
import torch

from archgraph.diffusion import Schedule, sample
from archgraph.diffusion.samplers import Sampler

KINDS = {"linear": "linear", "scaled_linear": "scaled_linear", "cosine": "squaredcos_cap_v2", "sigmoid": "sigmoid"}
PREDICTIONS = {"epsilon": "epsilon", "velocity": "v_prediction", "sample": "sample"}
SCHEDULERS = {
    "ddpm": "DDPMScheduler",
    "ddim": "DDIMScheduler",
    "euler": "EulerDiscreteScheduler",
    "euler_ancestral": "EulerAncestralDiscreteScheduler",
    "heun": "HeunDiscreteScheduler",
    "dpm2": "KDPM2DiscreteScheduler",
    "lms": "LMSDiscreteScheduler",
    "dpmpp_2m": "DPMSolverMultistepScheduler",
    "dpmpp_2m_sde": "DPMSolverMultistepScheduler",
    "unipc": "UniPCMultistepScheduler",
}
ON_LEVELS = ("euler", "euler_ancestral", "heun", "dpm2", "lms")  # their x is x_0 + σ ε
SHAPE = (3, 4, 4)

Network = Callable[[np.ndarray, np.ndarray], np.ndarray]


def network(schedule: Schedule, prediction: str = "epsilon") -> Network:
    """The best prediction for standard normal data, bent a little by the neighbours: its pictures stay of real size."""

    def predict(x: np.ndarray, t: np.ndarray) -> np.ndarray:
        alpha_bar = np.interp(t, np.arange(schedule.train_steps), schedule.alphas_cumprod).reshape(-1, 1, 1, 1)
        signal, spread = np.sqrt(alpha_bar), np.sqrt(1 - alpha_bar)
        scale = {"epsilon": spread, "sample": signal, "velocity": 0 * spread}[prediction]
        return (scale * x + 0.1 * spread * np.tanh(np.roll(x, 1, axis=-1) - 0.5 * x)).astype(np.float32)

    return predict


def steps_noise(seed: int, n: int, steps: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """The noise that the steps of n pictures see, [steps, n, ...], drawn as the loop says it draws."""
    keys = [np.random.SeedSequence(seed, spawn_key=(k, 1)) for k in range(n)]
    streams = [np.random.Generator(np.random.Philox(key)) for key in keys]
    return np.stack(
        [np.stack([stream.standard_normal(shape, dtype=np.float32) for stream in streams]) for _ in range(steps)]
    )


def ours(
    schedule: Schedule, prediction: str, sampler: str | Sampler, start: np.ndarray, steps: int = 50, **options: Any
) -> list[np.ndarray]:
    """x after each of our steps."""
    states: list[np.ndarray] = []
    denoiser = options.pop("denoiser", None) or network(schedule, prediction)
    sample(
        denoiser,
        noise=start,
        schedule=schedule,
        prediction=prediction,
        sampler=sampler,
        steps=steps,
        on_step=lambda step, total, x: states.append(x.copy()),
        **options,
    )
    return states


class Wide:
    """torch or numpy as a scheduler's module sees them, with float64 under the name of float32."""

    def __init__(self, library: Any):
        self._library, self.float32 = library, library.float64

    def __getattr__(self, name: str) -> Any:
        return getattr(self._library, name)


def scheduler_of(name: str, schedule: Schedule, prediction: str, **config: Any) -> Any:
    """diffusers' scheduler of the same configuration, with a float64 table."""
    settings: dict[str, Any] = {
        "beta_schedule": KINDS[schedule.kind],
        "beta_start": schedule.beta_start,
        "beta_end": schedule.beta_end,
        "num_train_timesteps": schedule.train_steps,
        "prediction_type": PREDICTIONS[prediction],
        "timestep_spacing": schedule.spacing,
        "steps_offset": schedule.offset,
    }
    settings |= {"use_karras_sigmas": True} if schedule.karras else {}
    settings |= {"rescale_betas_zero_snr": True} if schedule.zero_terminal_snr else {}
    settings |= {"clip_sample": False} if name in ("ddpm", "ddim") else {}
    settings |= {"algorithm_type": "sde-dpmsolver++"} if name == "dpmpp_2m_sde" else {}
    scheduler = getattr(diffusers, SCHEDULERS[name])(**settings | config)
    scheduler.alphas_cumprod = torch.from_numpy(schedule.alphas_cumprod.copy())
    if schedule.zero_terminal_snr and name not in ("ddpm", "ddim"):
        scheduler.alphas_cumprod[-1] = 2**-24  # as each of their constructors does
    return scheduler


def theirs(
    name: str,
    schedule: Schedule,
    prediction: str,
    start: np.ndarray,
    monkeypatch: Any,
    steps: int = 50,
    *,
    eta: float | None = None,
    denoiser: Network | None = None,
    **config: Any,
) -> list[np.ndarray]:
    """x after each of diffusers' steps, scaled as ours. What they draw inside of `step` is the noise that we draw."""
    module = importlib.import_module(getattr(diffusers, SCHEDULERS[name]).__module__)
    monkeypatch.setattr(module, "torch", Wide(torch))
    monkeypatch.setattr(module, "np", Wide(np))
    scheduler = scheduler_of(name, schedule, prediction, **config)
    scheduler.set_timesteps(steps)
    if schedule.karras and name.startswith("dpmpp"):
        scheduler.timesteps = torch.from_numpy(whole_karras_times(scheduler))
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(0)  # Karras' levels may share a time, which they look the first step up by
    noise = iter(torch.from_numpy(steps_noise(0, len(start), steps)).double())
    monkeypatch.setattr(module, "randn_tensor", lambda *_, **__: next(noise), raising=False)
    predict, x = (
        denoiser or network(schedule, prediction),
        torch.from_numpy(start).double() * scheduler.init_noise_sigma,
    )
    states, last = [], len(scheduler.timesteps) - 1
    for k, t in enumerate(scheduler.timesteps):
        seen = scheduler.scale_model_input(x, t).numpy().astype(np.float32)
        output = torch.from_numpy(predict(seen, np.full(len(seen), t.item()))).double()
        when = t if name in ON_LEVELS else t.item()
        options = {} if eta is None else {"eta": eta}
        x = scheduler.step(output, when, x, **options).prev_sample
        assert x.dtype == torch.float64
        if getattr(scheduler, "state_in_first_order", True) or k == last:
            sigma = scheduler.sigmas[scheduler.step_index].item() if name in ON_LEVELS else 0.0
            states.append((x / np.hypot(1, sigma)).numpy())
    return states


def whole_karras_times(scheduler: Any) -> np.ndarray:
    """Their times of Karras' levels, rounded; for the cosine schedule they cut the fraction off instead."""
    alpha_bar = scheduler.alphas_cumprod.numpy()
    logs = np.log(np.sqrt((1 - alpha_bar) / alpha_bar))
    return np.rint(scheduler._sigma_to_t(scheduler.sigmas[:-1].double().numpy(), logs)).astype(np.int64)


def largest_difference(a: list[np.ndarray], b: list[np.ndarray]) -> float:
    """Over all steps; where pictures grow beyond 5, against their size."""
    assert len(a) == len(b)
    size = max(1.0, max(float(np.abs(x).max()) for x in b) / 5)
    return max(float(np.abs(x - y).max()) for x, y in zip(a, b, strict=True)) / size
