"""Where gradients stop in a module, they stop in the spec: a network that is trained further learns the same."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

import archgraph as ag


class Codes(nn.Module):
    """A layer of codes with the straight-through estimator (van den Oord et al. 2017) behind a part that is frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen = nn.Linear(4, 4)
        self.proj = nn.Linear(4, 3)
        self.codes = nn.Embedding(5, 3)
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            x = self.frozen(x).tanh()
        z = self.proj(x)
        nearest = torch.cdist(z, self.codes.weight).argmin(-1)
        q = self.codes(nearest)
        loss = functional.mse_loss(q, z.detach()) + 0.25 * functional.mse_loss(q.detach(), z)
        return self.head(z + (q - z).detach()), loss


def gradients(module: nn.Module, x: Tensor) -> dict[str, Tensor | None]:
    out, loss = module(x)
    (out.square().sum() + loss).backward()
    return {key: weight.grad for key, weight in module.named_parameters()}


def test_gradients_are_those_of_the_module() -> None:
    module = Codes()
    graph = ag.from_torch(module, {"x": "N,4"}, name="codes")
    network = ag.to_torch(graph)
    network.load_state_dict(module.state_dict())
    x = torch.randn(6, 4)
    wanted, found = gradients(module, x), gradients(network, x)
    assert wanted["frozen.weight"] is None
    assert wanted["proj.weight"] is not None
    for key, grad in wanted.items():
        other = found[key]
        assert (grad is None) == (other is None), key
        if grad is not None and other is not None:
            assert torch.allclose(grad, other, atol=1e-6), key


class Shifted(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x - x.amax(-1, keepdim=True).detach()


def test_what_no_parameter_reaches_is_left_alone() -> None:
    assert "detach" not in str(ag.from_torch(nn.Sequential(Shifted(), nn.Linear(4, 2)), {"input": "N,4"}).info.written)
