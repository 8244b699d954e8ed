"""A caller's loss on a few pictures before the first step, so that what is wrong with it is known before any file."""

from __future__ import annotations

import numpy as np
import torch

from archgraph.errors import TrainingError
from archgraph.training.batches import cut
from archgraph.training.images import ImageData
from archgraph.training.lightning_module import Learning
from archgraph.training.randomness import NOISE

PICTURES = 4


def try_loss(learning: Learning, pictures: ImageData) -> None:
    """One forward in training; weights, statistics and torch's generator are afterwards as they were.

    Raises TrainingError for a loss that cannot be minimized. What the network itself cannot do shows in the first step.
    """
    count = min(PICTURES, len(pictures))
    batch = cut(pictures, np.arange(count), 0, 0, count)
    kept = [buffer.clone() for buffer in learning.network.buffers()]
    learning.train()
    try:
        with torch.random.fork_rng(devices=[]):
            prepared, target = learning.prepared(batch)
            loss = learning.loss_of(learning.network, prepared, target, learning.draws(NOISE, batch))
    except TrainingError:
        raise
    except Exception:  # of the network, not of the loss, whose errors are TrainingErrors
        return
    finally:
        for buffer, before in zip(learning.network.buffers(), kept, strict=True):
            buffer.data.copy_(before)
    if not torch.isfinite(loss):
        assert learning.loss is not None
        raise TrainingError(
            f"the loss {learning.loss.name} of the first pictures is {float(loss.detach())}", expected="a finite number"
        )
