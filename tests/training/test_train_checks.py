"""What can be known is said before the first step, weights are never overwritten, and a run can be used."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from train_samples import CLASSIFIER, DENOISER

import archgraph as ag
from archgraph.cli import main
from archgraph.cli.progress import TrainingLines
from archgraph.diffusion import sample
from archgraph.errors import ArchgraphError
from archgraph.runtime import Session
from archgraph.training import Machine, TrainingRequest, train
from archgraph.training.progress import Progress, epoch_of

CPU = Machine("cpu")
SHAPES = ("circle", "square", "triangle")


@pytest.fixture
def shapes(tmp_path: Path) -> str:
    """Three folders of five grey pictures each."""
    for number, name in enumerate(SHAPES):
        (tmp_path / "shapes" / name).mkdir(parents=True)
        for k in range(5):
            Image.fromarray(np.full((10, 12), 70 * number + k, np.uint8)).save(tmp_path / "shapes" / name / f"{k}.png")
    return str(tmp_path / "shapes")


def spec(base: dict[str, Any], **meta: Any) -> dict[str, Any]:
    return {**copy.deepcopy(base), "meta": {**copy.deepcopy(base["meta"]), **meta}}


def diffusion(**more: Any) -> dict[str, Any]:
    return {**DENOISER["meta"]["diffusion"], **more}


def refused(given: Any, data: str, folder: Path, **changes: Any) -> str:
    graph = given if not isinstance(given, dict) else ag.load(given)
    with pytest.raises(ArchgraphError) as caught:
        train(graph, TrainingRequest(data, {"steps": 1, **changes}), folder, CPU)
    assert not folder.exists()
    return str(caught.value)


def test_folders_of_another_number_name_the_setting_that_makes_them_fit(shapes: str, tmp_path: Path) -> None:
    said = refused(ag.load(CLASSIFIER, classes=10), shapes, tmp_path / "run")
    assert "expected: 10 classes\n  received: 3: circle, square, triangle\n  hint: --set classes=3 makes it fit" in said
    fixed = spec(CLASSIFIER)
    fixed["nodes"]["fc"]["out_features"] = 10
    assert "no parameter of the spec sets how many" in refused(fixed, shapes, tmp_path / "run")


def test_classes_of_meta_labels_of_none_and_rows_are_held_against_each_other(shapes: str, tmp_path: Path) -> None:
    said = refused(spec(DENOISER, diffusion=diffusion(classes=2, null_label=3)), shapes, tmp_path / "run")
    assert "expected: 2 classes" in said
    said = refused(spec(DENOISER, diffusion=diffusion(null_label=1)), shapes, tmp_path / "run")
    assert "the label 1 stands for none, and is the class 'square'" in said
    said = refused(spec(DENOISER, diffusion=diffusion(classes=10, null_label=10)), shapes, tmp_path / "run")
    assert "asks for a label that 'known' has no row for" in said


def test_sizes_that_the_network_does_not_take(shapes: str, tmp_path: Path) -> None:
    narrow = spec(DENOISER)
    narrow["nodes"]["down"] = {"op": "pixel_unshuffle", "downscale_factor": 8}
    narrow["nodes"]["up"] = {"op": "pixel_shuffle", "upscale_factor": 8}
    narrow["outputs"] = {"noise": "up"}
    said = refused(narrow, shapes, tmp_path / "run", size=30)
    assert "does not take pictures of 30×30" in said
    assert "H must be a multiple of 8" in said
    assert "hint: --set train.size=32" in said
    fixed = spec(CLASSIFIER)
    fixed["inputs"] = {"image": ["N", 1, 16, 16]}
    said = refused(fixed, shapes, tmp_path / "run")
    assert "a height of 16, as the shape of 'image' says" in said
    assert "received: 8×8, from meta.preprocess" in said
    assert "hint: --set train.size=16" in said


def test_a_fixed_input_says_its_size_where_meta_does_not(shapes: str, tmp_path: Path) -> None:
    fixed = spec(CLASSIFIER, preprocess={"mean": [0.5], "std": [0.5]})
    fixed["inputs"] = {"image": ["N", 1, 16, 16]}
    run = train(ag.load(fixed), TrainingRequest(shapes, {"steps": 1}), tmp_path / "run", CPU).folder
    assert ag.load(run.spec).info.meta["preprocess"] == {"resize": 16, "crop": [16, 16], "mean": [0.5], "std": [0.5]}


@pytest.mark.parametrize(
    ("meta", "inputs", "changes", "message"),
    [
        ({}, {"image": [4, 1, "H", "W"]}, {}, "takes batches of 4 only"),
        ({"preprocess": {"resize": 8, "crop": None, "mean": [0.5], "std": [0.5]}}, {}, {}, "leaves theirs open"),
        ({}, {}, {"held_out": 0.95}, "none is left to train on"),
        ({}, {"image": ["N", 5, "H", "W"]}, {}, "from which alone it could learn"),
    ],
)
def test_batches_and_pictures_that_cannot_be(
    meta: Any, inputs: Any, changes: Any, message: str, shapes: str, tmp_path: Path
) -> None:
    given = spec(CLASSIFIER, **meta)
    given["inputs"] |= inputs
    assert message in refused(given, shapes, tmp_path / "run", **changes)


def test_a_batch_larger_than_the_data_is_said(shapes: str, tmp_path: Path) -> None:
    said: list[str] = []
    train(ag.load(CLASSIFIER), TrainingRequest(shapes, {"steps": 1, "batch": 40}), tmp_path / "run", CPU, said.append)
    assert said == [
        "a batch of 40 is more than the 15 pictures that are trained on, so each step takes some of them several "
        "times; --batch 15 takes each once"
    ]


def test_what_torch_alone_knows_is_said_without_a_traceback(shapes: str, tmp_path: Path) -> None:
    given = spec(CLASSIFIER)
    given["nodes"] = {"pool": given["nodes"].pop("pool"), **given["nodes"]}  # batch norm sees one value per channel
    with pytest.raises(ArchgraphError, match=r"torch gave up a step(.|\n)*--batch 2 or more"):
        train(ag.load(given), TrainingRequest(shapes, {"steps": 1, "batch": 1}), tmp_path / "run", CPU)


@pytest.mark.parametrize(
    ("arrays", "hint"),
    [
        ({"images": np.zeros((4, 64))}, "images.reshape(-1, 8, 8)"),
        ({"images": np.full((4, 8, 8), 16.0)}, "images / images.max()"),
        ({"images": np.full((4, 8, 8), 255.0)}, "images.astype('uint8')"),
        ({"X": np.zeros((4, 8, 8))}, "an array named images (or x)"),
        ({"images": np.zeros((3, 8, 8)), "labels": np.arange(1, 4)}, "these from 1: subtract 1"),
    ],
)
def test_arrays_say_how_they_become_pictures(arrays: Any, hint: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    assert hint in refused(CLASSIFIER, str(tmp_path / "a.npz"), tmp_path / "run")


def test_a_label_equal_to_the_number_of_classes_is_refused_before_the_first_step(tmp_path: Path) -> None:
    """Three classes are 0, 1 and 2: torch's cross entropy has no score for 3."""
    images = np.zeros((3, 8, 8), np.uint8)
    np.savez(tmp_path / "beyond.npz", images=images, labels=np.array([0, 1, 3]))
    said = refused(CLASSIFIER, str(tmp_path / "beyond.npz"), tmp_path / "run")
    assert "another number of classes" in said
    assert "expected: 3 classes or fewer\n  received: 4" in said
    np.savez(tmp_path / "highest.npz", images=images, labels=np.array([0, 1, 2]))
    train(ag.load(CLASSIFIER), TrainingRequest(str(tmp_path / "highest.npz"), {"steps": 1}), tmp_path / "run", CPU)


