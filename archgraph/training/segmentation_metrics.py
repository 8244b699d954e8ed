"""How well predicted masks overlap with given ones: counts over all pictures, and IoU, Dice and accuracy from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archgraph.training.augment import IGNORED


class Overlaps:
    """The number of pixels of each class (rows) that each class was predicted for (columns), but for ignored ones."""

    def __init__(self, classes: int):
        self.counts = np.zeros((classes, classes), np.int64)

    def add(self, predicted: Tensor, masks: Tensor) -> None:
        """Counts the pixels of some pictures, [N, H, W] each."""
        known, classes = masks != IGNORED, len(self.counts)
        pairs = masks[known].long() * classes + predicted[known].long()
        found = torch.bincount(pairs.cpu(), minlength=classes**2)
        self.counts += found.reshape(classes, classes).numpy()

    def means(self) -> dict[str, float]:
        """The accuracy of pixels, and IoU and Dice as means over the classes that are given or predicted anywhere."""
        total = self.counts.sum()
        iou, dice = self._ratios()
        return {
            "accuracy": float(np.trace(self.counts) / total) if total else float("nan"),
            "iou": float(np.nanmean(iou)) if total else float("nan"),
            "dice": float(np.nanmean(dice)) if total else float("nan"),
        }

    def per_class(self, names: Sequence[str]) -> Mapping[str, Mapping[str, float]]:
        """IoU and Dice of the classes that are given or predicted anywhere."""
        rows = zip(names, *self._ratios(), strict=True)
        return {name: {"iou": float(iou), "dice": float(dice)} for name, iou, dice in rows if not np.isnan(iou)}

    def _ratios(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """|A ∩ B| / |A ∪ B| and 2 |A ∩ B| / (|A| + |B|) of each class; nan for a class that is nowhere."""
        both = np.diag(self.counts).astype(np.float64)
        sizes = (self.counts.sum(0) + self.counts.sum(1)).astype(np.float64)
        with np.errstate(invalid="ignore"):
            return both / (sizes - both), 2 * both / sizes
