"""Masks of segmentations: a picture file whose pixels are class numbers, 255 where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from archgraph.errors import InputError
from archgraph.runtime.image_files import open_image
from archgraph.training.augment import IGNORED
from archgraph.training.images import Pixels

FORMATS = ("PNG", "TIFF", "BMP", "GIF", "PPM")
SUFFIXES = (".png", ".tif", ".tiff", ".bmp", ".gif", ".pgm")
"""Formats that keep every value."""
LOSSY = (".jpg", ".jpeg", ".webp")
EXPECTED = "a PNG with a palette or in grey, whose pixels are the numbers of classes from 0 on, and 255 for none"


class MaskError(InputError):
    """A picture that was read, and whose pixels are no class numbers."""


def load_mask(path: Path) -> Pixels:
    """[H, W] class numbers. Raises MaskError for colours and numbers beyond a byte, InputError for what is damaged."""
    from PIL import ImageOps

    with open_image(path, FORMATS) as file:
        mode = file.mode
        values = np.asarray(ImageOps.exif_transpose(file))
    if mode not in ("1", "L", "P", "I", "I;16", "I;16B"):
        raise MaskError(
            f"{path} is no mask",
            expected=EXPECTED,
            received=f"a picture in {mode}",
            hint="write the number of each pixel's class, not its colour",
        )
    if values.min() < 0 or values.max() > IGNORED:
        raise MaskError(f"{path} is no mask", expected=EXPECTED, received=f"numbers up to {values.max()}")
    return values.astype(np.uint8)


def mask_extent(path: Path, formats: tuple[str, ...]) -> tuple[int, int]:
    """Width and height of an upright picture file, read from its header. Raises InputError."""
    with open_image(path, formats) as file:
        turned = file.getexif().get(0x0112, 1) in (5, 6, 7, 8)
        width, height = file.size
    return (height, width) if turned else (width, height)
