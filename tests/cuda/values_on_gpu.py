"""What files compute on an NVIDIA GPU, held against torch in float64; on a machine that has one.

    python tests/cuda/values_on_gpu.py --device cuda --workers 8 --seconds 150 [--results FILE] [--only WORD]

Every operation in three element types, every shipped network in two, replayed CUDA graphs, and sampling. Prints what
is wrong as it is found, and Markdown tables at the end. `--device cpu` does the same on a CPU.
"""

from __future__ import annotations

import argparse
import json
import queue
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TextIO

sys.path.insert(0, str(Path(__file__).parent))

from narrow_variants import variants
from value_cases import NO_KERNEL, NO_REFERENCE, REFUSED, RIGHT, WRONG
from value_jobs import NETWORK, OPERATION, SAMPLING, Job

from archgraph.ops import REGISTRY

HERE = Path(__file__).parent
DTYPES = {OPERATION: ("float32", "float16", "bfloat16"), NETWORK: ("float32", "float16"), SAMPLING: ("float32",)}
STATUSES = (RIGHT, WRONG, REFUSED, NO_KERNEL, NO_REFERENCE)
CRASHES = 20
"""So often a job may end its process."""


def jobs(only: Sequence[str]) -> Iterator[Job]:
    """The networks first, since they take longest."""
    names = {
        NETWORK: sorted(variants()),
        SAMPLING: ["ddpm"],
        OPERATION: sorted(name for name, kind in REGISTRY.items() if kind.examples),
    }
    for kind, all_of_it in names.items():
        for dtype in DTYPES[kind]:
            for name in all_of_it:
                if any(word in f"{kind} {name} {dtype}" for word in only):
                    yield Job(kind, name, dtype)


class Pool:
    """Processes that work on jobs, each begun anew where CUDA has ended it."""

    def __init__(self, device: str, log: TextIO | None):
        self.device, self.log = device, log
        self.found: list[tuple[Job, dict[str, Any]]] = []
        self.waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self.processes: set[subprocess.Popen[str]] = set()
        self.lock, self.over = threading.Lock(), threading.Event()
        self.left = 0

    def run(self, wanted: Sequence[Job], workers: int, seconds: float) -> None:
        """All jobs, or those that are done in time."""
        for job in wanted:
            self.waiting.put(job)
        self.left = len(wanted)
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]
        end = time.monotonic() + seconds
        for thread in threads:
            thread.start()
        shown = time.monotonic()
        while any(thread.is_alive() for thread in threads) and time.monotonic() < end:
            time.sleep(0.2)
            if time.monotonic() - shown > 10:
                shown = time.monotonic()
                print(f"{len(wanted) - self.left} of {len(wanted)} jobs, {self.counts()}", flush=True)
        self.over.set()
        with self.lock:
            for process in self.processes:
                process.kill()

    def counts(self) -> dict[str, int]:
        """How many cases became what."""
        return dict(Counter(result["status"] for _, result in self.found))

    def _work(self) -> None:
        process = self._begun()
        while not self.over.is_set():
            try:
                job = self.waiting.get_nowait()
            except queue.Empty:
                break
            for _ in range(CRASHES):
                rest = self._asked(process, job)
                if rest is None or self.over.is_set():
                    break
                process, job = self._begun(), rest
            with self.lock:
                self.left -= 1
        process.kill()

    def _begun(self) -> subprocess.Popen[str]:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen([sys.executable, str(HERE / "value_jobs.py"), self.device], text=True, **pipes)
        with self.lock:
            self.processes.add(process)
        return process

    def _asked(self, process: subprocess.Popen[str], job: Job) -> Job | None:
        """Does a job; what is left of it where the process ended on the way."""
        assert process.stdin is not None
        assert process.stdout is not None
        begun, done = "", list(job.done)
        try:
            process.stdin.write(json.dumps(asdict(job)) + "\n")
            process.stdin.flush()
        except OSError:
            return job
        for line in process.stdout:
            answer = json.loads(line)
            if "finished" in answer:
                return None
            begun = answer.get("begun", begun)
            if "result" in answer:
                done.append(answer["result"]["case"])
                self._note(job, answer["result"])
        if self.over.is_set():
            return None
        if begun and begun not in done:
            status = process.wait()
            self._note(job, {"case": begun, "status": WRONG, "share": 0.0, "text": f"its process ended with {status}"})
            done.append(begun)
        return replace(job, apart=True, done=done)

    def _note(self, job: Job, result: dict[str, Any]) -> None:
        with self.lock:
            self.found.append((job, result))
            line = {"kind": job.kind, "name": job.name, "dtype": job.dtype, **result}
            if self.log is not None:
                print(json.dumps(line), file=self.log, flush=True)
            if result["status"] in (WRONG, REFUSED):
                print(f"{result['status']}: {job.name} {job.dtype}: {result['case']}: {result['text']}", flush=True)


# -- tables ------------------------------------------------------------------------------------------------------------


def table(pool: Pool, kind: str) -> Iterator[str]:
    """How many cases became what, and how much of the bound the worst of them uses, by family and type."""
    rows: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for job, result in pool.found:
        if job.kind == kind:
            rows[group(job, result), job.dtype].append(result)
    yield f"| {kind} | type | {' | '.join(STATUSES)} | worst error / bound of those that are right |"
    yield "| --- | --- |" + " --- |" * (len(STATUSES) + 1)
    for (name, dtype), results in sorted(rows.items()):
        counts = Counter(result["status"] for result in results)
        share = max((result["share"] for result in results if result["status"] == RIGHT), default=0.0)
        numbers = " | ".join(str(counts[status]) for status in STATUSES)
        yield f"| {name} | {dtype} | {numbers} | {share:.2f} |"


def group(job: Job, result: dict[str, Any]) -> str:
    """The row of a result: the operation's family, or what was compared of a network."""
    if job.kind == OPERATION:
        return REGISTRY[job.name].family
    return f"networks, {result['case']}" if job.kind == NETWORK else f"{job.name}, {result['case']}"


def failures(pool: Pool) -> Iterator[str]:
    """Each case that is wrong, or refused without a reason that is known."""
    for job, result in sorted(pool.found, key=lambda pair: (pair[0].kind, pair[0].name)):
        if result["status"] in (WRONG, REFUSED):
            yield f"- {job.name}, {job.dtype}, {result['status']}: {result['case']}: {result['text']}"


def graphs(pool: Pool) -> str:
    """How many replayed graphs give what a plain run gives, bit for bit."""
    counts = Counter(result["text"] for _, result in pool.found if result["text"] in ("equal", "within bounds"))
    return f"Replayed CUDA graphs against plain runs: {dict(counts)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=150)
    parser.add_argument("--results", type=Path, help="a file for all results, as lines of JSON")
    parser.add_argument(
        "--only", nargs="+", default=[""], help="jobs such as 'operation gelu float16' that hold a word"
    )
    given = parser.parse_args()
    start = time.monotonic()
    pool = Pool(given.device, given.results.open("w") if given.results else None)
    wanted = list(jobs(given.only))
    pool.run(wanted, given.workers, given.seconds)
    taken = time.monotonic() - start
    print(f"\n{len(wanted) - pool.left} of {len(wanted)} jobs in {taken:.0f} s on {given.device}: {pool.counts()}\n")
    for kind in (OPERATION, NETWORK, SAMPLING):
        print(*table(pool, kind), "", sep="\n", flush=True)
    print(graphs(pool), "", *failures(pool), sep="\n", flush=True)


if __name__ == "__main__":
    main()
