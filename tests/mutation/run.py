"""Mutation testing: how many wrong versions of a room do its tests catch?

    python tests/mutation/run.py dims --count 50 --seed 1
    python tests/mutation/run.py export --count 40 --tests tests/export tests/verify/test_operations_in_every_target.py

Which tests reach a line is recorded once by pytest-cov; each mutant is then tried on those alone, in a forked process
that has the frameworks loaded. Survivors are printed with their place. It takes a quarter of an hour per room, so it
is run by hand; docs/mutation.md holds the last result.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.abc
import importlib.machinery
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).parent))

from mutants import Mutant, chosen

ROOT = Path(__file__).parents[2]
LONGEST = 120.0
"""Seconds that the tests of one mutant may take: what never ends is caught too."""
MOST_TESTS = 60
"""Tests tried on one mutant, the quickest to find it first: those that reach few lines."""

Reach = dict[str, dict[int, list[str]]]
"""For each file and line the tests that run it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant: caught, survived, or reached by no test."""

    mutant: Mutant
    kind: str
    seconds: float


def recorded(tests: Sequence[str], folder: Path) -> Reach:
    """Runs the tests once and notes which of them runs each line."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "0",
        "--cov=archgraph",
        "--cov-context=test",
        "--cov-report=",
    ]
    environment = {**os.environ, "COVERAGE_FILE": str(folder / "data")}
    subprocess.run([*command, *tests], cwd=ROOT, check=True, env=environment)
    from coverage import CoverageData

    data = CoverageData(str(folder / "data"))
    data.read()
    reach: Reach = {}
    for name in data.measured_files():
        lines = data.contexts_by_lineno(name)
        found = {line: [test.partition("|")[0] for test in kept if "::" in test] for line, kept in lines.items()}
        reach[str(Path(name).relative_to(ROOT))] = {line: list(dict.fromkeys(ids)) for line, ids in found.items()}
    return reach


def in_order(reach: Reach) -> dict[str, int]:
    """How many lines each test reaches: what reaches few is quick and close to them."""
    sizes: Counter[str] = Counter()
    for lines in reach.values():
        for tests in lines.values():
            sizes.update(tests)
    return dict(sizes)


class _Loader(importlib.abc.SourceLoader):
    """Loads the text of a mutant in the place of the file's."""

    def __init__(self, mutant: Mutant):
        self._mutant = mutant

    def get_filename(self, fullname: str) -> str:
        return str(ROOT / self._mutant.file)

    def get_data(self, path: str) -> bytes:
        return self._mutant.source.encode()

    def path_stats(self, path: str) -> dict[str, float]:
        raise OSError  # nothing compiled before may be taken


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, mutant: Mutant):
        parts = mutant.file.with_suffix("").parts
        self._package = parts[-1] == "__init__"
        self._name = ".".join(parts[:-1] if self._package else parts)
        self._loader = _Loader(mutant)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self._name:
            return None
        spec = importlib.machinery.ModuleSpec(name, self._loader, origin=self._loader.get_filename(name))
        spec.has_location = True
        if self._package:
            spec.submodule_search_locations = [str(Path(self._loader.get_filename(name)).parent)]
        return spec


def tried(mutant: Mutant | None, ids: Sequence[str]) -> int:
    """Forks a process that runs tests on a mutant, on the code as it is for None; its number."""
    child = os.fork()
    if child:
        return child
    os.setsid()
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silent, stream)
    status = 1
    with contextlib.suppress(BaseException):
        import pytest

        if mutant is not None:
            sys.meta_path.insert(0, _Finder(mutant))
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        sys.dont_write_bytecode = True
        status = int(pytest.main(["-x", "-q", "-n", "0", "-p", "no:cacheprovider", *ids]))
    os._exit(status)


def waited(child: int) -> tuple[int | None, float]:
    """The status with which a process ends, None where it takes too long, and its seconds."""
    begun = time.monotonic()
    while time.monotonic() - begun < LONGEST:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status, time.monotonic() - begun
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, 9)
    os.waitpid(child, 0)
    return None, LONGEST


def verdict(mutant: Mutant, reaching: Sequence[str], sizes: dict[str, int]) -> Verdict:
    """Tries a mutant on the tests that reach its line."""
    ids = sorted(reaching, key=lambda test: sizes[test])[:MOST_TESTS]
    if not ids:
        return Verdict(mutant, "not reached", 0.0)
    status, seconds = waited(tried(mutant, ids))
    return Verdict(mutant, "survived" if status == 0 else "caught", seconds)


def lines_around(reach: Reach, mutant: Mutant) -> list[str]:
    """The tests that run a mutant's line; of a statement over several lines, those of its first one."""
    lines = reach.get(str(mutant.file), {})
    for line in range(mutant.line, max(0, mutant.line - 6), -1):
        if lines.get(line):
            return lines[line]
    return []


def preloaded() -> None:
    """The frameworks, once for all mutants; the package itself is loaded by each."""
    for name in ("numpy", "torch", "onnx", "onnxruntime", "pytest", "networkx", "pydantic", "PIL.Image"):
        with contextlib.suppress(ImportError):
            __import__(name)


def require_passing(ids: Sequence[str]) -> None:
    """Nothing is learnt from tests that fail on the code as it is."""
    status, _ = waited(tried(None, ids))
    if status != 0:
        raise SystemExit("the tests fail, or cannot be started in a forked process, without any change")


def main() -> int:
    """Prints a line for each mutant that was not caught, and the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("room", help="a room such as dims, or a file below archgraph/")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tests", nargs="+", help="instead of tests/ROOM")
    parser.add_argument("--record", type=Path, help="a folder in which the reach of the tests is kept and found again")
    parser.add_argument("--json", type=Path, help="appends each verdict as a line of JSON")
    asked = parser.parse_args()
    place = ROOT / "archgraph" / asked.room
    files = sorted([place] if place.is_file() else place.rglob("*.py"))
    tests = asked.tests or [f"tests/{asked.room.split('/')[0]}"]
    mutants = chosen(files, ROOT, asked.count, asked.seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.record or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        kept = folder / "reach.json"
        if not kept.exists():
            kept.write_text(json.dumps(recorded(tests, folder)), encoding="utf-8")
        reach: Reach = defaultdict(dict)
        for name, lines in json.loads(kept.read_text(encoding="utf-8")).items():
            reach[name] = {int(line): found for line, found in lines.items()}
    sizes = in_order(reach)
    preloaded()
    os.chdir(ROOT)
    require_passing(sorted(sizes, key=lambda test: sizes[test])[:MOST_TESTS])
    counts: Counter[str] = Counter()
    for number, mutant in enumerate(mutants, 1):
        found = verdict(mutant, lines_around(reach, mutant), sizes)
        counts[found.kind] += 1
        print(f"{number}/{len(mutants)} {found.kind} ({found.seconds:.1f} s) {mutant}", flush=True)
        if asked.json:
            row = {"kind": found.kind, "file": str(mutant.file), "line": mutant.line}
            with asked.json.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps({**row, "before": mutant.before, "after": mutant.after}) + "\n")
    print(f"{asked.room}: {counts['caught']} of {len(mutants)} caught; {dict(counts)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
