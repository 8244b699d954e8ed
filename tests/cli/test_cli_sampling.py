"""`sample` as people use it: pictures made again, one by one, as arrays, from seed to seed, and interrupted."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import archgraph as ag
from archgraph import diffusion
from archgraph.artifact.atomic_files import NewFile
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


def test_infer_names_sample_for_a_denoiser(archgraph: Any, labelled: Path, tmp_path: Path) -> None:
    """The other way round is in `tests/diffusion`: `sample` names `infer` for a network without a time."""
    Image.new("RGB", (6, 6)).save(tmp_path / "photo.png")
    ran = archgraph("infer", labelled, tmp_path / "photo.png")
    assert (ran.status, ran.out) == (1, "")
    assert "labelled.onnx does not take a picture alone" in ran.err
    assert "hint: a diffusion network makes pictures: `sample`" in ran.err


def pixels(path: str | Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), int)


def sheet(path: str | Path, side: int = 6) -> np.ndarray:
    """A grid in the pixels of its pictures, which are shown ten times as large."""
    factor = 64 // side
    large = pixels(path)
    small = large[::factor, ::factor]
    np.testing.assert_array_equal(small.repeat(factor, 0).repeat(factor, 1), large)
    return small


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
    assert np.abs(sheet("one.png")[2:-2, 2:-2] - pixels("each/one/00006.png")).max() <= 1


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Any]:
    """While it is entered, the run is interrupted at that step of all."""

    @contextmanager
    def at(when: int) -> Iterator[None]:
        real = diffusion.sample

        def interrupting(*arguments: Any, on_step: Any, **settings: Any) -> Any:
            def step(k: int, total: int, x: Any) -> None:
                if k == when:
                    signal.raise_signal(signal.SIGINT)
                on_step(k, total, x)

            return real(*arguments, on_step=step, **settings)

        with monkeypatch.context() as patched:
            patched.setattr(diffusion, "sample", interrupting)
            yield

    return at


@pytest.mark.parametrize(
    "which", [("--class", "0,1,2", "--class", 1, "-n", 5), ("-n", 5), ("-n", 5, "--class", 2, "--first", 4)]
)
def test_an_interrupted_run_keeps_what_is_finished_and_says_how_to_go_on(
    archgraph: Any, labelled: Path, interrupted: Any, which: tuple[object, ...]
) -> None:
    common = ("sample", labelled, "--steps", 3, "--batch", 2, *which, "--no-clip", "--gif", "a.gif", "--npz", "a.npz")
    assert archgraph(*common, "-o", "whole.png").status == 0
    whole = dict(np.load("a.npz"))
    with interrupted(8):
        ran = archgraph(*common, "-o", "a b.png", "--every-image", "each")
    assert ran.status == 130
    first = 4 if "--first" in which else 0
    said, command = ran.err.strip().splitlines()
    assert said == "interrupted: 4 of 5 pictures are finished; the others:"
    part = dict(np.load("a.npz"))
    assert len(part["images"]) == 4
    assert archgraph(*shlex.split(command)[1:]).status == 0
    rest = dict(np.load(f"a-from-{first + 4}.npz"))
    for name in ("images", "labels"):
        np.testing.assert_allclose(np.concatenate([part[name], rest[name]]), whole[name], atol=1e-5)
    np.testing.assert_allclose(sheet("a b.png")[2:8, 2:8], sheet("whole.png")[2:8, 2:8], atol=1)
    assert Path(f"a b-from-{first + 4}.png").is_file()
    assert archgraph("sample", "--again", "a b.png", "-o", "again.png").status == 0
    assert Path("again.png").read_bytes() == Path("a b.png").read_bytes()
    assert sorted(int(path.stem) - first for path in Path("each").iterdir()) == [0, 1, 2, 3, 4]


def test_a_run_that_is_interrupted_at_once_writes_nothing(archgraph: Any, labelled: Path, interrupted: Any) -> None:
    with interrupted(2):
        ran = archgraph("sample", labelled, "-o", "a.png")
    assert (ran.status, Path("a.png").exists()) == (130, False)
    assert ran.err == "interrupted before the first picture was finished; nothing is written\n"


def test_making_a_picture_again_can_be_interrupted_too(archgraph: Any, labelled: Path, interrupted: Any) -> None:
    common = ("sample", labelled, "-n", 5, "--class", "2,1", "--first", 1, "--steps", 3, "--batch", 2)
    assert archgraph(*common, "--npz", "whole.npz", "-o", "whole.png").status == 0
    with interrupted(6):
        ran = archgraph("sample", "--again", "whole.png", "-o", "a.png", "--npz", "a.npz")
    command = shlex.split(ran.err.strip().splitlines()[-1])
    assert command[:4] == ["archgraph", "sample", "-n", "3"]
    assert archgraph(*command[1:]).status == 0
    whole, part, rest = (dict(np.load(f"{name}.npz")) for name in ("whole", "a", "a-from-3"))
    assert whole["labels"].tolist() == [2, 1, 2, 1, 2]
    for name in ("images", "labels"):
        np.testing.assert_allclose(np.concatenate([part[name], rest[name]]), whole[name], atol=1e-5)


def test_what_the_file_says_is_written_down_and_holds_again(archgraph: Any, tmp_path: Path) -> None:
    said = {**LABELLED["meta"]["diffusion"], "variance": "large", "sampler": "ddpm", "steps": 4, "guidance": 1.5}
    graph, drawn = ag.load({**LABELLED, "meta": {"diffusion": said}}), np.random.default_rng(0)
    made = {item.key: drawn.normal(0, 0.3, item.weight.shape).astype(np.float32) for item in weights(graph)}
    export(graph, made, tmp_path / "said.onnx")
    assert archgraph("sample", "said.onnx", "-n", 2, "-o", "first.png").status == 0
    with Image.open("first.png") as picture:
        notes = {key.removeprefix("archgraph."): text for key, text in picture.text.items()}
    recorded = {key: notes[key] for key in ("sampler", "steps", "guidance", "labels", "seed", "n")}
    assert recorded == {
        "sampler": "ddpm",
        "steps": "4",
        "guidance": "1.5",
        "labels": "[0, 1]",
        "seed": "0",
        "n": "2",
    }
    assert archgraph("sample", "--again", "first.png", "-o", "again.png").status == 0
    assert Path("again.png").read_bytes() == Path("first.png").read_bytes()
    with Image.open("first.png") as large:
        assert archgraph("sample", "said.onnx", "-n", 2, "--option", "variance=small", "--sampler", "ddpm").status == 0
        assert large.tobytes() != Image.open("exports/said-samples.png").tobytes()


def test_a_folder_that_was_moved_as_a_whole(archgraph: Any, labelled: Path, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    labelled.rename("old/net.onnx")
    assert archgraph("sample", "old/net.onnx", "-n", 1, "--steps", 2, "-o", "old/a.png").status == 0
    (tmp_path / "old").rename("new")
    assert archgraph("sample", "--again", "new/a.png", "-o", "b.png").status == 0
    np.testing.assert_array_equal(pixels("b.png"), pixels("new/a.png"))
    Path("new/net.onnx").unlink()
    ran = archgraph("sample", "--again", "new/a.png")
    assert ran.status == 1
    assert "the file that made new/a.png is not there any more" in ran.err
    assert "archgraph sample FILE --again new/a.png" in ran.err


@pytest.mark.parametrize("name", ["grid.png", "all.npz", "moving.gif"])
def test_a_full_disk(archgraph: Any, labelled: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Nothing is half written, and what was there stays."""
    Path(name).write_bytes(b"before")
    options = {"grid.png": (), "all.npz": ("--npz", "all.npz"), "moving.gif": ("--gif", "moving.gif")}[name]
    opened = NewFile.opened

    def full(file: NewFile) -> Any:
        if file.path.name == name:
            os.dup2(os.open("/dev/full", os.O_WRONLY), file._file.fileno())  # type: ignore[union-attr]
        return opened(file)

    monkeypatch.setattr(NewFile, "opened", full)
    ran = archgraph("sample", labelled, "-n", 4, "--steps", 2, "-o", "grid.png", *options)
    assert ran.status == 1
    assert f"{name} cannot be written" in ran.err
    assert "No space left on device" in ran.err
    assert Path(name).read_bytes() == b"before"
    assert not [path for path in Path().iterdir() if path.name.startswith(".")]


