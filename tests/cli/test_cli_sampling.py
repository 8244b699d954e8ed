"""`sample` as people use it: pictures made again, one by one, as arrays, from seed to seed, and interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import archgraph as ag
from archgraph import runtime
from archgraph.export import export
from archgraph.graph import weights

LABELLED = {
    "archgraph": 1,
    "name": "labelled",
    "inputs": {
        "sample": ["N", 3, "H", "W"],
        "timestep": {"shape": ["N"], "dtype": "int64"},
        "label": {"shape": ["N"], "dtype": "int64"},
    },
    "nodes": {
        "conv": {"op": "conv2d", "in": "sample", "out_channels": 3, "kernel_size": 3, "padding": 1},
        "time": {"op": "sinusoidal_embedding", "in": "timestep", "dim": 8},
        "shift": {"op": "linear", "out_features": 3},
        "word": {"op": "embedding", "in": "label", "num_embeddings": 4, "embedding_dim": 3},
        "both": {"op": "add", "in": ["shift", "word"]},
        "wide": {"op": "unsqueeze", "dim": [-1, -1]},
        "noise": {"op": "add", "in": ["conv", "wide"]},
    },
    "outputs": {"noise": "noise"},
    "meta": {"diffusion": {"clip": True, "size": 6, "classes": 3, "null_label": 3}},
}


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    graph, drawn = ag.load(LABELLED), np.random.default_rng(0)
    made = {item.key: drawn.normal(0, 0.3, item.weight.shape).astype(np.float32) for item in weights(graph)}
    export(graph, made, tmp_path / "labelled.onnx")
    return tmp_path / "labelled.onnx"


def pixels(path: str | Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), int)


@pytest.mark.parametrize(
    "options",
    [
        (
            "--class",
            "0,2",
            "--guidance",
            2,
            "--guidance-rescale",
            0.5,
            "--sampler",
            "dpmpp_2m",
            "--spacing",
            "trailing",
        ),
        ("-n", 3, "--class", 1, "--sampler", "ddim", "--option", "eta=0.5", "--seed", 7, "--size", "4x8", "--first", 2),
        ("-n", 2, "--class", 1, "--sampler", "heun", "--karras", "--to-seed", 3, "--threshold", 0.9, "--batch", 1),
        ("-n", 2, "--class", 1, "--init", "start.png", "--strength", 0.5, "--mask", "mask.png", "--no-clip"),
    ],
)
def test_a_picture_is_made_again_to_the_byte(archgraph: Any, labelled: Path, options: tuple[object, ...]) -> None:
    Image.new("RGB", (6, 6), (200, 30, 10)).save("start.png")
    Image.fromarray(np.tile(np.uint8([0, 255]), (6, 3))).save("mask.png")
    assert archgraph("sample", labelled, "--steps", 5, *options, "-o", "first.png").status == 0
    assert archgraph("sample", "--again", "first.png", "-o", "again.png").status == 0
    assert Path("again.png").read_bytes() == Path("first.png").read_bytes()
    moved = labelled.rename(labelled.with_name("moved.onnx"))
    assert archgraph("sample", moved, "--again", "first.png", "-o", "other.png").status == 0
    np.testing.assert_array_equal(pixels("other.png"), pixels("first.png"))


def test_a_spec_is_sampled_again_with_its_parameters(archgraph: Any, tmp_path: Path) -> None:
    import yaml

    wide = {**LABELLED, "params": {"kernel": 3}}
    wide["nodes"] = {**LABELLED["nodes"], "conv": {**LABELLED["nodes"]["conv"], "kernel_size": "=kernel", "padding": 0}}
    (tmp_path / "net.yaml").write_text(yaml.safe_dump(wide, sort_keys=False), encoding="utf-8")
    common = ("sample", "net.yaml", "--set", "kernel=1", "-n", 2, "--class", 0, "--steps", 3, "--seed", 4)
    ran = archgraph(*common, "-o", "first.png")
    assert (ran.status, "random weights (seed 4)" in ran.err) == (0, True), ran.err
    assert archgraph("sample", "--again", "first.png", "-o", "again.png").status == 0
    assert Path("again.png").read_bytes() == Path("first.png").read_bytes()


def test_each_picture_alone_and_all_as_arrays(archgraph: Any, labelled: Path) -> None:
    common = ("sample", labelled, "--class", "2,0,1", "--steps", 4, "--sampler", "ddpm", "--first", 5)
    ran = archgraph(*common, "--every-image", "each/one", "--npz", "all.npz", "-o", "grid.png")
    assert ran.status == 0
    assert "wrote 3 pictures to each/one/" in ran.out
    assert sorted(path.name for path in Path("each/one").iterdir()) == ["00005.png", "00006.png", "00007.png"]
    with np.load("all.npz") as arrays:
        assert arrays["labels"].tolist() == [2, 0, 1]
        shown = np.rint((arrays["images"].astype(np.float64) + 1) / 2 * 255).clip(0, 255).transpose(0, 2, 3, 1)
    for k, picture in enumerate(shown):
        np.testing.assert_array_equal(pixels(f"each/one/0000{5 + k}.png"), picture)
    assert archgraph("sample", "--again", "each/one/00006.png", "-o", "one.png").status == 0
    assert np.abs(pixels("one.png")[2:-2, 2:-2] - pixels("each/one/00006.png")).max() <= 1


def test_an_interrupted_run_keeps_what_is_finished_and_says_how_to_go_on(
    archgraph: Any, labelled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    common = ("sample", labelled, "--steps", 3, "--batch", 2)
    assert archgraph(*common, "--class", "0,1,2,1,0", "-o", "whole.png").status == 0
    real, seen = runtime.sample, []

    def interrupting(*arguments: Any, on_step: Any, **settings: Any) -> Any:
        def step(k: int, total: int, x: Any) -> None:
            seen.append(k)
            if k == 8:
                raise KeyboardInterrupt
            on_step(k, total, x)

        return real(*arguments, on_step=step, **settings)

    with monkeypatch.context() as patched:
        patched.setattr(runtime, "sample", interrupting)
        ran = archgraph(*common, "--class", "0,1,2,1,0", "-o", "part.png")
    assert ran.status == 130
    assert seen[-1] == 8
    assert (
        "interrupted: 4 of 5 pictures are finished; the others: the same command with -n 1 --first 4 --class 0"
        in ran.err
    )
    assert archgraph(*common, "-n", 1, "--first", 4, "--class", 0, "-o", "rest.png").status == 0
    whole, part, rest = (pixels(name) for name in ("whole.png", "part.png", "rest.png"))
    np.testing.assert_allclose(part[2:8, 2:8], whole[2:8, 2:8], atol=1)
    np.testing.assert_allclose(rest[2:8, 2:8], whole[10:16, 10:16], atol=1)


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        ((), 2, "name the network to sample"),
        (("--again", "plain.png"), 1, "plain.png does not say how it was made"),
        (("--again", "none.png"), 1, "none.png cannot be read as a picture"),
        (("--again", "plain.png", "--steps", 3), 1, "--again makes the same picture; it takes no other settings"),
        (("{}", "--class", 1, "--spacing", "trail"), 1, "did you mean 'trailing'?"),
        (("{}", "--class", 1, "--karras"), 1, "this sampler steps from one time of the schedule to another"),
        (("{}", "--class", 5), 1, "a class label is out of range"),
        (("{}", "--class", 1, "--mask", "plain.png"), 1, "a mask needs the picture that it keeps"),
        (("{}", "--class", 1, "--strength", 0.5), 1, "strength says how much of a picture is drawn anew"),
        (("{}", "--class", 1, "--npz", "a.txt"), 1, "the file is written as NPZ"),
        (("{}", "--class", 1, "--every-image", "plain.png/x"), 1, "the folder plain.png/x cannot be made"),
    ],
)
def test_wrong_options(archgraph: Any, labelled: Path, options: tuple[object, ...], status: int, said: str) -> None:
    Image.new("RGB", (4, 4)).save("plain.png")
    ran = archgraph("sample", *(labelled if option == "{}" else option for option in options))
    assert (ran.status, said in ran.err) == (status, True), ran.err


def test_the_file_is_another_than_the_picture_was_made_with(archgraph: Any, labelled: Path) -> None:
    assert archgraph("sample", labelled, "--class", 1, "-n", 1, "--steps", 2, "-o", "first.png").status == 0
    graph, drawn = ag.load(LABELLED), np.random.default_rng(1)
    export(
        graph,
        {item.key: drawn.normal(0, 0.3, item.weight.shape).astype(np.float32) for item in weights(graph)},
        labelled,
    )
    ran = archgraph("sample", "--again", "first.png", "-o", "again.png")
    assert ran.status == 1
    assert "the picture was made by another network" in ran.err
