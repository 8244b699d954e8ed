"""A variance that is learned: the bound is that of float64 distributions, and only the variance learns from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence
from train_samples import DENOISER

import archgraph as ag
from archgraph.diffusion import Schedule
from archgraph.errors import SpecError, TrainingError
from archgraph.training import Machine, TrainingRequest, train
from archgraph.training.recipe import Recipe
from archgraph.training.task import task_of
from archgraph.training.variational_bound import Bound

CPU = Machine("cpu")
STEPS = 20


def learned(**diffusion: Any) -> dict[str, Any]:
    """The small denoiser with twice the channels."""
    nodes = {**DENOISER["nodes"], "conv2": {**DENOISER["nodes"]["conv2"], "out_channels": 2}}
    told = {**DENOISER["meta"]["diffusion"], "variance": "learned", **diffusion}
    return {**DENOISER, "nodes": nodes, "meta": {**DENOISER["meta"], "diffusion": told}}


def reference(schedule: Schedule, x0: torch.Tensor, guess: torch.Tensor, noise: torch.Tensor, v: torch.Tensor) -> Any:
    """[T] terms in bits: KL(q(x_{t-1} | x_t, x_0) ‖ p) and, at t = 0, -log p of a byte's bin, rims to infinity."""
    t = np.arange(STEPS)
    xt = schedule.add_noise(x0.numpy(), noise.numpy(), t)
    true, variance = (torch.tensor(found) for found in schedule.posterior(x0.numpy(), xt, t))
    variance = variance.expand_as(x0).clone()
    variance[0] = variance[1]
    mean = torch.tensor(schedule.posterior(guess.numpy(), xt, t)[0])
    beta = torch.tensor(schedule.betas.copy()).reshape(-1, 1, 1, 1)
    share = (v + 1) / 2
    told = Normal(mean, (share * beta.log() + (1 - share) * variance.log()).exp().sqrt())
    found = kl_divergence(Normal(true, variance.sqrt()), told)
    upper = torch.where(x0 > 0.999, torch.ones_like(x0), told.cdf(x0 + 1 / 255))
    lower = torch.where(x0 < -0.999, torch.zeros_like(x0), told.cdf(x0 - 1 / 255))
    found[0] = -(upper - lower).log()[0]
    return found.mean((1, 2, 3)) / np.log(2)


@pytest.mark.parametrize("kind", ["linear", "cosine"])
@pytest.mark.parametrize("prediction", ["epsilon", "velocity", "sample"])
def test_the_bound_is_that_of_distributions_in_float64(prediction: str, kind: str) -> None:
    schedule, drawn = Schedule(kind, train_steps=STEPS), torch.Generator().manual_seed(0)
    shape = (STEPS, 1, 4, 4)
    x0 = torch.randint(256, shape, generator=drawn).double() / 127.5 - 1
    x0[0, 0, 0, :2] = torch.tensor([-1.0, 1.0])
    noise, wrong, v = (torch.randn(shape, generator=drawn, dtype=torch.float64) for _ in range(3))
    v = v.tanh()
    signal, sigma = (torch.tensor(f).sqrt().reshape(-1, 1, 1, 1) for f in _parts(schedule))
    error = 0.02 * wrong
    # What an error of the answer makes of x_0: x̂_0 = (x - σ ε̂) / s, s x - σ v̂, or itself.
    guess = x0 + {"epsilon": -sigma / signal, "velocity": -sigma, "sample": torch.ones_like(sigma)}[prediction] * error
    found = Bound(schedule, prediction)(error.float(), v.float(), x0.float(), torch.arange(STEPS))
    torch.testing.assert_close(found.double(), reference(schedule, x0, guess, noise, v), rtol=1e-4, atol=1e-5)


def _parts(schedule: Schedule) -> tuple[Any, Any]:
    bar = schedule.alphas_cumprod.copy()
    return bar, 1 - bar


def test_the_mean_does_not_learn_from_the_bound_and_the_variance_does() -> None:
    error, v = (torch.randn(STEPS, 1, 3, 3).requires_grad_() for _ in range(2))
    Bound(Schedule(train_steps=STEPS), "epsilon")(
        error, v, torch.zeros(STEPS, 1, 3, 3), torch.arange(STEPS)
    ).sum().backward()
    assert error.grad is None
    assert v.grad is not None
    assert (v.grad.abs().amax((1, 2, 3)) > 0).all()


def test_a_network_learns_its_variance_and_ddpm_uses_it(pictures: str, tmp_path: Path) -> None:
    """The bound is a part λ T of the loss: without it the second half of the last layer keeps its weights."""
    graph = ag.load(learned())
    start = ag.to_torch(graph, seed=0).state_dict()["conv2.weight"]
    for name, vlb in (("bound", 0.001), ("plain", 0.0)):
        train(graph, TrainingRequest(pictures, {"steps": 8, "vlb": vlb}), tmp_path / name, CPU)
        moved = ag.to_torch(ag.load(tmp_path / name / "spec.yaml"), weights=tmp_path / name / "last.safetensors")
        moves = (moved.state_dict()["conv2.weight"] - start).abs().amax((1, 2, 3))
        assert moves[0] > 1e-3
        assert bool(moves[1] > 1e-3) == (name == "bound")
    trained = ag.load(tmp_path / "bound" / "spec.yaml")
    ag.to_onnx(trained, tmp_path / "file.onnx", weights=tmp_path / "bound" / "ema.safetensors")
    pictured = ag.runtime.sample(str(tmp_path / "file.onnx"), n=2, sampler="ddpm", steps=5, labels=[0, 1])
    assert pictured.shape == (2, 1, 8, 8)
    assert np.isfinite(pictured).all()


def test_specs_whose_variance_cannot_be_learned() -> None:
    for spec, message in (
        ({**learned(), "nodes": DENOISER["nodes"]}, r"no picture like the input(.|\n)*twice its channels"),
        (learned(variance="small"), r"no picture like the input(.|\n)*`variance: learned`"),
        (learned(prediction="epsilon", schedule={"train_steps": 50, "zero_terminal_snr": True}), r"zero terminal SNR"),
    ):
        with pytest.raises((SpecError, TrainingError), match=message):
            task_of(ag.load(spec), Recipe())
