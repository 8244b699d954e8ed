"""Mutation testing: how many wrong versions of a room do its tests catch?

    python tests/mutation/run.py dims --count 46 --seed 1
    python tests/mutation/run.py export --count 46 --tests tests/export tests/verify/test_trial_run.py

A copy of the checkout is made, and one run of the tests records which of them reach each line. Each mutant is written
into the copy and tried on those tests alone, the cases of each in turn, up to the first that fails. That test must pass
on the unchanged code, else it is left out and the mutant tried again. It is run by hand; docs/mutation.md holds the
last result.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from mutants import Mutant, chosen
from trial import Checkout, Outcome, preloaded

ROOT = Path(__file__).parents[2]
MOST_TESTS, MOST_TESTS_AT_IMPORT = 60, 400
MOST_SECONDS = 12.0
"""What the tests of one mutant may take on the unchanged code, together."""
LONGEST_TEST = 5.0
"""Tests that take longer are left out."""


LAYERS = ("errors", "meta", "dims", "artifact", "ops", "graph", "language", "codegen")
"""Rooms in the order of imports. Those below the mutants' room are loaded once, as the frameworks are."""


@dataclass(frozen=True, slots=True)
class Reach:
    """For each file and line the tests that run it, and the seconds that each test takes."""

    lines: dict[str, dict[int, list[str]]]
    seconds: dict[str, float]

    def tests_of(self, mutant: Mutant) -> list[str]:
        """The tests that run a mutant's statement, those of each test function in turn.

        What runs at import may be seen by any test: first those that run a line of the file, then all others.
        """
        lines = self.lines.get(str(mutant.file), {})
        if mutant.runs_at_import:
            near = list(lines)
        else:
            near = [mutant.line] if lines.get(mutant.line) else list(range(mutant.statement, mutant.line + 1))
        found = {test for line in near for test in lines.get(line, []) if test in self.seconds}
        only_at_import = not found and any(line in lines for line in near)
        others = self.seconds.keys() - found if mutant.runs_at_import or only_at_import else ()
        return [*self._in_turn(found), *self._in_turn(others)]

    def _in_turn(self, tests: Iterable[str]) -> list[str]:
        """The quickest case of each test function, then the second of each: hundreds of cases of one see the same."""
        turns: Counter[str] = Counter()
        places: dict[str, tuple[int, float, str]] = {}
        for test in sorted(tests, key=lambda test: (self.seconds[test], test)):
            function = test.partition("[")[0]
            places[test] = (turns[function], self.seconds[test], test)
            turns[function] += 1
        return sorted(places, key=places.__getitem__)

    def within_limits(self, tests: Sequence[str], most: int) -> list[str]:
        """The first tests, as many as one mutant is worth."""
        kept: list[str] = []
        total = 0.0
        for test in tests:
            if len(kept) < most and self.seconds[test] <= LONGEST_TEST and total + self.seconds[test] <= MOST_SECONDS:
                total += self.seconds[test]
                kept.append(test)
        return kept

    def limit(self, tests: Sequence[str]) -> float:
        """Seconds of processor time after which the tests are said never to end."""
        return 20 + 2 * sum(self.seconds[test] for test in tests)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant: caught by a test or by its time, survived, not reached, or not loaded."""

    kind: str
    test: str = ""
    reason: str = ""


@dataclass(slots=True)
class Court:
    """Tries mutants. `sound` and `unsound` are the tests seen to pass, and to fail, on the unchanged code."""

    checkout: Checkout
    reach: Reach
    sound: set[str] = field(default_factory=set)
    unsound: set[str] = field(default_factory=set)

    def verdict(self, mutant: Mutant) -> Verdict:
        while True:
            most = MOST_TESTS_AT_IMPORT if mutant.runs_at_import else MOST_TESTS
            known = [test for test in self.reach.tests_of(mutant) if test not in self.unsound]
            tests = self.reach.within_limits(known, most)
            if not tests:
                return Verdict("not reached")
            with self.checkout.replaced(mutant.file, mutant.source):
                outcome = self.checkout.run(["-x", *tests], self.reach.limit(tests), _module(mutant.file))
            if outcome.status == 0:
                return Verdict("survived" if outcome.report["loaded"] else "not loaded")
            blamed = _blamed(outcome, tests)
            if outcome.status not in (1, None):
                self._require_collected(tests)
            if self._passes_unchanged(blamed):
                kind = "timeout" if outcome.status is None else "caught"
                return Verdict(kind, blamed, outcome.report.get("reason", ""))

    def _require_collected(self, tests: Sequence[str]) -> None:
        """Where pytest could not even start, the mutant is to blame only if the same tests start without it."""
        status = self.checkout.run(["--collect-only", *tests], self.reach.limit(tests)).status
        if status != 0:
            raise SystemExit(f"the tests are not those of the record: pytest ends with {status} on the unchanged code")

    def _passes_unchanged(self, test: str) -> bool:
        if test not in self.sound | self.unsound:
            passed = self.checkout.run(["-x", test], self.reach.limit([test])).status == 0
            (self.sound if passed else self.unsound).add(test)
        return test in self.sound


def _blamed(outcome: Outcome, tests: Sequence[str]) -> str:
    """The test that failed or did not end; the first one of a file that cannot be imported any more."""
    named = outcome.report.get("failed") or outcome.report.get("running") or tests[0]
    if named in tests:
        return str(named)
    return next((test for test in tests if named and test.startswith(named)), tests[0])


def _module(file: Path) -> str:
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def recorded(checkout: Checkout, tests: Sequence[str]) -> Reach:
    """Runs the tests once; those that fail are left out."""
    from coverage import CoverageData

    arguments = ["--cov=archgraph", "--cov-context=test", "--cov-report=", *tests]
    outcome = checkout.run(arguments, 3600, writes_compiled=True)
    if outcome.status not in (0, 1):
        raise SystemExit(f"the tests cannot be run in a forked process: pytest ends with {outcome.status}")
    if outcome.report.get("failed"):
        print(f"fails without any change: {outcome.report['failed']}: {outcome.report['reason']}", flush=True)
    data = CoverageData(str(checkout.root / ".coverage"))
    data.read()
    lines: dict[str, dict[int, list[str]]] = {}
    for name in data.measured_files():
        found = data.contexts_by_lineno(name).items()
        by_line = {line: sorted({test.rpartition("|")[0] for test in kept if test}) for line, kept in found}
        lines[str(Path(name).relative_to(checkout.root))] = by_line
    return Reach(lines, outcome.report["seconds"])


def reach_of(checkout: Checkout, tests: Sequence[str], folder: Path) -> Reach:
    """The reach that a folder keeps, recorded where it keeps none."""
    kept = folder / "reach.json"
    if not kept.exists():
        fresh = recorded(checkout, tests)
        kept.write_text(json.dumps({"lines": fresh.lines, "seconds": fresh.seconds}), encoding="utf-8")
    read = json.loads(kept.read_text(encoding="utf-8"))
    lines = {name: {int(line): ids for line, ids in found.items()} for name, found in read["lines"].items()}
    return Reach(lines, read["seconds"])


def preload_below(room: str, checkout: Checkout) -> None:
    """Loads the rooms that never import the mutants' room; import-linter holds that order."""
    below = {"runtime": "ops", "diffusion": "ops", "export": "codegen"}.get(room, room)
    names = LAYERS[: LAYERS.index(below)] if below in LAYERS else ()
    os.chdir(checkout.root)
    sys.path.insert(0, str(checkout.root))
    for name in names:
        for file in sorted((checkout.root / "archgraph" / name).rglob("*.py")) or [Path(f"archgraph/{name}.py")]:
            importlib.import_module(_module(file.relative_to(checkout.root) if file.is_absolute() else file))
    if any(name.startswith(f"archgraph.{room}") for name in sys.modules):
        raise SystemExit(f"archgraph.{room} is loaded before the first trial: no mutant of it would be seen")
    gc.freeze()


