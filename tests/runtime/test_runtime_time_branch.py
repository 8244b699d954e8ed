"""A file whose time branch lies beside it: the same pictures, with the branch computed once for all steps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archgraph.artifact.metadata import read_metadata
from archgraph.artifact.onnx_metadata import metadata_entries
from archgraph.diffusion import Schedule, sample
from archgraph.diffusion.records import model_digest
from archgraph.errors import InputError, ModelFileError, SamplingError
from archgraph.runtime import Session, time_branch
from archgraph.runtime.time_branch import TimeBranch

Pair = Callable[..., Path]


def port(shape: list[int | str], dtype: str = "float32") -> dict[str, Any]:
    return {"shape": shape, "dtype": dtype}


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each computation of a branch has."""
    seen: list[int] = []
    real = TimeBranch._computed

    def counted(self: TimeBranch, rows: Any) -> Any:
        seen.append(len(rows))
        return real(self, rows)

    monkeypatch.setattr(TimeBranch, "_computed", counted)
    return seen


def test_a_session_is_the_whole_network(parted: Pair, conditional: Pair) -> None:
    given = {"x": np.ones((3, 3, 8, 8), np.float32), "t": np.array([5, 900, 5]), "y": np.array([1, 2, 0])}
    with Session(parted(), "cpu") as session, Session(conditional(), "cpu") as whole:
        assert [spec.name for spec in session.inputs] == ["x", "t", "y"]
        np.testing.assert_array_equal(session.run(given)["eps"], whole.run(given)["eps"])
        with pytest.raises(InputError, match="inputs are missing"):
            session.run(x=given["x"], t=given["t"])
        with pytest.raises(InputError, match="N is 3 on axis 0 of 'x', but 2 on axis 0 of 't'"):
            session.run({**given, "t": given["t"][:2]})


