"""A spec against the published implementation: keys at full size; outputs, input gradients and norm statistics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import references
import torch
from shipped_graphs import shipped

import archgraph as ag
from archgraph.graph import Graph, weights

Network = Callable[[], torch.nn.Module]
CLASSES = 7
NARROWED = (
    *("channels", "pool_channels", "out_channels", "out_features", "widths"),
    *("ch1x1", "ch3x3red", "ch3x3", "ch5x5red", "ch5x5", "pool_proj"),
)
"""Keys of a spec whose numbers are channels."""


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


@dataclass(frozen=True)
class Case:
    """A narrow variant of the published network, the same of the spec, and the shape of the input."""

    published: Network
    graph: Callable[[], Graph]
    shape: tuple[int, ...]
    normed: bool = True
    """With batch norm, which computes otherwise in training."""


def torchvision_model(name: str, **config: Any) -> Network:
    """A network of torchvision by its builder's name."""
    return lambda: getattr(references.torchvision().models, name)(weights=None, **config)


def spec(name: str, **params: Any) -> Callable[[], Graph]:
    """A shipped spec with few classes."""
    return lambda: ag.load(name, classes=CLASSES, **params)


def narrow_spec(name: str, by: int, **params: Any) -> Callable[[], Graph]:
    """The spec with that fraction of all its channels."""

    def narrow(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: narrow(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [narrow(inner, key) for inner in value]
        return value // by if isinstance(value, int) and key in NARROWED else value

    def build() -> Graph:
        found = {**ag.load(name).info.spec, "meta": {}, "presets": {}}
        del found["assert"]
        return ag.load({**narrow(found)}, classes=CLASSES, **params)

    return build


def narrow_network(published: Network, by: int) -> Network:
    """The published network with that fraction of all its channels."""

    def build() -> torch.nn.Module:
        with torch.device("meta"):
            network = published()
        return narrowed(network, by, CLASSES)

    return build


class Ordered(torch.nn.Module):
    """torchvision's segmentation network with a tuple for its dict of outputs, under the same keys."""

    def __init__(self, network: torch.nn.Module):
        super().__init__()
        for name, child in network.named_children():
            self.add_module(name, child)
        object.__setattr__(self, "network", network)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(self.network(image).values())  # type: ignore[operator, union-attr]
