"""A spec against the published implementation: keys at full size; outputs, input gradients and norm statistics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import references
import torch
from shipped_graphs import shipped

import archgraph as ag
from archgraph.graph import weights

Network = Callable[[], torch.nn.Module]


def assert_same_keys(name: str, build: Network) -> None:
    """Keys and shapes in the published order."""
    with torch.device("meta"):
        reference = build()
    theirs = [(key, tuple(tensor.shape)) for key, tensor in reference.state_dict().items()]
    assert [(item.key, item.weight.shape) for item in weights(shipped(name))] == theirs


def assert_equal_networks(graph: Any, build: Network, shape: tuple[int, ...], *, training: bool = False) -> None:
    """Random weights and norm statistics, strictly loaded; dropout is off in both."""
    reference = references.randomised(build()).train(training)
    model = ag.to_torch(graph).train(training)
    model.load_state_dict(reference.state_dict(), strict=True)
    for module in (*reference.modules(), *model.modules()):
        if isinstance(module, torch.nn.Dropout):
            module.eval()
    outputs = [outputs_and_input_gradient(module, shape) for module in (model, reference)]
    for ours, theirs in zip(*outputs, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4 * float(theirs.abs().max()))
    for ours, theirs in zip(model.state_dict().values(), reference.state_dict().values(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def outputs_and_input_gradient(module: torch.nn.Module, shape: tuple[int, ...]) -> list[torch.Tensor]:
    """The outputs of a module, and the gradient of a weighted sum of them."""
    generator = torch.Generator().manual_seed(3)
    image = torch.randn(shape, generator=generator, requires_grad=True)
    found = module(image)
    outputs = list(found) if isinstance(found, tuple) else [found]
    total = sum((output * torch.randn(output.shape, generator=generator)).sum() for output in outputs)
    (gradient,) = torch.autograd.grad(total, image)
    return [*(output.detach() for output in outputs), gradient]


def narrowed(network: torch.nn.Module, by: int, classes: int) -> torch.nn.Module:
    """A published network built on the meta device, with that fraction of its channels and as many classes."""
    for name, module in list(network.named_modules()):
        new = _narrowed_layer(module, by, classes)
        if new is not None:
            parent, _, child = name.rpartition(".")
            setattr(network.get_submodule(parent), child, new)
    return network


def _narrowed_layer(module: torch.nn.Module, by: int, classes: int) -> torch.nn.Module | None:
    if isinstance(module, torch.nn.Linear):
        features = classes if module.out_features % 100 == 0 else module.out_features // by
        return torch.nn.Linear(module.in_features // by, features)
    for kind in (torch.nn.BatchNorm2d, torch.nn.BatchNorm3d):
        if isinstance(module, kind):
            return kind(module.num_features // by, eps=module.eps, momentum=module.momentum)
    for kind in (torch.nn.Conv2d, torch.nn.Conv3d):
        if isinstance(module, kind):
            return kind(
                module.in_channels if module.in_channels == 3 else module.in_channels // by,
                module.out_channels // by,
                module.kernel_size,
                module.stride,
                module.padding,
                bias=module.bias is not None,
            )
    return None
