"""Pictures from folders, arrays and scikit-learn, and what is said of those that cannot be used."""

from __future__ import annotations

import json
import math
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from train_samples import CLASSIFIER, DENOISER

import archgraph as ag
from archgraph.cli import main
from archgraph.cli.train import split
from archgraph.diffusion import Schedule
from archgraph.errors import InputError, TrainingError, WeightsError
from archgraph.runtime import Session, load_image, preprocess
from archgraph.training import Machine, TrainingRequest, train
from archgraph.training.augment import augmented
from archgraph.training.batches import Batches
from archgraph.training.batches import ImageOrder as Row
from archgraph.training.diffusion import Denoising
from archgraph.training.image_sources import read_pictures
from archgraph.training.images import ImageData, for_classification, for_diffusion
from archgraph.training.loss_curve import drawn
from archgraph.training.randomness import Draws, generator
from archgraph.training.recipe import Recipe
from archgraph.training.run_folder import resolved
from archgraph.training.sharding import calls_twice

CPU = Machine("cpu")
GREY, _ = for_diffusion(1, 8)


def test_a_folder_per_class_in_mixed_sizes_and_modes(photographs: Path) -> None:
    found = read_pictures(str(photographs), for_diffusion(3, 8)[0])
    assert found.pixels.shape == (6, 3, 8, 8)
    assert found.names == ("cats", "dogs")
    assert found.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert len(found.broken) == 2
    assert "cut.png" in found.broken[0]
    assert "text.jpg is not an image" in found.broken[1]


def test_broken_pictures_are_named_and_counted_and_only_broken_ones_are_an_error(
    photographs: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    graph = ag.load(CLASSIFIER, classes=2)
    train(graph, TrainingRequest(str(photographs), {"steps": 1, "batch": 2}), tmp_path / "run", CPU, said.append)
    assert [line.split(":")[0] for line in said[:2]] == ["skipped", "skipped"]
    assert said[2] == "2 images could not be read and left out; 6 remain"
    for path in photographs.glob("*/?.png"):
        path.write_bytes(b"broken")
    with pytest.raises(InputError, match=r"none of the 8 images in .* can be read"):
        read_pictures(str(photographs), GREY)


def test_folders_without_pictures_or_labels(photographs: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there are no images in"):
        read_pictures(str(tmp_path), GREY)
    with pytest.raises(InputError, match=r"there are no pictures at 'nowhere'"):
        read_pictures("nowhere", GREY)
    with pytest.raises(InputError, match=r"have no labels"):
        train(ag.load(CLASSIFIER), TrainingRequest(str(photographs / "cats")), tmp_path / "run", CPU)
    with pytest.raises(InputError, match=r"another number of classes than tiny_classifier(.|\n)*--set classes=2"):
        train(ag.load(CLASSIFIER, classes=1), TrainingRequest(str(photographs)), tmp_path / "run", CPU)
    assert not (tmp_path / "run").exists()


def test_a_classifier_sees_in_training_what_it_sees_in_use(photographs: Path) -> None:
    meta = {"preprocess": {"resize": 10, "crop": 8, "mean": [0.2, 0.3, 0.4], "std": [0.5, 0.6, 0.7]}}
    prepare, told = for_classification(meta, None)
    picture = load_image(photographs / "cats" / "1.png")
    mean, std = (np.array(values, np.float32).reshape(3, 1, 1) for values in (told.mean, told.std))
    np.testing.assert_allclose((prepare(picture) / 255 - mean) / std, preprocess(picture, meta)[0], atol=1e-6)


@pytest.mark.parametrize("layout", ["nhw", "nhwc", "nchw", "float"])
def test_arrays_in_every_layout(layout: str, tmp_path: Path) -> None:
    plain = np.random.default_rng(0).integers(0, 256, (5, 8, 8)).astype(np.uint8)
    images: Any = {"nhw": plain, "nhwc": plain[..., None], "nchw": plain[:, None], "float": plain / 255}[layout]
    np.savez(tmp_path / "a.npz", images=images)
    found = read_pictures(str(tmp_path / "a.npz"), GREY)
    assert np.array_equal(found.pixels[:, 0], plain)
    assert found.names == ()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": np.zeros((2, 8, 8), np.uint8)}, "has no pictures"),
        ({"images": np.zeros((2, 8), np.uint8)}, "no shape that pictures have"),
        ({"images": np.full((2, 8, 8), 300.0)}, "are no pixels"),
        ({"images": np.zeros((2, 8, 8), np.uint8), "labels": np.zeros(3, np.int64)}, "labels in .* do not fit"),
    ],
)
def test_arrays_that_are_no_pictures(arrays: dict[str, Any], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=message):
        read_pictures(str(tmp_path / "a.npz"), GREY)


