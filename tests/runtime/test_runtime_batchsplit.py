"""Batches that are split among the cores: which are, when the file is opened again for it, and that nothing changes."""

from __future__ import annotations

import multiprocessing
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archgraph.errors import ModelFileError, RunError
from archgraph.runtime import Session, batch_split
from archgraph.runtime import session as session_module
from archgraph.runtime.batch_split import AGAIN, PIECE, TRIES, TRYING, BatchSplit, SplitTrial, divided
from archgraph.runtime.binding import DeviceBuffers

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


class Decided(SplitTrial):
    """Parts are the faster way, whatever the clock says."""

    def parts(self) -> bool:
        return True


def at_once(session: Session) -> Session:
    """Opens the file again at the first batch that can be split, and splits each."""
    assert session._split is not None
    session._split.cost = 0
    session._split._contests = defaultdict(Decided)
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


class Clock:
    """Whole batches take a second, and those in parts what `parts` says."""

    def __init__(self, parts: float, monkeypatch: pytest.MonkeyPatch):
        self.now, run = 0.0, DeviceBuffers.run
        self.ways: list[bool] = []

        def whole(binding: DeviceBuffers, inputs: Any, copy: bool = False) -> Any:
            self.now += 0.0 if threading.current_thread().name.startswith("archgraph-batch") else 1.0
            return run(binding, inputs, copy)

        def split(crew: BatchSplit, arrays: Any) -> Any:
            before = self.now
            found = BatchSplit._parts(crew, arrays)
            self.now = before + parts
            self.ways[-1] = True
            return {"eps": np.concatenate([piece["eps"] for piece in found])}

        monkeypatch.setattr(DeviceBuffers, "run", whole)
        monkeypatch.setattr(BatchSplit, "run", split)
        monkeypatch.setattr("archgraph.runtime.session.time.perf_counter", lambda: self.now)

    def run(self, session: Session, count: int) -> bool:
        """Whether a batch was computed in parts."""
        self.ways.append(False)
        session.run(pictures(count))
        return self.ways[-1]


@pytest.mark.parametrize(("seconds", "better"), [(0.75, True), (1.25, False)])
def test_the_faster_way_is_taken_and_asked_for_again(
    denoiser: Build, monkeypatch: pytest.MonkeyPatch, seconds: float, better: bool
) -> None:
    with Session(denoiser(claim=CLAIM), "cpu", 2) as session:
        assert session._split is not None
        session._split.cost = 0
        clock = Clock(seconds, monkeypatch)
        tried = [True, False] * TRIES
        left = (AGAIN - 1) * TRIES * (1 + seconds)
        wanted = tried + [better] * ceil(left / min(1, seconds)) + tried + [better] * 3
        assert [clock.run(session, 4) for _ in wanted] == wanted
        assert clock.run(session, 40)  # another size is another matter


def test_a_way_that_is_hardly_better_is_tried_for_longer() -> None:
    def tries(parts: float, whole: float) -> int:
        contest = SplitTrial()
        while not contest.decided:
            way = contest.parts()
            contest.learn(way, parts if way else whole, 1)
        assert contest.parts() == (parts < whole)
        return contest.tried

    assert tries(0.001, 0.005) == tries(0.005, 0.001) == 2 * TRIES
    assert tries(0.9, 1) == 2 * TRIES
    assert tries(0.0009, 0.001) == pytest.approx(TRYING / 0.00095, abs=2)


def test_a_session_says_when_it_has_settled(denoiser: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_split, "TRYING", 0)

    def runs(session: Session, count: int) -> int:
        """How many runs it takes."""
        for number in range(1000):
            if session.settled(pictures(count)):
                return number
            session.run(pictures(count))
        raise AssertionError("it never settles")

    path = denoiser(claim=CLAIM)
    with Session(path, "cpu", 2) as session:
        assert session._split is not None
        session._split.cost = 1e-9
        assert runs(session, 1) == 0
        assert runs(session, 4) == 1 + 2 * TRIES
        assert runs(session, 40) == 2 * TRIES
    with Session(path, "cpu", 2) as session:
        assert session._split is not None
        session._split.cost = 1e-9
        path.unlink()
        assert runs(session, 4) == 2  # the second finds that the file is gone


