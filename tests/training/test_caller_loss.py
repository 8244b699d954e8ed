"""`ag.train` with a loss of the caller's: what it is called with, and what is said of one that cannot be minimized."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F
from train_samples import CLASSIFIER, DENOISER

import archgraph as ag
from archgraph.errors import ArchgraphError, TrainingError
from archgraph.training import Machine, TrainingRequest, train

CPU = Machine("cpu")
RECIPE = {"steps": 3, "warmup": 0, "batch": 4, "log_every": 1}
AUTOENCODER: dict[str, Any] = {
    "archgraph": 1,
    "name": "auto",
    "inputs": {"image": ["N", 1, "H", "W"]},
    "nodes": {
        "conv": {"op": "conv2d", "out_channels": 4, "kernel_size": 3, "padding": 1},
        "bn": "batch_norm2d",
        "back": {"op": "conv2d", "out_channels": 1, "kernel_size": 3, "padding": 1},
    },
    "meta": {"size": {"H": 8, "W": 8}, "preprocess": {"mean": [0.5], "std": [0.5]}},
}


def test_the_same_loss_in_the_caller_s_hands_trains_the_same_weights(pictures: str, tmp_path: Path) -> None:
    seen: list[tuple[Any, ...]] = []

    def loss(output: Tensor, target: Tensor) -> Tensor:
        seen.append((output.shape, target.shape, target.dtype))
        return F.cross_entropy(output, target)

    result = ag.train(CLASSIFIER, pictures, tmp_path / "mine", loss=loss, recipe=RECIPE, machine=CPU)
    train(ag.load(CLASSIFIER), TrainingRequest(pictures, RECIPE), tmp_path / "own", CPU)
    one, two = (load_file(tmp_path / run / "last.safetensors") for run in ("mine", "own"))
    assert all(torch.equal(one[key], two[key]) for key in two)
    assert seen[0] == ((4, 3), (4,), torch.int64)
    assert set(result.metrics) == {"loss", "held_out_loss", "accuracy"}
    with pytest.raises(
        TrainingError, match=r"made with another loss\n  expected: .*loss\n  received: the loss of meta"
    ):
        ag.train(CLASSIFIER, pictures, tmp_path / "mine", recipe={**RECIPE, "steps": 5}, resume=True, machine=CPU)


def test_a_network_without_a_task_and_pictures_without_labels(tmp_path: Path) -> None:
    """An autoencoder: the target is the picture itself, as it was augmented."""
    (tmp_path / "plain").mkdir()
    for k in range(12):
        Image.fromarray(np.full((8, 8), 20 * k, np.uint8)).save(tmp_path / "plain" / f"{k}.png")
    recipe = {**RECIPE, "steps": 30, "lr": 0.02, "flip": True, "held_out": 0.25}
    module = ag.to_torch(AUTOENCODER, seed=3)
    begin = copy.deepcopy(module.state_dict())
    result = ag.train(
        module, tmp_path / "plain", tmp_path / "run", loss=nn.MSELoss(), freeze="conv", recipe=recipe, machine=CPU
    )
    assert result.metrics["held_out_loss"] < 0.1
    after = load_file(tmp_path / "run" / "best.safetensors")
    assert torch.equal(after["conv.weight"], begin["conv.weight"])  # a module begins with its own weights
    assert not torch.equal(after["back.weight"], begin["back.weight"])
    assert all(torch.equal(value, begin[key]) for key, value in module.state_dict().items())


def test_a_denoiser_with_another_distance(pictures: str, tmp_path: Path) -> None:
    result = ag.train(DENOISER, pictures, tmp_path / "run", loss=F.smooth_l1_loss, recipe=RECIPE, machine=CPU)
    assert np.isfinite(result.metrics["held_out_loss"])
    for given, message in (({"min_snr": 5.0}, "train.min_snr weights"),):
        with pytest.raises(TrainingError, match=message):
            ag.train(DENOISER, pictures, tmp_path / "no", loss=F.mse_loss, recipe={**RECIPE, **given}, machine=CPU)


class Centres(nn.Module):
    """A loss with weights of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.zeros(3))

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return output.sum()


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (3, "`loss` is no function"),
        (nn.CrossEntropyLoss, r"`loss` is a class(.|\n)*make one: CrossEntropyLoss\(\)"),
        (Centres(), "Centres has weights of its own"),
        (lambda output: output.mean(), "does not take an output and a target(.|\n)*too many positional"),
        (lambda output, target: output.mean().item(), "returned no tensor(.|\n)*not its .item"),
        (lambda output, target: None, r"returned no tensor(.|\n)*NoneType None"),
        (lambda output, target: output, r"returned more than one number(.|\n)*float32 \[4, 3\](.|\n)*loss.mean"),
        (lambda output, target: output.argmax(), "returned a whole number"),
        (lambda output, target: output.mean() + 0j, r"returned a complex number(.|\n)*loss.abs"),
        (lambda output, target: output.detach().mean(), "does not depend on the network's output"),
        (lambda output, target: output.mean() * float("nan"), "of the first pictures is nan"),
        (F.mse_loss, r"the loss mse_loss failed(.|\n)*output is float32 \[4, 3\], target int64 \[4\]"),
    ],
)
@pytest.mark.filterwarnings("ignore:Using a target size")
def test_what_is_no_loss_is_refused_before_a_folder_is_made(
    loss: Any, message: str, pictures: str, tmp_path: Path
) -> None:
    with pytest.raises(ArchgraphError, match=message):
        ag.train(CLASSIFIER, pictures, tmp_path / "run", loss=loss, recipe=RECIPE, machine=CPU)
    assert not (tmp_path / "run").exists()


def test_the_trial_of_a_loss_leaves_statistics_and_chance_as_they_were(pictures: str, tmp_path: Path) -> None:
    calls: list[int] = []

    def noisy(output: Tensor, target: Tensor) -> Tensor:
        calls.append(len(target))
        return F.cross_entropy(output + torch.randn_like(output), target)

    state = torch.get_rng_state()
    with pytest.raises(TrainingError, match="no held"):  # stopped after the trial, before the first step
        ag.train(CLASSIFIER, pictures, tmp_path / "run", loss=_failing(noisy, calls), recipe=RECIPE, machine=CPU)
    assert torch.equal(torch.get_rng_state(), state)


def _failing(loss: Callable[[Tensor, Tensor], Tensor], calls: list[int]) -> Callable[[Tensor, Tensor], Tensor]:
    def called(output: Tensor, target: Tensor) -> Tensor:
        loss(output, target)
        raise RuntimeError("no held")

    return called


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((4, 8, 8)), "run"), "`data` is no path(.|\n)*np.savez"),
        (("digits", None), "`folder` is no path"),
    ],
)
def test_slips_of_the_verb(arguments: Any, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        ag.train(CLASSIFIER, *arguments)


def test_a_network_without_a_task_needs_a_loss(pictures: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="does not say what it is to learn"):
        ag.train(AUTOENCODER, pictures, tmp_path / "run", machine=CPU)


@pytest.mark.slow
def test_the_page_s_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.S)
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["run"].weights == Path("focal-run/best.safetensors")
    after, before = names["network"].state_dict(), ag.to_torch("digits_resnet", seed=0).state_dict()
    assert {key for key in after if torch.equal(after[key], before[key])} == {k for k in after if "stage." in k}
