"""One standard block against a torch module: keys, outputs, input gradients, training mode, and the proved file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import references
import torch

import archgraph as ag

Shape = tuple[int, ...]


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
    model = ag.to_torch(ag.load(case.spec()))
    theirs = {key: tuple(tensor.shape) for key, tensor in reference.state_dict().items()}
    assert [(key, tuple(tensor.shape)) for key, tensor in model.state_dict().items()] == list(theirs.items())
    model.load_state_dict(reference.state_dict(), strict=True)
    statistics = any(key.endswith("running_var") for key in theirs)
    for training in (False, True)[: 1 + statistics]:
        assert_equal_runs(model.train(training), reference.train(training), case.shapes)


def assert_equal_runs(model: torch.nn.Module, reference: torch.nn.Module, shapes: Sequence[Shape]) -> None:
    """Equal outputs, gradients of all inputs, and norm statistics afterwards; dropout is off."""
    for module in (*reference.modules(), *model.modules()):
        if "Dropout" in type(module).__name__:
            module.eval()
    for ours, theirs in zip(run(model, shapes), run(reference, shapes), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4 * float(theirs.abs().max()))
    for ours, theirs in zip(model.state_dict().values(), reference.state_dict().values(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def run(module: torch.nn.Module, shapes: Sequence[Shape]) -> list[torch.Tensor]:
    """The outputs of a module, and the gradients of a weighted sum of them."""
    generator = torch.Generator().manual_seed(3)
    inputs = [torch.randn(shape, generator=generator, requires_grad=True) for shape in shapes]
    found = module(*inputs)
    outputs = list(found) if isinstance(found, (tuple, list)) else [found]
    total = sum((output * torch.randn(output.shape, generator=generator)).sum() for output in outputs)
    return [*(output.detach() for output in outputs), *torch.autograd.grad(total, inputs)]
