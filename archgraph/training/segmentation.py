"""Training a segmentation: a class for each pixel; cross entropy and Dice, judged by IoU over all held-out pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from archgraph.training.augment import IGNORED, augmented_pairs
from archgraph.training.batches import Batch
from archgraph.training.classification import with_auxiliary
from archgraph.training.lightning_module import Learning
from archgraph.training.randomness import AUGMENT, Draws
from archgraph.training.segmentation_metrics import Overlaps

AUXILIARY = 0.5
"""The weight of a second head's loss, as in torchvision's reference training of DeepLab and FCN."""


class Segmentation(Learning):
    """A network from pictures [N, C, H, W] to logits [N, classes, H, W]. The last channel of the data is the mask."""

    metrics = ("accuracy", "iou", "dice")

    def __init__(self, names: tuple[str, ...], *args: Any):
        super().__init__(*args)
        self.names = names
        self._overlaps = Overlaps(len(names))
        self._losses: list[tuple[float, int]] = []
        self._soft = torch.zeros(3, len(names), dtype=torch.float64)

    def prepared(self, batch: Batch) -> tuple[Tensor, Tensor]:
        pictures, masks = self._parted(batch)
        return augmented_pairs(pictures, masks, self.recipe, self.draws(AUGMENT, batch))

    def loss_of(self, network: nn.Module, pictures: Tensor, labels: Tensor, draws: Draws) -> Tensor:
        return with_auxiliary(self.loss or self.criterion, network(pictures), labels, AUXILIARY)

    def criterion(self, logits: Tensor, masks: Tensor) -> Tensor:
        """The mean cross entropy of the pixels that have a class, and a share of the soft Dice loss."""
        smoothing = self.recipe.label_smoothing
        total = F.cross_entropy(logits, masks, ignore_index=IGNORED, label_smoothing=smoothing, reduction="sum")
        loss = total / (masks != IGNORED).sum().clamp(min=1)
        return loss + self.recipe.dice * dice_loss(soft_overlaps(logits, masks)) if self.recipe.dice else loss

    def on_validation_epoch_start(self) -> None:
        self._overlaps = Overlaps(len(self.names))
        self._losses.clear()
        self._soft.zero_()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Counts; the numbers are those of all held-out pictures together, and no means of batches."""
        pictures, masks = self._parted(batch)
        answer = self.average(pictures)
        logits = (answer[0] if isinstance(answer, tuple) else answer).float()
        self._overlaps.add(logits.argmax(1), masks)
        labelled = int((masks != IGNORED).sum())
        if self.loss is not None:
            self._losses.append((float(self.loss(logits, masks)), len(pictures)))
        else:
            total = F.cross_entropy(logits, masks, ignore_index=IGNORED, reduction="sum")
            self._losses.append((float(total) / max(1, labelled), labelled))
            self._soft += soft_overlaps(logits, masks).double().cpu()

    def on_validation_epoch_end(self) -> None:
        weight = max(1, sum(count for _, count in self._losses))
        loss = sum(value * count for value, count in self._losses) / weight
        if self.recipe.dice and self.loss is None:
            loss += self.recipe.dice * float(dice_loss(self._soft))
        self.log_dict({"held_out_loss": loss, **self._overlaps.means()}, prog_bar=True)
        self.log("step", float(self.global_step))

    def per_class(self) -> Mapping[str, Mapping[str, float]]:
        return self._overlaps.per_class(self.names)

    def _parted(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Normalized pictures, and masks [N, H, W] of class numbers."""
        return self.normalized(batch["pixels"][:, :-1]), batch["pixels"][:, -1].long()


def soft_overlaps(logits: Tensor, masks: Tensor) -> Tensor:
    """[3, classes]: Σ p·g, Σ p and Σ g over the pixels that have a class, p the probabilities, g one where it is."""
    known = (masks != IGNORED)[:, None]
    chance = logits.float().softmax(1) * known
    given = F.one_hot(masks.where(masks != IGNORED, 0), logits.shape[1]).movedim(-1, 1) * known
    return torch.stack([(chance * given).sum((0, 2, 3)), chance.sum((0, 2, 3)), given.sum((0, 2, 3)).float()])


def dice_loss(overlaps: Tensor) -> Tensor:
    """1 - the mean of 2 Σ p·g / (Σ p + Σ g) over the classes that occur (Sudre et al. 2017)."""
    both, chance, given = overlaps
    occurs = given > 0
    each = 2 * both / (chance + given).clamp(min=1e-6)
    share: Tensor = (each * occurs).sum() / occurs.sum().clamp(min=1)
    return 1 - share if bool(occurs.any()) else 0 * share
