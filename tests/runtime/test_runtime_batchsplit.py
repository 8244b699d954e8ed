"""Batches that are split among the cores: which are, when the file is opened again for it, and that nothing changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import port, save
from onnx import helper

from archgraph.errors import ModelFileError, RunError
from archgraph.runtime import Session, batchsplit
from archgraph.runtime.batchsplit import PIECE, BatchSplit, divided

Build = Callable[..., Path]
CLAIM = '"N"'


def pictures(count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(count)
    return {"x": rng.standard_normal((count, 3, 8, 8)).astype(np.float32), "t": rng.integers(0, 1000, count)}


@pytest.fixture
def crews(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """For each batch that was split, the sizes of its pieces."""
    runs: list[list[int]] = []
    run, of = BatchSplit.run, BatchSplit._of

    def running(self: BatchSplit, arrays: Any) -> Any:
        runs.append([])
        return run(self, arrays)

    def cutting(self: BatchSplit, arrays: Any, piece: slice) -> Any:
        runs[-1].append(piece.stop - piece.start)
        return of(self, arrays, piece)

    monkeypatch.setattr(BatchSplit, "run", running)
    monkeypatch.setattr(BatchSplit, "_of", cutting)
    return runs


def at_once(session: Session) -> Session:
    """Opens the file again at the first batch that can be split."""
    assert session._split is not None
    session._split.cost = 0
    return session


@pytest.mark.parametrize("threads", [2, 3, 4])
def test_parts_give_the_bits_of_the_whole(denoiser: Build, crews: list[list[int]], threads: int) -> None:
    path = denoiser(claim=CLAIM)
    with Session(path, "cpu", threads, split_batch=False) as plain, at_once(Session(path, "cpu", threads)) as split:
        for count in (threads, 12, 12, 60, 12):
            given = pictures(count)
            whole, parts = plain.run(given)["eps"], split.run(given)["eps"]
            np.testing.assert_array_equal(whole, parts)
        assert plain._split is None
    assert [sum(sizes) for sizes in crews] == [threads, 12, 12, 60, 12]
    assert [len(sizes) for sizes in crews] == [threads, threads, threads, threads * -(-60 // threads // PIECE), threads]


def test_a_batch_that_would_leave_cores_idle_stays_whole(denoiser: Build) -> None:
    path = denoiser(claim=CLAIM)
    for threads, wanted in ((2, {2, 4, 6, 8, 10, 11, 12, 13}), (3, {3, 6, 9, 11, 12}), (4, {4, 8, 11, 12})):
        with Session(path, "cpu", threads) as session:
            split = session._split
            assert split is not None
            assert {count for count in range(1, 14) if split.suits(pictures(count))} == wanted


def test_the_file_is_opened_again_once_it_has_paid(
    denoiser: Build, crews: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter(range(100))
    with Session(denoiser(claim=CLAIM), "cpu", 2) as session:
        assert session._split is not None
        session._split.cost = 2
        monkeypatch.setattr("archgraph.runtime.session.time.perf_counter", lambda: next(now))
        for _ in range(5):
            session.run(pictures(1))
        assert crews == []
        for _ in range(2):
            session.run(pictures(4))
        assert crews == []
        session.run(pictures(4))
    assert crews == [[2, 2]]


def test_files_that_do_not_say_so_are_not_split(denoiser: Build, tmp_path: Path) -> None:
    for claim, threads in ((None, 2), (CLAIM, 1)):
        with Session(denoiser(claim=claim), "cpu", threads) as session:
            assert session._split is None
    big = denoiser("big.onnx", claim=CLAIM)
    with big.with_name("big.onnx.data").open("wb") as beside:
        beside.truncate(batchsplit.LARGEST)
    with Session(big, "cpu", 2) as session:
        assert session._split is None


@pytest.mark.parametrize("text", ["N", "3", "[]", "null"])
def test_a_claim_that_is_no_name(denoiser: Build, text: str) -> None:
    with pytest.raises(ModelFileError, match=r"metadata entry 'archgraph.batch' cannot be read"):
        Session(denoiser(claim=text), "cpu")


def test_a_file_that_was_replaced_is_not_opened_again(denoiser: Build, crews: list[list[int]]) -> None:
    path = denoiser(claim=CLAIM)
    with at_once(Session(path, "cpu", 2)) as session:
        before = session.run(pictures(1))["eps"]
        other = denoiser("other.onnx", claim=CLAIM)
        other.replace(path)
        session.run(pictures(4))
        np.testing.assert_array_equal(session.run(pictures(1))["eps"], before)
    assert crews == []


def test_a_file_that_is_gone_is_run_as_it_was(denoiser: Build, crews: list[list[int]]) -> None:
    path = denoiser(claim=CLAIM)
    with at_once(Session(path, "cpu", 2)) as session:
        path.unlink()
        assert session.run(pictures(4))["eps"].shape == (4, 3, 8, 8)
    assert crews == []


@pytest.fixture
def lookup(tmp_path: Path) -> Iterator[Session]:
    """Rows of a table [3, 2], times a scale that all places share."""
    nodes = [helper.make_node("Gather", ["table", "i"], ["row"]), helper.make_node("Mul", ["row", "scale"], ["y"])]
    inputs = {"i": port(["N"], "int64"), "scale": port([2])}
    table = np.arange(6, dtype=np.float32).reshape(3, 2)
    path = save(tmp_path / "table.onnx", nodes, inputs, {"y": port(["N", 2])}, {"table": table}, batch=CLAIM)
    with at_once(Session(path, "cpu", 2)) as session:
        yield session


def test_an_input_without_a_batch_goes_to_all_parts(lookup: Session, crews: list[list[int]]) -> None:
    found = lookup.run(i=np.array([2, 1, 0, 2]), scale=np.array([1, 10], np.float32))["y"]
    assert found.tolist() == [[4, 50], [2, 30], [0, 10], [4, 50]]
    assert crews == [[2, 2]]


@pytest.mark.parametrize("wrong", [0, 3])
def test_a_part_that_fails_fails_the_run_and_not_the_next(lookup: Session, wrong: int) -> None:
    scale = np.ones(2, np.float32)
    places = np.zeros(4, np.int64)
    places[wrong] = 7
    with pytest.raises(RunError, match=r"running .*table.onnx failed on cpu"):
        lookup.run(i=places, scale=scale)
    assert lookup.run(i=np.array([0, 1, 2, 1]), scale=scale)["y"].tolist() == [[0, 1], [2, 3], [4, 5], [2, 3]]


def test_a_closed_session_leaves_no_threads(denoiser: Build) -> None:
    before = threading.active_count()
    session = at_once(Session(denoiser(claim=CLAIM), "cpu", 4))
    session.run(pictures(8))
    assert before < threading.active_count() <= before + 3
    session.close()
    assert threading.active_count() == before
    with pytest.raises(RunError, match="is closed"):
        session.run(pictures(8))


def test_parts_cover_everything_once() -> None:
    for size in range(1, 40):
        for count in range(1, 9):
            parts = [range(100)[piece] for piece in divided(5, 5 + size, count)]
            assert [place for part in parts for place in part] == list(range(5, 5 + size))
            assert max(map(len, parts)) - min(map(len, parts)) <= 1
