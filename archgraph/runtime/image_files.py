"""Opening picture files: named formats only, whole, upright, and every kind of pixel as 8-bit RGB or refused."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from archgraph.artifact.file_kinds import kind_of, not_a_file, similar_file
from archgraph.errors import ArchgraphError, InputError

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PIXELS = 200_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
"""Pillow's other formats are never tried, whatever a file's suffix: for some it starts programs found on PATH."""
FORMAT_NAMES = "PNG, JPEG, WebP, GIF, BMP, TIFF or PPM"
PAPER = (255, 255, 255)
_WHITE_IS_ZERO, _PHOTOMETRIC, _BITS, _SIGN = 0, 262, 258, 339


def load_image(path: str | os.PathLike[str]) -> Image:
    """The picture in a file, in 8-bit RGB and upright; of several pictures or pages the first.

    16-bit grey is scaled, 65,535 being white. What is transparent shows white behind it. Raises InputError where the
    file is no picture, only a part of one, too large, or of pixels whose white is not known.
    """
    from PIL import ImageOps

    with open_image(path) as file:
        _require_pixels(path, file)
        if file.mode in ("F", "I") or file.mode.startswith("I;16"):
            _require_white(path, file)
            return _of_deep_grey(ImageOps.exif_transpose(file))
        upright = ImageOps.exif_transpose(file)
        return _on_paper(upright.convert("RGBA")) if upright.has_transparency_data else upright.convert("RGB")


@contextmanager
def open_image(path: str | os.PathLike[str], formats: tuple[str, ...] = FORMATS) -> Iterator[Image]:
    """A picture file as Pillow opens it; whatever fails in it is an InputError, while it is opened and afterwards."""
    from PIL import Image, UnidentifiedImageError  # 30 ms that only pictures need

    if not isinstance(path, (str, os.PathLike)):
        raise InputError("a picture is read from a file", expected="its path", received=type(path).__name__)
    if odd := not_a_file(Path(path)):
        raise InputError(f"{path} cannot be read as an image", expected="a file", received=odd)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, of sizes and of broken notes; sizes are judged here
            with Image.open(Path(path), formats=formats) as file:
                yield file
    except ArchgraphError:
        raise
    except UnidentifiedImageError as error:
        raise _no_image(path) from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{path} is too large an image", received=str(error)) from error
    except FileNotFoundError as error:
        raise InputError(f"there is no file '{path}'", expected="a picture", hint=similar_file(Path(path))) from error
    except Exception as error:  # decoders of damaged files fail in any way: struct.error, IndexError, MemoryError …
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise InputError(f"{path} cannot be read as an image", received=reason) from error


def _no_image(path: str | os.PathLike[str]) -> InputError:
    """The error for a file that is no picture, with what it is where that can be seen."""
    found = kind_of(Path(path)) or ("" if Path(path).stat().st_size else "an empty file")
    return InputError(f"{path} is not an image", expected=FORMAT_NAMES, received=found)


def _require_pixels(path: str | os.PathLike[str], file: Image) -> None:
    """Raises InputError for a picture without pixels, or with too many, before they are decoded."""
    width, height = file.size
    if width < 1 or height < 1:
        raise InputError(f"{path} has no pixels", received=f"{width} × {height}")
    if width * height > MOST_PIXELS:
        raise InputError(
            f"{path} is too large an image",
            expected=f"at most {MOST_PIXELS:,} pixels",
            received=f"{width} × {height}",
        )


def _on_paper(picture: Image) -> Image:
    """A picture with alpha over white; one that is opaque everywhere keeps its values."""
    from PIL import Image

    sheet = Image.new("RGBA", picture.size, (*PAPER, 255))
    return Image.alpha_composite(sheet, picture).convert("RGB")


def _require_white(path: str | os.PathLike[str], file: Image) -> None:
    """Raises InputError for grey of more than 8 bits, but for 16 without a sign where 0 is black."""
    tags: Any = getattr(file, "tag_v2", {})
    sixteen = file.mode.startswith("I;16") or (file.mode == "I" and (file.format in ("PNG", "PPM") or _plain(tags)))
    if sixteen and tags.get(_PHOTOMETRIC) != _WHITE_IS_ZERO:
        return
    kind = "floating-point numbers" if file.mode == "F" else "whole numbers of more than 16 bits, or with a sign"
    raise InputError(
        f"{path} has pixels whose black and white are not known",
        expected="8 bits a channel, or 16-bit grey where 0 is black",
        received="16-bit grey where 0 is white" if sixteen else kind,
        hint="save it with 8 bits a channel, or give the network's input as an array: a .npy file",
    )


def _plain(tags: Any) -> bool:
    """Whether the samples of a TIFF have 16 bits and no sign."""
    return tuple(tags.get(_BITS, (0,))) == (16,) and tuple(tags.get(_SIGN, (1,))) == (1,)


def _of_deep_grey(picture: Image) -> Image:
    """16-bit grey scaled to 8 bits; Pillow would clip it, so that nearly all is white."""
    from PIL import Image

    grey = np.asarray(picture, np.float64) * (255 / 65535)
    return Image.fromarray(np.rint(grey).astype(np.uint8)).convert("RGB")
