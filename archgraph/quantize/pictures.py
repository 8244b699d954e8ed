"""Calibration data from a folder of images or an .npz file, prepared by the network's `meta`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.artifact.file_kinds import is_file, is_folder, not_a_file
from archgraph.artifact.metadata import Metadata
from archgraph.artifact.tensor_specs import TensorSpec
from archgraph.errors import ArchgraphError, InputError
from archgraph.quantize.calibration import SAMPLES, Calibration, from_arrays, from_pictures, roles, usual_side
from archgraph.runtime import load_arrays, load_image, preprocess, to_model_range
from archgraph.runtime.preprocessing import preparation

if TYPE_CHECKING:
    from PIL.Image import Image


SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")


def from_path(about: Metadata, path: Path, samples: int = SAMPLES) -> Calibration:
    """The data in a folder of images (also in folders below it), or in an .npz file. Raises InputError.

    An .npz file has one array for each input, or `images` for the picture and perhaps `labels`: pixels as bytes, which
    are prepared like files, or floats, which are taken as they are.
    """
    if is_folder(path):
        return from_pictures(about, _folder(about, path, samples), None, str(path), samples)
    if path.suffix.lower() == ".npz" and is_file(path):
        return _npz(about, path, samples)
    raise InputError(
        f"there is nothing to calibrate on at '{path}'",
        expected="a folder of images, an .npz file, or digits",
        received=not_a_file(path) or ("a file of another kind" if is_file(path) else "nothing of that name"),
    )


def _folder(about: Metadata, path: Path, samples: int) -> Array:
    """The images of a folder, evenly picked in the order of their names; those that cannot be read are passed over."""
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        raise InputError(f"there are no images in '{path}'", expected=f"files in {', '.join(SUFFIXES[:4])} …")
    picked = [files[place] for place in np.unique(np.linspace(0, len(files) - 1, samples).astype(int))]
    found, reasons = [], []
    for file in picked:
        try:
            found.append(load_image(file))
        except ArchgraphError as error:
            reasons.append(error.problems[0].message)
    if not found:
        raise InputError(f"none of the {len(picked)} images in '{path}' can be read", received=reasons[0])
    return _prepared(about, found)


def _npz(about: Metadata, path: Path, samples: int) -> Calibration:
    arrays = load_arrays(path)
    if all(spec.name in arrays for spec in about.inputs):
        return from_arrays(about, arrays, str(path), samples)
    images = arrays.get("images")
    if images is None:
        expected = f"images, or {', '.join(map(str, about.inputs))}"
        raise InputError(f"{path} has nothing for the inputs", expected=expected, received=", ".join(arrays))
    chosen = images[:samples]
    if images.dtype == np.uint8:
        chosen = _prepared(about, _opened(path, chosen))
    labels = arrays.get("labels")
    known = None if labels is None else labels[:samples]
    return from_pictures(about, np.asarray(chosen, np.float32), known, str(path), samples)


def _opened(path: Path, images: Array) -> Iterator[Image]:
    from PIL import Image

    rows = np.moveaxis(images, 1, -1) if images.ndim == 4 and images.shape[1] in (1, 3) else images
    rows = rows[..., 0] if rows.ndim == 4 and rows.shape[-1] == 1 else rows
    if rows.ndim != 3 and not (rows.ndim == 4 and rows.shape[-1] == 3):
        expected = "[n, H, W], [n, H, W, 1 or 3] or [n, 1 or 3, H, W]"
        raise InputError(f"the images of {path} are no pictures", expected=expected, received=str(images.shape))
    yield from (Image.fromarray(row) for row in rows)


def _prepared(about: Metadata, pictures: Iterable[Image]) -> Array:
    """[n, C, H, W]: in [-1, 1] for a diffusion, else prepared by `meta.preprocess`, which `infer` follows too."""
    image, time = roles(about)
    if image is None:
        expected = "a .npz file with one array for each input"
        raise InputError(f"{about.name} takes no pictures", expected=expected)
    if time is None:
        told = preparation(about.meta, image.shape)
        return np.concatenate([preprocess(picture, told) for picture in pictures])
    sides = [size if isinstance(size, int) else usual_side(about, size) for size in image.shape[2:]]
    return _as_channels(image, [to_model_range(picture, sides) for picture in pictures])


def _as_channels(image: TensorSpec, found: list[Array]) -> Array:
    """Pictures [1, 3, H, W] with as many channels as the network takes; grey is the mean of the three."""
    several = np.concatenate(found)
    if image.shape[1] == 1:
        return np.asarray(several.mean(1, keepdims=True), np.float32)
    if image.shape[1] != several.shape[1]:
        raise InputError(
            "images do not fit this network",
            expected=str(image),
            received="3 channels",
            hint="give an .npz file with one array for each input",
        )
    return several
