"""Random networks by hand: every one is checked, built, written, exported, run and drawn, and all of it compared.

    python tests/random_networks/run.py --count 20000 --seed 0
    python tests/random_networks/run.py --only 1234        # one network, with its fault, as a small spec
    python tests/random_networks/run.py --device cuda --seed 100000 --seconds 200     # the files on a GPU

Each failing network is made small and printed as YAML. The last line counts what became of all of them.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

import torch
import yaml
from network_checks import NAN_PASSED_OVER, NO_KERNEL, FaultError, Wanted, examine, request
from random_specs import SpecDrawing
from shrinking import shrunk

from archgraph.errors import ArchgraphError
from archgraph.language.load import load

PROFILES = ("portable", "cpu", "portable", "cpu", "cuda")
ON_CUDA = ("cuda", "portable")
RIGHT = ("compared", "compared, an output of no numbers", "no small sizes", NO_KERNEL, NAN_PASSED_OVER)
REFUSED = "refused by check"
LONGEST = 60.0
"""Seconds that a failing spec is made smaller."""


POISONED = re.compile(r"CUDA failure \d+|illegal memory access|misaligned address|launch failure", re.IGNORECASE)
"""After some of these errors nothing else works in a process."""


def wanted(seed: int, files: bool = True, device: str = "cpu") -> Wanted:
    """What is looked at in a network: all of it in turn, since verifying and drawing take long; on a GPU, the files."""
    if device == "cuda":
        return Wanted(ON_CUDA, texts=False, device=device)
    return Wanted((PROFILES[seed % 5],) if files else (), seed % 20 == 7, seed % 10 == 0, seed % 4 == 0)


def outcome(spec: dict[str, Any], seed: int, folder: Path, look: Wanted) -> str:
    """What became of a network: a fault's kind, or that there was none."""
    try:
        load(request(spec, folder))
    except ArchgraphError as error:
        return f"{REFUSED}: {error}"
    try:
        return examine(spec, seed, folder, look)
    except FaultError as fault:
        return str(fault)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int)
    parser.add_argument("--parts", type=int, default=6, help="about how many parts the outermost body has")
    parser.add_argument("--no-files", action="store_true", help="without ONNX")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where the files are run")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="ends it before all are done")
    options = parser.parse_args()
    torch.set_num_threads(1)
    first, count = (options.seed, options.count) if options.only is None else (options.only, 1)
    counts: Counter[str] = Counter()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        for seed in range(first, first + count):
            taken = time.perf_counter() - start
            if taken > options.seconds:
                break
            spec = SpecDrawing(seed, options.parts).spec()
            look = wanted(seed, not options.no_files, options.device)
            found = outcome(spec, seed, Path(name), look)
            kind = found.split(":")[0]
            counts[kind] += 1
            if kind not in RIGHT:
                print(f"seed {seed}: {found}", flush=True)
            if options.device == "cuda" and POISONED.search(found):
                print(f"{counts.total()} networks from seed {first} in {taken:.0f} s: {dict(counts)}", flush=True)
                _anew(seed + 1, first + count - seed - 1, options.seconds - taken)
            if kind not in (*RIGHT, REFUSED):
                _report(
                    spec,
                    seed,
                    kind,
                    Path(name),
                    (look, min(LONGEST if options.device == "cpu" else LONGEST / 6, options.seconds - taken)),
                )
            if counts.total() % 200 == 0:
                print(f"{counts.total()} in {time.perf_counter() - start:.0f} s: {dict(counts)}", flush=True)
    taken = time.perf_counter() - start
    print(f"{counts.total()} networks from seed {first} in {taken:.0f} s: {dict(counts)}", flush=True)


def _anew(seed: int, count: int, seconds: float) -> None:
    """Goes on in the place of this process, whose GPU answers no more."""
    arguments = ["--device", "cuda", "--seed", str(seed), "--count", str(count), "--seconds", str(seconds)]
    os.execv(sys.executable, [sys.executable, __file__, *arguments])


def _report(spec: dict[str, Any], seed: int, kind: str, folder: Path, how: tuple[Wanted, float]) -> None:
    """Prints the small spec with its fault, after so many seconds of making it smaller."""
    look, seconds = how
    end = time.perf_counter() + seconds

    def fails(each: dict[str, Any]) -> bool:
        return time.perf_counter() < end and outcome(each, seed, folder, look).split(":")[0] == kind

    small = shrunk(spec, fails)
    print(yaml.safe_dump(small, sort_keys=False, width=120, default_flow_style=None), flush=True)
    print(outcome(small, seed, folder, look), flush=True)


if __name__ == "__main__":
    main()
