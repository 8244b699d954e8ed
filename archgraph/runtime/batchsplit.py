"""A batch in parts, one for each core, which computes its part from beginning to end by itself.

ONNX Runtime splits each operator among its threads. Cores then wait for one another at each of them, and read what
others have written through the cache that they share. What belongs to one part stays in the cache of one core.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import pairwise
from pathlib import Path

import numpy as np

from archgraph.errors import ModelFileError

from .arrays import Array
from .binding import Bindings
from .fingerprints import identity
from .metadata import Metadata
from .processor import cores
from .providers import open_cpu

IDLE = 0.1
"""How much longer than with an even division the cores may take."""
PIECE = 8
"""Places that a core computes at a time: what more of them need would leave its cache."""
LARGEST = 2 << 30
"""Bytes of a file and its weights up to which it is opened a second time."""
Place = slice


class BatchSplit:
    """The file opened a second time, for runs of one thread each, as many at a time as there are `workers`.

    It is opened once runs of whole batches have `spent` as many seconds as opening takes, `cost`: a few runs do not pay
    for it. A file that has been replaced since, or cannot be opened again, is not split.
    """

    def __init__(self, path: Path, metadata: Metadata, workers: int, cost: float, cache: bool):
        self.path = path
        self.batched = [spec.name for spec in metadata.inputs if spec.shape and spec.shape[0] == metadata.batch]
        self.outputs = [spec.name for spec in metadata.outputs]
        self.workers = workers
        self.cost = cost
        self.cache = cache
        self.spent = 0.0
        self._seen = identity(path)
        self._crew: list[Bindings] = []
        self._pool = ThreadPoolExecutor(workers - 1, "archgraph-batch")

    @staticmethod
    def of(path: Path, metadata: Metadata, threads: int | None, cost: float, cache: bool) -> BatchSplit | None:
        """None where the file does not say that its places know nothing of each other, and for a single core."""
        workers = threads or cores()
        if workers < 2 or not metadata.batch or _bytes_of(path) > LARGEST:
            return None
        return BatchSplit(path, metadata, workers, cost, cache)

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

    def run(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs, of all parts at the same time. Raises what ONNX Runtime raises."""
        size = len(arrays[self.batched[0]])
        first, *others = zip(self._crew, divided(0, size, self.workers), strict=True)
        working = [self._pool.submit(self._computed, arrays, *other) for other in others]
        try:
            parts = self._computed(arrays, *first)
        finally:
            wait(working)
        parts += [piece for done in working for piece in done.result()]
        return {name: np.concatenate([piece[name] for piece in parts]) for name in self.outputs}

    def close(self) -> None:
        """Lets the session go, and its threads."""
        self._pool.shutdown()
        self._crew = []

    def _open(self) -> None:
        self.spent = float("-inf")  # not again, whatever comes of it
        try:
            if identity(self.path) != self._seen:
                return
            session = open_cpu(self.path, 1, self.cache).session
        except (ModelFileError, OSError):
            return
        self._crew = [Bindings(session, "cpu", self.outputs) for _ in range(self.workers)]

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


def _bytes_of(path: Path) -> int:
    """The size of a file and of the weights beside it."""
    beside = path.with_name(f"{path.name}.data")
    return path.stat().st_size + (beside.stat().st_size if beside.is_file() else 0)
