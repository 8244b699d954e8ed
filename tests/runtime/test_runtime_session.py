"""Sessions: what they say of a file, what they refuse before a run, and what they give back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from deep_network import deep_network

from archgraph.errors import InputError, ModelFileError, RunError
from archgraph.runtime import Session
from archgraph.runtime.devices import load_onnxruntime
from archgraph.runtime.kernel_times import kernel_times

Build = Callable[..., Path]


def image(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).random(shape, dtype=np.float32)


def test_a_session_says_what_the_file_says_of_itself(classifier: Build) -> None:
    path = classifier(preset="small", params={"width": 3}, meta={"labels": ["r", "g", "b"]}, spec={"name": "tiny"})
    with Session(path, "cpu") as session:
        assert [str(spec) for spec in session.inputs] == ["image [N, 3, H, W] float32"]
        assert [str(spec) for spec in session.outputs] == ["logits [N, 3] float32"]
        assert session.meta == {"labels": ["r", "g", "b"]}
        assert session.constraints[0].text == "H must be a multiple of 8"
        assert str(session.constraints[0].causes[0]) == "three halvings meet their skips (up.0.skip at unet.yaml:12:3)"
        told = session.metadata
        assert (told.name, told.preset, told.params, told.spec) == ("tiny", "small", {"width": 3}, {"name": "tiny"})


def test_a_run_gives_the_outputs_by_name(classifier: Build) -> None:
    x = image(2, 3, 8, 5)
    with Session(classifier(), "cpu") as session:
        by_keyword, by_mapping = session.run(image=x), session.run({"image": x})
    np.testing.assert_allclose(by_keyword["logits"], x.mean(axis=(2, 3)), rtol=1e-5)
    np.testing.assert_array_equal(by_mapping["logits"], by_keyword["logits"])


def test_results_are_not_the_buffers_of_the_next_run_unless_asked(classifier: Build) -> None:
    with Session(classifier(), "cpu") as session:
        ones = [session.run(image=np.ones((1, 3, 8, 8), np.float32))["logits"] for _ in range(2)]
        shared = session.run({"image": np.ones((1, 3, 8, 8), np.float32)}, copy=False)["logits"]
        session.run(image=np.zeros((1, 3, 8, 8), np.float32))
    np.testing.assert_array_equal(ones, np.ones((2, 1, 3)))
    np.testing.assert_array_equal(shared, np.zeros((1, 3)))


def test_after_an_interrupt_buffers_are_bound_anew(classifier: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in a notebook, as the first run of some shapes binds the buffers of its results."""
    x, binding = image(2, 3, 8, 5), load_onnxruntime().IOBinding

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with Session(classifier(), "cpu") as session:
        with monkeypatch.context() as patch:
            patch.setattr(binding, "bind_ortvalue_output", interrupted)
            with pytest.raises(KeyboardInterrupt):
                session.run(image=x)
        for _ in range(2):
            np.testing.assert_allclose(session.run(image=x)["logits"], x.mean(axis=(2, 3)), rtol=1e-5)


def test_a_run_leaves_the_given_array_alone_and_takes_views(classifier: Build) -> None:
    whole = image(2, 3, 16, 8)
    kept = whole.copy()
    with Session(classifier(), "cpu") as session:
        for _ in range(2):
            result = session.run(image=whole[:, :, ::2])["logits"]
            np.testing.assert_allclose(result, whole[:, :, ::2].mean(axis=(2, 3)), rtol=1e-5)
    np.testing.assert_array_equal(whole, kept)


def test_many_shapes_in_turn(classifier: Build) -> None:
    with Session(classifier(), "cpu") as session:
        for width in (*range(1, 8), *range(1, 8)):
            x = image(1, 3, 8, width)
            np.testing.assert_allclose(session.run(image=x)["logits"], x.mean(axis=(2, 3)), rtol=1e-5)


def test_threads_may_share_a_session(classifier: Build) -> None:
    wrong: list[int] = []
    with Session(classifier(), "cpu", threads=1) as session:

        def work(value: int) -> None:
            for _ in range(50):
                if not (session.run(image=np.full((1, 3, 8, 8), value, np.float32))["logits"] == value).all():
                    wrong.append(value)

        workers = [threading.Thread(target=work, args=(value,)) for value in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert wrong == []


def test_safe_casts(pair: Build) -> None:
    with Session(pair(), "cpu") as session:
        result = session.run(a=np.ones((1, 1, 4)), b=np.ones((1, 1, 2), np.float16), count=np.array([7], np.int32))
    assert (result["sum"].dtype, result["counted"].dtype) == (np.float32, np.int64)
    np.testing.assert_array_equal(result["sum"], np.full((1, 1, 4), 2.0))
    np.testing.assert_array_equal(result["counted"], [7])


def test_a_file_with_float16_takes_float32_too(tmp_path: Path) -> None:
    x = image(1, 3, 8, 8)
    with Session(deep_network(tmp_path / "half.onnx", dtype=np.float16), "cpu") as session:
        whole, half = session.run(image=x)["logits"], session.run(image=x.astype(np.float16))["logits"]
        with pytest.raises(InputError, match="values that float16 cannot hold"):
            session.run(image=1e5 * x)
    assert whole.dtype == np.float16
    np.testing.assert_array_equal(whole, half)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("count", np.array([1.0]), "'count' has the wrong element type"),
        ("a", np.ones((1, 1, 4), np.int64), "'a' has the wrong element type"),
        ("a", np.full((1, 1, 4), 1e300), "'a' has values that float32 cannot hold"),
        ("count", np.array([2**63], np.uint64), "'count' has values that int64 cannot hold"),
        ("a", [[[1.0], [1.0, 2.0]]], "'a' is not an array"),
        ("a", "text", "'a' has the wrong element type"),
    ],
)
def test_other_element_types_are_refused(pair: Build, name: str, value: object, message: str) -> None:
    good = {"a": image(1, 1, 4), "b": image(1, 1, 2), "count": np.array([1])}
    with Session(pair(), "cpu") as session, pytest.raises(InputError) as caught:
        session.run({**good, name: value})
    assert [problem.message for problem in caught.value.problems] == [message]


