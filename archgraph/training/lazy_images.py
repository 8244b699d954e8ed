"""Pictures that stay in their files until a batch asks for them, where all of them would not fit into memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archgraph.errors import ArchgraphError, InputError
from archgraph.runtime import load_image
from archgraph.training.images import Pixels, Prepare

Source = Path | tuple[Path, Path]
"""A picture file; or a picture file and that of its mask."""
Read = Callable[[Source], Pixels]
AT_ONCE = 256
THREADS = min(8, os.cpu_count() or 1)


@dataclass(frozen=True)
class OnDemand:
    """Reads like an array [n, C, H, W] of bytes; each look decodes the files anew."""

    sources: tuple[Source, ...]
    read: Read
    each: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self), *self.each)

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, numbers: NDArray[np.int64]) -> Pixels:
        """[k, C, H, W] of those numbers. Raises InputError for a file that can no longer be read."""
        found = list(decoded([self.sources[number] for number in numbers], self.read))
        gone = next((result for result in found if isinstance(result, str)), None)
        if gone is not None:
            raise InputError("a picture could be read at the start of the run, and cannot any more", received=gone)
        return np.stack([result for result in found if not isinstance(result, str)])

    def only(self, chosen: NDArray[np.bool_]) -> OnDemand:
        """Some of them."""
        kept = tuple(source for source, wanted in zip(self.sources, chosen, strict=True) if wanted)
        return OnDemand(kept, self.read, self.each)


def reading(prepare: Prepare) -> Read:
    """What reads a picture file and prepares it."""

    def read(file: Source) -> Pixels:
        assert isinstance(file, Path)
        return prepare(load_image(file))

    return read


def decoded(sources: Sequence[Source], read: Read) -> Iterator[Pixels | str]:
    """Each source's pixels, or why it has none. Decoding lets go of Python's lock, so threads help."""

    def one(source: Source) -> Pixels | str:
        try:
            return read(source)
        except ArchgraphError as error:
            problem = error.problems[0]
            return f"{problem.message}" + (f" ({problem.received})" if problem.received else "")

    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(sources), AT_ONCE):  # so that never more than these wait to be looked at
            yield from pool.map(one, sources[start : start + AT_ONCE])


class DecodedImages:
    """Decoded pictures as long as they fit into a budget of bytes; beyond it, only their digest and shape."""

    def __init__(self, budget: float):
        self.kept: list[Pixels] = []
        self.good: list[bool] = []
        self.broken: list[str] = []
        self.each: tuple[int, ...] = ()
        self.hashed = hashlib.sha256()
        self.fits = True
        self._budget = budget

    def take(self, result: Pixels | str) -> None:
        """The next picture, or why there is none."""
        self.good.append(not isinstance(result, str))
        if isinstance(result, str):
            self.broken.append(result)
            return
        self.each = result.shape
        self.hashed.update(np.ascontiguousarray(result).data)
        self.fits = self.fits and (len(self.kept) + 1) * result.nbytes <= self._budget
        if self.fits:
            self.kept.append(result)
        else:
            self.kept.clear()