@pytest.mark.parametrize("order", [("t", "y"), ("y", "t")])
@pytest.mark.parametrize("room", [1 << 20, 12, 0], ids=["all at once", "three rows at a time", "no room"])
@pytest.mark.parametrize("sampler", ["ddim", "heun", "dpmpp_2m"])
def test_the_pictures_are_the_same(
    sampler: str, room: int, order: tuple[str, str], parted: Pair, conditional: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the table holds at a time. Heun asks at more times than it has steps."""
    monkeypatch.setattr(time_branch, "LARGEST_TABLE", room)
    asked: dict[str, Any] = {"n": 3, "labels": [0, 2, 1], "guidance": 2.0, "steps": 5, "sampler": sampler, "batch": 2}
    np.testing.assert_array_equal(sample(parted(order=order), **asked), sample(conditional(), **asked))


def test_the_pictures_are_the_same_at_times_between_whole_ones(parted: Pair, conditional: Pair) -> None:
    asked: dict[str, Any] = {"n": 2, "labels": 1, "steps": 4, "sampler": "heun", "schedule": Schedule(karras=True)}
    np.testing.assert_array_equal(sample(parted(), **asked), sample(conditional(), **asked))


def test_the_branch_is_computed_once_for_a_run(parted: Pair, runs: list[int]) -> None:
    """For five steps, three batches, two labels and the one that stands for none."""
    sample(parted(), n=3, labels=[0, 2, 2], guidance=2.0, steps=5, batch=1)
    assert runs == [5 * 3]


def test_without_guidance_the_null_label_is_not_computed(parted: Pair, runs: list[int]) -> None:
    sample(parted(), n=2, labels=[0, 2], steps=5)
    assert runs == [5 * 2]


def test_a_long_run_goes_through_its_times_in_several_tables(
    parted: Pair, runs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_branch, "LARGEST_TABLE", 4 * 4)
    sample(parted(), n=2, labels=1, steps=10)
    assert runs == [4, 4, 2]


def test_a_table_begins_at_the_first_row_that_is_needed(
    parted: Pair, runs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of six rows with room for four: 0 and 3 are needed, so 1 and 2 are there too."""
    monkeypatch.setattr(time_branch, "LARGEST_TABLE", 4 * 4)
    path = parted()
    entry = read_metadata(metadata_entries(path), "m.onnx").time_branch
    assert entry is not None
    branch = TimeBranch(path, entry)
    branch.plan({"t": [9, 0, 1, 2, 3, 4], "y": [0]})
    runs.clear()
    for times, computed in (([0, 3], [4]), ([1, 2], []), ([4, 3], [2]), ([7], [1])):
        branch.features({"t": np.array(times), "y": np.zeros(len(times), np.int64)})
        assert runs == computed, times
        runs.clear()


@pytest.mark.parametrize("chunk", [1, 2, 7])
def test_rows_are_computed_in_pieces(chunk: int, parted: Pair, conditional: Pair, monkeypatch: Any) -> None:
    monkeypatch.setattr(time_branch, "CHUNK", chunk)
    asked: dict[str, Any] = {"n": 2, "labels": [0, 1], "steps": 5}
    np.testing.assert_array_equal(sample(parted(), **asked), sample(conditional(), **asked))


def test_a_fixed_batch(parted: Pair, conditional: Pair) -> None:
    """The branch takes four rows at a time too; ten are filled up."""
    asked: dict[str, Any] = {"n": 4, "labels": 1, "steps": 5, "guidance": 3.0}
    np.testing.assert_array_equal(sample(parted(4), **asked), sample(conditional(batch=4), **asked))


def test_a_branch_that_is_missing_or_another(parted: Pair, tmp_path: Path) -> None:
    path, branch = parted(), tmp_path / "m.time.onnx"
    kept = branch.read_bytes()
    branch.write_bytes(kept + b"\x00")
    with pytest.raises(ModelFileError, match=r"m.time.onnx is not the time branch of m.onnx") as raised:
        Session(path, "cpu")
    assert hashlib.sha256(kept).hexdigest()[:16] in raised.value.problems[0].expected
    branch.unlink()
    with pytest.raises(ModelFileError, match=r"the time branch of m.onnx, is not there"):
        sample(path, n=1, labels=0, steps=2)


def test_the_branch_alone_is_no_denoiser(parted: Pair, tmp_path: Path) -> None:
    parted()
    with pytest.raises(SamplingError, match=r"m.time.onnx is the time branch of m.onnx") as raised:
        sample(tmp_path / "m.time.onnx", n=1, labels=0)
    assert raised.value.problems[0].hint == "name the main file: m.onnx"


@pytest.mark.parametrize(
    "entry",
    [
        {"file": "../m.time.onnx"},
        {"file": "/m.time.onnx"},
        {"file": "a\\m.time.onnx"},
        {"file": ""},
        {"inputs": {}},
        {"inputs": {"t": port(["N", 2], "int64")}},
        {"outputs": {"features": port(["N", "D"])}},
        {"sha256": None, "outputs": 3},
    ],
    ids=json.dumps,
)
def test_an_entry_that_makes_no_sense(entry: dict[str, Any], parted: Pair) -> None:
    with pytest.raises(ModelFileError, match=r"metadata entry 'archgraph.time_branch' cannot be read"):
        Session(parted(**entry), "cpu")


def test_another_branch_is_another_network(parted: Pair) -> None:
    """A picture's record names the main file's digest, and that file holds the branch's."""
    path = parted()
    before = model_digest(path)
    assert model_digest(parted(order=("y", "t"))) != before


def test_a_branch_that_was_exported_anew_since_the_session_was_opened(parted: Pair) -> None:
    path = parted()
    given = {"x": np.ones((1, 3, 8, 8), np.float32), "t": np.array([5]), "y": np.array([1])}
    with Session(path, "cpu") as session:
        session.branch.path.write_bytes(session.branch.path.read_bytes() + b"\x10\x01")  # type: ignore[union-attr]
        with pytest.raises(ModelFileError, match="it belongs to another export, or has changed"):
            session.run(given)


def test_what_is_expected_is_said_whole(parted: Pair) -> None:
    """Every time and label that the branch reads; what else is said does not matter."""
    session = Session(parted(), "cpu")
    assert session.branch is not None
    names = [spec.name for spec in session.branch.inputs]
    for given in ({}, {names[0]: np.zeros(2)}):
        with pytest.raises(InputError, match="inputs are missing"):
            session.expect(given)
    session.expect({**{name: np.zeros(2, np.int64) for name in names}, "mask": np.zeros((2, 2))})
