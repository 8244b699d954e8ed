"""An int8 file whose time branch lies beside it: the network of the one file, and nothing of the branch is rounded."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from quantize_cases import DENOISER, LABELLED, exported, initializers

import archgraph
from archgraph.artifact import atomic_files
from archgraph.artifact.recovery import recover
from archgraph.diffusion import sample
from archgraph.errors import ArchgraphError, ExportError, InputError, ModelFileError, VerificationError
from archgraph.quantize import QuantizeReport, read_float_file
from archgraph.quantize.uses import ModelWiring
from archgraph.runtime import Session

SPLIT: dict[str, Any] = {"split_time": True}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of the network that knows classes; those of the embedding are large enough to matter."""
    from safetensors.numpy import save_file

    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    state = archgraph.to_torch(archgraph.load(LABELLED), seed=3).state_dict()
    save_file({key: value.detach().numpy() for key, value in state.items()}, path)
    return path


@pytest.fixture(scope="module")
def made(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, QuantizeReport]:
    """A folder with the network as one file and as two, in float32 and in int8."""
    folder = tmp_path_factory.mktemp("pair")
    exported(LABELLED, folder / "one.onnx", weights=weights)
    exported(LABELLED, folder / "two.onnx", weights=weights, **SPLIT)
    archgraph.to_int8(folder / "one.onnx", folder / "one8.onnx", timed=False, samples=32)
    return folder, archgraph.to_int8(folder / "two.onnx", folder / "two8.onnx", timed=False, samples=32)


@pytest.fixture
def pair(made: tuple[Path, QuantizeReport], tmp_path: Path) -> Path:
    """A copy of the int8 pair that a test may damage."""
    for name in ("two8.onnx", "two8.time.onnx"):
        shutil.copy(made[0] / name, tmp_path / name)
    return tmp_path / "two8.onnx"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def entries(path: Path) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def test_both_files_are_the_one_file(made: tuple[Path, QuantizeReport]) -> None:
    folder, _ = made
    one, main, branch = (initializers(folder / name) for name in ("one8.onnx", "two8.onnx", "two8.time.onnx"))
    rounded = {name for name in one if name.endswith("_quantized")}
    assert rounded == {
        "wide.weight_quantized",
        "wide.bias_quantized",
        "narrow.weight_quantized",
        "narrow.bias_quantized",
    }
    for name in one:
        if not name.startswith(("const/", "4d")):
            np.testing.assert_array_equal(one[name], main[name] if name in main else branch[name])
    pictures = [sample(folder / f"{name}.onnx", n=3, size=8, steps=4, labels=[0, 1, 2]) for name in ("one8", "two8")]
    np.testing.assert_allclose(pictures[0], pictures[1], atol=1e-5)
    other = sample(folder / "two8.onnx", n=3, size=8, steps=4, labels=[2, 0, 1])
    assert np.abs(other - pictures[1]).max() > 1e-3  # the labels matter


def test_the_branch_stays_in_float32(made: tuple[Path, QuantizeReport]) -> None:
    folder, report = made
    before, after = (onnx.load(folder / f"{name}.time.onnx") for name in ("two", "two8"))
    assert after.graph == before.graph
    assert report.kept["mlp"] == "does not depend on the picture"
    assert report.layers == ("wide", "narrow")
    notes = [entries(folder / f"{name}.time.onnx") for name in ("two", "two8")]
    assert [each.pop("archgraph.time_branch_of") for each in notes] == ["two.onnx", "two8.onnx"]
    assert notes[0] == notes[1]


def test_the_main_file_names_its_own_branch(made: tuple[Path, QuantizeReport]) -> None:
    folder, report = made
    beside = folder / "two8.time.onnx"
    told, before = (json.loads(entries(folder / f"{name}.onnx")["archgraph.time_branch"]) for name in ("two8", "two"))
    assert told == {**before, "file": beside.name, "sha256": digest(beside)}
    certificate = json.loads((folder / "two8.onnx.certificate.json").read_text())
    assert certificate["time_branch"] == {beside.name: digest(beside)}
    assert certificate["sha256"] == digest(folder / "two8.onnx") == report.sha256
    assert report.time_branch == beside
    assert report.sizes == tuple(
        sum((folder / f"{name}{end}").stat().st_size for end in (".onnx", ".time.onnx")) for name in ("two", "two8")
    )