def test_names_of_classes_travel_into_the_run(shapes: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 8, 8)).astype(np.uint8)
    np.savez(tmp_path / "named.npz", images=images, labels=np.array(["b", "c", "a"] * 2))
    np.savez(tmp_path / "first.npz", images=images, labels=np.arange(6) % 2)  # the third class is not among them
    cases = [
        (spec(CLASSIFIER), shapes, list(SHAPES)),
        (spec(CLASSIFIER, labels=["square", "triangle", "circle"]), shapes, ["square", "triangle", "circle"]),
        (spec(CLASSIFIER), str(tmp_path / "named.npz"), ["a", "b", "c"]),
        (spec(CLASSIFIER), str(tmp_path / "first.npz"), ["0", "1", "2"]),
        (spec(CLASSIFIER, labels=["x", "y", "z"]), str(tmp_path / "first.npz"), ["x", "y", "z"]),
    ]
    for number, (given, data, names) in enumerate(cases):
        run = train(ag.load(given), TrainingRequest(data, {"steps": 1}), tmp_path / str(number), CPU).folder
        assert ag.load(run.spec).info.meta["labels"] == names


def test_pictures_are_numbered_as_the_spec_names_them(shapes: str) -> None:
    from archgraph.training.image_sources import read_pictures
    from archgraph.training.recipe import Recipe
    from archgraph.training.task import task_of

    graph = ag.load(spec(CLASSIFIER, labels=["square", "triangle", "circle"]))
    task = task_of(graph, Recipe())
    found = task.fitted(graph, read_pictures(shapes, task.prepare), shapes)
    assert found.labels.tolist() == [2] * 5 + [0] * 5 + [1] * 5  # folders come in the order of the alphabet


