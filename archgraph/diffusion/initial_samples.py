"""What a run starts from: noise of its own for each picture, noise between two seeds, or a picture with noise.

The noise of picture k is drawn from a generator keyed by the seed and k. So a picture depends neither on the number of
pictures nor on the size of the batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archgraph.artifact.arrays import Floats
from archgraph.diffusion.denoisers import OpenedDenoiser
from archgraph.diffusion.schedules import is_count
from archgraph.errors import SamplingError

START, STEPS = 0, 1  # the two streams of a picture: what it starts from, and what its steps add

Size = int | tuple[int, int]
Seed = int | tuple[int, int]


def initial_noise(n: int, shape: Sequence[int], seed: Seed = 0, first: int = 0) -> Floats:
    """The noise [n, *shape] that pictures `first` to `first + n - 1` start from.

    Two seeds give n noises on the way from the first picture of one to that of the other. Raises SamplingError.
    """
    if isinstance(seed, tuple):
        if len(seed) != 2:
            raise SamplingError("one can go from one seed to another", expected="two seeds", received=str(seed))
        start, end = (drawn(streams(one, range(first, first + 1), START), tuple(shape)) for one in seed)
        return np.concatenate([slerp(start, end, share) for share in np.linspace(0, 1, n).tolist()])
    return drawn(streams(seed, range(first, first + n), START), tuple(shape))


def slerp(start: NDArray[Any], end: NDArray[Any], share: float) -> NDArray[Any]:
    """Between two noises [N, …] along the sphere, on which noise lies; straight where they hardly differ.

    (sin((1 - s) θ) a + sin(s θ) b) / sin θ, with θ the angle between them (Shoemake 1985).
    """
    a, b = (array.reshape(len(array), -1).astype(np.float64) for array in (start, end))
    cosine = (a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
    angle = np.arccos(cosine.clip(-1, 1))[:, None]
    bent = np.sin(angle) > 1e-6
    divisor = np.where(bent, np.sin(angle), 1)
    from_start = np.where(bent, np.sin((1 - share) * angle) / divisor, 1 - share)
    to_end = np.where(bent, np.sin(share * angle) / divisor, share)
    result: NDArray[Any] = (from_start * a + to_end * b).reshape(start.shape).astype(start.dtype)
    return result


def streams(seed: Seed, pictures: range, stream: int) -> list[np.random.Generator]:
    """One generator per picture. Raises SamplingError for a seed that is none."""
    number = seed[0] if isinstance(seed, tuple) and seed else seed
    if not is_count(number) or int(number) < 0:
        raise SamplingError("the seed is a whole number of 0 or more", received=repr(seed))
    keys = (np.random.SeedSequence(int(number), spawn_key=(k, stream)) for k in pictures)
    return [np.random.Generator(np.random.Philox(key)) for key in keys]


def drawn(generators: Sequence[np.random.Generator], shape: tuple[int, ...]) -> Floats:
    """Standard normal noise [n, *shape], each from its generator."""
    return np.stack([generator.standard_normal(shape, dtype=np.float32) for generator in generators])


@dataclass(frozen=True, slots=True)
class InitialSample:
    """Standard normal noise [n, C, H, W]; the picture to start from, and where it may change (1) or must stay (0)."""

    noise: Floats
    init: Floats | None = None
    mask: Floats | None = None

    def x(self, part: range, signal: float, spread: float, scale: float) -> Floats:
        """x of some of the pictures at the first level."""
        noise = self.noise[part.start : part.stop]
        if self.init is None:
            return noise * np.float32(scale)
        return np.float32(signal) * self.init[part.start : part.stop] + np.float32(spread) * noise

    def kept(self, x: NDArray[Any], part: range, signal: float, spread: float) -> NDArray[Any]:
        """x; where the mask says so, the picture to start from with the noise of this level."""
        if self.mask is None:
            return x
        mask = self.mask[part.start : part.stop]
        result: NDArray[Any] = mask * x + (1 - mask) * self.x(part, signal, spread, 1.0)
        return result


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many pictures of which size, as far as it was asked for."""

    n: int | None = None
    size: Size | None = None
    channels: int | None = None

    def noise(self, model: OpenedDenoiser, seed: Seed, first: int) -> Floats:
        """Noise in the shape that was asked for, that the file names, or the default. Raises SamplingError."""
        said, fixed = model.said, model.fixed
        count = (fixed[0] or 1) if self.n is None else self.n
        depth = (fixed[1] or said.get("channels", 3)) if self.channels is None else self.channels
        shape = (count, depth, *_sides(said.get("size", fixed[2:]) if self.size is None else self.size))
        if not all(is_count(extent) and extent > 0 for extent in shape):
            raise SamplingError(
                "these are no pictures", expected="n, channels and sizes of 1 or more", received=str(shape)
            )
        return initial_noise(shape[0], shape[1:], seed, first)

    def check(self, shape: tuple[int, ...], what: str) -> None:
        """Raises SamplingError where something given has another shape than was asked for."""
        asked = (self.n, self.channels, *((None, None) if self.size is None else _sides(self.size)))
        if any(want is not None and want != have for want, have in zip(asked, shape, strict=True)):
            expected = str(tuple("any" if want is None else want for want in asked))
            raise SamplingError(f"{what} has another shape than was asked for", expected=expected, received=str(shape))


