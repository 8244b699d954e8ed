"""Forwards and training steps: the module of `to_torch` beside the published implementation, with equal weights.

    python tests/benchmark/forward_speed.py [--networks resnet50,swin_t] [--ways eager,training] [--turns 15]

Both modules are in one process, and take turns. A turn is the processor time of as many calls as take about a third of
a second; the ratio is that of the medians, with the 95 % interval of 2,000 bootstrap samples. One thread. `compiled`
compiles both by `torch.compile`, which takes minutes.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))
warnings.simplefilter("ignore")

Call = Callable[[nn.Module], None]
TURN = 0.35
TARGET = 1.03


def _image(size: int, batch: int = 1) -> tuple[torch.Tensor, ...]:
    return (torch.randn(batch, 3, size, size),)


def _noise() -> tuple[torch.Tensor, ...]:
    return torch.randn(1, 4, 16, 16), torch.tensor([10]), torch.randn(1, 77, 768)


NETWORKS: dict[str, tuple[str, Callable[[], tuple[torch.Tensor, ...]]]] = {
    "resnet50": ("resnet50", lambda: _image(128, 2)),
    "vit_b_16": ("vit_b_16", lambda: _image(224)),
    "swin_t": ("swin_t", lambda: _image(224)),
    "densenet121": ("densenet121", lambda: _image(128, 2)),
    "sd15": ("sd_unet@sd15", _noise),
}
"""The spec, and the inputs in the order of both signatures."""


def pair(name: str) -> tuple[nn.Module, nn.Module]:
    """Our module and the reference, in evaluation, with the reference's random weights."""
    import references

    import archgraph as ag

    torch.manual_seed(0)
    if name == "sd15":
        theirs: Any = references.diffusers().UNet2DConditionModel(cross_attention_dim=768)
    else:
        theirs = getattr(references.torchvision().models, name)(weights=None)
    ours = ag.to_torch(NETWORKS[name][0], weights=theirs.state_dict())
    return ours.eval(), theirs.eval()


def result(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
    made = module(*inputs)
    return made if isinstance(made, torch.Tensor) else made[0]


def forward(inputs: tuple[torch.Tensor, ...]) -> Call:
    def work(module: nn.Module) -> None:
        with torch.inference_mode():
            result(module, inputs)

    return work


def training(inputs: tuple[torch.Tensor, ...]) -> Call:
    """Forward, a loss, backward; the step of an optimiser is the same code for both."""

    def work(module: nn.Module) -> None:
        module.zero_grad(set_to_none=True)
        result(module, inputs).square().mean().backward()

    return work


def turns(work: Call, modules: tuple[nn.Module, nn.Module], count: int) -> tuple[list[float], list[float]]:
    """Processor seconds per call of both, a turn each; who goes first changes."""
    for module in modules:
        work(module)
    start = time.process_time()
    work(modules[1])
    calls = max(1, round(TURN / (time.process_time() - start)))
    found: tuple[list[float], list[float]] = ([], [])
    for turn in range(count):
        for which in (0, 1) if turn % 2 else (1, 0):
            start = time.process_time()
            for _ in range(calls):
                work(modules[which])
            found[which].append((time.process_time() - start) / calls)
    return found


def interval(ours: list[float], theirs: list[float]) -> tuple[float, float]:
    """The 95 % interval of the ratio of medians."""
    drawn = random.Random(0)
    ratios = sorted(
        statistics.median(drawn.choices(ours, k=len(ours))) / statistics.median(drawn.choices(theirs, k=len(theirs)))
        for _ in range(2_000)
    )
    return ratios[50], ratios[-51]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--networks", default=",".join(NETWORKS))
    arguments.add_argument("--ways", default="eager,training", help="of eager, training and compiled")
    arguments.add_argument("--turns", type=int, default=15)
    given = arguments.parse_args()
    torch.set_num_threads(1)
    print("| network | way | archgraph, ms | reference, ms | ratio (95 % interval) | |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in given.networks.split(","):
        modules = pair(name)
        inputs = NETWORKS[name][1]()
        with torch.inference_mode():
            one, other = (result(module, inputs) for module in modules)
            assert torch.allclose(one, other, rtol=1e-3, atol=1e-4), f"{name}: not the same network"
        for way in given.ways.split(","):
            timed = tuple(map(torch.compile, modules)) if way == "compiled" else modules
            work = training(inputs) if way == "training" else forward(inputs)
            ours, theirs = turns(work, timed, given.turns)
            low, high = interval(ours, theirs)
            told = " | ".join(f"{1000 * statistics.median(found):.1f}" for found in (ours, theirs))
            ratio = statistics.median(ours) / statistics.median(theirs)
            met = "met" if high <= TARGET else "missed"
            print(f"| {name} | {way} | {told} | {ratio:.2f} ({low:.2f}–{high:.2f}) | {met} |", flush=True)


if __name__ == "__main__":
    main()