def test_under_the_same_name_the_branch_is_the_same_to_the_byte(
    made: tuple[Path, QuantizeReport], tmp_path: Path
) -> None:
    archgraph.to_int8(made[0] / "two.onnx", tmp_path / "two.onnx", timed=False, samples=16)
    assert digest(tmp_path / "two.time.onnx") == digest(made[0] / "two.time.onnx")


def test_a_pair_runs_as_one_network(made: tuple[Path, QuantizeReport]) -> None:
    folder, _ = made
    rng = np.random.default_rng(0)
    feeds = {"x": rng.standard_normal((2, 1, 8, 8), np.float32), "t": np.array([3, 900]), "y": np.array([0, 3])}
    results = []
    for name in ("one8", "two8"):
        with Session(folder / f"{name}.onnx", "cpu") as session:
            assert {spec.name for spec in session.inputs} == {"x", "t", "y"}
            results.append(session.run(feeds)["noise"])
    np.testing.assert_allclose(results[0], results[1], atol=1e-5)


@pytest.mark.slow
def test_both_main_files_are_timed(made: tuple[Path, QuantizeReport], tmp_path: Path) -> None:
    report = archgraph.to_int8(made[0] / "two.onnx", tmp_path / "m.onnx", samples=16)
    assert report.latency is not None
    assert min(report.latency) > 0
    assert "latency of a step, 1 example" in report.text()
    assert f"the branch of the time is in {tmp_path / 'm.time.onnx'}; the two files belong together" in report.text()


def test_a_pair_is_profiled(made: tuple[Path, QuantizeReport]) -> None:
    shown = archgraph.profile(made[0] / "two8.onnx", {"N": 2, "H": 8, "W": 8}, runs=2)
    assert {row.path for row in shown.rows if row.seconds} >= {"wide", "narrow", "conv_in"}
    assert not [row for row in shown.rows if row.path == "mlp" and row.seconds]


def test_a_pair_of_one_size_is_calibrated_in_its_batches(tmp_path: Path) -> None:
    exact = exported(LABELLED, tmp_path / "f.onnx", sizes={"N": 3, "H": 8, "W": 8}, **SPLIT)
    report = archgraph.to_int8(exact, tmp_path / "m.onnx", samples=27, budget=1e-6, timed=False)
    assert report.calibration["held_out"] == 6  # of these, two parts of three
    assert sample(tmp_path / "m.onnx", n=3, size=8, steps=2, labels=[0, 1, 2]).shape == (3, 1, 8, 8)


def test_a_large_fixed_batch_is_calibrated_on_enough(tmp_path: Path) -> None:
    exact = exported(DENOISER, tmp_path / "f.onnx", sizes={"N": 40, "H": 8}, **SPLIT)
    report = archgraph.to_int8(exact, tmp_path / "m.onnx", timed=False)
    assert report.calibration["observed"] + report.calibration["held_out"] == 160


def test_a_pair_is_proved_again(made: tuple[Path, QuantizeReport], weights: Path) -> None:
    shown = archgraph.verify_int8(made[0] / "two8.onnx", weights=weights)
    assert shown.errors[0].relative == pytest.approx(made[1].errors[0].relative, rel=0.05)


