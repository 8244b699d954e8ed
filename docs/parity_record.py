"""Holds every network of the collection against its reference, and records what was found equal in `parity.json`.

    python docs/parity_record.py              every test that is marked `parity`, the slow ones too: some minutes
    python docs/parity_record.py -k bert      those that pytest chooses; the record of other specs stays
    python docs/parity_record.py -x           any other option of pytest, but -n: its processes are not observed

A test says what it holds, `@pytest.mark.parity("outputs", "gradients")`; of which specs is observed: those that it
loads by name. What `models.md` says of parity is written from the record. Needs the package with its `test` extra.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

from archgraph.artifact.shipped_files import shipped_specs
from archgraph.language import load
from archgraph.language.library import SpecRequest, read_spec

ROOT = Path(__file__).parent.parent
RECORD = Path(__file__).parent / "parity.json"
KINDS = ("keys", "outputs", "gradients", "training", "file")
"""What may be equal: keys and shapes in order at full size; outputs and gradients of narrow variants with random
weights; the same in training mode with the norm statistics afterwards; an exported file, proved against torch."""
LIBRARIES = ("torch", "torchvision", "timm", "diffusers", "transformers", "onnxruntime")
TESTS = ("tests/specs", "tests/verify/test_verify_models.py")

Held = dict[str, dict[str, dict[str, str]]]
"""By spec and kind: the file of tests for each preset, under '' for what is held of the spec as a whole."""


class Observer:
    """A plugin of pytest that runs the marked tests alone, and notes what each that passed has loaded."""

    def __init__(self) -> None:
        self.held: Held = {}
        self.lost: set[tuple[str, str]] = set()
        self.failed: list[str] = []
        self._loaded: set[tuple[str, str | None]] = set()
        self._find = load.find
        load.find = self._noted

    def close(self) -> None:
        """Loads are observed no longer."""
        load.find = self._find

    def _noted(self, *arguments: Any, **more: Any) -> SpecRequest:
        found = self._find(*arguments, **more)
        path = shipped_specs() / f"{found.spec.block.name}.yaml"
        if path.is_file() and read_spec(path) is found.spec:
            self._loaded.add((path.stem, found.preset))
        return found

    def pytest_configure(self, config: pytest.Config) -> None:
        """Refuses pytest-xdist, whose processes would run every test and observe none."""
        if config.getoption("numprocesses", None):
            raise pytest.UsageError("parity is recorded in one process: leave -n out")

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.get_closest_marker("parity")]

    def pytest_runtest_setup(self) -> None:
        from shipped_graphs import shipped  # what an earlier test has loaded is loaded again

        shipped.cache_clear()
        self._loaded.clear()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        outcome = yield
        report = outcome.get_result()
        if report.when == "call":
            report.user_properties.append(("parity", [kinds_of(item), sorted(self._loaded, key=str)]))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Also in the process that gathers what workers report."""
        if report.failed:
            self.failed.append(report.nodeid)
        for kinds, loaded in (value for name, value in report.user_properties if name == "parity"):
            if report.passed:
                self._note(report.nodeid.partition("::")[0], kinds, loaded)
            else:
                self.lost |= {(spec, kind) for spec, _ in loaded for kind in kinds}

    def _note(self, file: str, kinds: list[str], loaded: list[tuple[str, str | None]]) -> None:
        for spec, preset in loaded:
            for kind in kinds:
                key = (preset or first_preset(spec)) if kind == "keys" else ""
                self.held.setdefault(spec, {}).setdefault(kind, {})[key] = file


def kinds_of(item: pytest.Item) -> list[str]:
    """What a test holds equal: the words of its markers, and `training` where it is run in that mode."""
    named = [kind for marker in item.iter_markers("parity") for kind in marker.args]
    if unknown := set(named) - set(KINDS):
        raise LookupError(f"{item.nodeid} is marked with {', '.join(unknown)}; parity is of {', '.join(KINDS)}")
    training = getattr(item, "callspec", None) is not None and item.callspec.params.get("training") is True
    return [*named, *["training"] * training]


def first_preset(spec: str) -> str:
    """The preset that a spec without one stands for; '' where it has none."""
    return next(iter(read_spec(shipped_specs() / f"{spec}.yaml").block.presets), "")


def recorded() -> dict[str, Any]:
    """The record: the versions of the libraries, and what of each spec was found equal to them."""
    empty = {"versions": {}, "specs": {}}
    return json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else empty


def joined(before: Held, found: Held, lost: Collection[tuple[str, str]] = ()) -> Held:
    """The record with what was found now, without what a failed test was to hold and without specs that are gone."""
    specs = sorted(path.stem for path in shipped_specs().glob("*.yaml"))
    merged = {spec: {**before.get(spec, {}), **found.get(spec, {})} for spec in specs}
    for spec in specs:
        keys = {**before.get(spec, {}).get("keys", {}), **found.get(spec, {}).get("keys", {})}
        if keys:
            merged[spec]["keys"] = {name: file for name, file in keys.items() if name in presets(spec)}
    kept = {spec: {kind: kinds[kind] for kind in kinds if (spec, kind) not in lost} for spec, kinds in merged.items()}
    return {spec: _ordered(kinds) for spec, kinds in kept.items() if kinds}


def presets(spec: str) -> list[str]:
    """The presets of a spec, or '' for the one of a spec without."""
    return [*read_spec(shipped_specs() / f"{spec}.yaml").block.presets] or [""]


def _ordered(kinds: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    return {kind: dict(sorted(kinds[kind].items())) for kind in KINDS if kind in kinds}


def versions() -> dict[str, str]:
    """The versions of the libraries here."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name).partition("+")[0]
        except PackageNotFoundError:
            continue
    return found


def main() -> int:
    observer, before = Observer(), recorded()
    marks = [] if "-m" in sys.argv else ["-m", "slow or not slow"]
    run = partial(pytest.main, plugins=[observer])
    status = int(run([*marks, *sys.argv[1:], *(str(ROOT / path) for path in TESTS)]))
    if not observer.held and not observer.lost:
        print(f"{RECORD.name} left as it is: no test that holds parity was run")
        return status
    record = {"versions": versions(), "specs": joined(before["specs"], observer.held, observer.lost)}
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"{RECORD.name} written: {len(observer.held)} specs, {len(observer.failed)} tests failed")
    return status


if __name__ == "__main__":
    sys.exit(main())
