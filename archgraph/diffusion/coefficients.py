"""A sampler's table: what each evaluation of the network contributes to the next x. One loop applies any of them.

The loop holds x, an anchor (an x from before, for samplers that look ahead and then step from there again), and a
memory of what earlier evaluations found, the newest first. All samplers here are linear in these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archgraph.artifact.arrays import Array
from archgraph.diffusion.noise_levels import NoiseLevels


@dataclass(frozen=True, slots=True)
class Mix:
    """a · x + b · anchor + c · ε + Σ d_k · memory_k, with ε the noise that the network sees in x."""

    sample: float = 0.0
    anchor: float = 0.0
    noise: float = 0.0
    memory: tuple[float, ...] = ()

    def of(self, x: Array, anchor: Array, noise: Array, memory: Sequence[Array]) -> Array:
        """The sum. What has no share is left out, for it may be infinite."""
        terms = [(self.sample, x), (self.anchor, anchor), (self.noise, noise)]
        terms += zip(self.memory, memory, strict=False)
        (share, array), *rest = [term for term in terms if term[0]] or terms[:1]
        result: Array = share * array
        for share, array in rest:
            result += share * array
        return result


KEPT = Mix(anchor=1.0)
HERE = Mix(sample=1.0)


@dataclass(frozen=True, slots=True)
class CoefficientRow:
    """One evaluation: at which time and level the network sees x, and what follows from it.

    `remembered` are the shares of x and x_0 in what goes into the memory. `next` makes the next x, `held` the next
    anchor, both from what was there before. `sigma` scales new noise; where a network learns its variance, it may go up
    to `sigma_most`. After a row that `finishes`, a step is done.
    """

    time: float
    signal: float
    spread: float
    next: Mix
    held: Mix = KEPT
    remembered: tuple[float, float] = (0.0, 1.0)
    sigma: float = 0.0
    sigma_most: float | None = None
    finishes: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """All evaluations of a run; `start` scales the standard normal noise that it begins with."""

    rows: tuple[CoefficientRow, ...]
    start: float = 1.0

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[CoefficientRow]:
        return iter(self.rows)

    @property
    def steps(self) -> int:
        """How many steps it finishes."""
        return sum(row.finishes for row in self.rows)

    @property
    def depth(self) -> int:
        """How much the memory must hold."""
        return max((len(mix.memory) for row in self.rows for mix in (row.next, row.held)), default=0)

    @property
    def timesteps(self) -> NDArray[Any]:
        """The time of each evaluation: whole numbers as int64, others as float32."""
        times = np.array([row.time for row in self.rows])
        return times.astype(np.int64 if (times == np.rint(times)).all() else np.float32)


def one_per_step(levels: NoiseLevels, mixes: Iterable[Mix], sigma: Iterable[float] | None = None) -> Table:
    """The table of a sampler that evaluates the network once in each step."""
    places = zip(levels.times.tolist(), levels.signal.tolist(), levels.spread.tolist(), strict=False)
    added = [0.0] * len(levels) if sigma is None else map(float, sigma)
    rows = (CoefficientRow(*place, next=mix, sigma=new) for place, mix, new in zip(places, mixes, added, strict=False))
    return Table(tuple(rows), levels.start)
