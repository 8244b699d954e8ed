"""From the scores of a segmentation to a mask of a picture's own size, its colours and its legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archgraph.artifact.arrays import Floats
from archgraph.artifact.sizes import Size
from archgraph.errors import InputError
from archgraph.runtime.images import preprocess, resized_extent
from archgraph.runtime.preprocessing import checked_picture, picture_input, preparation
from archgraph.runtime.session import Session

if TYPE_CHECKING:
    from PIL.Image import Image

TASK = "segmentation"
MOST_CLASSES = 256
BITS = 8


@dataclass(frozen=True, slots=True)
class Region:
    """A class of a mask: its number, its name, the colour that it is drawn in, and its share of the pixels."""

    index: int
    label: str
    colour: str
    share: float


def segments(meta: Mapping[str, Any]) -> bool:
    """Whether a spec's `meta` says that the network is a segmentation."""
    return meta.get("task") == TASK


def segmented(session: Session, file: Path, picture: Image) -> NDArray[np.uint8]:
    """[H, W] class numbers of a picture that was read from a file, at its own size.

    The whole picture is seen, at the scale of `preprocess`: a `crop`, which training cuts out, is left out, and each
    side is the nearest that the network takes. The scores are brought to the picture's size, and the highest wins.
    Raises InputError for a network that does not take a picture, or gives no scores for each pixel.
    """
    wanted = picture_input(session, file)
    meta = preparation(session.meta, wanted.shape)
    extent = resized_extent((picture.height, picture.width), meta)
    sides = _taken(session, wanted.shape[2:], extent)
    whole = {**(meta.get("preprocess") or {}), "resize": list(sides), "crop": None}
    given = {wanted.name: preprocess(picture, {**meta, "preprocess": whole})}
    scores = next(iter(session.run(checked_picture(session, file, given)).values()))
    return class_map(scores, (picture.height, picture.width))


def class_map(scores: NDArray[Any], extent: tuple[int, int]) -> NDArray[np.uint8]:
    """The class of the highest score for each pixel of that extent, from scores [1, classes, h, w].

    Scores are interpolated bilinearly, one class after the other, so that memory does not grow with their number.
    """
    if scores.ndim != 4 or len(scores) != 1 or scores.dtype.kind != "f" or not 2 <= scores.shape[1] <= MOST_CLASSES:
        raise InputError(
            "these are no scores of classes for each pixel",
            expected=f"[1, 2 to {MOST_CLASSES} classes, H, W]",
            received=f"{scores.dtype} {list(scores.shape)}",
        )
    if not np.isfinite(scores).all():
        raise InputError("the scores are not finite", hint="the network, its weights or the input overflow")
    best = _enlarged(scores[0, 0], extent)
    found = np.zeros(extent, np.uint8)
    for number in range(1, scores.shape[1]):
        score = _enlarged(scores[0, number], extent)
        found[score > best] = number
        np.maximum(best, score, out=best)
    return found


def _enlarged(scores: NDArray[Any], extent: tuple[int, int]) -> Floats:
    from PIL import Image

    values = np.ascontiguousarray(scores, np.float32)
    if values.shape == extent:
        return values.copy()
    resized = Image.fromarray(values).resize((extent[1], extent[0]), Image.Resampling.BILINEAR)
    return np.array(resized, np.float32)


def _taken(session: Session, shape: Sequence[Size], extent: tuple[int, int]) -> tuple[int, int]:
    """The nearest height and width that the network takes; equal ones where its shape has one symbol for both."""
    height, width = (_nearest(session, size, side) for size, side in zip(shape, extent, strict=True))
    if isinstance(shape[0], str) and shape[0] == shape[1]:
        height = width = max(height, width)
    return height, width


def _nearest(session: Session, size: Size, side: int) -> int:
    if isinstance(size, int):
        return size
    rules = [rule for rule in session.constraints if rule.symbol == size]
    around = (side + sign * step for step in range(side + 1024) for sign in (1, -1))
    return next((other for other in around if other > 0 and all(rule.allows(other) for rule in rules)), side)


# -- colours -----------------------------------------------------------------------------------------------------------


def colour(number: int) -> tuple[int, int, int]:
    """The colour of a class in masks of Pascal VOC: its bits are dealt out to red, green and blue; class 0 is black."""
    channels = [0, 0, 0]
    for place in range(BITS):
        for channel in range(3):
            channels[channel] |= (number >> channel & 1) << (BITS - 1 - place)
        number >>= 3
    return channels[0], channels[1], channels[2]


def mask_picture(mask: NDArray[np.uint8]) -> Image:
    """A picture with a palette: its pixels are the numbers of the classes, as training reads them."""
    from PIL import Image

    picture = Image.fromarray(mask)
    picture.putpalette([channel for number in range(MOST_CLASSES) for channel in colour(number)])
    return picture


def legend(mask: NDArray[np.uint8], labels: Sequence[str] | None) -> list[Region]:
    """The classes in a mask by their number. Raises InputError for labels that do not reach so far."""
    counts = np.bincount(mask.ravel(), minlength=1)
    if labels is not None and len(counts) > len(labels):
        raise InputError(
            "the labels do not fit", expected=f"{len(counts)} labels or more", received=f"{len(labels)} labels"
        )
    found = np.flatnonzero(counts).tolist()
    shares = counts / mask.size
    return [Region(k, labels[k] if labels else f"class {k}", _hex(colour(k)), float(shares[k])) for k in found]


def _hex(channels: tuple[int, int, int]) -> str:
    return "#" + "".join(f"{value:02x}" for value in channels)