def test_every_misfit_is_told_at_once(pair: Build) -> None:
    with Session(pair(), "cpu") as session, pytest.raises(InputError) as caught:
        session.run(a=image(2, 3, 8), b=image(3, 1, 5), cuont=np.array([1]))
    assert str(caught.value) == (
        "error: the file has no input 'cuont'\n"
        "  expected: a, b, count\n  received: cuont\n  hint: did you mean 'count'?\n"
        "error: inputs are missing\n"
        "  expected: count [N] int64\n  received: a, b, cuont\n"
        "error: N is 2 on axis 0 of 'a', but 3 on axis 0 of 'b'\n"
        "  expected: [N, 1, H // 2]\n  received: (3, 1, 5)\n"
        "  hint: take arrays that fit together, or split them into batches of equal size\n"
        "error: axis 1 of 'a' must be 1\n"
        "  expected: [N, 1, H]\n  received: (2, 3, 8)\n"
        "error: axis 2 of 'b' must be H // 2 = 4\n"
        "  expected: [N, 1, H // 2]\n  received: (3, 1, 5)"
    )


def test_a_wrong_number_of_axes(classifier: Build) -> None:
    with Session(classifier(), "cpu") as session, pytest.raises(InputError) as caught:
        session.run(image=image(3, 8, 8))
    assert str(caught.value) == (
        "error: 'image' has 3 axes instead of 4\n  expected: [N, 3, H, W]\n  received: (3, 8, 8)"
    )


def test_an_empty_batch_is_refused(classifier: Build) -> None:
    with Session(classifier(), "cpu") as session, pytest.raises(InputError, match="'image' is empty: N is 0"):
        session.run(image=image(0, 3, 8, 8))


def test_a_broken_constraint_is_told_with_its_cause(classifier: Build) -> None:
    with Session(classifier(), "cpu") as session, pytest.raises(InputError) as caught:
        session.run(image=image(1, 3, 30, 30))
    assert str(caught.value) == (
        "error: H must be a multiple of 8; received H = 30\n"
        "  hint: nearest: H = 24 or H = 32\n"
        "  note: three halvings meet their skips (up.0.skip at unet.yaml:12:3)"
    )


def test_a_closed_session_does_not_run(classifier: Build) -> None:
    with Session(classifier(), "cpu") as session:
        pass
    with pytest.raises(RunError, match="is closed"):
        session.run(image=image(1, 3, 8, 8))