def test_files_that_do_not_say_so_are_not_split(denoiser: Build, tmp_path: Path) -> None:
    for claim, threads in ((None, 2), (CLAIM, 1)):
        with Session(denoiser(claim=claim), "cpu", threads) as session:
            assert session._split is None
    big = denoiser("big.onnx", claim=CLAIM)
    with big.with_name("big.onnx.data").open("wb") as beside:
        beside.truncate(batch_split.LARGEST)
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
def lookup(table: Build) -> Iterator[Session]:
    """Rows of a table, split at once."""
    with at_once(Session(table(claim=CLAIM), "cpu", 2)) as session:
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


def test_an_interrupt_while_others_work_leaves_their_buffers_alone(
    denoiser: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With three cores: one is done, one still computes when the next batch comes."""
    go_on, begun = threading.Event(), threading.Event()
    of, wait = BatchSplit._of, batch_split.wait

    def lingering(self: BatchSplit, arrays: Any, piece: slice) -> Any:
        if piece.start == 2 and len(arrays["x"]) == 3:
            begun.set()
            assert go_on.wait(10)
        return of(self, arrays, piece)

    def interrupted(_: Any) -> None:
        assert begun.wait(10)
        raise KeyboardInterrupt

    with at_once(Session(denoiser(claim=CLAIM), "cpu", 3)) as session:
        split = session._split
        assert split is not None
        assert split.ready()
        at_work = split._crew
        monkeypatch.setattr(BatchSplit, "_of", lingering)
        monkeypatch.setattr(batch_split, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            session.run(pictures(3))
        monkeypatch.setattr(batch_split, "wait", wait)
        given = pictures(6)
        found = session.run(given)["eps"]
        go_on.set()
        assert not set(map(id, at_work)) & set(map(id, split._crew))
        np.testing.assert_array_equal(found, session._bindings.run(given, copy=True)["eps"])


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork")
def test_a_process_that_was_forked_goes_on(denoiser: Build) -> None:
    with at_once(Session(denoiser(claim=CLAIM), "cpu", 2)) as session:
        given = pictures(8)
        wanted = session.run(given)["eps"]
        fork = multiprocessing.get_context("fork")
        receiving, sending = fork.Pipe(duplex=False)
        child = fork.Process(target=lambda: sending.send(session.run(given)["eps"]))
        child.start()
        there = receiving.poll(20)
        found = receiving.recv() if there else None
        child.kill()
        child.join()
        assert there, "the child waits for threads that it does not have"
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("gone", [False, True])
def test_a_file_that_is_replaced_while_it_is_opened_is_not_split(
    denoiser: Build, monkeypatch: pytest.MonkeyPatch, crews: list[list[int]], gone: bool
) -> None:
    path, other = denoiser(claim=CLAIM), denoiser("other.onnx", claim=CLAIM)
    opening = session_module.open_model

    def replaced(*told: Any, **how: Any) -> Any:
        opened = opening(*told, **how)
        path.unlink() if gone else other.replace(path)
        return opened

    monkeypatch.setattr(session_module, "open_model", replaced)
    with at_once(Session(path, "cpu", 2)) as session:
        session.run(pictures(4))
    assert crews == []


def test_weights_that_are_replaced_are_not_mixed(denoiser: Build, crews: list[list[int]]) -> None:
    path = denoiser(claim=CLAIM)
    beside = path.with_name(f"{path.name}.data")
    beside.write_bytes(b"0")
    with at_once(Session(path, "cpu", 2)) as session:
        beside.write_bytes(b"10")
        session.run(pictures(4))
    assert crews == []


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
