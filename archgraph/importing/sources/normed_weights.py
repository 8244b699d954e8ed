"""Layers whose weight torch computes from others, by weight norm or spectral norm: parametrizations, and the hooks that
were there before them. The operation of the layer has both as an attribute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.nn.utils import parametrizations, parametrize
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from archgraph.ops.contract import Operation, lookup
from archgraph.ops.parametrization import KERNEL, ParametrizedOperation

_LAYERS: Mapping[type[nn.Module], str] = {
    nn.Linear: "linear",
    nn.Bilinear: "bilinear",
    nn.Embedding: "embedding",
    nn.Conv1d: "conv1d",
    nn.Conv2d: "conv2d",
    nn.Conv3d: "conv3d",
    nn.ConvTranspose1d: "conv_transpose1d",
    nn.ConvTranspose2d: "conv_transpose2d",
    nn.ConvTranspose3d: "conv_transpose3d",
}
_HOOKS = (WeightNorm, SpectralNorm)


def normed_operation(module: nn.Module) -> type[Operation] | None:
    """The operation of a layer with such a weight; None for other modules, those with a forward of their own
    included."""
    plain = type(module).__mro__[1] if parametrize.is_parametrized(module) else type(module)
    name = _LAYERS.get(plain, "")
    return lookup(name) if name and _normed(module) else None


def norm_attributes(module: nn.Module, kind: type[Operation]) -> dict[str, Any]:
    """The attribute of a layer's operation, for those that `normed_operation` knows."""
    found = _normed(module)
    assert found is not None
    assert issubclass(kind, ParametrizedOperation)
    name, options = found
    usual = {"dim": kind.rows if name == "spectral_norm" else 0, "n_power_iterations": 1, "eps": 1e-12}
    told = {key: value for key, value in options.items() if usual.get(key, True) != value}
    return {name: told or True}


def has_norm_hook(module: nn.Module) -> bool:
    """Whether a hook of the old kind computes the weight of such a layer before each call."""
    return not parametrize.is_parametrized(module) and normed_operation(module) is not None


def _normed(module: nn.Module) -> tuple[str, dict[str, Any]] | None:
    """The name of the norm and its options; None where the weight is stored itself, or computed in another way."""
    if parametrize.is_parametrized(module):
        computed: Any = module.parametrizations
        steps = list(computed[KERNEL]) if list(computed) == [KERNEL] else []
        return _of(steps[0], True) if len(steps) == 1 else None
    hooks = list(module._forward_pre_hooks.values())
    if len(hooks) == 1 and isinstance(hooks[0], _HOOKS) and hooks[0].name == KERNEL:
        return _of(hooks[0], False)
    return None


def _of(norm: Any, parametrized: bool) -> tuple[str, dict[str, Any]] | None:
    stored = {} if parametrized else {"parametrize": False}
    if isinstance(norm, (WeightNorm, parametrizations._WeightNorm)):
        return "weight_norm", {"dim": None if norm.dim == -1 else norm.dim, **stored}
    if isinstance(norm, (SpectralNorm, parametrizations._SpectralNorm)):
        options = {name: getattr(norm, name) for name in ("n_power_iterations", "eps", "dim")}
        return "spectral_norm", {**options, **stored}
    return None
