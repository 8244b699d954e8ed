"""Which picture comes when: the pictures in a new order for each pass, cut into batches without a gap."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset

from archgraph.training.images import ImageData
from archgraph.training.lightning_import import L
from archgraph.training.randomness import ORDER, mixed

Indices = NDArray[np.int64]
HELD_OUT_BATCH = 256


class Batch(TypedDict):
    """Rows `first` and on of a batch of `whole` over all processes, at a step."""

    pixels: Tensor
    labels: Tensor
    step: int
    first: int
    whole: int


class ImageOrder:
    """An endless row of picture numbers: pass after pass, each a permutation of its own."""

    def __init__(self, count: int, seed: int):
        self._count, self._seed = count, seed
        self._known: dict[int, Indices] = {}

    def at(self, start: int, length: int) -> Indices:
        """The numbers at places start to start + length."""
        places = (divmod(place, self._count) for place in range(start, start + length))
        return np.array([self._permutation(number)[k] for number, k in places], np.int64)

    def _permutation(self, number: int) -> Indices:
        if number not in self._known:
            self._known = {k: kept for k, kept in self._known.items() if k == number - 1}
            self._known[number] = np.random.default_rng(mixed(self._seed, ORDER, number)).permutation(self._count)
        return self._known[number]


class Batches(IterableDataset[Batch]):
    """Batches from a step on, without end: Lightning stops after the last step."""

    def __init__(self, pictures: ImageData, seed: int, first_step: int, batch: int, rank: int, world: int):
        self.pictures, self.first_step, self.batch = pictures, first_step, batch
        self._first, self._whole = rank * batch, world * batch
        self._order = ImageOrder(len(pictures), seed)

    def __iter__(self) -> Iterator[Batch]:
        steps = count(self.first_step)
        if isinstance(self.pictures.pixels, np.ndarray):
            yield from map(self._batch, steps)  # never ends
        with ThreadPoolExecutor(1) as ahead:  # the next batch is decoded while the network learns from this one
            following = ahead.submit(self._batch, next(steps))
            while True:
                batch = following.result()
                following = ahead.submit(self._batch, next(steps))
                yield batch

    def _batch(self, step: int) -> Batch:
        numbers = self._order.at(step * self._whole + self._first, self.batch)
        return cut(self.pictures, numbers, step, self._first, self._whole)


def cut(pictures: ImageData, numbers: Indices, step: int, first: int, whole: int) -> Batch:
    """The pictures of those numbers as a batch."""
    return Batch(
        pixels=torch.from_numpy(pictures.pixels[numbers]),
        labels=torch.from_numpy(pictures.labels[numbers]),
        step=step,
        first=first,
        whole=whole,
    )


class Parts(Dataset[Batch]):
    """The held-out pictures, cut when they are looked at."""

    def __init__(self, pictures: ImageData, parts: list[Indices]):
        self._pictures, self._parts = pictures, parts

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, number: int) -> Batch:
        part = self._parts[number]
        return cut(self._pictures, part, number, 0, len(part))


class PictureData(L.LightningDataModule):
    """What is trained on and what is held out. It continues at the step that the trainer has reached."""

    def __init__(self, trained: ImageData, held_out: ImageData, batch: int, seed: int):
        super().__init__()
        self.trained, self.held_out = trained, held_out
        self._batch, self._seed = batch, seed

    def train_dataloader(self) -> DataLoader[Any]:
        assert self.trainer is not None
        at, rank, world = self.trainer.global_step, self.trainer.global_rank, self.trainer.world_size
        return DataLoader(Batches(self.trained, self._seed, at, self._batch, rank, world), batch_size=None)

    def val_dataloader(self) -> DataLoader[Any]:
        """All held-out pictures, in every process: they are few, and so the numbers need no gathering."""
        whole = len(self.held_out)
        parts = [np.arange(start, min(start + HELD_OUT_BATCH, whole)) for start in range(0, whole, HELD_OUT_BATCH)]
        return DataLoader(Parts(self.held_out, parts), batch_size=None)
