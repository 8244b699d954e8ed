"""The factors of a LoRA by the module that they change, under the names of PEFT, diffusers and kohya's scripts."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.errors import Problem, WeightsError
from archgraph.weights.lora_settings import refused, require_finite
from archgraph.weights.tensors import LazyTensor, Tensors

OTHER_KINDS: Final = {
    "dora_scale": "DoRA",
    "lora_magnitude_vector": "DoRA",
    "hada_w1_a": "LoHa",
    "hada_w1_b": "LoHa",
    "lokr_w1": "LoKr",
    "lokr_w1_a": "LoKr",
    "lokr_w2": "LoKr",
    "lokr_w2_a": "LoKr",
    "oft_blocks": "OFT",
    "oft_R": "OFT",
    "boft_R": "BOFT",
    "ia3_l": "IA³",
    "lora_E": "AdaLoRA",
    "vera_lambda_b": "VeRA",
    "diff": "difference of whole weights",
    "diff_b": "difference of whole weights",
}
"""Other adapters by a part of their keys."""

PEFT: Final = "base_model.model."
_FLAT = re.compile(r"lora_(unet|te|te1|te2|te3|transformer)_(.+)|lycoris_(.+)")
_DOTTED = re.compile(
    r"(unet|text_encoder|text_encoder_2|text_encoder_3|transformer|transformer_2|prior|controlnet|diffusion_model)\.(.+)"
)
_FACTOR = re.compile(
    r"(?P<module>.+?)[._]lora(?:_linear_layer)?[._](?P<role>A|B|down|up|mid|embedding_A|embedding_B)"
    r"(?:\.(?!weight|bias)\w+)?(?:\.weight)?"
)
_ROLES: Final = {"A": "down", "B": "up", "embedding_A": "embedding_down", "embedding_B": "embedding_up"}
_MOST_NAMES: Final = 6


@dataclass(frozen=True, slots=True)
class ModuleName:
    """A module as an adapter names it: `network` is which one of a pipeline ('' where it does not say).

    kohya's names are `flat`: they have `_` where a path has a dot. `full` is the name before the network was cut off.
    """

    network: str
    path: str
    full: str
    flat: bool = False


@dataclass(frozen=True)
class LowRank:
    """What is added to a module's weight: the product of its factors, by its alpha."""

    name: ModuleName
    down: LazyTensor
    up: LazyTensor
    middle: LazyTensor | None = None
    alpha: float | None = None
    embedding: bool = False

    @property
    def rank(self) -> int:
        """The size that the factors share; 0 for one that has no axes."""
        return next(iter(self.down.shape), 0)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the product: [out, in, …kernel]; of an embedding, [rows, channels]."""
        if self.embedding:
            return (self.down.shape[1], self.up.shape[0])
        kernel = self.middle.shape[2:] if self.middle else self.down.shape[2:]
        return (self.up.shape[0], self.down.shape[1], *kernel)

    def product(self) -> Array:
        """up · down in float32, or in float64 where a factor has it."""
        up, down = self._read(self.up), self._read(self.down)
        rank = self.rank
        if self.embedding:
            return (up @ down).T
        up = up.reshape(-1, rank)
        if self.middle is None:
            return (up @ down.reshape(rank, -1)).reshape(self.shape)
        middle = self._read(self.middle).reshape(rank, rank, -1)
        found: Array = np.einsum("or,rsk,si->oik", up, middle, down.reshape(rank, -1), optimize=True)
        return found.reshape(self.shape)

    def _read(self, tensor: LazyTensor) -> Array:
        return tensor.read().astype(np.float64 if tensor.dtype == "float64" else np.float32)

    def fits_together(self) -> bool:
        """Whether the factors share their rank, which is 1 at least."""
        rank, up, down = self.rank, self.up.shape, self.down.shape
        if not rank:
            return False
        if self.embedding:
            return len(up) == len(down) == 2 and up[1] == rank
        ones = all(size == 1 for size in up[2:]) and (self.middle is None or all(size == 1 for size in down[2:]))
        between = self.middle is None or (len(self.middle.shape) > 2 and self.middle.shape[:2] == (rank, rank))
        return len(up) >= 2 and len(down) >= 2 and up[1] == rank and ones and between


@dataclass
class _Found:
    """What was found for one module."""

    factors: dict[str, LazyTensor] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    alpha: float | None = None


def low_rank_factors(adapter: Tensors, place: str) -> tuple[LowRank, ...]:
    """The factors in a file, module by module.

    Raises WeightsError: another kind of adapter (by its name), no adapter, whole weights among the factors, a factor
    without its other, factors of two ranks.
    """
    _require_lora(adapter, place)
    found: defaultdict[str, _Found] = defaultdict(_Found)
    strange: list[str] = []
    for key, tensor in adapter.items():
        match = _FACTOR.fullmatch(key)
        if match:
            role = match["role"]
            found[match["module"]].factors[_ROLES.get(role, role)] = tensor
            found[match["module"]].keys.append(key)
        elif key.endswith(".alpha"):
            found[_module_of_alpha(key)].alpha = _scalar(tensor, key)
        else:
            strange.append(key)
    if strange:
        raise _whole_weights(strange, place)
    return _paired(found, place)


def module_name(text: str) -> ModuleName:
    """The module that a key of an adapter names."""
    bare = text.removeprefix(PEFT)
    if flat := _FLAT.fullmatch(bare):
        return ModuleName(flat[1] or "", flat[2] or flat[3], bare, flat=True)
    if dotted := _DOTTED.fullmatch(bare):
        return ModuleName(dotted[1], dotted[2], bare)
    return ModuleName("", bare, bare)


def _require_lora(adapter: Tensors, place: str) -> None:
    for key in adapter:
        kind = next((OTHER_KINDS[part] for part in reversed(key.split(".")) if part in OTHER_KINDS), "")
        if kind:
            raise refused(kind, place)
    if not any(_FACTOR.fullmatch(key) for key in adapter):
        raise WeightsError(
            f"'{place}' is no LoRA: none of its keys names a factor",
            expected="keys such as base_model.model.X.lora_A.weight or lora_unet_X.lora_down.weight",
            received=_listed(list(adapter)) or "no tensors",
            hint="whole weights are given by --weights",
        )


def _paired(found: Mapping[str, _Found], place: str) -> tuple[LowRank, ...]:
    made: list[LowRank] = []
    problems: list[Problem] = []
    for module, each in found.items():
        roles, name = each.factors, module_name(module)
        if {"embedding_down", "embedding_up"} <= roles.keys():
            made.append(LowRank(name, roles["embedding_down"], roles["embedding_up"], None, each.alpha, True))
        elif {"down", "up"} <= roles.keys():
            made.append(LowRank(name, roles["down"], roles["up"], roles.get("mid"), each.alpha))
        else:
            have = ", ".join(each.keys) or f"{module}.alpha"
            problems.append(Problem(f"'{place}' does not hold both factors of '{module}'", received=have))
    for pair in made:
        if not pair.fits_together():
            shapes = f"{list(pair.down.shape)} and {list(pair.up.shape)}"
            problems.append(Problem(f"the factors of '{pair.name.full}' in '{place}' do not fit", received=shapes))
    if problems:
        raise WeightsError(*problems)
    return tuple(made)


def _module_of_alpha(key: str) -> str:
    """diffusers writes `X.lora.alpha` or `X.alpha`, kohya's scripts `X.alpha`."""
    return re.sub(r"[._]lora(?:_linear_layer)?$", "", key.removesuffix(".alpha"))


def _scalar(tensor: LazyTensor, key: str) -> float:
    values = tensor.read()
    if values.size != 1:
        raise WeightsError(f"'{key}' is no single number", received=str(list(tensor.shape)))
    return require_finite(float(values.astype(np.float64).reshape(())), f"'{key}'")


def _whole_weights(keys: list[str], place: str) -> WeightsError:
    return WeightsError(
        f"'{place}' holds {len(keys)} tensors that are no factors: {_listed(keys)}",
        expected="factors of low rank and their alphas only",
        hint="such as biases or a head that were trained whole: merge it with the library that trained it",
    )


def _listed(keys: list[str]) -> str:
    rest = f", and {len(keys) - _MOST_NAMES} more" if len(keys) > _MOST_NAMES else ""
    return ", ".join(keys[:_MOST_NAMES]) + rest