def test_a_network_that_cannot_be_sampled_is_not_said_to_run(archgraph: Any) -> None:
    ran = archgraph("sample", "digits_resnet")
    assert ran.status == 1
    assert ran.err.startswith("error: digits_resnet is no diffusion network")


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        ((), 2, "name the network to sample"),
        (("--again", "plain.png"), 1, "plain.png does not say how it was made"),
        (("--again", "none.png"), 1, "there is no file 'none.png'"),
        (("--again", "plain.png", "--steps", 3), 1, "--again makes the same picture; it takes no other settings"),
        (("{}", "--class", 1, "--spacing", "trail"), 1, "did you mean 'trailing'?"),
        (("{}", "--class", 1, "--karras"), 1, "this sampler steps from one time of the schedule to another"),
        (("{}", "--class", 5), 1, "a class label is out of range"),
        (("{}", "--class", "two"), 1, "there is no class"),
        (("{}", "--sampler", "dpmpp"), 1, "did you mean 'dpmpp_2m'?"),
        (("{}", "--steps", 1001), 1, "expected: 1 to 1000"),
        (("{}", "--steps", 0), 2, "Invalid value for '--steps'"),
        (("{}", "--size", "0"), 1, "this is no size"),
        (("{}", "-o", "."), 1, ". is a folder"),
        (("{}", "-o", "/proc/a.png"), 1, "/proc/a.png cannot be written"),
        (("{}", "--class", 1, "--mask", "plain.png"), 1, "--mask belongs to a picture to start from"),
        (("{}", "--class", 1, "--strength", 0.5), 1, "--strength belongs to a picture to start from"),
        (("{}", "--class", 1, "--npz", "a.txt"), 1, "a name in .npz"),
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
    assert f"{labelled} is not what first.png was made with: it has changed" in ran.err
    assert not Path("again.png").exists()


