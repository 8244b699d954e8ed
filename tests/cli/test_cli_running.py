"""`infer` and `sample` on small exported files whose weights are known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from colour_classifier import colour_classifier
from PIL import Image

import archgraph as ag
from archgraph.export import export

DENOISER = {
    "archgraph": 1,
    "name": "haze",
    "inputs": {"sample": ["N", 3, "H", "W"], "timestep": {"shape": ["N"], "dtype": "int64"}},
    "nodes": {
        "conv": {"op": "conv2d", "in": "sample", "out_channels": 3, "kernel_size": 3, "padding": 1},
        "time": {"op": "sinusoidal_embedding", "in": "timestep", "dim": 8},
        "shift": {"op": "linear", "out_features": 3},
        "wide": {"op": "unsqueeze", "dim": [-1, -1]},
        "noise": {"op": "add", "in": ["conv", "wide"]},
    },
    "outputs": {"noise": "noise"},
    "meta": {"diffusion": {"schedule": {"kind": "linear"}, "prediction": "epsilon", "clip": True, "size": 6}},
}


def write(spec: Mapping[str, Any], path: Path) -> Path:
    graph = ag.load(spec)
    drawn = np.random.default_rng(0)
    made = {item.key: drawn.normal(0, 0.1, item.weight.shape).astype(np.float32) for item in ag_weights(graph)}
    export(graph, made, path)
    return path


def ag_weights(graph: Any) -> Any:
    from archgraph.graph import weights

    return weights(graph)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A classifier that names the dominant colour."""
    return colour_classifier(tmp_path / "tiny.onnx", resize=None)


@pytest.fixture
def haze(tmp_path: Path) -> Path:
    """A denoiser with random weights."""
    return write(DENOISER, tmp_path / "haze.onnx")


def picture(path: Path, colour: tuple[int, int, int]) -> Path:
    Image.new("RGB", (12, 10), colour).save(path)
    return path


def test_the_most_probable_classes(archgraph: Any, tiny: Path, tmp_path: Path) -> None:
    red, blue = picture(tmp_path / "r.png", (200, 30, 10)), picture(tmp_path / "b.png", (0, 30, 100))
    ran = archgraph("infer", tiny, red, blue, "--top", "2")
    assert ran.status == 0
    cells = [line.split() for line in ran.out.splitlines()]
    logits = 4 * np.array([200, 30, 10]) / 255
    expected = np.exp(logits) / np.exp(logits).sum()
    assert cells[0] == [str(red)]
    assert cells[2:4] == [["0", "red", f"{expected[0]:.2%}"], ["1", "green", f"{expected[1]:.2%}"]]
    assert cells[4] == [str(blue)]
    assert cells[6][1] == "blue"


def test_labels_from_a_file(archgraph: Any, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("rot\ngrün\nblau\n", encoding="utf-8")
    red = picture(tmp_path / "r.png", (200, 30, 10))
    ran = archgraph("infer", tiny, red, "--labels", "names.txt", "--json")
    assert [entry["label"] for entry in ran.json[0]["top"]] == ["rot", "grün", "blau"]
    (tmp_path / "names.txt").write_text("rot\n", encoding="utf-8")
    assert archgraph("infer", tiny, red, "--labels", "names.txt").status == 1
    assert archgraph("infer", tiny, red, "--labels", "none.txt").status == 1


def test_arrays_in_and_out(archgraph: Any, tiny: Path, tmp_path: Path) -> None:
    images = np.random.default_rng(1).random((2, 3, 4, 4), np.float32)
    np.savez(tmp_path / "in.npz", image=images)
    np.save(tmp_path / "more.npy", images[:1])
    ran = archgraph("infer", tiny, "in.npz", "more.npy", "-o", "out.npz")
    assert ran.status == 0
    with np.load(tmp_path / "out.npz") as out:
        means = images.mean(axis=(2, 3))
        np.testing.assert_allclose(out["logits"], 4 * np.concatenate([means, means[:1]]), rtol=1e-5)


def test_outputs_that_are_no_scores_go_to_a_file(archgraph: Any, haze: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "in.npz", sample=np.zeros((1, 3, 6, 6), np.float32), timestep=np.array([3]))
    ran = archgraph("infer", haze, "in.npz", "--json")
    assert ran.json["file"] == "exports/haze.npz"
    assert ran.json["outputs"] == {"noise": [1, 3, 6, 6]}
    assert (tmp_path / "exports" / "haze.npz").is_file()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["none.png"], "there is no file 'none.png'"),
        (["haze.onnx"], "is not an image"),
        (["in.npz"], "image"),
    ],
)
def test_input_that_the_file_does_not_take(
    archgraph: Any, tiny: Path, haze: Path, tmp_path: Path, files: Any, said: str
) -> None:
    np.savez(tmp_path / "in.npz", image=np.zeros((1, 4, 6, 6), np.float32))
    ran = archgraph("infer", tiny, *files)
    assert ran.status == 1
    assert said in ran.err


