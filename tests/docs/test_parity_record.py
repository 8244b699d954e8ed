"""The record of parity: what a test holds, of which specs, and what of it stays."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import parity_record
import pytest

import archgraph as ag


def report(passed: bool, *loaded: tuple[str, str | None]) -> Any:
    """What pytest tells of a test that was to hold keys and outputs."""
    told = [("parity", [["keys", "outputs"], list(loaded)])]
    node = "tests/specs/test_some.py::test_it"
    return SimpleNamespace(failed=not passed, passed=passed, nodeid=node, user_properties=told)


@pytest.fixture
def observer() -> Any:
    found = parity_record.Observer()
    yield found
    found.close()


def test_the_specs_of_a_test_are_those_that_it_loads_by_name(observer: Any) -> None:
    ag.load("resnet18", classes=5)
    ag.load({**ag.load("pointnet").info.spec, "name": "another"})
    assert observer._loaded == {("resnet", "resnet18"), ("pointnet", None)}


def test_keys_are_held_of_a_preset_and_the_rest_of_a_spec(observer: Any) -> None:
    observer.pytest_runtest_logreport(report(True, ("resnet", "resnet50"), ("bert", None)))
    assert observer.held["resnet"] == {
        "keys": {"resnet50": "tests/specs/test_some.py"},
        "outputs": {"": "tests/specs/test_some.py"},
    }
    assert [*observer.held["bert"]["keys"]] == ["bert_base_uncased"]


def test_what_a_failed_test_was_to_hold_is_held_no_longer(observer: Any) -> None:
    before = {"resnet": {"outputs": {"": "a.py"}, "file": {"": "a.py"}}, "gone": {"file": {"": "a.py"}}}
    observer.pytest_runtest_logreport(report(False, ("resnet", None)))
    assert observer.failed == ["tests/specs/test_some.py::test_it"]
    assert parity_record.joined(before, observer.held, observer.lost) == {"resnet": {"file": {"": "a.py"}}}


def test_a_word_that_is_no_kind_of_parity_is_refused() -> None:
    item = SimpleNamespace(nodeid="test_it", iter_markers=lambda _: [SimpleNamespace(args=("keys", "shape"))])
    with pytest.raises(LookupError, match="test_it is marked with shape"):
        parity_record.kinds_of(item)  # type: ignore[arg-type]


def test_several_processes_are_refused(observer: parity_record.Observer) -> None:
    config = SimpleNamespace(getoption={"numprocesses": 2}.get)
    with pytest.raises(pytest.UsageError, match="one process: leave -n out"):
        observer.pytest_configure(config)  # type: ignore[arg-type]
    observer.pytest_configure(SimpleNamespace(getoption={}.get))  # type: ignore[arg-type]
