"""A module against another: equal keys and shapes in order, outputs, gradients of the inputs, and norm statistics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from archgraph.graph import weights

Shape = tuple[int, ...]


def assert_same_keys(graph: Any, reference: torch.nn.Module) -> None:
    """Keys and shapes in the order of the reference, which may be on the meta device."""
    theirs = [(key, tuple(tensor.shape)) for key, tensor in reference.state_dict().items()]
    assert [(item.key, item.weight.shape) for item in weights(graph)] == theirs


def assert_equal_runs(model: torch.nn.Module, reference: torch.nn.Module, shapes: Sequence[Shape], *more: Any) -> None:
    """Equal outputs, gradients of all inputs, and norm statistics afterwards; dropout is off."""
    for module in (*reference.modules(), *model.modules()):
        if "Dropout" in type(module).__name__:
            module.eval()
    for ours, theirs in zip(run(model, shapes, *more), run(reference, shapes, *more), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4 * float(theirs.abs().max()))
    for ours, theirs in zip(model.state_dict().values(), reference.state_dict().values(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def run(module: torch.nn.Module, shapes: Sequence[Shape], *more: Any) -> list[torch.Tensor]:
    """The outputs of a module, and the gradients of a weighted sum of them in the random inputs."""
    generator = torch.Generator().manual_seed(3)
    inputs = [torch.randn(shape, generator=generator, requires_grad=True) for shape in shapes]
    found = module(*inputs, *more)
    outputs = list(found) if isinstance(found, (tuple, list)) else [found]
    total = sum((output * torch.randn(output.shape, generator=generator)).sum() for output in outputs)
    return [*(output.detach() for output in outputs), *torch.autograd.grad(total, inputs)]