def _sides(size: Any) -> tuple[int, int]:
    """Height and width."""
    if isinstance(size, int):
        return size, size
    if size in ((None, None), None):
        raise SamplingError("how large the pictures are is not known", hint="give size=32, or (height, width)")
    if not isinstance(size, (tuple, list)) or len(size) != 2:
        raise SamplingError("this is no size", expected="a number, or height and width", received=repr(size))
    return size[0], size[1]


def given_noise(noise: NDArray[Any], wanted: Wanted) -> Floats:
    """The noise that was given, as float32. Raises SamplingError."""
    start = np.asarray(noise)
    if start.ndim != 4 or start.dtype.kind != "f" or not start.size:
        received = f"{start.dtype} {start.shape}"
        raise SamplingError("this is no noise to start from", expected="numbers [N, C, H, W]", received=received)
    wanted.check(start.shape, "the noise")
    return start.astype(np.float32)


def given_picture(picture: NDArray[Any], wanted: Wanted) -> tuple[Floats, Wanted]:
    """The picture to start from [N, C, H, W], and what is wanted with its shape filled in. Raises SamplingError."""
    init = np.asarray(picture)
    if init.ndim == 3:
        init = init[None]
    if init.ndim != 4 or init.dtype.kind != "f" or not init.size:
        received = f"{init.dtype} {init.shape}"
        raise SamplingError(
            "this is no picture to start from",
            expected="numbers from -1 to 1, [N, C, H, W] or [C, H, W]",
            received=received,
            hint="to_model_range makes one of an image",
        )
    several = len(init) > 1
    Wanted(wanted.n if several else None, wanted.size, wanted.channels).check(init.shape, "the picture to start from")
    n = len(init) if several else wanted.n
    return init.astype(np.float32), Wanted(n, (init.shape[2], init.shape[3]), init.shape[1])


def given_mask(mask: NDArray[Any], shape: tuple[int, ...]) -> Floats:
    """The mask against pictures of a shape, [N, 1, H, W] or wider. Raises SamplingError."""
    array = np.asarray(mask)
    fits = array.ndim <= 4 and array.dtype.kind in "fiub" and array.shape[-2:] == shape[2:]
    if array.ndim == 3:
        array = array[:, None]
    if fits and not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
        raise SamplingError("a mask goes from 0, which stays, to 1, which is painted anew")
    try:
        if not fits:
            raise ValueError
        return np.broadcast_to(array.astype(np.float32), shape)
    except ValueError as error:
        raise SamplingError(
            "the mask does not fit the pictures", expected=f"[H, W] or {shape}", received=str(np.shape(mask))
        ) from error
