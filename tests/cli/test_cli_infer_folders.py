"""`infer` on folders: tables of classes, and masks in the pictures' own sizes."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from colour_classifier import LABELS, colour_classifier, preprocess
from PIL import Image

import archgraph as ag
from archgraph.export import export
from archgraph.runtime import segment

PREPROCESS = preprocess(resize=8)
SEGMENTER = {
    "archgraph": 1,
    "name": "dominant",
    "inputs": {"image": ["N", 3, "H", "W"]},
    "nodes": {
        "fold": {"op": "pixel_unshuffle", "downscale_factor": 4},
        "unfold": {"op": "pixel_shuffle", "upscale_factor": 4},
    },
    "outputs": {"scores": "unfold"},
    "meta": {"task": "segmentation", "labels": LABELS, "preprocess": PREPROCESS},
}


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A classifier that names the dominant colour."""
    return colour_classifier(tmp_path / "tiny.onnx", resize=8)


@pytest.fixture
def dominant(tmp_path: Path) -> Path:
    """A segmentation that names each pixel's dominant colour; it takes multiples of 4 only."""
    export(ag.load(SEGMENTER), {}, tmp_path / "dominant.onnx")
    return tmp_path / "dominant.onnx"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Halves of two colours, 40×24, one of them a level deeper; a broken file, a hidden one and a text."""
    place = tmp_path / "pictures"
    (place / "more").mkdir(parents=True)
    for name, (left, right) in {"a.png": (0, 1), "more/b.png": (2, 0)}.items():
        pixels = np.zeros((24, 40, 3), np.uint8)
        pixels[:, :30, left] = pixels[:, 30:, right] = 200
        Image.fromarray(pixels).save(place / name)
    (place / "broken.png").write_bytes((place / "a.png").read_bytes()[:60])
    (place / ".hidden.png").write_bytes(b"")
    (place / "notes.txt").write_text("no picture")
    return place


def test_a_table_of_a_folder_and_what_is_skipped(archgraph: Any, tiny: Path, folder: Path) -> None:
    ran = archgraph("infer", tiny, "pictures")
    assert ran.status == 1
    assert [line.split()[:3] for line in ran.out.splitlines()] == [
        ["picture", "class", "label"],
        ["pictures/a.png", "0", "red"],
        ["pictures/more/b.png", "2", "blue"],
    ]
    assert "skipped: pictures/broken.png cannot be read as an image" in ran.err
    assert ran.err.endswith("1 picture could not be read: left out\n")
    (folder / "broken.png").unlink()
    assert archgraph("infer", tiny, "pictures").status == 0


def test_tables_as_csv_and_json(archgraph: Any, tiny: Path, folder: Path, tmp_path: Path) -> None:
    assert archgraph("infer", tiny, "pictures", "--top", "2", "-o", "t.csv").status == 1
    with (tmp_path / "t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["picture"], row["rank"], row["label"]) for row in rows] == [
        ("pictures/a.png", "1", "red"),
        ("pictures/a.png", "2", "green"),
        ("pictures/more/b.png", "1", "blue"),
        ("pictures/more/b.png", "2", "red"),
    ]
    assert archgraph("infer", tiny, "pictures/a.png", "-o", "t.json").status == 0
    (entry,) = json.loads((tmp_path / "t.json").read_text())
    assert (entry["input"], len(entry["top"])) == ("pictures/a.png", 1)
    assert entry["top"][0]["probability"] == pytest.approx(float(rows[0]["probability"]))


def test_a_mask_has_its_picture_s_size_and_the_numbers_of_its_classes(
    archgraph: Any, dominant: Path, folder: Path, tmp_path: Path
) -> None:
    ran = archgraph("infer", dominant, "pictures/a.png")
    assert ran.status == 0
    with Image.open(tmp_path / "exports" / "a.mask.png") as mask:
        assert (mask.mode, mask.size) == ("P", (40, 24))
        values = np.asarray(mask)
        assert mask.convert("RGB").getpixel((35, 3)) == (128, 0, 0)
    expected = np.where(np.arange(40) < 30, 0, 1)
    assert (values == expected).mean() > 0.95  # seen at 8×12, so the border is as broad as a pixel there
    assert (values[:, :28] == 0).all()
    assert (values[:, 33:] == 1).all()
    lines = [line.split() for line in ran.out.splitlines()[1:]]
    assert lines[0] == ["class", "label", "colour", "share"]
    assert [line[:3] for line in lines[1:]] == [["0", "red", "#000000"], ["1", "green", "#800000"]]
    assert ran.out.startswith("wrote exports/a.mask.png")


def test_masks_of_a_folder(archgraph: Any, dominant: Path, folder: Path, tmp_path: Path) -> None:
    ran = archgraph("infer", dominant, "pictures", "-o", "masks")
    assert ran.status == 1
    assert sorted(str(path.relative_to(tmp_path)) for path in (tmp_path / "masks").rglob("*.png")) == [
        "masks/a.png",
        "masks/more/b.png",
    ]
    assert ran.out.startswith("wrote 2 masks to masks")
    ran = archgraph("infer", dominant, "pictures", "--json", "-o", "masks")
    assert [entry["mask"] for entry in ran.json] == ["masks/a.png", "masks/more/b.png"]
    assert sum(part["share"] for part in ran.json[1]["classes"]) == pytest.approx(1)
    archgraph("infer", dominant, "pictures", "-o", "parts.csv")
    with (tmp_path / "parts.csv").open(newline="") as file:
        assert {row["label"] for row in csv.DictReader(file)} == set(LABELS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("dominant.onnx pictures -o mask.png", "mask.png is the name of one file, and there are 3 pictures"),
        ("dominant.onnx pictures -o pictures", "is read by this command, which would overwrite it"),
        ("tiny.onnx pictures/broken.png", "cannot be read as an image"),
        ("tiny.onnx nothing", "there is no file 'nothing'"),
        ("tiny.onnx pictures/a.png -o t.txt", "its name promises another format"),
        ("tiny.onnx pictures -o masks", "expected: a name in .csv or .json or .npz"),
        ("dominant.onnx pictures -o t.txt", "its name promises another format"),
        ("dominant.onnx pictures/a.png -o t.csv --labels few.txt", "the labels do not fit"),
    ],
)
def test_slips(archgraph: Any, tiny: Path, dominant: Path, folder: Path, arguments: str, message: str) -> None:
    (folder.parent / "few.txt").write_text("red\n")
    before = (folder / "a.png").read_bytes()
    ran = archgraph("infer", *arguments.split())
    assert ran.status == 1
    assert message in ran.err
    assert (folder / "a.png").read_bytes() == before


def test_no_table_of_what_are_no_scores(archgraph: Any, tmp_path: Path, folder: Path) -> None:
    plain = {key: value for key, value in SEGMENTER.items() if key != "meta"} | {"meta": {"preprocess": PREPROCESS}}
    export(ag.load(plain), {}, tmp_path / "plain.onnx")
    ran = archgraph("infer", "plain.onnx", "pictures/a.png", "-o", "t.csv")
    assert ran.status == 1
    assert "gives no scores of classes, of which a table could be made" in ran.err


def test_the_scores_are_interpolated_before_the_highest_wins() -> None:
    scores = np.zeros((1, 2, 2, 2), np.float32)
    scores[0, 1] = [[3, -1], [3, -1]]
    found = segment.class_map(scores, (2, 8))
    # bilinear with the centres of pixels: 3, 3, 2.5, 1.5, 0.5, -0.5, -1, -1
    assert found.tolist() == [[1, 1, 1, 1, 1, 0, 0, 0]] * 2


def test_colours_are_those_of_pascal_voc() -> None:
    """https://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/devkit_doc.html: aeroplane, bicycle, tv, void."""
    assert [segment.colour(number) for number in (0, 1, 2, 20, 255)] == [
        (0, 0, 0),
        (128, 0, 0),
        (0, 128, 0),
        (0, 64, 128),
        (224, 224, 192),
    ]
