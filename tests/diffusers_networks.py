"""Networks of diffusers next to the specs that describe them: what is compared, and how."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import references
import torch
from torch import Tensor, nn

import archgraph as ag
from archgraph.graph import parameter_count, weights
from archgraph.graph.types import Graph

Inputs = Mapping[str, Tensor]


def model(name: str, **config: Any) -> nn.Module:
    """One of diffusers' models with the given configuration."""
    references.torchvision()  # diffusers imports it where it is installed
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import diffusers

        return getattr(diffusers, name)(**config)


def called(network: nn.Module, inputs: Inputs) -> tuple[Tensor, ...]:
    """The outputs of one of diffusers' models, whose inputs go by name."""
    return network(**inputs, return_dict=False)


@dataclass(frozen=True)
class Case:
    """A spec, and the network of diffusers that it describes.

    `published` holds a configuration for each preset, `config` and `params` describe the same narrow variant, whose
    inputs are `inputs` under diffusers' names and in the order of the spec. `modules` are those of the spec, where
    it describes a part of the network; `profiles` are those whose files are proved.
    """

    spec: str
    network: str
    published: Mapping[str, Mapping[str, Any]]
    config: Mapping[str, Any]
    params: Mapping[str, Any]
    inputs: Callable[[], Inputs]
    run: Callable[[nn.Module, Inputs], tuple[Tensor, ...]] = called
    shared: Mapping[str, Any] = field(default_factory=dict)
    modules: tuple[str, ...] = ("",)
    profiles: tuple[str, ...] = ("portable", "cpu")

    def graph(self) -> Graph:
        return ag.load(self.spec, **self.params)

    def reference(self) -> nn.Module:
        return references.randomised(model(self.network, **self.shared, **self.config))

    def weights(self, reference: nn.Module) -> dict[str, Tensor]:
        return {key: tensor for key, tensor in reference.state_dict().items() if key.startswith(self.modules)}

    def assert_published_keys(self, preset: str) -> None:
        """Keys and shapes at full size, in order, and the number of parameters."""
        with torch.device("meta"):
            reference = model(self.network, **{**self.shared, **self.published[preset]})
        graph = ag.load(f"{self.spec}@{preset}")
        theirs = [(key, tuple(tensor.shape)) for key, tensor in self.weights(reference).items()]
        assert [(item.key, item.weight.shape) for item in weights(graph)] == theirs
        named = ((key, weight) for key, weight in reference.named_parameters() if weight.requires_grad)
        assert parameter_count(graph) == sum(weight.numel() for key, weight in named if key.startswith(self.modules))

    def assert_equal_outputs_and_gradients(self) -> None:
        reference = self.reference()
        ours = ag.to_torch(self.graph()).eval()
        ours.load_state_dict(self.weights(reference), strict=True)
        inputs = self.inputs()
        want = measured(lambda given: self.run(reference, given), inputs)
        got = measured(lambda given: ours(*given.values()), inputs)
        assert len(got) == len(want)
        for mine, theirs in zip(got, want, strict=True):
            assert float(theirs.float().std()) > 0.001
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4 * float(theirs.abs().max()))


def measured(network: Callable[[Inputs], Any], inputs: Inputs) -> list[Tensor]:
    """The outputs, and the gradients of a weighted sum of them with respect to the inputs that have one."""
    given = {name: value.clone().requires_grad_(value.is_floating_point()) for name, value in inputs.items()}
    found = network(given)
    outputs = [found] if isinstance(found, Tensor) else list(found)
    generator = torch.Generator().manual_seed(7)
    weighted = [(out * torch.randn(out.shape, generator=generator)).sum() for out in outputs if out.requires_grad]
    total = torch.stack(weighted).sum()
    wanted = [value for value in given.values() if value.requires_grad]
    gradients = torch.autograd.grad(total, wanted, allow_unused=True)
    return [*(out.detach() for out in outputs), *(gradient for gradient in gradients if gradient is not None)]


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))
