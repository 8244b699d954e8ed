"""Where two networks with the same module paths first depart from each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch


def first_difference(
    theirs: torch.nn.Module, ours: torch.nn.Module, run: Callable[[torch.nn.Module], Any], tolerance: float
) -> str:
    """The path of the innermost module whose outputs differ first; '' where all that both have are equal."""
    wanted, found = _outputs(theirs, run), _outputs(ours, run)
    for path, value in wanted.items():  # inner modules end before those around them
        other = found.get(path)
        if other is not None and other.shape == value.shape and _differs(value, other, tolerance):
            return path
    return ""


def _outputs(network: torch.nn.Module, run: Callable[[torch.nn.Module], Any]) -> Mapping[str, torch.Tensor]:
    """The first output of the first call of each module, in the order in which they end."""
    seen: dict[str, torch.Tensor] = {}

    def hook(path: str) -> Any:
        def keep(module: torch.nn.Module, inputs: Any, result: Any) -> None:
            tensors = [leaf for leaf in torch.utils._pytree.tree_leaves(result) if isinstance(leaf, torch.Tensor)]
            if tensors:
                seen.setdefault(path, tensors[0].detach())

        return keep

    handles = [inner.register_forward_hook(hook(path)) for path, inner in network.named_modules() if path]
    try:
        run(network)
    finally:
        for handle in handles:
            handle.remove()
    return seen


def _differs(value: torch.Tensor, other: torch.Tensor, tolerance: float) -> bool:
    if not value.numel() or not value.is_floating_point():
        return not torch.equal(value, other)
    scale = float(value.abs().max()) or 1.0
    return not float((value - other).abs().max()) / scale <= tolerance
