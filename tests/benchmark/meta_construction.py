"""Modules without memory: `to_torch` on the meta device beside the constructor of the published implementation there.

    python tests/benchmark/meta_construction.py --results FILE [--only WORD] [--turns 5] [--minutes 15]

Every shipped preset that torchvision, timm, transformers or diffusers has. Processor milliseconds of one process, in
turn: our first call for a network, which plans the classes, writes the source and compiles it; the next call; and the
constructor's. The graph is loaded before, all libraries are, and one small network is made. The ratios are those of the
medians, with the 95 % interval of 2,000 bootstrap samples.

Results are lines of JSON, and what is there is not measured again: after so many minutes of the processor it ends, and
the same command goes on from there. A preset that takes long has fewer turns, three at least. At the end stand the
tables of docs/benchmarks.md: how many met what was wanted, the medians, and those that missed it by name.

Python looks through young objects for garbage as it does elsewhere, but through all of four libraries only between the
presets.
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
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from published_constructors import published_constructors

import archgraph as ag
from archgraph.codegen.analysis import names, size_expressions, sizes
from archgraph.codegen.load import PACKAGE
from archgraph.language.load import load

warnings.simplefilter("ignore")
MOST, LEAST = 1.0, 0.03
"""What is wanted: at most the constructor's time, or so many seconds, at the upper ends of the intervals."""
FEWEST, LONG = 3, 1.0
"""So many turns there are at least, and so many seconds of the processor after which there are no more."""
KEPT = 25
"""After so many presets Python looks through all objects."""
Times = dict[str, list[float]]


def seconds(work: Callable[[], object]) -> float:
    gc.collect(1)
    start = time.process_time()
    work()
    return time.process_time() - start


def forget() -> None:
    """The process has written no network yet."""
    for name in [name for name in sys.modules if name.startswith(f"{PACKAGE}.")]:
        del sys.modules[name]
    sizes._extended.cache_clear()
    sizes._nothing.cache_clear()
    size_expressions._values.cache_clear()
    names.check_path.cache_clear()
    names.class_name.cache_clear()


def constructed(build: Callable[[], Any]) -> None:
    with torch.device("meta"):
        build()


def measured(name: str, build: Callable[[], Any], turns: int) -> Times:
    """Seconds of each turn; what a process does once in its life is done before the first."""
    constructed(build)
    found: Times = {"first": [], "later": [], "theirs": []}
    begin = time.process_time()
    for turn in range(turns):
        if turn >= FEWEST and time.process_time() - begin > LONG:
            break
        forget()
        graph = load(name)
        for kind in ("first", "later"):
            found[kind].append(seconds(lambda graph=graph: ag.to_torch(graph, device="meta")))  # type: ignore[misc]
        found["theirs"].append(seconds(lambda: constructed(build)))
    return found


def upper(samples: Sequence[float], others: Sequence[float] = (1.0,)) -> float:
    """The upper end of the 95 % interval of a median, or of the ratio of two."""
    drawn = random.Random(0)
    ratios = sorted(
        statistics.median(drawn.choices(samples, k=len(samples)))
        / statistics.median(drawn.choices(others, k=len(others)))
        for _ in range(2_000)
    )
    return ratios[-51]


def is_met(ours: Sequence[float], theirs: Sequence[float]) -> bool:
    return upper(ours, theirs) <= MOST or upper(ours) <= LEAST


