"""What an adapter's configuration says of its strength: PEFT's adapter_config.json, and what diffusers embeds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, isfinite, sqrt
from pathlib import Path
from typing import Any, Final

from archgraph.errors import WeightsError

CONFIG: Final = "adapter_config.json"
EMBEDDED: Final = "lora_adapter_metadata"
"""In a safetensors file's metadata: configurations as diffusers writes them, each key below the name of its network."""
LARGEST_CONFIG: Final = 10_000_000
_OTHER_WEIGHTS: Final = ("pissa", "olora", "corda", "loftq")
"""Initialisations that change the network's own weights: such factors fit only what they have left of these."""


@dataclass(frozen=True)
class AdapterSettings:
    """alpha by module, and how the sum of the factors is scaled and laid out."""

    alpha: float | None = None
    alphas: Mapping[str, float | None] = field(default_factory=dict)
    """By the end of a module's path; None for those with the alpha of all."""
    rank_stabilised: bool = False
    fan_in_fan_out: bool = False
    """The network keeps linear weights as [in, out]."""

    def scale(self, module: str, rank: int, own: float | None) -> float:
        """alpha / rank, or alpha / sqrt(rank) (rsLoRA, Kalajdzievski 2023); 1 where no alpha is given.

        `own` is the alpha that stands next to the factors.
        """
        alpha = own if own is not None else self._alpha(module)
        if alpha is None:
            return 1.0
        return alpha / (sqrt(rank) if self.rank_stabilised else rank)

    def _alpha(self, module: str) -> float | None:
        ends = (end for end in self.alphas if module == end or module.endswith(f".{end}"))
        best = max(ends, key=len, default=None)
        own = None if best is None else self.alphas[best]
        return self.alpha if own is None else own


def settings_next_to(path: Path) -> AdapterSettings | None:
    """The settings in PEFT's file next to an adapter; None where there is none. Raises WeightsError."""
    config = path.with_name(CONFIG)
    if not config.is_file():
        return None
    try:
        if config.stat().st_size > LARGEST_CONFIG:
            raise ValueError("it is too large")
        data = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(f"{config} cannot be read", expected="a JSON object", received=str(error)[:200]) from None
    return settings_of(data, str(config))


def embedded_settings(metadata: Mapping[str, str], network: str) -> AdapterSettings | None:
    """The settings that diffusers has embedded for one network of a pipeline, such as `unet`. Raises WeightsError."""
    if EMBEDDED not in metadata:
        return None
    try:
        data = json.loads(metadata[EMBEDDED])
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"the metadata {EMBEDDED} is not JSON", received=str(error)[:200]) from None
    if not isinstance(data, Mapping):
        raise WeightsError(f"the metadata {EMBEDDED} is no JSON object", received=type(data).__name__)
    start = f"{network}."
    own = {key.removeprefix(start): value for key, value in data.items() if not network or key.startswith(start)}
    return settings_of(own, EMBEDDED) if own else None


def settings_of(data: Any, place: str) -> AdapterSettings:
    """PEFT's configuration as settings. Raises WeightsError for adapters that are no LoRA, by their name."""
    if not isinstance(data, Mapping):
        raise WeightsError(f"{place} is no configuration of an adapter", expected="a JSON object")
    kind = str(data.get("peft_type", "LORA"))
    if kind.upper() != "LORA":
        raise WeightsError(f"{place} describes {kind}, which is no LoRA", expected="peft_type LORA", received=kind)
    if data.get("use_dora"):
        raise refused("DoRA", place)
    start = str(data.get("init_lora_weights", "")).lower()
    if start.startswith(_OTHER_WEIGHTS):
        raise WeightsError(
            f"{place}: the adapter begins from {start}, which changes the network's own weights too",
            expected="factors that are added to the published weights",
            hint="PEFT's save_pretrained(path_initial_model_for_weight_conversion=…) writes such factors",
        )
    patterns = data.get("alpha_pattern") or {}
    if not isinstance(patterns, Mapping):
        raise WeightsError(f"{place}: alpha_pattern is no mapping", received=repr(patterns)[:80])
    return AdapterSettings(
        _number(data.get("lora_alpha"), place),
        {str(end).removeprefix("^"): _number(alpha, place) for end, alpha in patterns.items()},
        bool(data.get("use_rslora")),
        bool(data.get("fan_in_fan_out")),
    )


def refused(kind: str, place: str) -> WeightsError:
    """That an adapter is of a kind that is not merged."""
    return WeightsError(
        f"'{place}' is a {kind}, and not a LoRA",
        expected="LoRA factors: lora_A and lora_B, or lora_down and lora_up",
        hint="merge it with the library that trained it, and bring the merged weights",
    )


def _number(value: Any, place: str) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float):
        raise WeightsError(f"{place}: alpha is a number", received=repr(value)[:80])
    return require_finite(value, f"{place}: alpha")


def require_finite(value: float, name: str) -> float:
    """The number. Raises WeightsError for one that would make no weights: infinity, or none."""
    try:
        found = float(value)
    except OverflowError:  # a whole number of hundreds of digits
        found = inf
    if not isfinite(found):
        raise WeightsError(f"{name} is not finite", expected="a finite number", received=str(found))
    return found
