"""Networks without memory, each in a process of its own with its imports: `to_torch` on meta, and the constructor.

    python tests/benchmark/meta_processes.py [PRESET ...] [--turns 7]

Each turn is two new processes, one after the other. The clock is the processor's, and starts when torch is imported:
ours imports archgraph, reads the spec, proves it, writes and compiles the source and makes the module; theirs imports
torchvision, timm or transformers and calls the constructor. The presets are by default those of which the first call in
a process that has all libraries takes longer than the constructor (`meta_construction.py`).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

import references
from meta_construction import upper
from transformers_networks import PUBLISHED

TESTS = Path(__file__).parents[1]
PRESETS = (
    *("swin_t", "swin_s", "swin_b", "swin_v2_t", "swin3d_t", "swin3d_s", "swin3d_b"),
    *("mvit_v2_s", "segformer_b2_ade"),
)
CLOCK = """
import sys, time, torch
start = time.process_time()
{work}
print(time.process_time() - start)
"""
OURS = """
import archgraph as ag
ag.to_torch(sys.argv[1], device="meta")
"""
THEIRS = {
    "torchvision": """
import references
package = references.torchvision()
with torch.device("meta"):
    package.models.get_model(sys.argv[1], weights=None)
""",
    "timm": """
import references
package = references.timm()
with torch.device("meta"):
    package.create_model(sys.argv[1])
""",
    "transformers": """
from transformers_networks import PUBLISHED
with torch.device("meta"):
    PUBLISHED[sys.argv[1]]()
""",
}


def library(preset: str) -> str:
    """The library that has a network of this name."""
    if preset in references.torchvision().models.list_models():
        return "torchvision"
    if preset in PUBLISHED:
        return "transformers"
    if references.timm().is_model(preset):
        return "timm"
    raise SystemExit(f"{preset}: neither torchvision nor timm nor transformers has a network of this name")


def seconds(work: str, preset: str) -> float:
    """Of a new process, since torch was imported."""
    paths = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CLOCK.format(work=work), preset],
        env={**os.environ, "PYTHONPATH": paths},
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout.split()[-1])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("presets", nargs="*", default=PRESETS, metavar="PRESET")
    arguments.add_argument("--turns", type=int, default=7)
    given = arguments.parse_args()
    print("| preset | library | ours, s | theirs, s | ratio (≤ upper end) |\n| --- | --- | --- | --- | --- |")
    for preset in given.presets:
        whose = library(preset)
        ours, theirs = [], []
        for _ in range(given.turns):
            ours.append(seconds(OURS, preset))
            theirs.append(seconds(THEIRS[whose], preset))
        medians = statistics.median(ours), statistics.median(theirs)
        told = f"{medians[0]:.2f} | {medians[1]:.2f} | {medians[0] / medians[1]:.2f} (≤ {upper(ours, theirs):.2f})"
        print(f"| {preset} | {whose} | {told} |", flush=True)


if __name__ == "__main__":
    main()