def row(name: str, times: Times | str) -> str:
    if isinstance(times, str):
        return f"| {name} | | | {times.partition(':')[0]} | | | |"
    first, later, theirs = (times[kind] for kind in ("first", "later", "theirs"))
    told = " | ".join(f"{1000 * statistics.median(found):.1f}" for found in (first, later, theirs))
    ratios = " | ".join(
        f"{statistics.median(found) / statistics.median(theirs):.2f} (≤ {upper(found, theirs):.2f})"
        for found in (first, later)
    )
    met = "met" if is_met(first, theirs) else "later calls" if is_met(later, theirs) else "missed"
    return f"| {name} | {told} | {ratios} | {met} |"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--only", default="")
    arguments.add_argument("--turns", type=int, default=5)
    arguments.add_argument("--minutes", type=float, default=15.0)
    arguments.add_argument("--results", type=Path, required=True)
    given = arguments.parse_args()
    known = dict(map(json.loads, given.results.read_text("utf-8").splitlines())) if given.results.exists() else {}
    ag.to_torch(load("vgg@vgg11"), device="meta")
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, 1 << 30)
    wanted = [(name, build) for name, build in published_constructors() if given.only in name]
    print("| preset | first call, ms | later calls, ms | constructor, ms | first | later | |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for place, (name, build) in enumerate(wanted):
        if place % KEPT == 0:
            gc.collect()
        if name not in known and time.process_time() < 60 * given.minutes:
            known[name] = tried(name, build, given.turns)
            with given.results.open("a", encoding="utf-8") as file:
                print(json.dumps([name, known[name]]), file=file)
        if name in known:
            print(row(name, known[name]), flush=True)
    left = sum(name not in known for name, _ in wanted)
    print(f"\n{left} left: the same command goes on\n" if left else f"\nall {len(wanted)} measured\n")
    chosen = {name: known[name] for name, _ in wanted if name in known}
    _summarise({name: found for name, found in chosen.items() if isinstance(found, dict)})
    for name, found in chosen.items():
        if isinstance(found, str):
            print(f"not timed: {name}, whose constructor makes nothing without memory: {found}")


def tried(name: str, build: Callable[[], Any], turns: int) -> Times | str:
    """What was measured, or why the constructor makes nothing without memory."""
    try:
        return measured(name, build, turns)
    except (TypeError, NotImplementedError, RuntimeError) as error:
        return f"{type(error).__name__}: {error}"[:200]


def _summarise(known: dict[str, Times]) -> None:
    """How many met what was wanted, the medians, and who missed it, the farthest first."""
    if not known:
        return
    print(
        "| calls | presets | met | missed | medians at most 1.0 | median ms | constructors' | median ratio | largest |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for kind in ("first", "later"):
        print(_total(kind, known))
    for kind in ("first", "later"):
        missed = sorted(
            (name for name, times in known.items() if not is_met(times[kind], times["theirs"])),
            key=lambda name: -_ratio(known[name], kind),
        )
        print(f"\nMissed by {kind} calls, {len(missed)} presets:\n" if missed else f"\nMissed by no {kind} call.")
        if missed:
            print("| preset | ms | constructor, ms | ratio (≤ upper end) |\n| --- | --- | --- | --- |")
        for name in missed:
            ours, theirs = known[name][kind], known[name]["theirs"]
            told = " | ".join(f"{1000 * statistics.median(found):.1f}" for found in (ours, theirs))
            print(f"| {name} | {told} | {_ratio(known[name], kind):.2f} (≤ {upper(ours, theirs):.2f}) |")


def _total(kind: str, known: dict[str, Times]) -> str:
    """A row for all presets."""
    ratios = [_ratio(times, kind) for times in known.values()]
    met = sum(is_met(times[kind], times["theirs"]) for times in known.values())
    below = sum(ratio <= MOST for ratio in ratios)
    ours, theirs = (
        1000 * statistics.median(statistics.median(times[each]) for times in known.values())
        for each in (kind, "theirs")
    )
    counts = f"{len(known)} | {met} | {len(known) - met} | {below}"
    return f"| {kind} | {counts} | {ours:.1f} | {theirs:.1f} | {statistics.median(ratios):.2f} | {max(ratios):.2f} |"


def _ratio(times: Times, kind: str) -> float:
    return statistics.median(times[kind]) / statistics.median(times["theirs"])


if __name__ == "__main__":
    main()
