"""A picture as the one input of a network: prepared by `meta.preprocess`, completed by the shape of the input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from archgraph.errors import InputError, ModelFileError
from archgraph.runtime import Session
from archgraph.runtime.arrays import checked_arrays
from archgraph.runtime.file_errors import check_file, other_kind
from archgraph.runtime.preprocessing import picture_for, preparation

Build = Callable[..., Path]
GREY = {"mean": [0.0], "std": [1.0]}


@pytest.mark.parametrize(
    ("given", "shape", "completed"),
    [
        ({}, ("N", 3, "H", "W"), {}),
        ({}, ("N", 3, 224, 224), {}),
        ({}, ("N", 3, 64, 64), {"resize": 64, "crop": [64, 64]}),
        ({}, ("N", 3, 48, 96), {"resize": 96, "crop": [48, 96]}),
        ({}, ("N", 3, 96, 48), {"resize": 96, "crop": [96, 48]}),
        ({}, ("N", 3, "H", 48), {"resize": 48, "crop": [48, 48]}),
        ({}, ("N", 3, 48, "W"), {"resize": 48, "crop": [48, 48]}),
        ({}, ("N", 3, 224, 64), {"resize": 224, "crop": [224, 64]}),
        ({}, ("N", 1, "H", "W"), GREY),
        ({}, ("N", 1, 28, 28), {"resize": 28, "crop": [28, 28], **GREY}),
        ({"crop": 20}, ("N", 1, 28, 28), {"crop": 20, **GREY}),
        ({"resize": 20}, ("N", 3, 28, 28), {"resize": 20}),
        ({"mean": [0.5]}, ("N", 1, 28, 28), {"resize": 28, "crop": [28, 28], "mean": [0.5]}),
        ({"std": [0.5]}, ("N", 1, "H", "W"), {"std": [0.5]}),
        (None, ("N", 1, "H", "W"), GREY),
    ],
)
def test_what_is_said_of_pictures_is_completed_by_the_shape(given: Any, shape: Any, completed: Any) -> None:
    meta = {"labels": ["a"], "preprocess": given}
    assert preparation(meta, shape) == {"labels": ["a"], "preprocess": completed}
    assert preparation({}, ("N", 1, "H", "W")) == {"preprocess": GREY}
    assert preparation({"preprocess": 3}, shape) == {"preprocess": 3}


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.fromarray(np.full((40, 60, 3), (255, 0, 51), np.uint8)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_a_picture_is_prepared_for_its_network(classifier: Build, photo: Path) -> None:
    """(c / 255 - mean) / std of torchvision's ImageNet statistics."""
    expected = (np.array([1, 0, 0.2]) - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    with Session(classifier(), "cpu") as session:
        found = picture_for(session, photo)["image"]
        assert found.shape == (1, 3, 224, 224)
        np.testing.assert_allclose(found[0, :, 100, 100], expected, rtol=1e-5)
        np.testing.assert_allclose(session.run(image=found)["logits"][0], expected, rtol=1e-3)


@pytest.mark.parametrize(
    ("given", "line"), [({"crop": 20}, "resize: 224, crop: 224"), ({"crop": [20, 24]}, "crop: 224")]
)
def test_a_picture_that_does_not_fit_says_what_to_write(classifier: Build, photo: Path, given: Any, line: str) -> None:
    """H must be a multiple of 8, which 20 is not."""
    with Session(classifier(meta={"preprocess": given}), "cpu") as session, pytest.raises(InputError) as raised:
        picture_for(session, photo)
    (problem,) = raised.value.problems
    assert problem.message == f"{photo} as it is prepared does not fit the input 'image'"
    assert line in problem.hint
    assert "mean: [0.485, 0.456, 0.406]" in problem.hint


def test_networks_that_do_not_take_a_picture_alone(conditional: Build, denoiser: Build, photo: Path) -> None:
    for file, hint in ((conditional(), "a diffusion network makes pictures: `sample`"), (denoiser(meta={}), "")):
        with Session(file, "cpu") as session, pytest.raises(InputError, match="not take a picture alone") as raised:
            picture_for(session, photo)
        assert raised.value.problems[0].hint == hint


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("photo.png", "preprocess(load_image(path), session.meta) makes an array of a picture"),
        (np.array(["photo.png"]), ""),
        (np.ones((1, 3, 8, 8), bool), "convert it with .astype('float32')"),
    ],
)
def test_what_is_no_array_of_the_element_type(classifier: Build, value: Any, hint: str) -> None:
    with Session(classifier(), "cpu") as session, pytest.raises(InputError, match="the wrong element type") as raised:
        checked_arrays({"image": value}, session.inputs, session.constraints)
    assert raised.value.problems[0].hint == hint


def test_other_files_are_named(classifier: Build, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text("archgraph: 1")
    (tmp_path / "notes.txt").write_text("notes")
    names = {"photo.png": "a picture (PNG)", "net.yaml": "a spec", "notes.txt": "", classifier().name: "", "none": ""}
    assert {name: other_kind(tmp_path / name) for name in names} == names
    check_file(classifier())
    for name in ("photo.png", "net.yaml"):
        with pytest.raises(ModelFileError, match="and no ONNX file"):
            check_file(tmp_path / name)
