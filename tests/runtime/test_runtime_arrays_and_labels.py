"""Array files without pickles, labels out of logits, and what importing the runtime costs."""

from __future__ import annotations

import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from archgraph.artifact.tensor_specs import TensorSpec
from archgraph.errors import InputError
from archgraph.runtime import Prediction, array_files, labels_of, load_arrays, save_arrays, top_k
from archgraph.runtime.arrays import checked_arrays, named_feeds


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    arrays = {"x": np.arange(6, dtype=np.float32).reshape(2, 3), "file": np.array([True]), "t": np.array(5)}
    save_arrays(tmp_path / "a.npz", arrays)
    save_arrays(tmp_path / "b.npz", arrays)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    for loaded in (load_arrays(tmp_path / "a.npz"), dict(np.load(tmp_path / "a.npz"))):
        assert list(loaded) == list(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(loaded[name], array)
            assert loaded[name].dtype == array.dtype


def test_a_single_array_goes_by_the_name_of_its_file(tmp_path: Path) -> None:
    np.save(tmp_path / "image.npy", np.ones(3))
    np.testing.assert_array_equal(load_arrays(tmp_path / "image.npy")["image"], np.ones(3))


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, place: Path):
        self.place = place

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.place,)


def test_pickles_are_refused(tmp_path: Path) -> None:
    place = tmp_path / "exploded"
    np.save(tmp_path / "a.npy", np.array([Bomb(place)], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "b.npz", x=np.array([Bomb(place)], dtype=object))
    (tmp_path / "c.npz").write_bytes(pickle.dumps(Bomb(place)))
    for name in ("a.npy", "b.npz", "c.npz"):
        with pytest.raises(InputError, match=f"{name} cannot be read") as caught:
            load_arrays(tmp_path / name)
        assert "pickled objects are refused" in caught.value.problems[0].hint
    assert not place.exists()


def test_files_that_hold_no_arrays(tmp_path: Path) -> None:
    save_arrays(tmp_path / "whole.npz", {"x": np.ones(1000)})
    whole = (tmp_path / "whole.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[:500])
    (tmp_path / "hurt.npz").write_bytes(whole[:2000] + b"x" + whole[2001:])
    (tmp_path / "empty.npy").touch()
    (tmp_path / "huge.npy").write_bytes(
        b"\x93NUMPY\x01\x00v\x00"
        + b"{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775807,)}".ljust(117)
        + b"\n"
    )
    with zipfile.ZipFile(tmp_path / "text.npz", "w") as archive:
        archive.writestr("x.npy", "text")
    for name in ("cut.npz", "hurt.npz", "empty.npy", "huge.npy", "text.npz", "missing.npz"):
        with pytest.raises(InputError, match=f"{name} cannot be read"):
            load_arrays(tmp_path / name)


def test_an_archive_that_would_exhaust_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "zeros.npz", x=np.zeros(100_000))
    monkeypatch.setattr(array_files, "MOST_BYTES", 100_000)
    with pytest.raises(InputError, match=r"unpacks to too much(.|\n)*at most 100,000 bytes"):
        load_arrays(tmp_path / "zeros.npz")


def test_the_best_classes_are_those_of_torch() -> None:
    logits = np.random.default_rng(2).standard_normal((3, 10)).astype(np.float32) * 4
    best = torch.softmax(torch.from_numpy(logits).double(), -1).topk(4)
    got = top_k(logits, 4)
    assert [[p.index for p in row] for row in got] == best.indices.tolist()
    np.testing.assert_allclose([[p.probability for p in row] for row in got], best.values.numpy(), rtol=1e-12)


def test_labels_and_ties() -> None:
    assert top_k(np.array([1.0, 3.0, 3.0]), 2, ["a", "b", "c"]) == [
        [Prediction(1, "b", pytest.approx(0.4683, abs=1e-4)), Prediction(2, "c", pytest.approx(0.4683, abs=1e-4))]
    ]
    assert [p.label for p in top_k(np.array([[0, 5000]]), 9)[0]] == ["class 1", "class 0"]
    assert str(Prediction(3, "cat", 0.4567)) == "cat 45.7%"


@pytest.mark.parametrize(
    ("logits", "k", "labels", "message"),
    [
        (np.ones((1, 3, 4)), 1, None, "these are no logits"),
        (np.ones((1, 0)), 1, None, "these are no logits"),
        (np.array(["a"]), 1, None, "these are no logits"),
        (np.array([np.nan, 1.0]), 1, None, "the logits are not finite"),
        (np.ones(3), 0, None, "must be 1 or more"),
        (np.ones(3), 1, ["a"], "the labels do not fit"),
    ],
)
def test_logits_that_are_none(logits: np.ndarray, k: int, labels: list[str] | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        top_k(logits, k, labels)


def test_labels_of_a_spec() -> None:
    assert labels_of({}) is None
    assert labels_of({"labels": ["cat", 7]}) == ("cat", "7")
    for wrong in ("imagenet", [], {"a": 1}):
        with pytest.raises(InputError, match="`labels` is not a list of names"):
            labels_of({"labels": wrong})


def test_importing_the_runtime_loads_no_framework() -> None:
    heavy = ("torch", "onnx", "onnxruntime", "PIL", "networkx", "pydantic", "archgraph.graph", "archgraph.dims.facts")
    code = f"import sys, archgraph.runtime; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_running_a_file_loads_neither_torch_nor_the_compiler(denoiser: object) -> None:
    path = denoiser()  # type: ignore[operator]
    heavy = ("torch", "onnx", "networkx", "pydantic", "archgraph.graph", "archgraph.dims.facts")
    code = (
        f"import sys, archgraph.runtime as r; r.sample({str(path)!r}, steps=2); "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_inputs_are_named_in_every_way_that_people_hand_them_over() -> None:
    specs = (TensorSpec("a", "float32", ("N",)), TensorSpec("b", "float32", ("N",)))
    one, two = np.zeros(1), np.ones(1)
    for feeds, arrays in (
        (({"a": one, "b": two},), {}),
        ((one, two), {}),
        (([one, two],), {}),
        ((one,), {"b": two}),
        ((None,), {"a": one, "b": two}),
    ):
        assert named_feeds(feeds, arrays, specs) == {"a": one, "b": two}
    for feeds, arrays, said in (
        ((one, two, two), {}, "more arrays than inputs"),
        ((one,), {"a": one}, "the input 'a' is given twice"),
        ((None, {"a": one}), {}, "outputs are not chosen"),
    ):
        with pytest.raises(InputError, match=said):
            named_feeds(feeds, arrays, specs)


def test_problems_come_in_the_order_of_the_inputs() -> None:
    """Whatever order a set has in this process."""
    inputs = [TensorSpec(name, "float32", ("N",)) for name in "qwertyuiop"]
    with pytest.raises(InputError) as caught:
        checked_arrays({name: np.zeros(2, np.int64) for name in reversed("qwertyuiop")}, inputs, ())
    assert [problem.message[1] for problem in caught.value.problems] == list("qwertyuiop")


@pytest.mark.parametrize(
    "header", ["(((((", "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "9" * 30 + ",)}", "'"]
)
def test_a_damaged_header_of_an_array(tmp_path: Path, header: str) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
    with pytest.raises(InputError, match="cannot be read"):
        load_arrays(path)
