"""The weights of the best evaluation, and the end of a run that no longer gets better."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from archgraph.training.lightning_import import L, callbacks
from archgraph.training.lightning_module import Learning
from archgraph.training.run_folder import BEST, RunFolder
from archgraph.training.sharding import full_state_dict

LOSS = "held_out_loss"
Numbers = Mapping[str, float]


@dataclass(frozen=True)
class Evaluation:
    """The numbers that the averaged weights of a step have on the held-out pictures; `classes` are those of each."""

    step: int
    numbers: Numbers
    classes: Mapping[str, Numbers] = field(default_factory=dict)

    def better_than(self, other: Evaluation, monitor: str) -> bool:
        """Whether the monitored number is better, or equal with a smaller loss. What is not finite is never better."""
        mine, theirs = self._merits(monitor), other._merits(monitor)
        return all(value == value for value in mine) and (mine > theirs or any(value != value for value in theirs))

    def _merits(self, monitor: str) -> tuple[float, float]:
        loss = -self.numbers[LOSS]
        return (loss if monitor == LOSS else self.numbers[monitor]), loss


class BestWeights(callbacks.Callback):
    """Keeps the averaged weights of the best evaluation so far, and stops the run after too many without a better one.

    Until the first evaluation, the newest checkpoint's are kept. Every process comes to the decision of the first.
    """

    def __init__(self, folder: RunFolder, monitor: str, *, keeps: bool, patience: int, tell: Callable[[str], None]):
        self._folder, self._monitor, self._keeps = folder, monitor, keeps
        self._patience, self._tell = patience, tell
        self.best: Evaluation | None = None
        self.waited = self._seen = 0

    def on_train_batch_end(self, trainer: L.Trainer, module: Any, *rest: Any) -> None:
        if self.best is None and trainer.global_step % module.recipe.save_every == 0:
            self._write(module)

    def on_validation_end(self, trainer: L.Trainer, module: Any) -> None:
        evaluation: Evaluation = trainer.strategy.broadcast(self._evaluation(trainer, module))
        if evaluation.step == self._seen:
            return  # once more, after a checkpoint of the same step
        self._seen = evaluation.step
        if self.best is None or evaluation.better_than(self.best, self._monitor):
            self.best, self.waited = evaluation, 0
            self._write(module)
            return
        self.waited += 1
        if self._is_over() and trainer.global_step < module.recipe.steps:
            trainer.should_stop = True
            self._tell(
                f"stopped after step {trainer.global_step:,}: {self.waited} evaluations without a better "
                f"{self._monitor.replace('_', '-')} than that of step {self.best.step:,}"
            )

    def on_train_start(self, trainer: L.Trainer, module: Any) -> None:
        """A run that has been stopped is not continued, unless its patience is larger now."""
        if self._is_over():
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        best = asdict(self.best) if self.best else None
        return {"monitor": self._monitor, "best": best, "waited": self.waited, "seen": self._seen}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if state_dict["best"] and state_dict["monitor"] == self._monitor:
            self.best = Evaluation(**state_dict["best"])
            self.waited, self._seen = state_dict["waited"], state_dict["seen"]

    def _is_over(self) -> bool:
        return bool(self._patience) and self.waited >= self._patience

    def _evaluation(self, trainer: L.Trainer, module: Learning) -> Evaluation:
        found = {name: float(trainer.callback_metrics[name]) for name in (LOSS, *module.metrics)}
        return Evaluation(trainer.global_step, found, module.per_class())

    def _write(self, module: Learning) -> None:
        if not self._keeps:
            return
        weights = full_state_dict(module.average)
        if module.global_rank == 0:
            self._folder.write_weights(BEST, weights)
