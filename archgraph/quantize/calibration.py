"""Calibration data: arrays for every input of a network, to observe ranges and to measure errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from archgraph.artifact.arrays import Array, Floats
from archgraph.artifact.metadata import Metadata
from archgraph.artifact.sizes import symbol_of
from archgraph.artifact.tensor_specs import TensorSpec
from archgraph.diffusion import Schedule
from archgraph.diffusion.denoisers import diffusion_of
from archgraph.diffusion.schedules import is_count
from archgraph.dims import Constraint
from archgraph.errors import InputError
from archgraph.meta.diffusion import LABEL_NAMES, labels_among
from archgraph.runtime.arrays import checked_arrays

FEWEST = 8
PARTS = 4
SAMPLES = 128
UNLABELLED = 0.1
"""The part of the labels that are the null label, as in training."""
USUAL_SIDE = 224
SYNTHETIC = "random normal numbers"


@dataclass(frozen=True, slots=True)
class Calibration:
    """As many rows of each input, where they come from, and whether they are real data."""

    feeds: Mapping[str, Array]
    source: str
    real: bool = True
    scalars: frozenset[str] = frozenset()
    """Inputs without an axis of examples: these are fed one row at a time."""
    fixed: int | None = None
    """How many rows the network takes at a time, where it takes no other number."""

    def __len__(self) -> int:
        return len(next(iter(self.feeds.values())))

    def split(self) -> tuple[Calibration, Calibration]:
        """Three quarters to observe, and one that the errors are measured on: every fourth row."""
        place = np.arange(len(self)) % PARTS == PARTS - 1
        return self._where(~place), self._where(place)

    def _where(self, chosen: NDArray[np.bool_]) -> Calibration:
        feeds = {name: rows[chosen] for name, rows in self.feeds.items()}
        return replace(self, feeds=feeds)

    def batches(self, size: int) -> list[dict[str, Array]]:
        """The rows in parts of at most this size, or of the one that the network takes; then a smaller rest is left
        out."""
        return list(self._parts(self._size(size)))

    def first(self, rows: int) -> list[dict[str, Array]]:
        """Parts with so many rows together, or a few more; fewer where there are no more."""
        return self.batches(rows)[: -(-rows // self._size(rows))]

    def _size(self, most: int) -> int:
        return 1 if self.scalars else self.fixed or most

    def _parts(self, size: int) -> Iterator[dict[str, Array]]:
        for start in range(0, len(self) - (size - 1 if self.fixed else 0), size):
            rows = {name: array[start : start + size] for name, array in self.feeds.items()}
            yield {name: array[0] if name in self.scalars else array for name, array in rows.items()}


def from_pictures(
    about: Metadata, pictures: Floats, labels: Array | None, source: str, samples: int = SAMPLES
) -> Calibration:
    """Rows for a network that takes a picture [n, C, H, W] and perhaps a time and a label; noised where it has a time.

    Raises InputError where there are too few pictures, or they do not fit.
    """
    image, _ = roles(about)
    if image is None:
        received = ", ".join(map(str, about.inputs))
        raise InputError(
            f"{about.name} takes no pictures",
            expected="a .npz file with one array for each input",
            received=received,
        )
    _require_enough(len(pictures), source)
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.permutation(len(pictures))[:samples])
    chosen = rng.permutation(chosen)
    known = None if labels is None else np.asarray(labels)[chosen]
    return _filled(about, np.asarray(pictures, np.float32)[chosen], known, source, True)


def from_arrays(about: Metadata, arrays: Mapping[str, Array], source: str, samples: int = SAMPLES) -> Calibration:
    """Rows as they are given, one array for each input. Raises InputError where they do not fit."""
    scalars = frozenset(spec.name for spec in about.inputs if not spec.shape)
    missing = [spec.name for spec in about.inputs if spec.name not in arrays]
    if missing:
        expected, received = ", ".join(map(str, about.inputs)), ", ".join(arrays)
        raise InputError(f"{source} lacks '{missing[0]}'", expected=expected, received=received)
    feeds = {spec.name: np.asarray(arrays[spec.name]) for spec in about.inputs}
    counts = {name: len(array) if array.ndim else 0 for name, array in feeds.items()}
    if len(set(counts.values())) != 1:
        received = ", ".join(f"{name}: {count}" for name, count in counts.items())
        raise InputError(f"the arrays of {source} have different numbers of rows", received=received)
    _require_enough(next(iter(counts.values())), source)
    return _fitting(about, Calibration({name: rows[:samples] for name, rows in feeds.items()}, source, True, scalars))


def synthetic(about: Metadata, samples: int = SAMPLES, seed: int = 0) -> Calibration:
    """Seeded normal numbers, which have the ranges of real data only by luck."""
    if not about.inputs:
        raise InputError(f"{about.name} has no inputs: there is nothing to calibrate")
    image, _ = roles(about)
    if image is None:
        feeds, scalars = {}, frozenset(spec.name for spec in about.inputs if not spec.shape)
        rng = np.random.default_rng(seed)
        for spec in about.inputs:
            feeds[spec.name] = _drawn(about, spec, samples, rng)
        return _fitting(about, Calibration(feeds, SYNTHETIC, False, scalars))
    pictures = np.random.default_rng(seed).standard_normal((samples, *_sides(about, image)), np.float32)
    return _filled(about, pictures, None, SYNTHETIC, False)


def roles(about: Metadata) -> tuple[TensorSpec | None, TensorSpec | None]:
    """The one picture [N, C, H, W] among the inputs, and the time where the network is a diffusion."""
    images = [spec for spec in about.inputs if len(spec.shape) == 4 and spec.dtype.startswith("float")]
    image = images[0] if len(images) == 1 else None
    times = [spec for spec in about.inputs if len(spec.shape) < 2 and spec.name not in _label_names(about)]
    return image, times[0] if image and times and diffusion_of(about.meta) is not None else None


def _label_names(about: Metadata) -> list[str]:
    """The names of the inputs that take a class."""
    small = [spec.name for spec in about.inputs if len(spec.shape) < 2]
    if diffusion_of(about.meta) is not None:
        return labels_among(small)
    return [name for name in small if name.lower() in LABEL_NAMES]


def _filled(about: Metadata, pictures: Floats, labels: Array | None, source: str, real: bool) -> Calibration:
    """The inputs besides pictures."""
    rng = np.random.default_rng(1)
    image, time = roles(about)
    assert image is not None
    feeds: dict[str, Array] = {image.name: pictures}
    if time is not None:
        feeds[image.name], feeds[time.name] = _noised(about, pictures, time, rng)
    classes = _label_names(about)
    for spec in about.inputs:
        if spec.name in classes and spec.name not in feeds:
            feeds[spec.name] = _labels(about, labels, len(pictures), rng).astype(spec.dtype)
        elif spec.name not in feeds:
            feeds[spec.name] = _drawn(about, spec, len(pictures), rng)
    scalars = frozenset(spec.name for spec in about.inputs if not spec.shape)
    ordered = {spec.name: feeds[spec.name] for spec in about.inputs}
    return _fitting(about, Calibration(ordered, source, real, scalars))


def _noised(about: Metadata, pictures: Floats, time: TensorSpec, rng: np.random.Generator) -> tuple[Floats, Array]:
    """x_t at times that cover the schedule evenly, in a random order."""
    told = diffusion_of(about.meta) or {}
    schedule = Schedule.from_meta(told.get("schedule"))
    count = len(pictures)
    times = rng.permutation((np.arange(count) + rng.random(count)) * schedule.train_steps // count).astype(np.int64)
    noise = rng.standard_normal(pictures.shape, np.float32)
    return schedule.add_noise(pictures, noise, times).astype(np.float32), times.astype(time.dtype)


def _labels(about: Metadata, labels: Array | None, count: int, rng: np.random.Generator) -> Array:
    """The given labels, else random ones; some replaced by the label of none."""
    told = diffusion_of(about.meta) or {}
    classes, none = told.get("classes", 1), told.get("null_label")
    if not is_count(classes) or classes < 1:
        raise InputError(
            f"{about.name} has a wrong number of classes", expected="1 or more", received=repr(classes)[:80]
        )
    found = rng.integers(0, classes, count) if labels is None else np.array(labels)
    if none is not None:
        found[rng.random(count) < UNLABELLED] = int(none)
    return found


def _drawn(about: Metadata, spec: TensorSpec, count: int, rng: np.random.Generator) -> Array:
    """Normal numbers; whole ones below 2, which every table has, or the nearest that the network admits."""
    shape = (count, *_sides(about, spec)) if spec.shape else (count,)
    if spec.dtype.startswith("float"):
        return rng.standard_normal(shape).astype(spec.dtype)
    drawn = rng.integers(0, 2, shape)
    return (drawn if spec.range is None else spec.range.nearest(drawn, _symbols(about))).astype(spec.dtype)


def _sides(about: Metadata, spec: TensorSpec) -> tuple[int, ...]:
    """The sizes after the first axis: fixed, or those of `meta`, or the nearest usual ones that are admitted."""
    return tuple(size if isinstance(size, int) else usual_side(about, size) for size in spec.shape[1:])


def _symbols(about: Metadata) -> dict[str, int]:
    """The sizes that the symbols of the inputs have; 1 where they count examples."""
    known: dict[str, int] = {}
    for spec in about.inputs:
        for axis, size in enumerate(spec.shape):
            if symbol := symbol_of(size):
                known.setdefault(symbol, usual_side(about, symbol) if axis else 1)
    return known


def usual_side(about: Metadata, symbol: str) -> int:
    """The size of a symbol that `meta` names, else 224 or the nearest that the network admits."""
    told = diffusion_of(about.meta) or {}
    named = (about.meta.get("size") or {}).get(symbol, told.get("size"))
    if isinstance(named, int):
        return named
    rules: dict[str, Constraint] = {rule.symbol: rule for rule in about.constraints}
    rule = rules.get(symbol)
    return USUAL_SIDE if rule is None or rule.allows(USUAL_SIDE) else rule.closest(USUAL_SIDE)[0]


def _require_enough(count: int, source: str, fewest: int = FEWEST) -> None:
    if count < fewest:
        raise InputError(
            f"{source} has too few examples to calibrate on", expected=f"at least {fewest}", received=str(count)
        )


def _fitting(about: Metadata, made: Calibration) -> Calibration:
    """Raises InputError where the rows do not fit the network's inputs."""
    fixed = _fixed_batch(about)
    _require_enough(len(made), made.source, max(FEWEST, PARTS * (fixed or 1)))
    found = replace(made, fixed=fixed)
    checked_arrays(found.batches(FEWEST)[0], about.inputs, about.constraints)
    kinds = {spec.name: spec.dtype for spec in about.inputs}
    return replace(found, feeds={name: rows.astype(kinds[name], copy=False) for name, rows in found.feeds.items()})


def _fixed_batch(about: Metadata) -> int | None:
    """How many rows a network takes at a time; None where it takes any number."""
    sizes = {spec.shape[0] for spec in about.inputs if spec.shape}
    return next((size for size in sizes if isinstance(size, int)), None) if len(sizes) == 1 else None


def usual_count(about: Metadata) -> int:
    """The default number of rows to calibrate on: 128, or more where the network takes many at a time."""
    return max(SAMPLES, PARTS * (_fixed_batch(about) or 1))
