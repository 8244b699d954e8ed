"""What a run is trained on: device, processes, strategy and precision, and whether this machine has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from archgraph.errors import TrainingError, nearest
from archgraph.training.sharding import sharded_strategy

DEVICES = {"auto": "auto", "cpu": "cpu", "cuda": "gpu"}
STRATEGIES = ("auto", "ddp", "ddp_find_unused_parameters_true", "fsdp")
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")


@dataclass(frozen=True)
class Machine:
    """What to train on, in Lightning's words; `device` is auto, cpu or cuda. Raises TrainingError for others."""

    device: str = "auto"
    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"
    precision: str = "32-true"

    def __post_init__(self) -> None:
        _require("device", self.device, tuple(DEVICES))
        _require("strategy", self.strategy, STRATEGIES, "the average of the weights would not follow others")
        _require("precision", self.precision, PRECISIONS, "weights and their average stay in float32")

    @property
    def processes(self) -> int:
        return self.devices * self.nodes

    @property
    def on_cuda(self) -> bool:
        """Whether the work runs on a GPU."""
        return self.device == "cuda" or (self.device == "auto" and torch.cuda.is_available())

    def require(self) -> None:
        """Raises TrainingError for a device that is not there, or one that lacks the precision."""
        if self.device == "cuda" and not torch.cuda.is_available():
            raise TrainingError("torch sees no CUDA device", hint="--device cpu trains on the processor")
        if self.on_cuda and self.devices > torch.cuda.device_count():
            raise TrainingError(
                "there are not that many CUDA devices",
                expected=f"--devices of at most {torch.cuda.device_count()}",
                received=str(self.devices),
            )
        if self.precision == "16-mixed" and not self.on_cuda:
            raise TrainingError(
                "16-mixed needs a CUDA device", hint="bf16-mixed runs on the processor; 32-true runs everywhere"
            )
        if self.precision == "bf16-mixed" and self.on_cuda and not torch.cuda.is_bf16_supported(False):
            raise TrainingError(
                f"{torch.cuda.get_device_name()} does not compute in bfloat16", hint="--precision 16-mixed runs on it"
            )

    def lightning(self) -> dict[str, Any]:
        """The arguments of Lightning's Trainer."""
        return {
            "accelerator": DEVICES[self.device],
            "devices": self.devices,
            "num_nodes": self.nodes,
            "strategy": self._strategy(),
            "precision": self.precision,
        }

    def _strategy(self) -> Any:
        if self.strategy == "fsdp":
            return sharded_strategy(self.processes)
        return "ddp" if self.strategy == "auto" and self.processes > 1 else self.strategy


def _require(what: str, name: str, known: tuple[str, ...], why: str = "") -> None:
    if name not in known:
        raise TrainingError(
            f"training knows no {what} '{name}'",
            expected=", ".join(known),
            hint=nearest(name, known) or why,
        )