def test_the_digits_are_scikit_learns() -> None:
    from sklearn.datasets import load_digits

    found, known = read_pictures("digits", GREY), load_digits()
    assert len(found) == 1797
    assert found.labels.tolist() == known.target.tolist()
    np.testing.assert_allclose(found.pixels[:, 0] / 255, known.images / 16, atol=0.003)
    trained, held_out = found.split(0.2)
    assert len(held_out) == sum(round(0.2 * n) for n in np.bincount(known.target))
    assert len(trained) + len(held_out) == 1797


def test_every_pass_sees_every_picture_once_wherever_it_is_cut() -> None:
    whole = Row(7, seed=3).at(0, 28)
    for start in range(0, 28, 7):
        assert sorted(whole[start : start + 7]) == list(range(7))
    assert len({tuple(whole[start : start + 7]) for start in range(0, 28, 7)}) == 4
    assert Row(7, seed=3).at(11, 9).tolist() == whole[11:20].tolist()


def test_processes_share_a_batch_and_its_chance() -> None:
    pictures = ImageData(np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1), np.zeros(10, np.int64))
    one = next(iter(Batches(pictures, 0, 5, batch=6, rank=0, world=1)))
    parts = [next(iter(Batches(pictures, 0, 5, batch=3, rank=rank, world=2))) for rank in range(2)]
    assert torch.equal(one["pixels"], torch.cat([part["pixels"] for part in parts]))
    whole = Draws(generator(torch.device("cpu"), 9), 0, 6, 6).normal(2)
    halves = [Draws(generator(torch.device("cpu"), 9), first, 3, 6).normal(2) for first in (0, 3)]
    assert torch.equal(whole, torch.cat(halves))


@pytest.mark.parametrize("prediction", ["epsilon", "velocity", "sample"])
def test_targets_are_the_schedules_and_weights_are_min_snr(prediction: str) -> None:
    schedule = Schedule(kind="cosine", train_steps=20)
    denoising = Denoising(schedule, prediction, ("image", "time"))
    x0, noise = torch.randn(20, 1, 2, 2, dtype=torch.float64), torch.randn(20, 1, 2, 2, dtype=torch.float64)
    t = np.arange(20)
    bar = torch.tensor(np.array(schedule.alphas_cumprod)).reshape(-1, 1, 1, 1)
    target = denoising.target(x0, noise, bar.sqrt(), (1 - bar).sqrt())
    xt = schedule.add_noise(x0.numpy(), noise.numpy(), t)
    from_target = {
        "epsilon": lambda: schedule.predict_original(xt, target.numpy(), t),
        "velocity": lambda: schedule.original_from_velocity(xt, target.numpy(), t),
        "sample": lambda: target.numpy(),
    }[prediction]()
    np.testing.assert_allclose(from_target, x0, atol=1e-6)
    # The weight of an error of x_0 is min(SNR, γ), whatever was predicted: an error e of the prediction is one of
    # e / √SNR (noise), of √(1 - ᾱ) e (velocity) or e (clean image) of x_0.
    snr = (bar / (1 - bar)).flatten().numpy()
    squared = {"epsilon": 1 / snr, "velocity": 1 / (snr + 1), "sample": np.ones(20)}[prediction]
    np.testing.assert_allclose(denoising.weights(5.0), np.minimum(snr, 5) * squared, rtol=1e-9)
    assert (denoising.weights(0) == 1).all()


