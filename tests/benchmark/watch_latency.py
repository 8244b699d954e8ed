"""From a save to the answer of `archgraph check --watch`, on all ten networks of resnet.yaml.

    python tests/benchmark/watch_latency.py [--saves 21]

Seconds of the wall: from the beginning of the write to the last line of the answer. They need a core that is free, so
the processor seconds that an answer took are stated beside them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

TARGET = 0.15
PAUSE = 0.3
"""Seconds between an answer and the next save, which so meets the watch anywhere between two looks."""
LAST = "watching"
"""The last line of an answer begins with it."""
TICKS = os.sysconf("SC_CLK_TCK")


def answers(folder: Path, saves: int) -> tuple[list[float], float]:
    """Seconds of each answer, and processor seconds of one."""
    from archgraph.language.library import shipped_specs

    text = (shipped_specs() / "resnet.yaml").read_text(encoding="utf-8")
    spec = folder / "resnet.yaml"
    spec.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "archgraph.cli", "check", "--watch", str(spec)]
    found = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            _read_answer(process)
            before = _processor_seconds(process.pid)
            for number in range(saves):
                time.sleep(PAUSE + 0.007 * number)
                start = time.perf_counter()
                spec.write_text(f"# {number}\n{text}", encoding="utf-8")
                _read_answer(process)
                found.append(time.perf_counter() - start)
            used = _processor_seconds(process.pid) - before
        finally:
            process.kill()
    return found, used / saves


def _read_answer(process: subprocess.Popen[str]) -> None:
    """Reads until the last line. Raises SystemExit where the process ends."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(LAST):
            return
    raise SystemExit("the watch has ended")


def _processor_seconds(process: int) -> float:
    """What a process has used so far, looks at the files between two saves included."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--saves", type=int, default=21)
    given = arguments.parse_args()
    with TemporaryDirectory() as folder:
        found, used = answers(Path(folder), given.saves)
    median = statistics.median(found)
    print("| answer of `check --watch` on ten networks | least | median | largest | of the processor | target |")
    print("| --- | --- | --- | --- | --- | --- |")
    cells = [f"{seconds * 1000:.0f} ms" for seconds in (min(found), median, max(found), used)]
    met = f"{TARGET * 1000:.0f} ms: {'met' if median <= TARGET else 'missed'}"
    print(f"| {given.saves} saves, a load of {os.getloadavg()[0]:.0f} | {' | '.join(cells)} | {met} |")


if __name__ == "__main__":
    main()
