"""A scheduler of diffusers as `meta.diffusion` of the network that it samples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archgraph.diffusion import Schedule
from archgraph.errors import ImportingError, SamplingError
from archgraph.importing.sources.module_source import installed_package
from archgraph.importing.sources.saved_folders import saved_values

FILE = "scheduler_config.json"
_SAMPLERS = {
    "DDPMScheduler": "ddpm",
    "DDIMScheduler": "ddim",
    "EulerDiscreteScheduler": "euler",
    "EulerAncestralDiscreteScheduler": "euler_ancestral",
    "HeunDiscreteScheduler": "heun",
    "KDPM2DiscreteScheduler": "dpm2",
    "LMSDiscreteScheduler": "lms",
    "DPMSolverMultistepScheduler": "dpmpp_2m",
    "UniPCMultistepScheduler": "unipc",
}
_UNKNOWN_SAMPLERS = frozenset(("PNDMScheduler",))
"""Schedulers of a schedule that archgraph has, which is then sampled by its own default."""
_KINDS = {"linear": "linear", "scaled_linear": "scaled_linear", "squaredcos_cap_v2": "cosine", "sigmoid": "sigmoid"}
_PREDICTIONS = {"epsilon": "epsilon", "v_prediction": "velocity", "sample": "sample"}
_VARIANCES = {
    "fixed_small": "small",
    "fixed_small_log": "small",
    "fixed_large": "large",
    "fixed_large_log": "large",
    "learned_range": "learned",
}
_PLAIN = {
    "trained_betas": None,
    "use_exponential_sigmas": False,
    "use_beta_sigmas": False,
    "use_flow_sigmas": False,
    "use_lu_lambdas": False,
    "solver_order": 2,
    "interpolation_type": "linear",
    "timestep_type": "discrete",
}
"""Values of a configuration without which archgraph computes something else."""


def diffusion_of(folder: Path, network: Mapping[str, Any]) -> dict[str, Any]:
    """What `meta.diffusion` says of a network that the scheduler in a folder samples; `network` is its configuration.

    Raises ImportingError for a scheduler that archgraph has no schedule for, and without diffusers.
    """
    values = saved_values(folder / FILE)
    name = str(values.get("_class_name"))
    if name not in _SAMPLERS and name not in _UNKNOWN_SAMPLERS:
        raise ImportingError(f"{name} is no scheduler that archgraph has a schedule for")
    config = _completed(name, values)
    found: dict[str, Any] = {
        "schedule": _schedule(name, config),
        "prediction": _among(_PREDICTIONS, name, config, "prediction_type"),
        "clip": bool(config.get("clip_sample", False)),
    }
    if config.get("thresholding"):
        found["threshold"] = config["dynamic_thresholding_ratio"]
    if name == "DDPMScheduler":
        found["variance"] = _among(_VARIANCES, name, config, "variance_type")
    if name in _SAMPLERS:
        stochastic = config.get("algorithm_type") == "sde-dpmsolver++"
        found["sampler"] = "dpmpp_2m_sde" if stochastic else _SAMPLERS[name]
    if isinstance(network.get("sample_size"), int):
        found["size"] = network["sample_size"]
    return found


def _completed(name: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The configuration with the defaults of the class."""
    scheduler = getattr(installed_package("diffusers"), name)
    try:
        config: Mapping[str, Any] = dict(scheduler.from_config(dict(values)).config)
    except Exception as error:
        raise ImportingError(f"diffusers cannot make {name}: {type(error).__name__}: {error}") from error
    for key, plain in _PLAIN.items():
        if config.get(key, plain) != plain:
            raise _without_counterpart(name, key, config[key])
    if config.get("clip_sample") and config.get("clip_sample_range", 1.0) != 1.0:
        raise _without_counterpart(name, "clip_sample_range", config["clip_sample_range"])
    if config.get("algorithm_type", "dpmsolver++") not in ("dpmsolver++", "sde-dpmsolver++"):
        raise _without_counterpart(name, "algorithm_type", config["algorithm_type"])
    return config


def _schedule(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """`meta.diffusion.schedule`. Raises ImportingError where it would be none."""
    kind = _among(_KINDS, name, config, "beta_schedule")
    found: dict[str, Any] = {"kind": kind}
    if kind != "cosine":  # which has none
        found |= {"beta_start": config["beta_start"], "beta_end": config["beta_end"]}
    found |= {"train_steps": config["num_train_timesteps"], "spacing": config["timestep_spacing"]}
    offset, karras = config.get("steps_offset", 0), config.get("use_karras_sigmas", False)
    found |= {"offset": offset} if offset else {}
    found |= {"karras": True} if karras else {}
    found |= {"zero_terminal_snr": True} if config.get("rescale_betas_zero_snr") else {}
    try:
        Schedule.from_meta(found)
    except SamplingError as error:
        raise ImportingError(f"{name} has no schedule: {error.problems[0].message}") from error
    return found


def _among(known: Mapping[str, str], name: str, config: Mapping[str, Any], key: str) -> str:
    value = str(config.get(key))
    if value not in known:
        raise _without_counterpart(name, key, value)
    return known[value]


def _without_counterpart(name: str, key: str, value: Any) -> ImportingError:
    return ImportingError(f"{name} with {key} = {value!r} has no counterpart in `meta.diffusion`")
