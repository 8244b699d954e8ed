"""Pictures as bytes of one size, in memory or on demand, with their labels, and the ones that could not be read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archgraph.errors import InputError
from archgraph.runtime import preprocess, to_model_range
from archgraph.runtime.preprocessing import preparation

if TYPE_CHECKING:
    from PIL.Image import Image

    from archgraph.training.lazy_images import OnDemand

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]
SPLIT_SEED = 0
"""Which pictures are held out does not depend on the seed of the run, so that runs can be compared."""


@dataclass(frozen=True)
class ImageData:
    """[n, C, H, W] bytes and [n] labels, which all are 0 where there are none (then `names` is empty).

    `numbered`: the labels came as numbers, so that the names are only these, and the highest class may be missing.
    `notes` say what was left out though it could be read.
    """

    pixels: Pixels | OnDemand
    labels: Labels
    names: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    known_digest: str = ""
    numbered: bool = False
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def digest(self) -> str:
        """What tells these pictures from others."""
        if not isinstance(self.pixels, np.ndarray):
            return self.known_digest
        found = hashlib.sha256(np.ascontiguousarray(self.pixels).data)
        found.update(self.labels.tobytes())
        return found.hexdigest()[:16]

    def split(self, part: float) -> tuple[ImageData, ImageData]:
        """What to train on, and what to hold out: that part of each class, rounded."""
        order = np.random.default_rng(SPLIT_SEED).permutation(len(self))
        held: list[int] = []
        for label in np.unique(self.labels):
            members = order[self.labels[order] == label]
            held.extend(members[: round(len(members) * part)].tolist())
        inside = np.isin(np.arange(len(self)), held)
        return self._where(~inside), self._where(inside)

    def _where(self, chosen: NDArray[np.bool_]) -> ImageData:
        pixels = self.pixels[chosen] if isinstance(self.pixels, np.ndarray) else self.pixels.only(chosen)
        return replace(self, pixels=pixels, labels=self.labels[chosen], known_digest="")


Prepare = Callable[["Image"], Pixels]


@dataclass(frozen=True)
class PixelRange:
    """How bytes become what the network sees: (x / 255 - mean) / std per channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


def prepared_shape(prepare: Prepare) -> tuple[int, int, int]:
    """[C, H, W] of every picture. Raises InputError where pictures of several sizes would come out."""
    from PIL.Image import new

    lying, standing = (prepare(new("RGB", sides)).shape for sides in ((64, 48), (48, 64)))
    if lying != standing:
        raise InputError(
            "the pictures of a batch have one size, and `meta.preprocess` leaves theirs open",
            expected="a `crop`, or a `resize` to a height and a width",
            received=f"{lying[1]}×{lying[2]} and {standing[1]}×{standing[2]}, of a lying and of a standing picture",
            hint="--set train.size=32",
        )
    channels, height, width = lying
    return channels, height, width


def for_diffusion(channels: int, size: int | tuple[int, int]) -> tuple[Prepare, PixelRange]:
    """Filled to the size, centre cropped, in [-1, 1]."""

    def prepare(image: Image) -> Pixels:
        ready = to_model_range(image.convert("L" if channels == 1 else "RGB"), size)[0, :channels]
        return _bytes((ready + 1) / 2)

    return prepare, PixelRange((0.5,) * channels, (0.5,) * channels)


def settled_preprocess(meta: Mapping[str, Any], shape: Sequence[Any], size: int | None) -> dict[str, Any]:
    """`meta.preprocess`, completed by the shape [N, C, H, W] of the input, and with another size where one is given."""
    wanted = dict(preparation(meta, shape).get("preprocess") or {})
    return wanted if size is None else {**wanted, "resize": size, "crop": size}


def for_classification(meta: Mapping[str, Any], size: int | None) -> tuple[Prepare, PixelRange]:
    """The preprocessing of `meta.preprocess`, which `infer` follows too."""
    wanted = dict(meta.get("preprocess") or {})
    if size is not None:
        wanted |= {"resize": size, "crop": size}
    bytes_of = {"preprocess": {**wanted, **_plain(wanted)}}

    def prepare(image: Image) -> Pixels:
        return _bytes(preprocess(image, bytes_of)[0])

    return prepare, _range({"preprocess": wanted})


def _bytes(unit: NDArray[np.floating[Any]]) -> Pixels:
    """The bytes that [0, 1] was made of."""
    return np.asarray(np.rint(unit * 255), np.uint8)


def _plain(wanted: Mapping[str, Any]) -> dict[str, Sequence[float]]:
    channels = len(wanted.get("mean", (0, 0, 0)))
    return {"mean": [0.0] * channels, "std": [1.0] * channels}


def _range(meta: Mapping[str, Any]) -> PixelRange:
    from archgraph.runtime.images import PREPROCESSING

    settled = {**PREPROCESSING, **meta["preprocess"]}
    return PixelRange(tuple(settled["mean"]), tuple(settled["std"]))
