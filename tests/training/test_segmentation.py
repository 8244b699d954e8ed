"""A class for each pixel: pairs of files, losses and measures against references, and what can be known before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import f1_score, jaccard_score
from torch.nn import functional as F

import archgraph as ag
from archgraph.errors import ArchgraphError
from archgraph.training import Machine, TrainingRequest, train
from archgraph.training.augment import augmented_pairs
from archgraph.training.masked_pictures import read_masked
from archgraph.training.randomness import Draws, generator
from archgraph.training.recipe import Recipe
from archgraph.training.segmentation import Segmentation, dice_loss, soft_overlaps
from archgraph.training.segmentation_metrics import Overlaps
from archgraph.training.task import task_of

CPU = Machine("cpu")
SEGMENTER: dict[str, Any] = {
    "archgraph": 1,
    "name": "tiny_segmenter",
    "params": {"classes": 3},
    "inputs": {"image": ["N", 1, "H", "W"]},
    "nodes": {
        "conv": {"op": "conv2d", "out_channels": 8, "kernel_size": 3, "padding": 1},
        "act": "relu",
        "head": {"op": "conv2d", "out_channels": "=classes", "kernel_size": 1},
    },
    "outputs": {"scores": "head"},
    "meta": {
        "task": "segmentation",
        "size": {"H": 12, "W": 12},
        "preprocess": {"mean": [0.5], "std": [0.5]},
        "train": {"batch": 4, "warmup": 0, "check_every": 100, "save_every": 100, "log_every": 1, "decay": "constant"},
    },
}


def palette_mask(values: Any) -> Image.Image:
    picture = Image.fromarray(np.asarray(values, np.uint8))
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0] + [9, 9, 9] * 253)
    return picture


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    """Ten pictures of 12×14, a dark ground, a grey square (1) and a bright one (2); palette, grey and 16-bit masks."""
    folder = tmp_path / "shapes"
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    rng = np.random.default_rng(0)
    for k in range(10):
        mask = np.zeros((12, 14), np.uint8)
        top, left = rng.integers(0, 4, 2)
        mask[top : top + 4, left : left + 4] = 1
        mask[top + 5 : top + 8, left + 6 : left + 9] = 2
        pixels = (mask.astype(int) * 100 + rng.integers(0, 20, mask.shape)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{k}.{'png' if k % 2 else 'bmp'}")
        mask[0, 0] = 255
        kinds = (palette_mask(mask), Image.fromarray(mask), Image.fromarray(mask.astype(np.uint16)))
        kinds[k % 3].save(folder / "masks" / f"{k}.png")
    (folder / "classes.txt").write_text("ground\nsquare\nbox\n")
    return folder


def segmenter(**more: Any) -> dict[str, Any]:
    return {**SEGMENTER, **more}


def test_a_run_learns_shapes_and_names_their_classes(shapes: Path, tmp_path: Path) -> None:
    changes = {"steps": 60, "lr": 0.1, "held_out": 0.3, "dice": 0.5, "flip": True, "check_every": 30, "ema": 0.5}
    result = train(ag.load(SEGMENTER), TrainingRequest(str(shapes), changes), tmp_path / "run", CPU)
    assert result.metrics["iou"] > 0.9
    assert result.metrics["dice"] > result.metrics["iou"]
    meta = ag.load(tmp_path / "run" / "spec.yaml").info.meta
    assert meta["labels"] == ["ground", "square", "box"]
    assert meta["preprocess"] == {"mean": [0.5], "std": [0.5], "resize": [12, 12], "crop": None}
    report = json.loads((tmp_path / "run" / "run.json").read_text())
    assert report["monitor"] == "iou"
    assert list(report["classes"]) == ["ground", "square", "box"]
    header = (tmp_path / "run" / "metrics.csv").read_text().splitlines()[0]
    assert header == "step,loss,rate,held_out_loss,accuracy,iou,dice,seconds"


def test_a_scale_without_a_size_is_trained_at_the_usual_size() -> None:
    """Pictures of a batch have one size; `infer` then shows them at that of training."""
    meta = SEGMENTER["meta"]
    open_ = segmenter(meta={**meta, "preprocess": {**meta["preprocess"], "resize": 20, "crop": None}})
    assert task_of(ag.load(open_), Recipe()).meta["preprocess"]["resize"] == [12, 12]
    assert task_of(ag.load(open_), Recipe(size=8)).meta["preprocess"]["resize"] == [8, 8]
    cut = segmenter(meta={**meta, "preprocess": {**meta["preprocess"], "resize": 20, "crop": 16}})
    assert task_of(ag.load(cut), Recipe()).meta["preprocess"]["crop"] == 16
    task = task_of(ag.load("deeplabv3", classes=3), Recipe())
    assert (task.meta["size"], task.monitor) == ({"H": 520, "W": 520}, "iou")


def test_measures_are_scikit_learns_over_all_pictures() -> None:
    rng = np.random.default_rng(1)
    overlaps, given, predicted = Overlaps(5), [], []
    for size in (7, 3):
        masks, answers = rng.choice([0, 1, 2, 255], (2, size, size)), rng.integers(0, 4, (2, size, size))
        overlaps.add(torch.tensor(answers), torch.tensor(masks))
        given.append(masks[masks != 255])
        predicted.append(answers[masks != 255])
    truth, found = np.concatenate(given), np.concatenate(predicted)
    means = overlaps.means()
    assert means["iou"] == pytest.approx(jaccard_score(truth, found, average="macro", labels=range(4)))
    assert means["dice"] == pytest.approx(f1_score(truth, found, average="macro", labels=range(4)))
    assert means["accuracy"] == pytest.approx((truth == found).mean())
    each = overlaps.per_class(tuple("abcde"))
    assert list(each) == ["a", "b", "c", "d"]  # the class e is nowhere
    assert [row["iou"] for row in each.values()] == pytest.approx(
        jaccard_score(truth, found, average=None, labels=range(4)).tolist()
    )


def learning(**changes: Any) -> Segmentation:
    graph, recipe = ag.load(SEGMENTER), Recipe(**changes)
    task = task_of(graph, recipe)
    pictures: Any = type("Named", (), {"names": ("a", "b", "c")})
    made = task.make(ag.to_torch(graph), recipe, task.pixel_range, 0, pictures)
    assert isinstance(made, Segmentation)
    return made


def test_the_loss_is_the_cross_entropy_of_labelled_pixels_and_dice() -> None:
    generator_ = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 4, 4, generator=generator_)
    masks = torch.randint(3, (2, 4, 4), generator=generator_)
    masks[0, :2] = 255
    known = masks != 255
    plain = F.cross_entropy(logits.movedim(1, -1)[known], masks[known])
    assert float(learning().criterion(logits, masks)) == pytest.approx(float(plain))
    chance, given = logits.softmax(1).movedim(1, -1)[known], F.one_hot(masks[known], 3)
    dice = 1 - (2 * (chance * given).sum(0) / (chance.sum(0) + given.sum(0))).mean()
    assert float(dice_loss(soft_overlaps(logits, masks))) == pytest.approx(float(dice))
    assert float(learning(dice=0.5).criterion(logits, masks)) == pytest.approx(float(plain + 0.5 * dice))
    assert float(learning(dice=0.5).criterion(logits, torch.full_like(masks, 255))) == 0


def test_the_evaluation_is_one_of_all_pictures_and_no_mean_of_batches(shapes: Path) -> None:
    """Two parts of different size and number of labelled pixels."""
    made = learning(dice=0.5)
    logged: dict[str, float] = {}
    made.log_dict = lambda found, **_: logged.update(found)  # type: ignore[method-assign, assignment]
    made.log = lambda *_, **__: None  # type: ignore[method-assign, assignment]
    read = read_masked(str(shapes), task_of(ag.load(SEGMENTER), Recipe()).prepare, {"resize": [12, 12], "crop": None})[
        0
    ]
    pixels = torch.from_numpy(read.pixels[np.arange(len(read))])
    made.on_validation_epoch_start()
    with torch.no_grad():
        for part in (pixels[:7], pixels[7:]):
            made.validation_step({"pixels": part, "labels": torch.zeros(len(part))}, 0)  # type: ignore[arg-type]
        made.on_validation_epoch_end()
        logits, masks = made.average(made.normalized(pixels[:, :-1])), pixels[:, -1].long()
    assert logged["held_out_loss"] == pytest.approx(float(made.criterion(logits, masks)), rel=1e-5)
    whole = Overlaps(3)
    whole.add(logits.argmax(1), masks)
    assert {name: logged[name] for name in ("accuracy", "iou", "dice")} == whole.means()


def test_augmentation_moves_picture_and_mask_together() -> None:
    """A mask that is its picture stays so; what comes from outside has no class."""
    corner = torch.arange(40) // 13
    masks = (corner[:, None] * 3 + corner[None]).repeat(6, 1, 1) % 7
    masks[:, 18:21, 5:9] = 255
    pictures = masks[:, None].float()

    def moved(recipe: Recipe) -> tuple[torch.Tensor, torch.Tensor]:
        return augmented_pairs(pictures, masks, recipe, Draws(generator(torch.device("cpu"), 3), 0, 6, 6))

    turned, classes = moved(Recipe(shift=6, rotate=30, scale=0.2, flip=True))
    known = classes != 255
    assert (known & (classes == masks)).sum() < 0.7 * known.sum()  # something has moved
    equal = (turned[:, 0] - classes).abs() < 1e-3  # bilinear sampling mixes the classes at their borders
    assert (equal & known).sum() > 0.85 * known.sum()
    assert (~known).sum() > (masks == 255).sum()
    mirrored, flipped = moved(Recipe(flip=True))
    for before, (picture,), mask in zip(masks, mirrored, flipped, strict=True):
        options = (before, before.flip(-1))
        assert any(
            torch.equal(mask, option) and torch.allclose(picture, option.float(), atol=0.1) for option in options
        )


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "masks" / "3.png").unlink(), "pictures without a mask: 1 of 10(.|\n)*no mask for 3"),
        (
            lambda f: (f / "masks" / "3.png").rename(f / "masks" / "3_mask.png"),
            "pictures without a mask(.|\n)*is it 3_mask",
        ),
        (
            lambda f: palette_mask(np.ones((14, 12))).save(f / "masks" / "0.png"),
            r"0\.png has another size than its picture\n  expected: 14×12\n  received: 12×14",
        ),
        (
            lambda f: palette_mask(np.full((12, 14), 7)).save(f / "masks" / "0.png"),
            r"expected: numbers from 0 to 2, and 255(.|\n)*7 in .*0\.png(.|\n)*--set classes=8 makes it fit",
        ),
        (
            lambda f: Image.new("RGB", (14, 12)).save(f / "masks" / "0.png"),
            r"0\.png is no mask(.|\n)*a picture in RGB(.|\n)*not its colour",
        ),
        (
            lambda f: Image.new("L", (14, 12)).save(f / "masks" / "x.jpg"),
            r"x\.jpg is no mask: its format changes values",
        ),
        (
            lambda f: [palette_mask(np.eye(12, 14) * 255).save(f / "masks" / f"{k}.png") for k in range(10)],
            "one class at most(.|\n)*255 stands for no class: write 1",
        ),
        (lambda f: (f / "classes.txt").write_text("a\nb\n"), "another number of classes(.|\n)*--set classes=2"),
        (lambda f: (f / "classes.txt").write_text("a\nb\nb\n"), "names a class twice\n  received: b"),
        (lambda f: (f / "masks").rename(f / "labels"), "no pictures with masks(.|\n)*images/ and masks/(.|\n)*labels/"),
        (lambda f: Image.new("L", (14, 12)).save(f / "images" / "0.png"), "two files in .*images have one name"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_known_before_the_first_step(
    spoil: Any, message: str, shapes: Path, tmp_path: Path
) -> None:
    spoil(shapes)
    with pytest.raises(ArchgraphError, match=message):
        train(ag.load(SEGMENTER), TrainingRequest(str(shapes), {"steps": 1}), tmp_path / "run", CPU)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ({"pool": {"op": "max_pool2d", "kernel_size": 2}}, r"no scores of classes for each(.|\n)*size: \[=H, =W\]"),
        ({"flat": "flatten"}, "no scores for each pixel, which `meta.task: segmentation` asks for"),
        ({"one": {"op": "conv2d", "out_channels": 1, "kernel_size": 1}}, "scores of one class"),
    ],
)  # fmt: skip
def test_a_network_without_a_score_for_each_pixel_is_refused(
    nodes: Any, message: str, shapes: Path, tmp_path: Path
) -> None:
    given = segmenter(nodes={**SEGMENTER["nodes"], **nodes}, outputs={"scores": next(iter(nodes))})
    with pytest.raises(ArchgraphError, match=message):
        train(ag.load(given), TrainingRequest(str(shapes), {"steps": 1}), tmp_path / "run", CPU)


def test_pairs_that_cannot_be_read_are_skipped_and_masks_without_picture_noted(shapes: Path, tmp_path: Path) -> None:
    whole = (shapes / "images" / "1.png").read_bytes()
    (shapes / "images" / "1.png").write_bytes(whole[:60])
    palette_mask(np.ones((3, 3))).save(shapes / "masks" / "more.png")
    said: list[str] = []
    train(ag.load(SEGMENTER), TrainingRequest(str(shapes), {"steps": 1}), tmp_path / "run", CPU, said.append)
    assert said[0] == "masks without a picture, which are left out: more"
    assert "1.png" in said[1]
    assert said[2] == "1 image could not be read and left out; 9 remain"


def test_pairs_on_demand_and_a_crop_that_adds_a_border(shapes: Path) -> None:
    preprocess = {"resize": None, "crop": [16, 16], "mean": [0.5], "std": [0.5]}
    prepare = task_of(ag.load(segmenter(meta={**SEGMENTER["meta"], "preprocess": preprocess})), Recipe()).prepare
    memory = read_masked(str(shapes), prepare, preprocess)[0]
    files = read_masked(str(shapes), prepare, preprocess, budget=0)[0]
    assert files.digest == memory.digest
    everything = files.pixels[np.arange(10)]
    np.testing.assert_array_equal(everything, memory.pixels)
    mask = np.asarray(Image.open(shapes / "masks" / "0.png"))
    np.testing.assert_array_equal(everything[0, 1, 2:14, 1:15], mask)
    assert (everything[:, 1, :2] == 255).all()
    assert (everything[:, 0, :2] == 0).all()


def test_a_second_head_counts_half() -> None:
    made, masks = learning(), torch.randint(3, (2, 4, 4))
    main, other = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    found = made.loss_of(lambda _: (main, other), torch.zeros(2), masks, None)  # type: ignore[arg-type]
    assert float(found) == pytest.approx(float(F.cross_entropy(main, masks) + 0.5 * F.cross_entropy(other, masks)))
