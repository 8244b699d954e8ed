"""Chance as a function of the seed and the step, so that nothing has to be remembered when a run is killed.

The draws of a step are made for the whole batch of all processes, and each process takes its rows: two processes see
what one would see with the doubled batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

ORDER, NOISE, AUGMENT, DROPOUT, HELD_OUT = range(5)
"""The purposes that chance serves. Each has a stream of its own."""


def mixed(seed: int, purpose: int, *place: int) -> int:
    """A seed of 63 bits for a purpose at a place."""
    state = np.random.SeedSequence([seed, purpose, *place]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


@dataclass(frozen=True, slots=True)
class Draws:
    """Random numbers for rows `first` to `first + rows` of a batch of `whole`."""

    generator: torch.Generator
    first: int
    rows: int
    whole: int

    @property
    def device(self) -> torch.device:
        return self.generator.device

    def normal(self, *shape: int) -> Tensor:
        """[rows, *shape] from N(0, 1)."""
        return self._mine(torch.randn((self.whole, *shape), generator=self.generator, device=self.device))

    def uniform(self, *shape: int) -> Tensor:
        """[rows, *shape] from [0, 1)."""
        return self._mine(torch.rand((self.whole, *shape), generator=self.generator, device=self.device))

    def integers(self, below: int) -> Tensor:
        """[rows] from 0 to below - 1."""
        return self._mine(torch.randint(below, (self.whole,), generator=self.generator, device=self.device))

    def _mine(self, drawn: Tensor) -> Tensor:
        return drawn[self.first : self.first + self.rows]


def generator(device: torch.device, seed: int) -> torch.Generator:
    """A generator on a device at a seed."""
    return torch.Generator(device).manual_seed(seed)
