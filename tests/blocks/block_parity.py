"""One standard block against a torch module: keys, outputs, input gradients, training mode, and the proved file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import references
import torch
from parity import Shape, assert_equal_runs, assert_same_keys

import archgraph as ag


@dataclass(frozen=True)
class Parity:
    """A block with its arguments, the module that it must equal, and the shapes of their inputs.

    Sizes that are listed in `fixed` are numbers in the spec, all others are free.
    """

    op: str
    arguments: dict[str, Any]
    reference: Callable[[], torch.nn.Module]
    shapes: Sequence[Shape]
    fixed: Sequence[int] = (1,)
    ports: Any = None

    def spec(self) -> dict[str, Any]:
        """A network that is the block, hidden, so that its keys stand at the top."""
        inputs = {f"x{at}": self._free(at, shape) for at, shape in enumerate(self.shapes)}
        ports = list(inputs) if self.ports is None else self.ports
        node = {"op": self.op, "path": ".", "in": ports, **self.arguments}
        return {"archgraph": 1, "name": "single", "inputs": inputs, "nodes": {"block": node}}

    def _free(self, number: int, shape: Shape) -> list[Any]:
        fixed = {at % len(shape) for at in self.fixed}
        return ["N" if at == 0 else size if at in fixed else f"S{number}{at}" for at, size in enumerate(shape)]


def assert_proved(case: Parity, folder: Path) -> None:
    """Its file is proved equal to it."""
    assert ag.to_onnx(ag.to_torch(ag.load(case.spec())), folder / "block.onnx").certificate is not None


def assert_parity(case: Parity) -> None:
    """Keys and shapes in order, outputs, input gradients; with batch norm in training mode too."""
    reference = references.randomised(case.reference())
    graph = ag.load(case.spec())
    assert_same_keys(graph, reference)
    model = ag.to_torch(graph)
    model.load_state_dict(reference.state_dict(), strict=True)
    statistics = any(key.endswith("running_var") for key in reference.state_dict())
    for training in (False, True)[: 1 + statistics]:
        assert_equal_runs(model.train(training), reference.train(training), case.shapes)