def test_another_branch_is_refused(pair: Path, weights: Path, made: tuple[Path, QuantizeReport]) -> None:
    beside = pair.with_name("two8.time.onnx")

    def refused() -> None:
        for act in (lambda: Session(pair), lambda: archgraph.verify_int8(pair, weights=weights)):
            with pytest.raises(ModelFileError, match=r"is not the time branch of two8\.onnx"):
                act()

    data = bytearray(beside.read_bytes())
    data[len(data) // 2] ^= 1
    beside.write_bytes(data)
    refused()
    shutil.copy(made[0] / "two.time.onnx", beside)
    refused()
    beside.unlink()
    with pytest.raises(ModelFileError, match="is not there"):
        archgraph.verify_int8(pair, weights=weights)


@pytest.mark.parametrize("part", ["weight", "operator", "entry"])
def test_a_branch_of_another_network_is_noticed(part: str, pair: Path, weights: Path) -> None:
    """One that the main file takes for its own: its digest is right, and it is not what the network computes."""
    beside = pair.with_name("two8.time.onnx")
    branch, main = onnx.load(beside), onnx.load(pair)
    entry = next(entry for entry in main.metadata_props if entry.key == "archgraph.time_branch")
    told = json.loads(entry.value)
    if part == "weight":
        item = next(item for item in branch.graph.initializer if item.name.startswith("mlp.weight"))
        array = onnx.numpy_helper.to_array(item).copy()
        array.flat[0] = np.nextafter(array.flat[0], np.float32(9))
        item.CopyFrom(onnx.numpy_helper.from_array(array, item.name))
    elif part == "operator":
        next(node for node in branch.graph.node if node.op_type == "Sin").op_type = "Cos"
    else:
        told["inputs"]["t"]["dtype"] = "float32"
    onnx.save(branch, beside)
    entry.value = json.dumps({**told, "sha256": digest(beside)})
    onnx.save(main, pair)
    with pytest.raises(VerificationError, match="time branch"):
        archgraph.verify_int8(pair, weights=weights)


def test_what_cannot_be_a_pair(made: tuple[Path, QuantizeReport], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is the time branch of two\.onnx, and stays in float32"):
        archgraph.to_int8(made[0] / "two.time.onnx", tmp_path / "m.onnx")
    alone = shutil.copy(made[0] / "two.onnx", tmp_path / "two.onnx")
    with pytest.raises(ModelFileError, match="is not there"):
        archgraph.to_int8(alone, tmp_path / "m.onnx")
    with pytest.raises(InputError, match="no convolution or linear layer at 'mpl'"):
        archgraph.to_int8(made[0] / "two.onnx", tmp_path / "m.onnx", keep=["mpl"])
    assert [item.name for item in tmp_path.iterdir()] == ["two.onnx"]
    (tmp_path / "n.time.onnx").write_bytes(b"another network")
    with pytest.raises(ExportError, match=r"n\.time\.onnx, which is there, is not its time branch"):
        archgraph.to_int8(made[0] / "two.onnx", tmp_path / "n.onnx")
    assert (tmp_path / "n.time.onnx").read_bytes() == b"another network"
    report = archgraph.to_int8(made[0] / "two.onnx", tmp_path / "m.onnx", keep=["mlp"], timed=False, samples=16)
    assert report.kept["mlp"] == "asked for"


def test_one_file_takes_the_place_of_two(made: tuple[Path, QuantizeReport], pair: Path) -> None:
    archgraph.to_int8(made[0] / "one.onnx", pair, timed=False, samples=16)
    assert sorted(item.name for item in pair.parent.iterdir()) == ["two8.onnx", "two8.onnx.certificate.json"]


def test_features_are_no_pictures(tmp_path: Path) -> None:
    """Where a network takes rows of numbers, those that stand for the time look like them."""
    spec = {
        "archgraph": 1,
        "name": "rows",
        "inputs": {"x": ["N", 8], "t": {"shape": ["N"], "dtype": "int64"}},
        "nodes": {
            "time": {"op": "sinusoidal_embedding", "in": "t", "dim": 8},
            "mlp": {"op": "linear", "out_features": 8},
            "begin": {"op": "linear", "out_features": 8, "in": "x"},
            "sum": {"op": "add", "in": ["begin", "mlp"]},
            "middle": {"op": "linear", "out_features": 8},
            "end": {"op": "linear", "out_features": 8},
        },
        "outputs": {"y": "end"},
    }
    source = read_float_file(exported(spec, tmp_path / "m.onnx", **SPLIT))
    assert source.features == {"time_features"}
    assert ModelWiring(source.model, source.features).pictures == {"x"}
    report = archgraph.to_int8(tmp_path / "m.onnx", tmp_path / "m8.onnx", timed=False, samples=16)
    assert report.layers == ("middle",)


@pytest.mark.parametrize("step", range(1, 8))
def test_a_failure_leaves_the_older_pair(
    step: int, made: tuple[Path, QuantizeReport], pair: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = pair.with_name("f.onnx")
    exported(LABELLED, source, **SPLIT)
    shutil.copy(made[0] / "two8.onnx.certificate.json", pair.with_name("two8.onnx.certificate.json"))
    before = contents(pair.parent)
    done, replace = [0], os.replace

    def failing(old: Any, new: Any) -> None:
        done[0] += 1
        if done[0] == step:
            raise OSError(28, "No space left on device")
        replace(old, new)

    monkeypatch.setattr(atomic_files.os, "replace", failing)
    if step <= 6:  # three are set aside, three take their names
        with pytest.raises(ExportError, match="No space left on device"):
            archgraph.to_int8(source, pair, timed=False, samples=16)
        assert contents(pair.parent) == before
    else:
        archgraph.to_int8(source, pair, timed=False, samples=16)
        assert contents(pair.parent).keys() == before.keys()
        assert contents(pair.parent) != before


def contents(folder: Path) -> dict[str, bytes]:
    return {item.name: item.read_bytes() for item in folder.iterdir()}


KILLED = """
import os, signal, sys
from pathlib import Path
import onnx
from archgraph.quantize.output_error import OutputDifference
from archgraph.quantize.report import QuantizeReport
from archgraph.quantize.source_file import read_float_file
from archgraph.quantize.quantized_files import write_quantised

left, sources = map(Path, sys.argv[1:])

def write(version, path):
    errors = (OutputDifference("y", version, 0.0),)
    report = QuantizeReport(path, "int8", (0, 0), "", (), {{}}, errors, 1.0, {{}}, None, 0.0)
    model = onnx.load(sources / f"{version}8.onnx")
    write_quantised(model, read_float_file(sources / f"{version}.onnx"), path, report)

def killed_at(number):
    done, real = [], os.replace
    def counting(*given):
        done.append(1)
        if len(done) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*given)
    os.replace = counting

for version in (0, 1):
    (left / f"whole{version}").mkdir()
    write(version, left / f"whole{version}" / "m.onnx")
for number in range(1, 9):
    path = left / f"killed{number}" / "m.onnx"
    path.parent.mkdir()
    write(0, path)
    child = os.fork()
    if not child:
        killed_at(number)
        write(1, path)
        os._exit(0)
    os.waitpid(child, 0)
""".replace("{{}}", "{}")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a fork")
def test_a_kill_leaves_the_old_pair_or_the_new_one(tmp_path: Path) -> None:
    sources, left = tmp_path / "sources", tmp_path / "left"
    sources.mkdir()
    left.mkdir()
    for version in (0, 1):
        module = archgraph.to_torch(LABELLED, seed=version)
        archgraph.to_onnx(module, sources / f"{version}.onnx", verify=False, split_time=True)
        archgraph.to_int8(sources / f"{version}.onnx", sources / f"{version}8.onnx", timed=False, samples=16)
    subprocess.run([sys.executable, "-c", KILLED, left, sources], check=True, cwd=Path(__file__).parents[2])
    old, new = (contents(left / f"whole{version}") for version in (0, 1))
    assert old.keys() == new.keys() == {"m.onnx", "m.time.onnx", "m.onnx.certificate.json"}
    found = []
    for number in range(1, 9):
        recover(left / f"killed{number}" / "m.onnx")
        found.append(contents(left / f"killed{number}"))
        assert found[-1] in (old, new), number
    assert [each == new for each in found] == [False] * 6 + [True] * 2


def test_numbers_of_other_types_are_calibrated_on(tmp_path: Path) -> None:
    data = {"x": np.random.default_rng(0).standard_normal((9, 1, 8, 8)), "t": np.arange(9, dtype=np.int32)}
    report = archgraph.to_int8(exported(DENOISER, tmp_path / "f.onnx", **SPLIT), tmp_path / "m.onnx", data, timed=False)
    assert report.calibration["observed"] == 7
    with pytest.raises(ArchgraphError, match="lacks 't'"):
        archgraph.to_int8(tmp_path / "f.onnx", tmp_path / "m.onnx", {"x": data["x"]})