def test_nothing_to_run_on(archgraph: Any, tiny: Path) -> None:
    ran = archgraph("infer", tiny)
    assert ran.status == 2
    assert "name the pictures" in ran.err


def test_a_picture_is_not_enough_for_a_denoiser(archgraph: Any, haze: Path, tmp_path: Path) -> None:
    ran = archgraph("infer", haze, picture(tmp_path / "r.png", (1, 2, 3)))
    assert ran.status == 1
    assert "expected: a .npz file with sample [N, 3, H, W] float32, timestep [N] int64" in ran.err


def test_a_file_that_is_not_there_and_one_that_is_none(archgraph: Any, tmp_path: Path) -> None:
    assert "there is no file 'none.onnx'" in archgraph("infer", "none.onnx", "x.png").err
    (tmp_path / "broken.onnx").write_bytes(b"not onnx")
    ran = archgraph("sample", "broken.onnx")
    assert ran.status == 1
    assert "broken.onnx" in ran.err


@pytest.mark.parametrize("option", [["--set", "width=2"], ["--weights", "w.safetensors"]])
def test_an_exported_file_takes_no_other_parameters(archgraph: Any, haze: Path, option: list[str]) -> None:
    ran = archgraph("sample", haze, *option)
    assert ran.status == 1
    assert "has no effect on" in ran.err


def test_samples_depend_on_the_seed_alone(archgraph: Any, haze: Path, tmp_path: Path) -> None:
    common = ("sample", haze, "-n", 5, "--steps", 4)
    ran = archgraph(*common, "-o", "a.png")
    assert ran.status == 0
    assert ran.out.startswith("wrote a.png (5 × 6×6, on cpu, ")
    archgraph(*common, "-o", "b.png", "--batch", 2)
    archgraph(*common, "-o", "c.png", "--seed", 1, "--sampler", "ddim")
    with Image.open("a.png") as a, Image.open("b.png") as b, Image.open("c.png") as c:
        assert np.abs(np.asarray(a, int) - np.asarray(b, int)).max() <= 1
        assert np.abs(np.asarray(a, int) - np.asarray(c, int)).max() > 10
        assert a.text["archgraph.seed"] == "0"
        assert c.text["archgraph.sampler"] == "ddim"


def test_an_animation_of_the_denoising(archgraph: Any, haze: Path) -> None:
    ran = archgraph(
        "sample", haze, "-n", 2, "--steps", 7, "--sampler", "ddpm", "--size", "4x6", "--gif", "a.gif", "--json"
    )
    assert ran.status == 0
    assert ran.json["shape"] == [2, 3, 4, 6]
    assert ran.json["file"] == "exports/haze-samples.png"
    with Image.open("a.gif") as animation:
        assert animation.n_frames == 7
    assert "a.gif (7 frames, " in archgraph("sample", haze, "-n", 1, "--steps", 7, "--gif", "a.gif").out


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--sampler", "dim"], "did you mean 'ddim'?"),
        (["--sampler", "ddpm", "--option", "eta=0.5"], "ddpm has no option 'eta'"),
        (["--sampler", "ddim", "--option", "eta=7"], "eta is out of range"),
        (["--option", "eta=0.5"], "--option belongs to a sampler"),
        (["--label", "three"], "there is no class 'three'"),
        (["--label", "3"], "takes no class labels"),
        (["--init", "none.png"], "there is no file 'none.png'"),
        (["--size", "big"], "this is no size"),
        (["--steps", "2000"], "error: "),
        (["-o", "grid.jpg"], "a name in .png"),
        (["--gif", "a.mp4"], "a name in .gif"),
        (["--device", "cud"], "error: "),
    ],
)
def test_wrong_options(archgraph: Any, haze: Path, option: list[str], said: str) -> None:
    ran = archgraph("sample", haze, *option)
    assert ran.status == 1
    assert said in ran.err


