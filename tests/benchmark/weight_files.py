"""How fast, and in how much memory, files of weights are converted and loaded: python tests/benchmark/weight_files.py.

Writes a file of 3.4 GB with the keys of a Stable Diffusion U-Net, and takes medians of rounds: `cp` and `sync` against
`archgraph weights convert`, safetensors' own reading into a module against ours. Each measurement has a process of its
own and finds the file in the system's cache and nothing that waits for the disk; every other round goes backwards, so
that each comes first as often as the other. `--spec vit_l_16` is a file of 1.2 GB, `--spec resnet50` one for a try.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

MEASURE = """
import json, re, sys, time
from pathlib import Path
def spent():
    return time.perf_counter(), time.process_time()
def report(start, peak):
    names = ("seconds", "cpu")
    print(json.dumps({"peak": peak} | {name: b - a for name, a, b in zip(names, start, spent())}))
def peak(name="VmHWM"):
    return int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
"""
CONVERT = """
import archgraph as ag
from archgraph.verbs.weight_files import convert_weights
graph = ag.load(spec)
start = spent()
convert_weights(source, target, graph)
report(start, peak())
"""
COPY = """
import os, shutil, subprocess
start = spent()
subprocess.run(["cp", source, target], check=True)
subprocess.run(["sync", target], check=True)
report(start, 0)
"""
LOAD = """
import torch
import archgraph as ag
from archgraph.codegen import instantiate, written
from archgraph.codegen.weights import give_weights
from archgraph.weights.fitting import fitted
from archgraph.weights.targets import network_of
graph = ag.load(spec)
code = written(graph)
module = instantiate(graph, code, None)
bare = peak("VmRSS")
start = spent()
give_weights(module, fitted(network_of(graph), source), code.ties, None)
report(start, peak() - bare)
"""
SAFETENSORS = """
import torch
import archgraph as ag
from archgraph.codegen import instantiate, written
from safetensors.torch import load_file
graph = ag.load(spec)
module = instantiate(graph, written(graph), None)
bare = peak("VmRSS")
start = spent()
module.load_state_dict({key: tensor.clone() for key, tensor in load_file(source).items()}, assign=True)
report(start, peak() - bare)
"""


def written_file(spec: str, path: Path) -> int:
    """A file with random numbers for each weight of a network."""
    import numpy as np

    import archgraph
    from archgraph.artifact.arrays import Array
    from archgraph.weights.tensors import LazyTensor
    from archgraph.weights.wanted import WantedWeight, wanted_by
    from archgraph.weights.writing import write_safetensors

    rng = np.random.default_rng(0)

    def tensor(weight: WantedWeight) -> LazyTensor:
        def drawn() -> Array:
            return np.asarray(rng.standard_normal(weight.shape, np.float32)).astype(weight.dtype)

        return LazyTensor(weight.dtype, weight.shape, drawn)

    wanted = wanted_by(archgraph.load(spec))
    return write_safetensors(path, {key: tensor(weight) for key, weight in wanted.items()})


def measured(script: str, spec: str, source: Path, target: Path) -> dict[str, float]:
    """Seconds, seconds of the processor and peak of memory of a script in a process of its own; the file is in the
    system's cache before, and what was written is on the disk."""
    os.sync()
    with source.open("rb") as file:
        while file.read(1 << 24):
            pass
    given = f"spec, source, target = {spec!r}, {str(source)!r}, {str(target)!r}\n"
    ran = subprocess.run([sys.executable, "-c", MEASURE + given + script], capture_output=True, text=True, check=True)
    target.unlink(missing_ok=True)
    return dict(json.loads(ran.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", default="sd_unet@sd15")
    parser.add_argument("--rounds", type=int, default=6, help="an even number is fair")
    parser.add_argument("--folder", default=None, help="where there is room for the file twice")
    parser.add_argument("--loading", action="store_true", help="leave out conversions")
    given = parser.parse_args()
    scripts: dict[str, str] = {"cp and sync": COPY, "convert": CONVERT, "safetensors": SAFETENSORS, "load": LOAD}
    if given.loading:
        scripts = {name: scripts[name] for name in ("safetensors", "load")}
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        source, target = Path(folder) / "w.safetensors", Path(folder) / "out.safetensors"
        size = written_file(given.spec, source)
        found: dict[str, list[dict[str, float]]] = {name: [] for name in scripts}
        for number in range(given.rounds):
            for name in list(scripts)[:: -1 if number % 2 else 1]:
                found[name].append(measured(scripts[name], given.spec, source, target))
    median: Callable[[str, str], float] = lambda name, what: statistics.median(one[what] for one in found[name])  # noqa: E731
    print(f"{given.spec}: {size:,} bytes, medians of {given.rounds} rounds, every other one backwards")
    for name in scripts:
        print(
            f"  {name:<12} {median(name, 'seconds'):6.2f} s   processor {median(name, 'cpu'):6.2f} s  "
            f" peak of memory {median(name, 'peak') / 1e6:8.0f} MB"
        )
    if not given.loading:
        print(f"  convert / cp and sync: {median('convert', 'seconds') / median('cp and sync', 'seconds'):.2f}")
    for what in ("seconds", "cpu"):
        ratio = median("load", what) / median("safetensors", what)
        print(f"  load / safetensors: {ratio:.2f} ({'wall' if what == 'seconds' else 'processor'})")
    print(f"  memory of load / tensors: {median('load', 'peak') / size:.2f}")


if __name__ == "__main__":
    main()
