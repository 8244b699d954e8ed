"""Contenders in turns: what a report says of given seconds, who is left out and why, and one real run."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import archgraph as ag
from archgraph.cli import main
from archgraph.errors import InputError, WeightsError
from archgraph.export import ExportOptions
from archgraph.measure import CONTENDERS, child, machine_peak
from archgraph.measure.bench import BenchRequest, MeasurementEffort, _at, _Bench
from archgraph.measure.child import Runner
from archgraph.measure.child_processes import Child, ChildError, Race
from archgraph.measure.contenders import FILE, Contender, chosen, unavailable, with_file_precision
from archgraph.measure.report import BenchRow, Report
from archgraph.measure.workloads import OnnxSubject


def report(*rows: BenchRow) -> Report:
    peaks = {"float32": 1e11, "copy": 1e10}
    return Report("net", "cpu", rows, peaks, {2: 10**9}, {"H": 8}, rounds=2, versions={"torch": "1"})


def test_medians_spread_and_throughput_are_those_of_all_calls() -> None:
    # 20 calls of 1 ms … 20 ms: the median lies between 10 and 11, one call in twenty on either side is left out.
    row = BenchRow("torch", 4, (tuple(n / 1000 for n in range(1, 11)), tuple(n / 1000 for n in range(11, 21))))
    assert row.median == pytest.approx(0.0105)
    assert row.spread == pytest.approx((0.002, 0.019))
    assert row.throughput == pytest.approx(4 / 0.0105)
    assert row.to_json()["round_medians_seconds"] == pytest.approx([0.0055, 0.0155])


def test_the_table_holds_each_against_the_first_at_its_batch_and_names_who_was_left_out() -> None:
    rows = (
        BenchRow("a", 2, ((0.2,),), 5_000_000, 0.1, 0.004),
        BenchRow("b", 2, ((0.1,),)),
        BenchRow("c", 2, reason="no compiler"),
    )
    assert "1234 ms  1234 – 1234 ms" in report(BenchRow("slow", 1, ((1.2341,),))).text()
    text = report(*rows).text()
    first, second = (line.split() for line in text.splitlines()[4:6])
    assert (first[0], first[-1]) == ("a", "1.00")
    assert (second[0], second[-1]) == ("b", "0.50")
    assert "left out     c: no compiler" in text
    assert "work         2 GFLOP at batch 2" in text
    assert report(*rows).to_json()["rows"][2]["reason"] == "no compiler"


def test_shares_are_of_the_measured_peaks(tiny: Path, tmp_path: Path) -> None:
    graph = ag.load(tiny)
    asked = BenchRequest(graph, None, _at(graph, (2,), {}), "cpu", 1, None, 0)
    run = _Bench(asked, (CONTENDERS["torch"],), MeasurementEffort(), tmp_path, lambda *_: None)
    race = Race({}, (), 1, lambda *_: None, {("torch", "2"): [[0.5]]}, {"torch": {"memory": {"2": 7}}})
    (row,) = run._rows(race, {"float32": 1e6, "copy": 1e5})
    # Per pixel 3·9·8 in the stem and four convolutions of 8·9·8; then 8·5 in the linear layer. Twice, for two images.
    macs = 2 * (64 * (216 + 4 * 576) + 40)
    assert row.arithmetic == pytest.approx(2 * macs / 0.5 / 1e6)
    # Weights and norm statistics with a counter each, 45 in the linear layer; an image of 3·8·8 and 5 logits, twice.
    held = 216 + 4 * 576 + 5 * (4 * 8 + 1) + 45
    assert row.traffic == pytest.approx(4 * (held + 2 * (192 + 5)) / 0.5 / 1e5)
    assert row.memory == 7


def test_who_cannot_run_is_told_why() -> None:
    assert unavailable(CONTENDERS["onnx_float16"], "cpu") == "not for the device cpu"
    later = Contender("later", "onnx", "", export=ExportOptions("later"))
    assert unavailable(later, "cpu") == "this version has no export profile 'later'"
    assert unavailable(CONTENDERS["onnx_portable"], "cpu") == ""


def test_unknown_contenders_are_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"no contender 'torch_compil'(.|\n)*did you mean 'torch_compile'"):
        chosen(["torch_compil"], of_file=False)
    with pytest.raises(InputError, match="no contender 'onnx_cpu' for a finished file"):
        chosen(["onnx_cpu"], of_file=True)
    with pytest.raises(InputError, match="named once each"):
        chosen(["torch", "torch"], of_file=False)


def test_what_makes_no_sense_is_refused_before_anything_starts(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the size N is the batch"):
        ag.bench(tiny, sizes={"N": 2})
    with pytest.raises(InputError, match="each given once"):
        ag.bench(tiny, (2, 2))
    with pytest.raises(InputError, match="at least one round"):
        MeasurementEffort(rounds=0)
    with pytest.raises(WeightsError, match="there is no file"):
        ag.bench(tiny, weights=str(tmp_path / "none.safetensors"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--batch", "1,x"], "--batch takes numbers"),
        (["--contenders", "torhc"], "did you mean 'torch'?"),
        (["-o", "table.csv"], "its name promises another format"),
        (["--seconds", "0"], "a turn must take some time"),
    ],
)
def test_the_command_refuses_in_words(
    options: list[str], said: str, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", str(tiny), *options])
    assert ended.value.code == 1
    assert said in capsys.readouterr().err


class Turns:
    """Stands for a child: says who was asked, in a list that all share; `dies` after so many questions."""

    log: ClassVar[list[str]] = []

    def __init__(self, job: dict[str, Any]):
        if job["engine"] == "broken":
            raise ChildError("no compiler")
        self.name, self.dies, self.ready, self.closed = job["name"], job.get("dies", 99), {}, False

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        if self.dies == 0:
            raise KeyboardInterrupt
        self.dies -= 1
        self.log.append(self.name + question["batch"])
        return {"seconds": [1.0]}

    def close(self) -> None:
        self.closed = True


def test_contenders_take_turns_and_a_broken_one_does_not_stop_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archgraph.measure.child_processes.Child", Turns)
    monkeypatch.setattr(Turns, "log", [])
    jobs = {name: {"engine": "torch", "name": name} for name in "ab"} | {"c": {"engine": "broken"}}
    race = Race(jobs, [{"batch": "1"}, {"batch": "8"}], 2, lambda *_: None)
    race.run()
    assert Turns.log == ["a1", "a8", "b1", "b8"] * 2
    assert race.failed == {"c": "no compiler"}
    assert race.seconds[("b", "8")] == [[1.0], [1.0]]


def test_ctrl_c_keeps_what_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archgraph.measure.child_processes.Child", Turns)
    race = Race({"a": {"engine": "torch", "name": "a", "dies": 1}}, [{"batch": "1"}], 5, lambda *_: None)
    race.run()
    assert race.interrupted
    assert race.seconds == {("a", "1"): [[1.0]]}


def test_a_child_that_fails_says_why_in_a_line() -> None:
    with pytest.raises(ChildError, match=r"nofile\.onnx cannot be read"):
        Child({"engine": "file", "file": "nofile.onnx", "device": "cpu", "threads": 1, "inputs": {}})


def test_a_child_whose_parent_is_gone_ends() -> None:
    ran = subprocess.run([sys.executable, "-m", "archgraph.measure.child"], input="", capture_output=True, timeout=60)
    assert b"error" in ran.stdout


def test_a_session_is_warmed_until_it_has_decided_how_a_batch_is_computed(tiny: Path, tmp_path: Path) -> None:
    """What is timed is then one way, and the memory is that of both openings."""
    arrays = {"image": np.zeros((4, 3, 8, 8), np.float32)}
    np.savez(tmp_path / "four.npz", **arrays)
    job = {"engine": "onnx", "file": str(tiny.with_suffix(".onnx")), "device": "cpu", "threads": 2}
    runner = Runner({**job, "inputs": {"4": str(tmp_path / "four.npz")}})
    runner.prepare()
    assert isinstance(runner.subject, OnnxSubject)
    with runner.subject.session as session:
        assert session.settled(arrays)


def served(job: dict[str, Any], *questions: dict[str, Any]) -> list[dict[str, Any]]:
    """What a child would answer to a job and to questions, computed by this process, which has torch already."""
    answers = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.StringIO("".join(json.dumps(question) + "\n" for question in questions)))
        patch.setattr(child, "_threads", lambda number: None)
        child._serve(job, answers)
    return [json.loads(line) for line in answers.getvalue().splitlines()]


@pytest.fixture
def small_peaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small matrices for the peaks of the machine."""
    monkeypatch.setattr(machine_peak, "SIDE", 64)
    monkeypatch.setattr(machine_peak, "COPIED", 1 << 16)


