"""Forwards and training steps: the module of `to_torch` beside the published implementation, with equal weights.

    python tests/benchmark/forward_speed.py --results FILE [--compiled] [--networks resnet50,swin_t] [--minutes 25]

Both modules are in one process, and take turns. A turn is the processor time of as many calls as take about a third of
a second; the ratio is that of the medians, with the 95 % interval of 2,000 bootstrap samples. One thread. `--compiled`
also compiles both forwards by `torch.compile`, which takes minutes the first time and is kept by torch for the next.

Ours has operations in place (`to_torch(…, inplace=True)`), as the references have: torchvision's change activations and
sums in place wherever they can. `--not-in-place` measures what `to_torch` makes without being asked.

Results are lines of JSON, one for a network and a way, and what is there is not measured again: after so many minutes
it ends, and the same command goes on from there. What fails is told, and tried again by it. At the end stands the table
of docs/benchmarks.md: each ratio with its interval, the bound, and whether the upper end meets it.

Stable Diffusion 1.5's U-Net has its full size: 3.4 GB of weights, which both modules share, and as much again for
gradients.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))
warnings.simplefilter("ignore")

Call = Callable[[nn.Module], None]
Inputs = tuple[torch.Tensor, ...]
TURN = 0.35
TARGET = 1.03
FEWEST, LONG = 5, 90.0
"""So many turns there are at least, and so many seconds of the processor after which there are no more."""


def _image(size: int, batch: int = 1) -> Inputs:
    return (torch.randn(batch, 3, size, size),)


def _noise(size: int) -> Inputs:
    return torch.randn(1, 4, size, size), torch.tensor([10]), torch.randn(1, 77, 768)


@dataclass(frozen=True)
class Case:
    """The spec, and inputs in the order of both signatures, by the way in which they are used."""

    spec: str
    eager: Callable[[], Inputs]
    others: Callable[[], Inputs] | None = None
    ways: tuple[str, ...] = ("eager", "training", "compiled")

    def inputs(self, way: str) -> Inputs:
        return (self.others if self.others is not None and way != "eager" else self.eager)()


NETWORKS = {
    "resnet50": Case("resnet50", lambda: _image(128, 2)),
    "resnet50, 8 images": Case("resnet50", lambda: _image(224, 8), ways=("eager", "training")),
    "vit_b_16": Case("vit_b_16", lambda: _image(224)),
    "swin_t": Case("swin_t", lambda: _image(224)),
    "densenet121": Case("densenet121", lambda: _image(128, 2)),
    "densenet121, 8 images": Case("densenet121", lambda: _image(224, 8), ways=("eager", "training")),
    "sd15": Case("sd_unet@sd15", lambda: _noise(64), lambda: _noise(16)),
}


def pair(name: str, inplace: bool = True) -> tuple[nn.Module, nn.Module]:
    """Our module and the reference, in evaluation, with the same tensors as weights: those of the reference."""
    import references

    import archgraph as ag

    torch.manual_seed(0)
    spec = NETWORKS[name].spec
    if name == "sd15":
        theirs: Any = references.diffusers().UNet2DConditionModel(cross_attention_dim=768)
    else:
        theirs = getattr(references.torchvision().models, spec)(weights=None)
    ours: nn.Module = ag.to_torch(spec, device="meta", inplace=inplace)
    ours.load_state_dict(theirs.state_dict(), assign=True)
    return ours.eval(), theirs.eval()


def result(module: nn.Module, inputs: Inputs) -> torch.Tensor:
    made = module(*inputs)
    return made if isinstance(made, torch.Tensor) else made[0]


def forward(inputs: Inputs) -> Call:
    def work(module: nn.Module) -> None:
        with torch.inference_mode():
            result(module, inputs)

    return work


def training(inputs: Inputs) -> Call:
    """Forward, a loss, backward; the step of an optimiser is the same code for both."""

    def work(module: nn.Module) -> None:
        result(module, inputs).square().mean().backward()
        module.zero_grad(set_to_none=True)  # or the other module's gradients take memory

    return work


def turns(work: Call, modules: tuple[nn.Module, ...], count: int) -> tuple[list[float], list[float]]:
    """Processor seconds per call of both, a turn each; who goes first changes."""
    for module in modules:
        work(module)
        work(module)
    begin = time.process_time()
    work(modules[1])
    calls = max(1, round(TURN / (time.process_time() - begin)))
    found: tuple[list[float], list[float]] = ([], [])
    for turn in range(count):
        if turn >= FEWEST and time.process_time() - begin > LONG:
            break
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


@dataclass(frozen=True)
class Measurement:
    """Seconds of the turns of a network in one way."""

    network: str
    way: str
    ours: list[float]
    theirs: list[float]

    @property
    def row(self) -> str:
        low, high = interval(self.ours, self.theirs)
        told = " | ".join(f"{1000 * statistics.median(found):.1f}" for found in (self.ours, self.theirs))
        ratio = statistics.median(self.ours) / statistics.median(self.theirs)
        met = "met" if self.is_met else "missed"
        return f"| {self.network} | {self.way} | {told} | {ratio:.3f} ({low:.3f}–{high:.3f}) | {TARGET} | {met} |"

    @property
    def is_met(self) -> bool:
        """Whether the upper end of the interval is within the bound."""
        return interval(self.ours, self.theirs)[1] <= TARGET


def measured(name: str, ways: list[str], count: int, inplace: bool) -> Iterator[Measurement | str]:
    """The ways of a network, one after the other, with one pair of modules, or what failed."""
    modules = pair(name, inplace)
    for way in ways:
        try:
            yield in_turns(name, way, modules, count)
        except Exception as error:  # a compiler's, or for want of memory: the other ways can be measured
            yield f"{name}, {way}: {type(error).__name__}: {' '.join(str(error).split())[:300]}"


def in_turns(name: str, way: str, modules: tuple[nn.Module, nn.Module], count: int) -> Measurement:
    """Both modules in one way. Raises AssertionError where they do not compute the same."""
    inputs = NETWORKS[name].inputs(way)
    with torch.inference_mode():
        one, other = (result(module, inputs) for module in modules)
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-4), "not the same network"
    timed = tuple(map(torch.compile, modules)) if way == "compiled" else modules
    work = training(inputs) if way == "training" else forward(inputs)
    return Measurement(name, way, *turns(work, timed, count))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--networks", default=";".join(NETWORKS), help="separated by ; or ,")
    arguments.add_argument("--ways", default="eager,training")
    arguments.add_argument("--compiled", action="store_true", help="compiled forwards too")
    arguments.add_argument("--not-in-place", action="store_true", help="ours as it is without being asked")
    arguments.add_argument("--turns", type=int, default=15)
    arguments.add_argument("--minutes", type=float, default=25.0)
    arguments.add_argument("--results", type=Path, required=True)
    given = arguments.parse_args()
    torch.set_num_threads(1)
    lines = given.results.read_text("utf-8").splitlines() if given.results.exists() else []
    known = [Measurement(**json.loads(line)) for line in lines]
    there = {(one.network, one.way) for one in known}
    end = time.monotonic() + 60 * given.minutes
    names = given.networks.split(";") if ";" in given.networks else given.networks.split(",")
    ways = [*given.ways.split(","), *(["compiled"] if given.compiled else [])]
    left = 0
    failed: list[str] = []
    for name in [name for name in NETWORKS if name in names]:
        missing = [way for way in ways if way in NETWORKS[name].ways and (name, way) not in there]
        left += len(missing)
        if not missing or time.monotonic() > end:
            continue
        for one in measured(name, missing, given.turns, not given.not_in_place):
            if isinstance(one, str):
                failed.append(one)
                print(f"failed: {one}", flush=True)
                continue
            left -= 1
            known.append(one)
            with given.results.open("a", encoding="utf-8") as file:
                print(json.dumps(vars(one)), file=file)
            print(one.row, flush=True)
            if time.monotonic() > end:
                break
        gc.collect()
        torch.compiler.reset()
    print("\n| network | way | archgraph, ms | reference, ms | ratio (95 % interval) | at most | |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    order = [*NETWORKS]
    for one in sorted(known, key=lambda one: order.index(one.network)):
        print(one.row)
    print(f"\n{sum(one.is_met for one in known)} of {len(known)} met the bound of {TARGET}")
    print(*(f"failed: {each}" for each in failed), sep="\n", end="\n" if failed else "")
    print(f"{left} left: the same command goes on" if left else "all measured")


if __name__ == "__main__":
    main()