def test_an_animation_shows_the_pictures_of_all_batches(
    archgraph: Any, haze: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last frame is the grid; where memory is short, so many pictures are shown as fit, and the command says so."""
    drawn = ("sample", haze, "-n", 5, "--batch", 2, "--steps", 4, "--size", "4x6", "--gif", "a.gif", "-o", "a.png")
    assert "a.gif (4 frames, " in archgraph(*drawn).out
    with Image.open("a.gif") as animation, Image.open("a.png") as grid:
        assert animation.size == grid.size
        animation.seek(animation.n_frames - 1)
        shown, whole = (np.asarray(image.convert("RGB"), int) for image in (animation, grid))
    assert np.abs(shown - whole).mean() < 8  # of 256 colours
    monkeypatch.setattr("archgraph.cli.progress.MOST_BYTES", 3 * 50 * 3 * 64 * 96)
    assert "a.gif (4 frames of the first 3 pictures, " in archgraph(*drawn).out


def test_a_long_animation_is_thinned(archgraph: Any, haze: Path) -> None:
    assert archgraph("sample", haze, "-n", 1, "--steps", 120, "--gif", "a.gif").status == 0
    with Image.open("a.gif") as animation:
        assert 25 <= animation.n_frames <= 51


LABELLED = {
    "archgraph": 1,
    "name": "labelled",
    "inputs": {
        "sample": ["N", 1, "H", "W"],
        "timestep": {"shape": ["N"], "dtype": "int64"},
        "label": {"shape": ["N"], "dtype": "int64"},
    },
    "nodes": {
        "time": {"op": "sinusoidal_embedding", "in": "timestep", "dim": 8},
        "shift": {"op": "linear", "out_features": 1},
        "word": {"op": "embedding", "in": "label", "num_embeddings": 4, "embedding_dim": 1},
        "both": {"op": "add", "in": ["shift", "word"]},
        "wide": {"op": "unsqueeze", "dim": [-1, -1]},
        "noise": {"op": "add", "in": ["sample", "wide"]},
    },
    "outputs": {"noise": "noise"},
    "meta": {
        "diffusion": {"prediction": "epsilon", "clip": True, "size": 4, "channels": 1, "classes": 3, "null_label": 3}
    },
}


def test_labels_guidance_and_a_picture_to_start_from(archgraph: Any, tmp_path: Path) -> None:
    model = write(LABELLED, tmp_path / "labelled.onnx")
    assert archgraph("sample", model, "-n", 4, "--steps", 2, "--npz", "all.npz").status == 0
    with np.load("all.npz") as arrays:
        assert arrays["labels"].tolist() == [0, 1, 2, 0]
    ran = archgraph("sample", model, "--label", "0,1,2", "--guidance", 2, "--steps", 4, "--json")
    assert ran.json["shape"] == [3, 1, 4, 4]
    start = picture(tmp_path / "start.png", (200, 30, 10))
    more = ("--init", start, "--strength", 0.3, "-n", 2, "--steps", 10, "-o", "again.png")
    assert archgraph("sample", model, "--label", 1, *more).status == 0
    with Image.open("again.png") as made:
        assert made.text["archgraph.labels"] == "1"
        assert made.text["archgraph.strength"] == "0.3"


@pytest.mark.parametrize("suffix", ["svg", "dot"])
def test_render(archgraph: Any, spec: Path, suffix: str) -> None:
    ran = archgraph("render", spec, "-o", f"small.{suffix}")
    assert ran.status == 0
    assert ran.out.startswith(f"wrote small.{suffix} (")
    assert "conv" in Path(f"small.{suffix}").read_text(encoding="utf-8")


def test_render_into_exports(archgraph: Any, spec: Path) -> None:
    assert archgraph("render", f"{spec}@wide", "--json").json == {
        "graph": "small@wide",
        "file": "exports/small-wide.svg",
    }
    assert Path("exports/small-wide.svg").is_file()
    ran = archgraph("render", spec, "-o", "small.xyz")
    assert ran.status == 1
    assert "expected: a name that ends in .svg" in ran.err


def test_json_says_where_it_ran(archgraph: Any, tiny: Path, haze: Path, tmp_path: Path) -> None:
    red = picture(tmp_path / "r.png", (200, 30, 10))
    np.savez(tmp_path / "in.npz", sample=np.zeros((1, 3, 6, 6), np.float32), timestep=np.array([3]))
    said = [
        archgraph("infer", tiny, red, "--device", "cpu", "--json").json[0],
        archgraph("infer", haze, "in.npz", "--device", "cpu", "--json").json,
        archgraph("sample", haze, "-n", "1", "--steps", "1", "--device", "cpu", "--json").json,
    ]
    for found in said:
        assert found["device"] == "cpu"
        assert found["notes"] == []
        assert found["placement"] is None or list(found["placement"]) == ["CPUExecutionProvider"]


@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_a_gpu_that_is_not_there_is_an_error_and_nothing_is_written(
    archgraph: Any, tiny: Path, haze: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    from archgraph.runtime import devices

    monkeypatch.setattr(devices, "driver_problem", lambda: "the driver finds no GPU")
    red = picture(tmp_path / "r.png", (200, 30, 10))
    for command in (("infer", tiny, red), ("sample", haze, "-n", "1"), ("sample", haze, "-n", "1", "--json")):
        ran = archgraph(*command, "--device", device)
        assert ran.status == 1
        assert "there is no NVIDIA GPU that can be used" in ran.err
        assert "received: the driver finds no GPU" in ran.err
        assert "hint: install the NVIDIA driver" in ran.err
        assert ran.out == ""
    assert not (tmp_path / "exports").exists()


@pytest.mark.parametrize("there", [False, True])
def test_a_gpu_that_cannot_be_used_is_mentioned_and_one_that_is_not_there_is_not(
    archgraph: Any, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    from archgraph.runtime import devices

    if devices.driver_problem() == "":
        pytest.skip("this machine has a GPU")
    monkeypatch.setattr(devices, "driver_problem", lambda: "" if there else "the driver finds no GPU")
    ran = archgraph("infer", tiny, picture(tmp_path / "r.png", (200, 30, 10)))
    assert ran.status == 0
    if there:
        assert ran.err.startswith("note: running on the CPU, since ONNX Runtime cannot load its CUDA provider: ")
    else:
        assert ran.err == ""


def test_results_that_are_single_numbers(archgraph: Any, tmp_path: Path) -> None:
    """One file gives what the network gives; of several, one number each."""
    graph = ag.load({"archgraph": 1, "name": "sum", "inputs": {"x": ["N", 4]}, "nodes": {"s": {"op": "sum"}}})
    ag.to_onnx(graph, tmp_path / "sum.onnx", verify=False)
    for rows in (2, 3):
        np.savez(tmp_path / f"{rows}.npz", x=np.ones((rows, 4), np.float32))
    assert archgraph("infer", "sum.onnx", "2.npz", "-o", "one.npz").status == 0
    assert archgraph("infer", "sum.onnx", "2.npz", "3.npz", "-o", "two.npz").status == 0
    assert [np.load(tmp_path / name)["output"].tolist() for name in ("one.npz", "two.npz")] == [8, [8, 12]]


def test_a_network_without_inputs_takes_no_picture(archgraph: Any, tmp_path: Path) -> None:
    nodes = {"p": {"op": "parameter", "shape": [2, 3]}, "r": "relu"}
    ag.to_onnx(ag.load({"archgraph": 1, "name": "own", "nodes": nodes}), tmp_path / "own.onnx", verify=False)
    Image.new("RGB", (8, 8)).save(tmp_path / "p.png")
    ran = archgraph("infer", "own.onnx", "p.png")
    assert (ran.status, "own.onnx does not take a picture alone" in ran.err) == (1, True)
    ran = archgraph("export", "own.onnx", "--quantize", "int8", "-o", "int8.onnx")
    assert ran.status == 1
