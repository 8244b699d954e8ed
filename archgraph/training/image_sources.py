"""Where pictures come from: a folder, a folder per class, an .npz file, or `digits`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archgraph.artifact.file_kinds import is_file, is_folder, not_a_file
from archgraph.errors import InputError
from archgraph.runtime import load_arrays
from archgraph.training.images import ImageData, Labels, Pixels, Prepare
from archgraph.training.lazy_images import DecodedImages, OnDemand, Read, Source, decoded, reading
from archgraph.training.lightning_import import INSTALL

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")
IMAGES, LABELS = ("images", "x", "arr_0"), ("labels", "y", "arr_1")


def read_pictures(source: str, prepare: Prepare, budget: float = math.inf) -> ImageData:
    """The pictures of a source; a folder's are decoded on demand where they take more than a budget of bytes.

    Raises InputError where there are none, or none that can be read.
    """
    if source == "digits":
        return digits(prepare)
    path = Path(source)
    if is_folder(path):
        return _folder(path, prepare, budget)
    if path.suffix.lower() == ".npz" and is_file(path):
        return _arrays(path, prepare)
    raise InputError(
        f"there are no pictures at '{source}'",
        expected="a folder of images, a folder with one folder per class, an .npz file, or digits",
        received=not_a_file(path) or ("a file" if is_file(path) else "nothing of that name"),
    )


def digits(prepare: Prepare) -> ImageData:
    """The 1,797 handwritten digits of 8×8 pixels that come with scikit-learn (Alpaydin and Kaynak 1998)."""
    from PIL import Image

    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError:
        raise InputError("the digits come with scikit-learn, which is not installed", hint=INSTALL) from None
    found = load_digits()
    grey = np.rint(found.images * (255 / 16)).astype(np.uint8)
    pixels = np.stack([prepare(Image.fromarray(picture)) for picture in grey])
    return ImageData(pixels, np.asarray(found.target, np.int64), tuple(map(str, found.target_names)))


def _folder(path: Path, prepare: Prepare, budget: float) -> ImageData:
    classes = sorted(child for child in path.iterdir() if child.is_dir() and not child.name.startswith("."))
    here = images_in(path)
    listed = [(file, 0) for file in here]
    if not here:
        listed = [(file, number) for number, folder in enumerate(classes) for file in images_in(folder)]
    if not listed:
        raise InputError(
            f"there are no images in '{path}'",
            expected=f"files in {', '.join(SUFFIXES[:4])} …, in this folder or in one folder per class",
        )
    names = () if here else tuple(folder.name for folder in classes)
    return replace(image_data(path, listed, reading(prepare), budget), names=names)


def images_in(folder: Path) -> list[Path]:
    """The picture files of a folder, by name."""
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())


def image_data(path: Path, listed: Sequence[tuple[Source, int]], read: Read, budget: float) -> ImageData:
    """Pictures with their labels in memory, or on demand where they do not fit. Raises InputError without any."""
    found = DecodedImages(budget)
    for result in decoded([source for source, _ in listed], read):
        found.take(result)
    if not any(found.good):
        raise InputError(f"none of the {len(found.broken)} images in '{path}' can be read", received=found.broken[0])
    kept = [one for one, good in zip(listed, found.good, strict=True) if good]
    labels = np.array([label for _, label in kept], np.int64)
    broken = tuple(found.broken)
    if found.fits:
        return ImageData(np.stack(found.kept), labels, broken=broken)
    found.hashed.update(labels.tobytes())
    pixels = OnDemand(tuple(source for source, _ in kept), read, found.each)
    return ImageData(pixels, labels, broken=broken, known_digest=found.hashed.hexdigest()[:16])


# -- arrays ------------------------------------------------------------------------------------------------------------


def _arrays(path: Path, prepare: Prepare) -> ImageData:
    from PIL import Image

    arrays = load_arrays(path)
    images = next((arrays[name] for name in IMAGES if name in arrays), None)
    if images is None:
        raise InputError(
            f"{path} has no pictures",
            expected="an array named images (or x), and perhaps one named labels (or y)",
            received=", ".join(arrays) or "no array",
        )
    rows = _bytes(path, images)
    labels = next((arrays[name] for name in LABELS if name in arrays), None)
    pixels = np.stack([prepare(Image.fromarray(row)) for row in rows])
    if labels is not None and labels.dtype.kind == "U" and labels.shape == (len(rows),):
        named, known = np.unique(labels, return_inverse=True)
        return ImageData(pixels, known.astype(np.int64), tuple(map(str, named)))
    known = np.zeros(len(rows), np.int64) if labels is None else _labels(path, labels, len(rows))
    names = () if labels is None else tuple(map(str, range(int(known.max()) + 1)))
    return ImageData(pixels, known, names, numbered=True)


def _bytes(path: Path, images: NDArray[Any]) -> Pixels:
    """[n, H, W] or [n, H, W, 3] bytes."""
    if images.ndim == 4 and images.shape[-1] not in (1, 3) and images.shape[1] in (1, 3):
        images = np.moveaxis(images, 1, -1)
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    if not (images.ndim == 3 or (images.ndim == 4 and images.shape[-1] == 3)) or 0 in images.shape:
        raise InputError(
            f"the pictures in {path} have no shape that pictures have",
            expected="[n, H, W], [n, H, W, 1 or 3] or [n, 1 or 3, H, W]",
            received=str(images.shape),
            hint=_unflattened(images.shape),
        )
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind == "f" and np.isfinite(images).all() and images.min() >= 0 and images.max() <= 1:
        return np.asarray(np.rint(images * 255), np.uint8)
    received = f"{images.dtype} from {images.min()} to {images.max()}"
    raise InputError(
        f"the pictures in {path} are no pixels",
        expected="uint8, or floats in [0, 1]",
        received=received,
        hint=_as_pixels(images),
    )


def _unflattened(shape: tuple[int, ...]) -> str:
    """How rows of numbers become squares, where they are some."""
    side = math.isqrt(shape[1]) if len(shape) == 2 else 0
    return f"images.reshape(-1, {side}, {side}) makes them pictures" if side > 1 and side**2 == shape[1] else ""


def _as_pixels(images: NDArray[Any]) -> str:
    if images.dtype.kind not in "iuf" or not np.isfinite(images).all() or images.min() < 0:
        return ""
    if images.max() <= 255 and np.array_equal(images, np.rint(images)) and images.max() > 127:
        return "images.astype('uint8') makes them pixels"
    return "images / images.max() brings them into [0, 1]"


def _labels(path: Path, labels: NDArray[Any], count: int) -> Labels:
    if labels.shape != (count,) or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise InputError(
            f"the labels in {path} do not fit",
            expected=f"{count} whole numbers of 0 or more, or as many names",
            received=f"{labels.dtype} {labels.shape}",
        )
    return labels.astype(np.int64)
