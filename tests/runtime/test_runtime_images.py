"""Pictures: read upright and whole, prepared as torchvision prepares them, written the same way twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import references
from PIL import Image, ImageDraw

from archgraph.errors import InputError, RunError
from archgraph.runtime import (
    grid,
    preprocess,
    save_gif,
    save_png,
    to_image,
    to_model_range,
    to_pixels,
)


def photo(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Something with edges, gradients and noise."""
    rows, columns = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(0).integers(0, 40, (height, width))
    channels = (rows * 255 // height, columns * 255 // width, (rows + columns) % 200 + noise)
    image = Image.fromarray(np.stack(channels, -1).astype(np.uint8))
    ImageDraw.Draw(image).ellipse((width // 4, height // 4, width // 2, height // 2), fill=(255, 0, 0))
    return image.convert(mode)


@pytest.fixture(scope="module")
def transforms() -> Any:
    """torchvision's functions on pictures."""
    references.torchvision()
    from torchvision.transforms import functional

    return functional


@pytest.mark.parametrize("size", [(500, 375), (375, 500), (300, 301), (257, 900), (256, 256), (100, 80)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_preprocessing_is_that_of_torchvision(transforms: Any, size: tuple[int, int], interpolation: str) -> None:
    image = photo(*size)
    resized = transforms.resize(image, 232, transforms.InterpolationMode(interpolation))
    tensor = transforms.to_tensor(transforms.center_crop(resized, 224))
    expected = transforms.normalize(tensor, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])[None]
    got = preprocess(image, {"preprocess": {"resize": 232, "crop": 224, "interpolation": interpolation}})
    assert (got.dtype, got.shape) == (np.float32, (1, 3, 224, 224))
    np.testing.assert_allclose(got, expected.numpy(), atol=1e-6)


def test_preprocessing_defaults_to_that_of_imagenet(transforms: Any) -> None:
    image = photo(400, 300)
    tensor = transforms.to_tensor(transforms.center_crop(transforms.resize(image, 256), 224))
    expected = transforms.normalize(tensor, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])[None]
    for meta in (None, {}, {"preprocess": {}}):
        np.testing.assert_allclose(preprocess(image, meta), expected.numpy(), atol=1e-6)


def test_one_mean_asks_for_grey_and_none_for_no_resizing() -> None:
    image = photo(28, 28)
    got = preprocess(image, {"preprocess": {"mean": [0.5], "std": [0.25], "resize": None, "crop": None}})
    assert got.shape == (1, 1, 28, 28)
    np.testing.assert_allclose(got[0, 0], (np.asarray(image.convert("L")) / 255 - 0.5) / 0.25, atol=1e-6)


def test_a_height_and_a_width() -> None:
    got = preprocess(photo(40, 30), {"preprocess": {"resize": [20, 50], "crop": [10, 30]}})
    assert got.shape == (1, 3, 10, 30)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"croop": 3}, "`preprocess` has no 'croop'"),
        ({"interpolation": "linear"}, "there is no interpolation 'linear'"),
        ({"mean": [0.5, 0.5]}, "`preprocess.mean` must be one number per channel"),
        ({"mean": [0.5]}, "`preprocess` needs as many means as positive deviations"),
        ({"std": [0.2, 0, 0.2]}, "`preprocess` needs as many means as positive deviations"),
        ({"crop": -3}, "`crop` must be a size"),
        ({"resize": "big"}, "`resize` must be a size"),
        (7, "`preprocess` is not a mapping"),
    ],
)
def test_preprocessing_that_makes_no_sense(told: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        preprocess(photo(30, 30), {"preprocess": told})


def test_the_range_of_the_model_and_back() -> None:
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).convert("RGB")
    array = to_model_range(ramp, 16)
    assert (array.shape, array.dtype) == ((1, 3, 16, 16), np.float32)
    np.testing.assert_allclose(array[0, 0].ravel(), np.arange(256) / 127.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(to_pixels(array)[0], np.asarray(ramp))


def test_the_range_of_the_model_fills_and_crops() -> None:
    wide = Image.new("RGB", (64, 32), (255, 0, 0))
    wide.paste((0, 0, 255), (24, 0, 40, 32))
    several = to_model_range([wide, wide], (16, 8))
    assert several.shape == (2, 3, 16, 8)
    np.testing.assert_array_equal(several[0, 2, :, 1:-1], 1.0)  # only the blue middle is left
    with pytest.raises(InputError, match="there are no images"):
        to_model_range([], 8)
    with pytest.raises(InputError, match="`size` must be a size"):
        to_model_range(wide, 0)


def test_pixels_are_rounded_and_clipped() -> None:
    values = np.array([-1.5, -1.0, 0.0, 1.0, 7.0, 2 * 9.4 / 255 - 1, 2 * 9.6 / 255 - 1])
    got = to_pixels(np.broadcast_to(values, (3, 1, 7)))
    assert got[0, :, 0].tolist() == [0, 0, 128, 255, 255, 9, 10]
    assert to_pixels(np.zeros((2, 1, 4, 5))).shape == (2, 4, 5, 1)


@pytest.mark.parametrize("array", [np.zeros((2, 4, 8, 8)), np.zeros((8, 8)), np.full((3, 2, 2), np.nan)])
def test_arrays_that_are_no_pictures(array: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"no picture|not finite"):
        to_pixels(array)


@pytest.mark.parametrize(
    ("count", "columns", "size"), [(4, None, (18, 14)), (5, None, (26, 14)), (3, 1, (10, 20)), (2, 9, (18, 8))]
)
def test_a_grid(count: int, columns: int | None, size: tuple[int, int]) -> None:
    """Pictures of 6 × 4 with a pad of 2 around each."""
    pixels = np.stack([np.full((4, 6, 3), 50 * (k + 1), np.uint8) for k in range(count)])
    sheet = grid(pixels, columns)
    assert sheet.size == size
    across = (size[0] - 2) // 8
    found = [sheet.getpixel((2 + 8 * (k % across), 2 + 6 * (k // across)))[0] for k in range(count)]
    assert found == [50 * (k + 1) for k in range(count)]
    assert sheet.getpixel((0, 0)) == (0, 0, 0)
    np.testing.assert_array_equal(np.asarray(sheet), np.asarray(grid([to_image(p) for p in pixels], columns)))


def test_grids_that_cannot_be() -> None:
    with pytest.raises(InputError, match="there are no images"):
        grid([])
    with pytest.raises(InputError, match="must have one size"):
        grid([photo(4, 4), photo(5, 4)])
    with pytest.raises(InputError, match="a grid needs 1 or more columns"):
        grid([photo(4, 4)], columns=0)


def test_the_same_picture_gives_the_same_bytes(tmp_path: Path) -> None:
    notes = {"seed": "0", "sampler": "ddim", "eta": "½ η"}
    save_png(photo(20, 10), tmp_path / "a.png", notes)
    save_png(photo(20, 10), tmp_path / "b.png", dict(reversed(notes.items())))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert image.text == notes
        np.testing.assert_array_equal(np.asarray(image), np.asarray(photo(20, 10)))


def test_what_was_there_survives_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kept.png"
    path.write_bytes(b"before")
    monkeypatch.setattr(
        Image.Image, "save", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(RunError, match=r"kept.png cannot be written(.|\n)*No space left on device"):
        save_png(photo(4, 4), path)
    assert path.read_bytes() == b"before"
    assert [file.name for file in tmp_path.iterdir()] == ["kept.png"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        save_png(photo(4, 4), tmp_path / "no" / "a.png")
    assert caught.value.problems[0].hint == f"there is no folder {tmp_path / 'no'}"


def test_an_animation(tmp_path: Path) -> None:
    save_gif([Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")], tmp_path / "a.gif", 40)
    with Image.open(tmp_path / "a.gif") as animation:
        assert animation.n_frames == 3
        assert animation.info["duration"] == 40
        animation.seek(2)
        assert animation.convert("RGB").getpixel((3, 3)) == (0, 0, 255)
    with pytest.raises(InputError, match="one or more frames"):
        save_gif([], tmp_path / "b.gif")


def test_a_picture_whose_resized_form_would_fill_the_memory() -> None:
    with pytest.raises(InputError, match=r"too long and thin to be resized(.|\n)*1×60000, resized to 256×15360000"):
        preprocess(Image.new("RGB", (1, 60_000)))