DENOISER = """\
archgraph: 1
name: timed
inputs: {x: [N, 3, H, W], t: {shape: [N], dtype: int64}}
nodes:
  waves: {op: sinusoidal_embedding, in: t, dim: 8}
  temb:  {op: linear, out_features: 4}
  shift: {op: unsqueeze, dim: [-1, -1]}
  stem:  {op: conv2d, in: x, out_channels: 4, kernel_size: 3, padding: 1}
  timed: {op: add, in: [stem, shift]}
  eps:   {op: conv2d, out_channels: 3, kernel_size: 1}
meta: {diffusion: {schedule: {kind: linear}, clip: true, size: 8}}
"""


def test_a_spec_is_sampled_with_its_time_branch_apart(archgraph: Any, tmp_path: Path) -> None:
    """The picture of the spec, of two files, and of one file; and made again, unless a file has changed."""
    (tmp_path / "timed.yaml").write_text(DENOISER, encoding="utf-8")
    assert archgraph("export", "timed.yaml", "--no-verify", "-o", "one.onnx").status == 0
    ran = archgraph("export", "timed.yaml", "--split-time", "-o", "two.onnx")
    assert "the branch of the time is in two.time.onnx; the two files belong together" in ran.out
    assert "sampling: 10 steps of ddim" in ran.out
    made = []
    for model in ("timed.yaml", "one.onnx", "two.onnx"):
        assert archgraph("sample", model, "-n", 1, "--steps", 4, "--npz", "p.npz", "-o", f"{model}.png").status == 0
        made.append(np.load("p.npz")["images"])
    np.testing.assert_allclose(made[0], made[1], atol=1e-5)
    np.testing.assert_array_equal(made[0], made[2])
    assert archgraph("sample", "--again", "two.onnx.png", "-o", "again.png").status == 0
    assert archgraph("sample", "--again", "timed.yaml.png", "-o", "again.png").status == 0
    archgraph("export", "timed.yaml", "--split-time", "--no-verify", "--seed", 1, "-o", "two.onnx")
    assert "it has changed" in archgraph("sample", "--again", "two.onnx.png", "-o", "again.png").err


def test_what_the_split_refuses(archgraph: Any, tmp_path: Path) -> None:
    ran = archgraph("export", "resnet18", "--split-time", "--no-verify", "-o", "r.onnx")
    assert ran.status == 1
    assert "resnet@resnet18 has no branch that depends on the time alone" in ran.err
    (tmp_path / "timed.yaml").write_text(DENOISER, encoding="utf-8")
    archgraph("export", "timed.yaml", "--split-time", "--no-verify", "-o", "two.onnx")
    assert "is the time branch of two.onnx" in archgraph("sample", "two.time.onnx", "-o", "p.png").err
    Path("two.time.onnx").unlink()
    for command in (("sample", "two.onnx", "-o", "p.png"), ("verify", "two.onnx")):
        assert "two.time.onnx, the time branch of two.onnx, is not there" in archgraph(*command).err
