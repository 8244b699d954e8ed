"""`archgraph check` of every preset of the collection, each a process of its own, as a share of `import torch`.

    python tests/benchmark/check_presets.py [NAME …] [--results FILE] [--seconds 480]

Seconds are of the processor, user and system, so that other processes on the machine count little; `import torch` is
timed in between, and a preset is compared with the last two. Those above the target are tried twice more, and the least
counts. Results are lines of JSON in a file that is read again: what was interrupted goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

TARGET = 0.3 / 1.08
"""0.3 s on a machine where `import torch` takes 1.08 s."""
BETWEEN = 25
"""Checks between two imports of torch."""
TRIES = 3

Result = dict[str, Any]
CHECK = "from archgraph.cli import main; main()"


def presets(beginnings: Sequence[str]) -> list[str]:
    """Every shipped preset, and every model without any, that begins with one of these."""
    from archgraph.language.library import read_spec, shipped_specs

    found = []
    for path in sorted(shipped_specs().glob("*.yaml")):
        names = [f"{path.stem}@{preset}" for preset in read_spec(path).block.presets] or [path.stem]
        found += [name for name in names if not beginnings or name.startswith(tuple(beginnings))]
    return found


def seconds(*arguments: str) -> float:
    """Processor seconds of a process. Raises RuntimeError where it fails."""
    command = [sys.executable, "-c", *arguments]
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    process = os.posix_spawn(sys.executable, command, os.environ, file_actions=quiet)
    _, status, used = os.wait4(process, 0)
    if status:
        raise RuntimeError(f"status {os.waitstatus_to_exitcode(status)}")
    return used.ru_utime + used.ru_stime


def measured(names: Sequence[str], ends: float) -> Iterator[Result]:
    """Results, one after the other, until that time."""
    torch = [seconds("import torch") for _ in range(3)][1:]  # the first one reads the disk
    for count, name in enumerate(names):
        if time.monotonic() > ends:
            return
        if count and count % BETWEEN == 0:
            torch = [torch[-1], seconds("import torch")]
        base = statistics.mean(torch)
        try:
            found = _least(name, TARGET * base)
        except RuntimeError as error:
            yield {"preset": name, "failed": str(error)}
        else:
            yield {"preset": name, "seconds": found, "torch": base, "share": found / base}


def _least(name: str, enough: float) -> float:
    """The least of as many tries as there have to be. Raises RuntimeError where the check fails."""
    tries = [seconds(CHECK, "check", name)]
    while min(tries) > enough and len(tries) < TRIES:
        tries.append(seconds(CHECK, "check", name))
    return min(tries)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("names", nargs="*", help="beginnings of names, such as swin; all without any")
    arguments.add_argument("--results", type=Path, default=Path("check_presets.jsonl"))
    arguments.add_argument("--seconds", type=float, default=float("inf"), help="after these none is started")
    given = arguments.parse_args()
    ends = time.monotonic() + given.seconds
    lines = given.results.read_text(encoding="utf-8").splitlines() if given.results.is_file() else []
    known: dict[str, Result] = {one["preset"]: one for one in map(json.loads, lines)}
    names = presets(given.names)
    with given.results.open("a", encoding="utf-8") as file:
        for result in measured([name for name in names if name not in known], ends):
            known[result["preset"]] = result
            file.write(json.dumps(result) + "\n")
            file.flush()
    _report([known[name] for name in names if name in known], len(names))


def _report(results: list[Result], count: int) -> None:
    """The distribution of the shares, and the slowest presets."""
    for one in results:
        if "failed" in one:
            print(f"{one['preset']} failed: {one['failed']}")
    results = [one for one in results if "failed" not in one]
    if not results:
        return
    shares = sorted(one["share"] for one in results)
    at = {"least": 0.0, "quarter": 0.25, "median": 0.5, "three quarters": 0.75, "nine of ten": 0.9, "largest": 1.0}
    spread = ", ".join(f"{name} {shares[round(part * (len(shares) - 1))]:.3f}" for name, part in at.items())
    print(f"{len(results)} of {count} presets, of `import torch`: {spread}")
    torch = sorted(one["torch"] for one in results)
    print(f"`import torch`: {torch[0]:.2f} to {torch[-1]:.2f} s")
    above = sum(share > TARGET for share in shares)
    print(f"above {TARGET:.3f} (0.3 s where `import torch` takes 1.08 s): {above}")
    for one in sorted(results, key=lambda one: -one["share"])[:15]:
        print(f"  {one['share']:.3f}  {one['seconds']:.3f} s  {one['preset']}")


if __name__ == "__main__":
    main()