class TorchHere(Child):
    """A child in a process of its own, unless it would import torch."""

    def __init__(self, job: dict[str, Any]):
        self.job = job
        self.here = job["engine"] in ("peak", "torch")
        if self.here:
            self.ready = served(job)[0]
        else:
            super().__init__(job)

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        return served(self.job, dict(question))[1] if self.here else super().ask(question)

    def close(self) -> None:
        if not self.here:
            super().close()


@pytest.mark.usefixtures("small_peaks")
def test_two_contenders_in_one_real_round(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archgraph.measure.child_processes.Child", TorchHere)
    kept = tmp_path / "table.txt"
    options = ["--contenders", "torch,onnx_cpu,onnx_float16", "--rounds", "1", "--repeats", "3", "--threads", "1"]
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["bench", str(tiny), *options, "--batch", "2", "-o", str(kept), "--device", "cpu", "--json"])
    printed = capsys.readouterr()
    assert (ended.value.code or 0, printed.err) == (0, "")
    found = json.loads(printed.out)
    rows = {row["contender"]: row for row in found["rows"]}
    assert [rows[name]["calls"] for name in ("torch", "onnx_cpu", "onnx_float16")] == [3, 3, 0]
    for name in ("torch", "onnx_cpu"):
        assert rows[name]["median_seconds"] > 0
        assert rows[name]["share_of_peak_arithmetic"] > 0
    assert 0 < rows["onnx_cpu"]["peak_memory_bytes"] < 10**9
    assert rows["onnx_float16"]["reason"] == "not for the device cpu"
    assert set(found["peaks"]) == {"float32", "copy"}
    assert "onnx_cpu" in kept.read_text()


@pytest.mark.parametrize(
    ("entries", "precision", "size"),
    [
        ({}, "float32", 4),
        ({"archgraph.dtype": "float16"}, "float16", 2),
        ({"archgraph.dtype": "bfloat16"}, "bfloat16", 2),
        ({"archgraph.quantized": "{}"}, "float32", 1),
    ],
)
def test_a_finished_file_is_held_against_the_peak_of_its_own_type(
    entries: dict[str, str], precision: str, size: int
) -> None:
    found = with_file_precision(FILE, entries)
    assert (found.precision, found.weight_bytes) == (precision, size)
