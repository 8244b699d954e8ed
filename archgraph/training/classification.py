"""Training a classifier: cross-entropy, and the accuracy on held-out pictures."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from archgraph.training.batches import Batch
from archgraph.training.lightning_module import Learning
from archgraph.training.randomness import Draws

AUXILIARY = 0.3
"""The weight of an auxiliary classifier's loss (Szegedy et al. 2015, https://arxiv.org/abs/1409.4842)."""


class Classification(Learning):
    """A network from pictures [N, C, H, W] to logits [N, classes]."""

    metrics = ("accuracy",)

    def loss_of(self, network: nn.Module, pictures: Tensor, labels: Tensor, draws: Draws) -> Tensor:
        """Cross entropy; the scores of auxiliary classifiers, which there are in training only, count less."""

        def criterion(logits: Tensor, labels: Tensor) -> Tensor:
            return F.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)

        return with_auxiliary(self.loss or criterion, network(pictures), labels, AUXILIARY)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        logits, labels = self.average(self.normalized(batch["pixels"])), batch["labels"]
        found = {
            "held_out_loss": (self.loss or F.cross_entropy)(logits, labels),
            "accuracy": (logits.argmax(1) == labels).float().mean(),
        }
        self.log_dict(found, batch_size=len(labels), prog_bar=True)
        self.log("step", float(self.global_step), batch_size=len(labels))


def with_auxiliary(
    criterion: Callable[[Tensor, Tensor], Tensor],
    answer: Tensor | tuple[Tensor, ...],
    target: Tensor,
    weight: float,
) -> Tensor:
    """The loss of the first output, and that of the others with a smaller weight."""
    first, *others = answer if isinstance(answer, tuple) else (answer,)
    loss = criterion(first, target)
    return loss + weight * torch.stack([criterion(other, target) for other in others]).sum() if others else loss