def test_a_failing_run_is_an_error_of_ours_and_the_session_goes_on(pair: Build) -> None:
    loose = {
        name: {"shape": shape, "dtype": "float32"}
        for name, shape in {"a": ["A", "B", "C"], "b": ["D", "E", "F"]}.items()
    }
    path = pair(inputs={**loose, "count": {"shape": ["N"], "dtype": "int64"}})
    with Session(path, "cpu") as session:
        with pytest.raises(RunError, match=r"running .*pair.onnx failed on cpu"):
            session.run(a=image(1, 1, 7), b=image(1, 1, 2), count=np.array([1]))
        result = session.run(a=image(1, 1, 4), b=np.zeros((1, 1, 2)), count=np.array([1]))
    np.testing.assert_array_equal(result["sum"], image(1, 1, 4))


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_a_damaged_file(tmp_path: Path, classifier: Build, device: str) -> None:
    whole = classifier().read_bytes()
    path = tmp_path / "cut.onnx"
    for content in (whole[: len(whole) // 2], b"<html>not found</html>"):
        path.write_bytes(content)
        with pytest.raises(ModelFileError, match=r"cut.onnx is damaged, or not an ONNX file"):
            Session(path, device)


@pytest.mark.parametrize("text", [b"archgraph.name", b"residues", b"logits"])
def test_a_text_that_is_none(tmp_path: Path, classifier: Build, text: bytes) -> None:
    whole = classifier().read_bytes()
    assert text in whole
    path = tmp_path / "turned.onnx"
    path.write_bytes(whole.replace(text, b"\xc3" + text[1:]))
    for reads in (lambda: Session(path, "cpu"), lambda: kernel_times(path, {}, 1)):
        with pytest.raises(ModelFileError, match=r"turned.onnx is damaged"):
            reads()


def test_an_empty_a_missing_and_a_foreign_place(tmp_path: Path, classifier: Build) -> None:
    classifier()
    (tmp_path / "empty.onnx").touch()
    with pytest.raises(ModelFileError, match=r"empty.onnx is empty"):
        Session(tmp_path / "empty.onnx")
    with pytest.raises(ModelFileError, match=r"clasifier.onnx cannot be read") as caught:
        Session(tmp_path / "clasifier.onnx")
    assert caught.value.problems[0].hint == "did you mean 'classifier.onnx'?"
    with pytest.raises(ModelFileError, match="is a folder"):
        Session(tmp_path)


def with_weights_at(path: Path, location: str) -> Path:
    """Moves the weight `half` of the tiny denoiser into a second file."""
    import onnx

    model = onnx.load(path)
    (half,) = (weight for weight in model.graph.initializer if weight.name == "half")
    onnx.external_data_helper.set_external_data(half, location, offset=0, length=4)
    half.ClearField("raw_data")
    path.write_bytes(model.SerializeToString())
    return path


def test_weights_that_lie_elsewhere(tmp_path: Path, denoiser: Build) -> None:
    path = with_weights_at(denoiser(), "weights.bin")
    (tmp_path / "weights.bin").write_bytes(np.float32(3).tobytes())
    with Session(path, "cpu") as session:
        result = session.run(x=np.ones((1, 3, 8, 8)), t=np.array([0]))
    np.testing.assert_array_equal(result["eps"], np.full((1, 3, 8, 8), 3.0))


def test_weights_that_are_not_there(denoiser: Build) -> None:
    path = with_weights_at(denoiser(), "weights.bin")
    with pytest.raises(ModelFileError, match="does not find its weights") as caught:
        Session(path, "cpu")
    assert "weights.bin" in caught.value.problems[0].received
    assert "keep the two together" in caught.value.problems[0].hint


@pytest.mark.parametrize("place", ["../secret.bin", "{folder}/secret.bin"])
def test_weights_outside_of_the_folder_are_not_read(tmp_path: Path, denoiser: Build, place: str) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(4))
    (tmp_path / "inner").mkdir()
    path = with_weights_at(denoiser("inner/denoiser.onnx"), place.format(folder=tmp_path))
    with pytest.raises(ModelFileError):
        Session(path, "cpu")


def test_a_file_of_someone_else(tmp_path: Path, classifier: Build) -> None:
    import onnx

    model = onnx.load(classifier())
    onnx.helper.set_model_props(model, {"author": "someone"})
    onnx.save(model, tmp_path / "foreign.onnx")
    with pytest.raises(ModelFileError) as caught:
        Session(tmp_path / "foreign.onnx", "cpu")
    assert str(caught.value) == (
        f"error: {tmp_path / 'foreign.onnx'} was not written by archgraph\n"
        "  expected: an ONNX file that carries archgraph's metadata\n"
        "  received: metadata: author\n"
        "  hint: write it with `archgraph export SPEC -o FILE.onnx`; other ONNX files run in onnxruntime itself"
    )


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"version": 2}, "a format that this archgraph does not know"),
        ({"inputs": "{"}, "'archgraph.inputs' cannot be read"),
        ({"inputs": None}, "'archgraph.inputs' cannot be read"),
        ({"inputs": {"image": {"shape": ["N", 3, "__import__('os')", "W"], "dtype": "float32"}}}, "cannot be read"),
        ({"inputs": {"image": {"shape": ["N", 3, "(((H**99)**99)**99)", "W"], "dtype": "float32"}}}, "cannot be read"),
        ({"inputs": {"image": {"shape": ["N", 3, "H", "W"], "dtype": "floaty"}}}, "cannot be read"),
        ({"inputs": {"picture": {"shape": ["N", 3, "H", "W"], "dtype": "float32"}}}, "does not describe its inputs"),
        ({"outputs": {"logits": {"shape": ["N", 3], "dtype": "float64"}}}, "does not describe its outputs"),
        ({"constraints": [{"modulus": 8}]}, "'archgraph.constraints' cannot be read"),
        ({"constraints": [{"symbol": "H", "modulus": -1}]}, "'archgraph.constraints' cannot be read"),
        ({"meta": [1]}, "'archgraph.meta' cannot be read"),
    ],
)
def test_damaged_metadata(classifier: Build, entries: dict[str, object], message: str) -> None:
    path = classifier(**entries)
    with pytest.raises(ModelFileError, match=message):
        Session(path, "cpu")


def test_a_number_of_threads_that_is_none(classifier: Build) -> None:
    with pytest.raises(RunError, match="the number of threads must be 1 or more"):
        Session(classifier(), "cpu", threads=0)
