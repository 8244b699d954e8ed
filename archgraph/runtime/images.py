"""Pictures as a network wants them, and writing what it made. Reading files: `image_files`."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archgraph.artifact.arrays import Floats
from archgraph.artifact.atomic_files import replacing
from archgraph.errors import InputError, nearest
from archgraph.meta import implemented
from archgraph.meta.pictures import INTERPOLATIONS, PREPROCESS

if TYPE_CHECKING:
    from PIL.Image import Image

Pixels = NDArray[np.uint8]
Extent = int | Sequence[int]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
MOST_PIXELS = 1 << 28
PREPROCESSING: dict[str, Any] = implemented(
    PREPROCESS,
    {"resize": 256, "crop": 224, "mean": IMAGENET_MEAN, "std": IMAGENET_STD, "interpolation": "bilinear"},
)


def preprocess(image: Image, meta: Mapping[str, Any] | None = None) -> Floats:
    """The input of a classifier, [1, C, H, W]: shorter side resized, centre cropped, scaled to [0, 1], normalised.

    `meta` is the spec's: its `preprocess` overrides ImageNet's values (resize 256, crop 224). A mean of one number asks
    for grey. Raises InputError where `preprocess` makes no sense.
    """
    if not hasattr(image, "convert"):
        raise InputError(
            "this is no picture",
            expected="what load_image gives",
            received=type(image).__name__,
            hint="preprocess(load_image(path), session.meta)",
        )
    wanted = _preprocessing(meta or {})
    mean, std = (np.asarray(wanted[key], np.float32).reshape(-1, 1, 1) for key in ("mean", "std"))
    picture = _fitted(image.convert("L" if len(mean) == 1 else "RGB"), wanted)
    return ((_channels_first(picture) / np.float32(255) - mean) / std)[None]


def fitted(image: Image, meta: Mapping[str, Any], interpolation: str) -> Image:
    """The picture resized and cropped as the spec's `preprocess` says, by an interpolation of the caller's.

    What is outside of the picture is 0. Raises InputError where `preprocess` makes no sense.
    """
    return _fitted(image, {**_preprocessing(meta), "interpolation": interpolation})


def _fitted(picture: Image, wanted: Mapping[str, Any]) -> Image:
    if wanted["resize"] is not None:
        picture = _resized(picture, wanted["resize"], wanted["interpolation"])
    return picture if wanted["crop"] is None else _centre_crop(picture, _pair(wanted["crop"], "crop"))


def resized_extent(sides: tuple[int, int], meta: Mapping[str, Any]) -> tuple[int, int]:
    """Height and width that `preprocess.resize` gives a picture of these, before any crop."""
    extent = _preprocessing(meta)["resize"]
    return sides if extent is None else _extent_of(sides, extent)


def _extent_of(sides: tuple[int, int], extent: Any) -> tuple[int, int]:
    """Height and width after a resize: a number is that of the shorter side."""
    if not isinstance(extent, int) or extent <= 0:
        return _pair(extent, "resize")
    height, width = sides
    longer = int(extent * max(sides) / min(sides))
    return (longer, extent) if width <= height else (extent, longer)


def _preprocessing(meta: Mapping[str, Any]) -> dict[str, Any]:
    given = meta.get("preprocess") or {}
    if not isinstance(given, Mapping):
        raise InputError("`preprocess` is not a mapping", expected=", ".join(PREPROCESSING), received=repr(given))
    for key in given:
        if key not in PREPROCESSING:
            expected = ", ".join(PREPROCESSING)
            raise InputError(f"`preprocess` has no '{key}'", expected=expected, hint=nearest(str(key), PREPROCESSING))
    wanted = {**PREPROCESSING, **given}
    if wanted["interpolation"] not in INTERPOLATIONS:
        name = str(wanted["interpolation"])
        raise InputError(
            f"there is no interpolation '{name}'",
            expected=", ".join(INTERPOLATIONS),
            hint=nearest(name, INTERPOLATIONS),
        )
    _check_statistics(wanted["mean"], wanted["std"])
    return wanted


def _check_statistics(mean: Any, std: Any) -> None:
    for name, values in (("mean", mean), ("std", std)):
        good = isinstance(values, (list, tuple)) and len(values) in (1, 3)
        if not good or not all(isinstance(value, (int, float)) and math.isfinite(value) for value in values):
            raise InputError(f"`preprocess.{name}` must be one number per channel", received=repr(values))
    if len(mean) != len(std) or not all(value > 0 for value in std):
        received = f"mean {list(mean)}, std {list(std)}"
        raise InputError("`preprocess` needs as many means as positive deviations", received=received)


def _pair(extent: Any, name: str) -> tuple[int, int]:
    """Height and width."""
    both = (extent, extent) if isinstance(extent, int) else tuple(extent) if isinstance(extent, (list, tuple)) else ()
    if len(both) != 2 or not all(isinstance(side, int) and side > 0 for side in both):
        raise InputError(f"`{name}` must be a size, or a height and a width", received=repr(extent))
    return both


def _resized(image: Image, extent: Any, interpolation: str = "bilinear") -> Image:
    """With a number, the shorter side gets it and the proportions stay; with a height and a width, exactly those."""
    from PIL import Image

    height, width = _extent_of((image.height, image.width), extent)
    if width * height > MOST_PIXELS:
        raise InputError(
            "the picture is too long and thin to be resized",
            expected=f"at most {MOST_PIXELS:,} pixels after that",
            received=f"{image.width}×{image.height}, resized to {width}×{height}",
        )
    return image.resize((width, height), Image.Resampling[interpolation.upper()])


def _centre_crop(image: Image, size: tuple[int, int]) -> Image:
    """Cut to height and width around the middle; what is outside of the picture is black."""
    height, width = size
    left, top = round((image.width - width) / 2), round((image.height - height) / 2)
    return image.crop((left, top, left + width, top + height))


def _channels_first(image: Image) -> Floats:
    array = np.asarray(image, np.float32)
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def to_model_range(images: Image | Iterable[Image], size: Extent) -> Floats:
    """Pictures as a diffusion network sees them: [N, 3, H, W] in [-1, 1], filled to the size and centre cropped."""
    from PIL.Image import Image

    several = [images] if isinstance(images, Image) else list(images)
    if not several:
        raise InputError("there are no images", expected="one or more")
    height, width = _pair(size, "size")
    return np.stack([_channels_first(_filled(image.convert("RGB"), height, width)) for image in several]) / np.float32(
        127.5
    ) - np.float32(1)


def _filled(image: Image, height: int, width: int) -> Image:
    """The smallest resize that covers height and width, then the middle of it."""
    scale = max(height / image.height, width / image.width)
    covering = (max(height, round(image.height * scale)), max(width, round(image.width * scale)))
    return _centre_crop(_resized(image, covering), (height, width))


def to_pixels(array: NDArray[Any]) -> Pixels:
    """[N, C, H, W] or [C, H, W] in [-1, 1] → [N, H, W, C] or [H, W, C] bytes: (x + 1) / 2 · 255, rounded, clipped."""
    values = np.asarray(array)
    if values.ndim not in (3, 4) or values.shape[-3] not in (1, 3):
        raise InputError("this is no picture", expected="[N, 3, H, W] or [3, H, W]", received=str(values.shape))
    if not np.isfinite(values).all():
        raise InputError("the picture has values that are not finite", hint="the network or its weights overflow")
    scaled = np.rint((values.astype(np.float64) + 1) / 2 * 255).clip(0, 255)
    return np.moveaxis(scaled.astype(np.uint8), -3, -1)


def to_image(pixels: Pixels) -> Image:
    """The picture of [H, W, 3] or [H, W, 1] bytes."""
    from PIL import Image

    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def grid(images: Pixels | Sequence[Image], columns: int | None = None, pad: int = 2) -> Image:
    """Pictures of one size in rows, `pad` black pixels between and around them; as square as can be by default."""
    from PIL import Image

    several = [to_image(pixels) if isinstance(pixels, np.ndarray) else pixels for pixels in images]
    if not several:
        raise InputError("there are no images", expected="one or more")
    if len({image.size for image in several}) > 1:
        received = ", ".join(dict.fromkeys(f"{image.width} × {image.height}" for image in several))
        raise InputError("the images of a grid must have one size", received=received)
    if pad < 0 or (columns is not None and columns < 1):
        raise InputError("a grid needs 1 or more columns and a pad of 0 or more", received=f"{columns}, {pad}")
    across = min(len(several), columns or math.ceil(math.sqrt(len(several))))
    width, height = several[0].size
    sheet = Image.new("RGB", (_span(width, across, pad), _span(height, math.ceil(len(several) / across), pad)))
    for k, image in enumerate(several):
        row, column = divmod(k, across)
        sheet.paste(image, (pad + column * (width + pad), pad + row * (height + pad)))
    return sheet


def _span(side: int, count: int, pad: int) -> int:
    return pad + count * (side + pad)


def save_png(image: Image, path: str | os.PathLike[str], text: Mapping[str, str] | None = None) -> None:
    """Writes a PNG with notes in it; the same picture and notes give the same bytes. Raises RunError."""
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for key, value in sorted((text or {}).items()):
        info.add_text(key, str(value))
    with replacing(path) as file:
        image.save(file, format="PNG", pnginfo=info, compress_level=6)


def save_gif(frames: Sequence[Image], path: str | os.PathLike[str], milliseconds: int = 60) -> None:
    """Writes pictures of one size as an animation that repeats, and rests on the last. Raises RunError."""
    if not frames:
        raise InputError("an animation needs one or more frames")
    first, *rest = frames
    durations = [milliseconds] * len(rest) + [max(1500, milliseconds)]
    with replacing(path) as file:
        first.save(file, format="GIF", save_all=True, append_images=rest, duration=durations, loop=0)