@pytest.mark.parametrize("name", ["=eq", "1e3", "on", "0o17"])
def test_a_folder_of_any_name_comes_back_as_it_is(name: str, shapes: str, tmp_path: Path) -> None:
    (Path(shapes) / "circle").rename(Path(shapes) / name)
    run = train(ag.load(CLASSIFIER), TrainingRequest(shapes, {"steps": 1}), tmp_path / "run", CPU).folder
    assert ag.load(run.spec).info.meta["labels"] == sorted([name, "square", "triangle"])


def _run(*command: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code == 0


def test_a_run_is_inferred_exported_and_sampled_by_name(
    shapes: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = ["--steps", "1", "--device", "cpu"]
    for name, given in (("classifier", CLASSIFIER), ("denoiser", DENOISER)):
        (tmp_path / f"{name}.json").write_text(json.dumps(given), encoding="utf-8")
        size = ["--set", "train.size=12"]
        _run("train", str(tmp_path / f"{name}.json"), "--data", shapes, *size, *steps, "-o", str(tmp_path / name))
    said = capsys.readouterr()
    assert "step 1/1, epoch 1/1: loss " in said.err
    _run("infer", str(tmp_path / "classifier"), f"{shapes}/circle/0.png", "--device", "cpu")
    shown = capsys.readouterr().out
    assert all(name in shown for name in SHAPES)
    assert ag.load(tmp_path / "classifier" / "spec.yaml").info.meta["preprocess"]["crop"] == 12
    options = ["--steps", "2", "--device", "cpu", "-o", str(tmp_path / "grid.png")]
    _run("sample", str(tmp_path / "denoiser"), "--class", "circle,triangle", *options, "--npz", str(tmp_path / "a.npz"))
    with np.load(tmp_path / "a.npz") as arrays:
        assert arrays["labels"].tolist() == [0, 2]
        assert arrays["images"].shape == (2, 1, 12, 12)  # as it was trained
    _run("export", str(tmp_path / "denoiser"), "--no-verify", "-o", str(tmp_path / "net.onnx"))
    with Session(tmp_path / "net.onnx", "cpu") as session:
        by_name = sample(session, n=1, steps=2, labels="square")
        assert np.array_equal(by_name, sample(session, n=1, steps=2, labels=1))
        assert np.array_equal(by_name, sample(session, steps=2, labels=["square"]))
        with pytest.raises(ArchgraphError, match=r"there is no class 'sqare'(.|\n)*did you mean 'square'"):
            sample(session, n=1, steps=2, labels="sqare")


def test_a_network_whose_time_is_a_float_learns(shapes: str, tmp_path: Path) -> None:
    given = spec(DENOISER)
    given["inputs"]["t"] = {"shape": ["N"], "dtype": "float32"}
    assert train(ag.load(given), TrainingRequest(shapes, {"steps": 1}), tmp_path / "run", CPU).steps == 1


# --- what is there stays ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("name", ["ema.safetensors", "last.safetensors"])
def test_weights_are_never_overwritten(resume: bool, name: str, shapes: str, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).write_bytes(b"weights")
    with pytest.raises(ArchgraphError, match=r"holds weights(.|\n)*-o names another folder"):
        train(ag.load(CLASSIFIER), TrainingRequest(shapes, {"steps": 1}, resume=resume), tmp_path / "run", CPU)
    assert (tmp_path / "run" / name).read_bytes() == b"weights"


def test_a_run_that_ended_before_its_weights_begins_anew(shapes: str, tmp_path: Path) -> None:
    graph, said = ag.load(CLASSIFIER), list[str]()
    train(graph, TrainingRequest(shapes, {"steps": 1}), tmp_path / "run", CPU)
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    for name in ("ema", "last"):
        (tmp_path / "run" / f"{name}.safetensors").unlink()
    (tmp_path / "run" / "checkpoints").mkdir()
    with pytest.raises(ArchgraphError, match=r"are missing(.|\n)*ended before it wrote any"):
        ag.trained_weights(ag.load(tmp_path / "run" / "spec.yaml"))
    train(graph, TrainingRequest(shapes, {"steps": 1}, resume=True), tmp_path / "run", CPU, said.append)
    assert said == [f"{tmp_path / 'run'} has no checkpoint to go on from: the run begins anew"]


def test_a_persons_own_spec_and_the_folder_of_pictures_are_no_place_for_a_run(shapes: str, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "spec.yaml").write_text(json.dumps(CLASSIFIER), encoding="utf-8")
    graph = ag.load(CLASSIFIER)
    with pytest.raises(ArchgraphError, match="was written by no run"):
        train(graph, TrainingRequest(shapes, {"steps": 1}), tmp_path / "mine", CPU)
    for place in (shapes, f"{shapes}/run"):
        with pytest.raises(ArchgraphError, match="into the folder of the pictures"):
            train(graph, TrainingRequest(shapes, {"steps": 1}), place, CPU)


# --- how far it is ----------------------------------------------------------------------------------------------------


def test_epochs_count_passes_over_the_pictures() -> None:
    # 6 of 21 pictures at a step: the fourth step ends with the 24th picture, the third of the second pass
    assert [epoch_of(step, 6, 21) for step in (1, 3, 4, 7, 8)] == [1, 1, 2, 2, 3]
    assert [epoch_of(step, 7, 21) for step in (1, 3, 4)] == [1, 1, 2]


def test_steps_are_watched_from_where_a_run_goes_on(shapes: str, tmp_path: Path) -> None:
    seen: list[tuple[int, int, int, bool]] = []

    def watch(progress: Progress) -> None:
        seen.append((progress.step, progress.epoch, progress.epochs, progress.checked))

    graph, numbers = ag.load(CLASSIFIER), {"batch": 5, "held_out": 0.2}
    train(graph, TrainingRequest(shapes, {"steps": 3, **numbers}), tmp_path / "run", CPU, watch=watch)
    assert seen == [(1, 1, 2, False), (2, 1, 2, False), (3, 2, 2, False), (3, 2, 2, True)]
    seen.clear()
    train(graph, TrainingRequest(shapes, {"steps": 5, **numbers}, resume=True), tmp_path / "run", CPU, watch=watch)
    assert seen == [(4, 2, 3, False), (5, 3, 3, False), (5, 3, 3, True)]


def test_without_a_terminal_there_are_about_twenty_lines(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    lines = TrainingLines(lambda: now[0])
    for step in range(1, 201):
        now[0] += 1
        lines(Progress(step, 200, 1, 4, False, lambda: {"loss": 0.5}))
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 21  # the first, and each twentieth
    assert said[0] == "step 1/200, epoch 1/4: loss 0.5"
    assert said[1] == "step 10/200, epoch 1/4: loss 0.5, 3:10 left"
    assert said[-1] == "step 200/200, epoch 1/4: loss 0.5"
    lines = TrainingLines(lambda: now[0])
    for step in range(1, 4):
        now[0] += 40  # a slow run is not silent for minutes
        lines(Progress(step, 2000, 1, 4, False, dict))
    assert len(capsys.readouterr().err.splitlines()) == 3
