"""What all tasks share: the network and the average of its weights, the rate, and a loss that is watched."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from archgraph.errors import TrainingError
from archgraph.training.augment import augmented
from archgraph.training.batches import Batch
from archgraph.training.caller_loss import CallerLoss
from archgraph.training.images import PixelRange
from archgraph.training.lightning_import import L
from archgraph.training.parameter_groups import evaluating, freeze, optimizer_groups, trained_pairs
from archgraph.training.randomness import AUGMENT, DROPOUT, NOISE, Draws, generator, mixed
from archgraph.training.recipe import Recipe
from archgraph.training.sharding import is_sharded, local, shard


class Learning(L.LightningModule):
    """A network trained by AdamW (Loshchilov and Hutter 2019), and an exponential average of its weights.

    `claims` is the record of its run in a checkpoint. `apart`: whether a strategy that shards the weights may
    gather them part by part. `loss` is the caller's, in place of the task's own. `metrics` are what an evaluation logs
    besides the loss.
    """

    metrics: tuple[str, ...] = ()
    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, network: nn.Module, recipe: Recipe, pixel_range: PixelRange, seed: int):
        super().__init__()
        self.frozen = freeze(network, recipe.freeze)
        evaluating(self.frozen)
        self.network = network
        self.average = copy.deepcopy(network).eval().requires_grad_(False)
        self.recipe, self.seed = recipe, seed
        self.claims: Mapping[str, Any] = {}
        self.apart = True
        self.loss: CallerLoss | None = None
        for name in ("mean", "std"):
            values = torch.tensor(getattr(pixel_range, name)).reshape(-1, 1, 1)
            self.register_buffer(f"pixel_{name}", values, persistent=False)
        if recipe.compile:
            network.compile()

    def configure_model(self) -> None:
        """Shards the network and the average alike, where the strategy has a mesh of processes to do so."""
        if self.device_mesh is None or is_sharded(self.network):
            return
        for network in (self.network, self.average):
            shard(network, self.device_mesh["data_parallel"], apart=self.apart)

    def loss_of(self, network: nn.Module, pictures: Tensor, labels: Tensor, draws: Draws) -> Tensor:
        """The mean loss of a batch, for training."""
        raise NotImplementedError

    def prepared(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The normalized pictures of a batch after augmentation, and what the loss compares the outputs with."""
        pictures = augmented(self.normalized(batch["pixels"]), self.recipe, self.draws(AUGMENT, batch))
        return pictures, batch["labels"]

    def per_class(self) -> Mapping[str, Mapping[str, float]]:
        """The numbers of each class in the last evaluation, where there are such."""
        return {}

    def train(self, mode: bool = True) -> Learning:
        """The average is for looking only, and frozen norms keep their statistics."""
        super().train(mode)
        self.average.eval()
        evaluating(self.frozen)
        return self

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        step = batch["step"]
        torch.manual_seed(mixed(self.seed, DROPOUT, step, self.global_rank))
        pictures, labels = self.prepared(batch)
        loss = self.loss_of(self.network, pictures, labels, self.draws(NOISE, batch))
        if not torch.isfinite(loss):
            raise TrainingError(f"the loss is {float(loss)} at step {step + 1}")
        self.log_dict({"loss": loss.detach(), "rate": self.recipe.lr * self.recipe.rate(step), "step": float(step + 1)})
        return loss

    def on_train_batch_end(self, *rest: Any) -> None:
        if self.trainer.global_step == self.recipe.steps:
            self.trainer.should_stop = True  # Lightning then looks at the held-out pictures, whatever the interval

    def normalized(self, pixels: Tensor) -> Tensor:
        """Bytes [N, C, H, W] as normalized float32."""
        return (pixels.float() / 255 - self.pixel_mean) / self.pixel_std

    def draws(self, purpose: int, batch: Batch) -> Draws:
        """The random numbers of a batch for a purpose."""
        seeded = generator(self.device, mixed(self.seed, purpose, batch["step"]))
        return Draws(seeded, batch["first"], len(batch["labels"]), batch["whole"])

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(optimizer_groups(self.network, self.recipe), lr=self.recipe.lr)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self.recipe.rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        self.follow(self.trainer.global_step)

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Moves the average towards the weights: by little, but in the first steps, when there is nothing to keep."""
        kept = min(self.recipe.ema, (1 + step) / (10 + step)) if self.recipe.ema else 0.0
        mine, theirs = (local(side) for side in zip(*trained_pairs(self.average, self.network), strict=True))
        torch._foreach_lerp_(mine, theirs, 1 - kept)
        for buffer, source in zip(self.average.buffers(), self.network.buffers(), strict=True):
            buffer.copy_(source)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["archgraph"] = dict(self.claims)
