"""Chains of basic blocks: whether work grows with their number alone, and what it takes.

    python tests/benchmark/scale.py [--blocks 100,1000,10000] [--work check,to_torch,export,svg]

Each cell is a process of its own. Seconds are of the processor, so that other processes on the machine count little;
imports are left out (each work is done once on a chain of two blocks before), and the peak of memory holds them.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

warnings.simplefilter("ignore")

SECONDS = {"check": 5, "to_torch": 20, "export": 10, "svg": 20}
"""What 10,000 blocks may take."""
LINEAR = 1.2
"""How much longer than in proportion the largest chain may take, of the one before it."""


def chain(blocks: int) -> dict[str, Any]:
    """The spec of a chain of basic blocks of ResNet, without projections."""
    layer = {"op": "basic", "planes": 64, "repeat": blocks}
    return {"archgraph": 1, "name": "chain", "inputs": {"image": ["N", 64, "H", "W"]}, "nodes": {"layer": layer}}


def loaded(blocks: int) -> Any:
    from archgraph.language.load import load

    return load(chain(blocks))


def check(blocks: int) -> Callable[[], object]:
    return lambda: loaded(blocks)


def to_torch(blocks: int) -> Callable[[], object]:
    """The module on the meta device."""
    import archgraph as ag

    graph = loaded(blocks)
    return lambda: ag.to_torch(graph, device="meta")


def export(blocks: int) -> Callable[[], object]:
    """From the graph to the bytes of the ONNX graph, weights aside."""
    from archgraph.export.lowering.emit import emit
    from archgraph.export.profiles import PORTABLE
    from archgraph.export.serialization.protobuf import body, head

    graph = loaded(blocks)

    def work() -> bytes:
        program = emit(graph, PORTABLE)
        return head(graph, program, PORTABLE) + body(program, graph.name)

    return work


def svg(blocks: int) -> Callable[[], object]:
    """The picture, with the depth that `render` chooses."""
    import archgraph as ag

    graph = loaded(blocks)

    def work() -> None:
        with TemporaryDirectory() as folder:
            ag.render(graph, Path(folder) / "chain.svg")

    return work


WORK = {"check": check, "to_torch": to_torch, "export": export, "svg": svg}


def one(name: str, blocks: int) -> dict[str, float]:
    """Processor seconds of the work in this process, and the most memory it ever held, in MB."""
    WORK[name](2)()
    work = WORK[name](blocks)
    start = time.process_time()
    work()
    return {
        "seconds": time.process_time() - start,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def in_own_process(name: str, blocks: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--one", name, "--blocks", str(blocks)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} of {blocks} blocks failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--blocks", default="100,1000,10000")
    arguments.add_argument("--work", default=",".join(WORK))
    arguments.add_argument("--one", choices=WORK, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    sizes = [int(size) for size in given.blocks.split(",")]
    if given.one:
        print(json.dumps(one(given.one, sizes[0])))
        return
    print(f"| blocks | {' | '.join(f'{size:,}' for size in sizes)} | growth per block | target |")
    print(f"| --- |{' --- |' * (len(sizes) + 2)}")
    for name in given.work.split(","):
        found = [in_own_process(name, size) for size in sizes]
        cells = [f"{cell['seconds']:.2f} s, {cell['megabytes']:.0f} MB" for cell in found]
        growth = _growth(found, sizes)
        met = found[-1]["seconds"] <= SECONDS[name] and growth <= LINEAR and found[-1]["megabytes"] <= 1000
        target = f"≤ {SECONDS[name]} s, 1 GB, {LINEAR:g}: {'met' if met else 'missed'}"
        print(f"| {name} | {' | '.join(cells)} | {growth:.2f} | {target} |", flush=True)


def _growth(found: list[dict[str, float]], sizes: list[int]) -> float:
    """Seconds per block of the largest chain over those of the one before it."""
    per_block = [cell["seconds"] / size for cell, size in zip(found, sizes, strict=True)]
    return per_block[-1] / per_block[-2] if len(per_block) > 1 else 1.0


if __name__ == "__main__":
    main()
