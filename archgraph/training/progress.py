"""How far a run is: steps, passes over the pictures, and its last numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from archgraph.training.lightning_import import L, callbacks, rank_zero_only

SHOWN = {"loss": "loss", "held_out_loss": "held-out loss", "accuracy": "accuracy", "iou": "IoU", "dice": "Dice"}


@dataclass(frozen=True)
class Progress:
    """A step that is done, of so many; `epoch` is the pass over the pictures that it belongs to, from 1 on.

    `checked`: the held-out pictures have just been looked at. `numbers` reads what was logged last.
    """

    step: int
    steps: int
    epoch: int
    epochs: int
    checked: bool
    numbers: Callable[[], Mapping[str, float]]


Watch = Callable[[Progress], None]


def epoch_of(step: int, batch: int, pictures: int) -> int:
    """The pass in which the last picture of a step comes: ⌈step · batch / pictures⌉."""
    return -(-step * batch // pictures)


class Watching(callbacks.Callback):
    """Tells of every step, and of every look at the held-out pictures, in the first process."""

    def __init__(self, watch: Watch, pictures: int, batch: int):
        self._watch, self._pictures, self._batch = watch, pictures, batch

    def on_train_batch_end(self, trainer: L.Trainer, module: Any, *rest: Any) -> None:
        self._tell(trainer, module, ("loss",))

    def on_validation_end(self, trainer: L.Trainer, module: Any) -> None:
        self._tell(trainer, module, ("held_out_loss", "accuracy", "iou", "dice"))

    @rank_zero_only
    def _tell(self, trainer: L.Trainer, module: Any, names: tuple[str, ...]) -> None:
        def numbers() -> dict[str, float]:
            found = trainer.callback_metrics
            return {SHOWN[name]: float(found[name]) for name in names if name in found}

        step, steps = trainer.global_step, module.recipe.steps
        epoch, epochs = (epoch_of(number, self._batch, self._pictures) for number in (step, steps))
        self._watch(Progress(step, steps, epoch, epochs, names[0] != "loss", numbers))
