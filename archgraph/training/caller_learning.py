"""Training by a loss that the caller hands in, where the spec names no task."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from archgraph.training.augment import augmented, augmented_pairs
from archgraph.training.batches import Batch
from archgraph.training.lightning_module import Learning
from archgraph.training.randomness import AUGMENT, Draws


class CallerLearning(Learning):
    """A network from pictures [N, C, H, W] to anything that the loss takes.

    `target` is what the outputs are compared with: the labels [N], the masks [N, H, W] or the pictures themselves.
    """

    def __init__(self, target: str, *args: Any):
        super().__init__(*args)
        self.target = target

    def prepared(self, batch: Batch) -> tuple[Tensor, Tensor]:
        pictures, target = self._compared(batch)
        if self.target == "masks":
            return augmented_pairs(pictures, target, self.recipe, self.draws(AUGMENT, batch))
        moved = augmented(pictures, self.recipe, self.draws(AUGMENT, batch))
        return moved, moved if self.target == "pictures" else target

    def loss_of(self, network: nn.Module, pictures: Tensor, labels: Tensor, draws: Draws) -> Tensor:
        assert self.loss is not None
        return self.loss(network(pictures), labels)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        assert self.loss is not None
        pictures, target = self._compared(batch)
        self.log("held_out_loss", self.loss(self.average(pictures), target), batch_size=len(pictures), prog_bar=True)
        self.log("step", float(self.global_step), batch_size=len(pictures))

    def _compared(self, batch: Batch) -> tuple[Tensor, Tensor]:
        pixels = batch["pixels"]
        if self.target == "masks":
            return self.normalized(pixels[:, :-1]), pixels[:, -1].long()
        pictures = self.normalized(pixels)
        return pictures, pictures if self.target == "pictures" else batch["labels"]
