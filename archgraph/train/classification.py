"""Training a classifier: cross-entropy, and the accuracy on held-out pictures."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from archgraph.train.batches import Batch
from archgraph.train.lightning_module import Learning
from archgraph.train.randomness import Draws


class Classification(Learning):
    """A network from pictures [N, C, H, W] to logits [N, classes]."""

    def loss_of(self, network: nn.Module, pictures: Tensor, labels: Tensor, draws: Draws) -> Tensor:
        return F.cross_entropy(network(pictures), labels, label_smoothing=self.recipe.label_smoothing)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        logits, labels = self.average(self.normalized(batch["pixels"])), batch["labels"]
        found = {
            "held_out_loss": F.cross_entropy(logits, labels),
            "accuracy": (logits.argmax(1) == labels).float().mean(),
        }
        self.log_dict(found, batch_size=len(labels), prog_bar=True)
        self.log("step", float(self.global_step), batch_size=len(labels))