def test_augmentation_turns_shifts_and_mirrors() -> None:
    picture = torch.zeros(64, 1, 9, 9)
    picture[:, 0, 4, 6] = 1.0
    draws = Draws(generator(torch.device("cpu"), 0), 0, 64, 64)
    assert augmented(picture, Recipe(), draws) is picture
    mirrored = augmented(picture, Recipe(flip=True), draws)[:, 0, 4]
    assert set(mirrored.argmax(1).tolist()) == {2, 6}
    shifted = augmented(picture, Recipe(shift=2), draws)[:, 0]
    places = torch.stack([shifted.flatten(1).argmax(1) // 9, shifted.flatten(1).argmax(1) % 9])
    assert (places[0] - 4).abs().max() == 2
    assert (places[1] - 6).abs().max() == 2
    turned = augmented(picture, Recipe(rotate=90), draws)[:, 0].flatten(1).argmax(1)
    radius = ((turned // 9 - 4) ** 2 + (turned % 9 - 4) ** 2).float().sqrt()
    assert (radius - 2).abs().max() < 0.9
    assert len(set(turned.tolist())) > 4


def test_recipes_say_what_is_wrong() -> None:
    assert Recipe.of({"train": {"steps": 7}}, {"batch": 3}) == Recipe(steps=7, batch=3)
    with pytest.raises(TrainingError, match=r"training has no 'stepps'(.|\n)*did you mean 'steps'"):
        Recipe.of({}, {"stepps": 1})
    with pytest.raises(TrainingError, match=r"train.lr makes(.|\n)*expected: a number, more than 0(.|\n)*train.flip"):
        Recipe.of({}, {"lr": 0, "flip": "yes"})
    rates = [Recipe(steps=100, warmup=10).rate(step) for step in range(101)]
    assert rates[0] == 0.1
    assert max(rates) == rates[10] == 1.0
    assert math.isclose(rates[55], 0.5)
    assert math.isclose(rates[100], 0.0, abs_tol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "clasification"}, r"does not say what it is to learn(.|\n)*did you mean 'classification'"),
        ({"preprocess": {"mean": [0.5] * 3, "std": [0.5] * 3, "resize": 8, "crop": 8}}, "does not take the pictures"),
    ],
)
def test_a_spec_that_cannot_be_trained(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    graph = ag.load({**CLASSIFIER, "meta": {**CLASSIFIER["meta"], **change}})
    with pytest.raises(TrainingError, match=message):
        train(graph, TrainingRequest("digits"), tmp_path / "run", CPU)


def test_a_resolved_spec_holds_its_settings() -> None:
    graph = ag.load(DENOISER, width=12)
    again = ag.load({**resolved(graph), "meta": {"self_contained": True}})
    assert not ag.diff(graph, again)
    assert again.info.params == {"width": 12}
    shipped = ag.load("ddpm@celebahq256")
    assert not ag.diff(shipped, ag.load({**resolved(shipped), "meta": {"self_contained": True}}))


def test_trained_weights_lie_beside_their_spec(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    for named, message in (("../other.safetensors", "not named rightly"), ("none.safetensors", "are missing")):
        path.write_text(json.dumps({**CLASSIFIER, "meta": {"weights": named}}), encoding="utf-8")
        with pytest.raises(WeightsError, match=message):
            ag.trained_weights(ag.load(path))
    assert ag.trained_weights(ag.load("resnet18")) is None
    for name in ("digits_ddpm", "digits_resnet"):
        graph = ag.load(name)
        ag.to_torch(graph, weights=ag.trained_weights(graph))


def test_settings_of_the_recipe_are_told_from_the_specs() -> None:
    assert split(["width=4", "train.steps=7", "train.lr=1e-3"]) == (["width=4"], {"steps": 7, "lr": 1e-3})


def test_a_curve_is_drawn_of_what_is_positive() -> None:
    picture = drawn({"loss": [(1, 2.0), (50, 0.1), (100, 0.0)], "held-out loss": [(50, 0.5)]}, "title")
    colours = {colour for _, colour in picture.getcolors(100_000) or ()}
    assert {(66, 105, 208), (239, 177, 24)} <= colours
    assert drawn({"loss": []}, "empty").size == picture.size


def _ends_well(*command: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code == 0


def test_the_command_trains_and_its_folder_is_exported(
    photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, run, file = tmp_path / "net.yaml", tmp_path / "run", tmp_path / "net.onnx"
    spec.write_text(json.dumps(CLASSIFIER), encoding="utf-8")
    command = ["train", str(spec), "--data", str(photographs), "--set", "classes=2", "--set", "train.batch=2"]
    _ends_well(*command, "--steps", "2", "--device", "cpu", "-o", str(run))
    said = capsys.readouterr()
    assert "trained 2 steps" in said.out
    assert "2 images could not be read" in said.err
    _ends_well("export", str(run), "--no-verify", "-o", str(file))
    assert "random" not in capsys.readouterr().out
    with Session(file, "cpu") as session:
        assert session.meta["labels"] == ["cats", "dogs"]
        picture = np.random.default_rng(0).standard_normal((2, 1, 8, 8)).astype(np.float32)
        network = ag.to_torch(ag.load(run / "spec.yaml"), weights=run / "ema.safetensors").eval()
        (found,) = session.run({"image": picture}).values()
    np.testing.assert_allclose(found, network(torch.from_numpy(picture)).detach().numpy(), atol=1e-5)


def test_the_page_lists_the_recipe_as_it_is() -> None:
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("| `")]
    told = {
        name: default.strip()
        for names, defaults in rows
        for name, default in zip(re.findall(r"`(\w+)`", names), defaults.split(","), strict=False)
    }
    for field in fields(Recipe):
        assert field.name in told
        default = getattr(Recipe(), field.name)
        if default is None or default in ((), {}):
            assert told[field.name] in ("none", "by task", "that of `meta`")
        else:
            assert yaml.safe_load(told[field.name]) == default


def test_layers_that_are_applied_again_are_not_gathered_apart() -> None:
    again = {"in": "act", "share": "conv3"}
    middle = {"op": "conv2d", "out_channels": "=width", "kernel_size": 3, "padding": 1, "in": "sum"}
    nodes = {k: v for k, v in DENOISER["nodes"].items() if k != "conv2"}
    twice = {**nodes, "conv3": middle, "act": {"op": "silu", "in": "conv3"}, "again": again}
    twice["conv2"] = {**DENOISER["nodes"]["conv2"], "in": "again"}
    assert not calls_twice(ag.load(DENOISER))
    nodes_in_order = {name: twice[name] for name in (*list(nodes)[:-1], "conv3", "act", "again", "conv2")}
    assert calls_twice(ag.load({**DENOISER, "nodes": nodes_in_order}))
