"""A batch in parts, one for each core, which computes its part from beginning to end by itself.

ONNX Runtime splits each operator among its threads. Cores then wait for one another at each of them, and read what
others have written through the cache that they share. What belongs to one part stays in the cache of one core.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.artifact.file_names import data_of
from archgraph.artifact.metadata import Metadata
from archgraph.errors import ArchgraphError
from archgraph.runtime.binding import Bindings
from archgraph.runtime.fingerprints import Identity, identity
from archgraph.runtime.processor import cores
from archgraph.runtime.providers import open_cpu

IDLE = 0.1
"""How much longer than with an even division the cores may take."""
PIECE = 8
"""Places that a core computes at a time: what more of them need would leave its cache."""
LARGEST = 2 << 30
"""Bytes of a file and its weights up to which it is opened a second time."""
TRIES, TRYING, CLEAR = 3, 0.4, 4
"""Both ways are tried so many times each, and for so many seconds together unless one takes so many times as long."""
AGAIN = 50
"""After how many times as long both are tried anew: what else the machine does changes."""
Place = slice


class SplitTrial:
    """Whether splitting is faster for batches of about one size: both ways are timed, then the faster is used."""

    decided: bool
    until: float
    tried: int
    seconds: float
    best: dict[bool, float]
    """The fewest seconds for each element of the inputs, in parts and whole."""

    def __init__(self) -> None:
        self._begin()

    def parts(self) -> bool:
        """Whether the next batch is to be computed in parts."""
        return self.best[True] <= self.best[False] if self.decided else self.tried % 2 == 0

    def learn(self, parts: bool, seconds: float, elements: int) -> None:
        """Takes note of how long a run took, and how many elements its inputs had."""
        self.seconds += seconds
        if self.decided:
            if self.seconds >= self.until:
                self._begin()
            return
        self.tried += 1
        self.best[parts] = min(self.best[parts], seconds / elements)
        clear = max(self.best.values()) > CLEAR * min(self.best.values())
        if self.tried >= 2 * TRIES and (clear or self.seconds >= TRYING):
            self.decided, self.until = True, AGAIN * self.seconds

    def _begin(self) -> None:
        self.decided, self.until = False, 0.0
        self.tried, self.seconds = 0, 0.0
        self.best = {True: inf, False: inf}


class BatchSplit:
    """The file opened a second time, for runs of one thread each, as many at a time as there are `workers`.

    It is opened once runs of whole batches have `spent` as many seconds as opening takes, `cost`: a few runs do not pay
    for it. A file that has been replaced since, or cannot be opened again, is not split. Parts do not always pay: a
    small network is done before another core has begun, and a wide one reads its weights for each piece anew. So both
    ways are timed, for batches of each order of size.
    """

    def __init__(self, path: Path, metadata: Metadata, workers: int, cost: float, cache: bool, seen: list[Identity]):
        self.path = path
        self.batched = [spec.name for spec in metadata.inputs if spec.shape and spec.shape[0] == metadata.batch]
        self.outputs = [spec.name for spec in metadata.outputs]
        self.workers = workers
        self.cost = cost
        self.cache = cache
        self.spent = 0.0
        self._contests: defaultdict[int, SplitTrial] = defaultdict(SplitTrial)
        self._seen = seen
        self._session: Any = None
        self._crew: list[Bindings] = []
        self._start_threads()

    @staticmethod
    def of(
        path: Path, metadata: Metadata, threads: int | None, cost: float, cache: bool, seen: list[Identity]
    ) -> BatchSplit | None:
        """None where the file does not say that its places know nothing of each other, and for a single core.

        `seen` is what `file_identities` gave before the file was opened first.
        """
        workers = threads or cores()
        if workers < 2 or not metadata.batch or not seen or sum(size for _, _, size, *_ in seen) > LARGEST:
            return None
        return BatchSplit(path, metadata, workers, cost, cache, seen)

    def suits(self, arrays: Mapping[str, Array]) -> bool:
        """Whether the batch divides among the cores without leaving some idle for long."""
        if not self.batched:
            return False
        size = len(arrays[self.batched[0]])
        return -(-size // self.workers) * self.workers <= (1 + IDLE) * size

    def ready(self) -> bool:
        """Whether it is open; opens it when it pays."""
        if not self._crew and self.spent >= self.cost:
            self._open()
        return bool(self._crew)

    def pays(self, arrays: Mapping[str, Array]) -> bool:
        """Whether this batch is to be computed in parts: they have been faster, or are to be tried."""
        return self.ready() and self._contest(arrays).parts()

    def decided(self, arrays: Mapping[str, Array]) -> bool:
        """Whether it is known how this batch is computed from now on."""
        if not self._crew:
            return self.spent == -inf
        return self._contest(arrays).decided

    def learn(self, arrays: Mapping[str, Array], parts: bool, seconds: float) -> None:
        """Takes note of how long a batch took, in parts or whole."""
        if self._crew:
            self._contest(arrays).learn(parts, seconds, self._elements(arrays))
        else:
            self.spent += seconds

    def run(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs, of all parts at the same time. Raises what ONNX Runtime raises."""
        if self._process != os.getpid():  # a fork has the session, but not the threads
            self._start_threads()
        try:
            parts = self._parts(arrays)
        except BaseException:  # an interrupt as well, after which threads may still be at work on these buffers
            self._renew()
            raise
        return {name: np.concatenate([piece[name] for piece in parts]) for name in self.outputs}

    def close(self) -> None:
        """Lets the session go, and its threads."""
        self._pool.shutdown()
        self._session, self._crew = None, []

    def _start_threads(self) -> None:
        self._process = os.getpid()
        self._pool = ThreadPoolExecutor(self.workers - 1, "archgraph-batch")

    def _renew(self) -> None:
        self._crew = [Bindings(self._session, "cpu", self.outputs) for _ in range(self.workers)]

    def _parts(self, arrays: Mapping[str, Array]) -> list[dict[str, Array]]:
        size = len(arrays[self.batched[0]])
        first, *others = zip(self._crew, divided(0, size, self.workers), strict=True)
        working = [self._pool.submit(self._computed, arrays, *other) for other in others]
        try:
            parts = self._computed(arrays, *first)
        finally:
            wait(working)
        return parts + [piece for done in working for piece in done.result()]

    def _open(self) -> None:
        self.spent = -inf  # not again, whatever comes of it
        try:
            if file_identities(self.path) != self._seen:
                return
            session = open_cpu(self.path, 1, self.cache).session
            if file_identities(self.path) != self._seen:  # replaced meanwhile
                return
        except (ArchgraphError, OSError):
            return
        self._session = session
        self._renew()

    def _contest(self, arrays: Mapping[str, Array]) -> SplitTrial:
        return self._contests[self._elements(arrays).bit_length()]

    def _elements(self, arrays: Mapping[str, Array]) -> int:
        return sum(arrays[name].size for name in self.batched)

    def _computed(self, arrays: Mapping[str, Array], bindings: Bindings, part: Place) -> list[dict[str, Array]]:
        """The outputs of one part, piece by piece."""
        size = part.stop - part.start
        pieces = divided(part.start, part.stop, -(-size // PIECE))
        return [bindings.run(self._of(arrays, piece), copy=True) for piece in pieces]

    def _of(self, arrays: Mapping[str, Array], piece: Place) -> dict[str, Array]:
        return {name: array[piece] if name in self.batched else array for name, array in arrays.items()}


def divided(start: int, stop: int, count: int) -> Iterator[Place]:
    """Places start to stop as parts whose sizes differ by one at most, none of them empty unless there are too few."""
    borders = [start + (stop - start) * part // count for part in range(count + 1)]
    return (slice(*pair) for pair in pairwise(borders))


def file_identities(path: Path) -> list[Identity]:
    """The identities of a file and its external data; an empty list where they cannot be read."""
    files = (path, data_of(path))
    try:
        return [identity(file) for file in files if file.is_file()]
    except OSError:  # gone since
        return []
