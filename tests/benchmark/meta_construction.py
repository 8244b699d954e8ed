"""Modules without memory: `to_torch` on the meta device beside the constructor of the published implementation there.

    python tests/benchmark/meta_construction.py [--only WORD] [--repeats 3]

Every shipped preset that torchvision or timm has under the same name, and diffusers' U-Nets. Processor milliseconds of
one process: our first call, which writes and compiles the source, the least of the later ones, and the constructor's.
The graph is loaded before; so are all libraries, and one small network of each is made.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
warnings.simplefilter("ignore")

Builder = Callable[[], object]
MOST, LEAST = 1.0, 0.03
"""What is wanted: at most the constructor's time, or so many seconds."""


def pairs() -> Iterator[tuple[str, Builder]]:
    """A preset that can be loaded, and its constructor."""
    import references
    import yaml

    from archgraph.language.library import shipped_specs

    vision, timm = references.torchvision().models, references.timm()
    known, segmenting = set(vision.list_models()), set(vision.list_models(vision.segmentation))
    for file in sorted(shipped_specs().glob("*.yaml")):
        for preset in yaml.safe_load(file.read_text("utf-8")).get("presets") or ():
            name = f"{file.stem}@{preset}"
            if preset in known:
                plain: dict[str, None] = {"weights": None}
                if preset in segmenting:  # or it would load the published weights of what it stands on
                    plain["weights_backbone"] = None
                yield name, lambda preset=preset, how=plain: vision.get_model(preset, **how)
            elif timm.is_model(preset):
                yield name, lambda preset=preset: timm.create_model(preset)
    yield "ddpm@cifar10", lambda: references.unet2d(**references.DDPM_CIFAR10)
    yield "sd_unet@sd15", lambda: references.diffusers().UNet2DConditionModel(cross_attention_dim=768)


def seconds(work: Builder) -> float:
    start = time.process_time()
    with torch.device("meta"):
        work()
    return time.process_time() - start


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--only", default="")
    arguments.add_argument("--repeats", type=int, default=3)
    given = arguments.parse_args()
    import archgraph as ag
    from archgraph.language.load import load

    ag.to_torch(load("vgg@vgg11"), device="meta")
    print("| preset | first call, ms | later calls, ms | constructor, ms | first | later | |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, build in pairs():
        if given.only not in name:
            continue
        try:
            build_times = [seconds(build) for _ in range(given.repeats + 1)][1:]
        except (TypeError, NotImplementedError, RuntimeError) as error:  # no constructor without memory
            print(f"| {name} | | | {type(error).__name__} | | | |", flush=True)
            continue
        graph = load(name)
        first, *later = [seconds(lambda graph=graph: ag.to_torch(graph, device="meta")) for _ in range(given.repeats)]
        theirs, again = min(build_times), min(later)
        told = " | ".join(f"{1000 * found:.1f}" for found in (first, again, theirs))
        met = (
            "met" if first <= max(MOST * theirs, LEAST) else "later calls" if again <= max(theirs, LEAST) else "missed"
        )
        print(f"| {name} | {told} | {first / theirs:.2f} | {again / theirs:.2f} | {met} |", flush=True)


if __name__ == "__main__":
    main()