def _place(text: str) -> Path:
    return Path(text).resolve()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("room", help="a room such as dims, or a file below archgraph/")
    parser.add_argument("--count", type=int, default=46)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tests", nargs="+", help="instead of tests/ROOM")
    parser.add_argument("--record", type=_place, help="a folder that keeps the reach for a later run")
    parser.add_argument("--json", type=_place, help="appends each verdict, and tries none again that is there")
    parser.add_argument("--survivors", type=_place, help="tries only those that this file says were not caught")
    return parser.parse_args()


Key = tuple[str, int, str, str]


def _key(mutant: Mutant) -> Key:
    return str(mutant.file), mutant.line, mutant.before, mutant.after


def _verdicts(file: Path | None) -> dict[Key, str]:
    """The kinds of the verdicts that a file keeps."""
    if file is None or not file.exists():
        return {}
    rows = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return {(row["file"], row["line"], row["before"], row["after"]): row["kind"] for row in rows}


def main() -> int:
    """Prints a line for each mutant, and the counts."""
    asked = _arguments()
    place = ROOT / "archgraph" / asked.room
    mutants = chosen(sorted([place] if place.is_file() else place.rglob("*.py")), ROOT, asked.count, asked.seed)
    if asked.survivors:
        known = _verdicts(asked.survivors)
        mutants = [mutant for mutant in mutants if known.get(_key(mutant)) not in (None, "caught", "timeout")]
    preloaded()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.record or Path(temporary)
        checkout = Checkout.copied(ROOT, folder / "checkout")
        court = Court(checkout, reach_of(checkout, asked.tests or [f"tests/{asked.room.split('/')[0]}"], folder))
        preload_below(asked.room.split("/")[0], checkout)
        before = _verdicts(asked.json)
        counts = Counter(before[_key(mutant)] for mutant in mutants if _key(mutant) in before)
        for number, mutant in enumerate(mutants, 1):
            if _key(mutant) in before:
                continue
            found = court.verdict(mutant)
            counts[found.kind] += 1
            print(f"{number}/{len(mutants)} {found.kind} {mutant} {found.test}", flush=True)
            if asked.json:
                row = {"kind": found.kind, "file": str(mutant.file), "line": mutant.line}
                row |= {"before": mutant.before, "after": mutant.after, "test": found.test, "reason": found.reason}
                with asked.json.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(row) + "\n")
    print(f"{asked.room}: {counts['caught'] + counts['timeout']} of {len(mutants)} caught; {dict(counts)}")
    if court.unsound:
        print("left out, because they fail on the unchanged code:", *sorted(court.unsound), sep="\n  ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
