"""What is told of results on the meta device is what torch makes there, and spares the import of its compiler."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from archgraph.codegen.meta_rules import _RULES, result_without_torch

pytestmark = pytest.mark.filterwarnings("ignore")
WHOLE = [torch.int64, torch.int32, torch.uint8, torch.int8]
DTYPES = [torch.float32, torch.float16, torch.float64, torch.bfloat16, *WHOLE, torch.bool, torch.complex64]
META = torch.device("meta")


def told(tensor: Tensor) -> tuple[Any, ...]:
    return type(tensor), tensor.shape, tensor.stride(), tensor.dtype, tensor.device, tensor.requires_grad


class Drawn:
    """Arguments of any kind: views in all orders, sizes of 0 and 1, numbers, parameters."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def _happens(self, share: float) -> bool:
        return self.random.random() < share

    def shape(self) -> list[int]:
        return [self.random.choice([0, 1, 1, 2, 3, 5]) for _ in range(self.random.randint(0, 5))]

    def tensor(self, shape: list[int], dtype: torch.dtype | None = None) -> Tensor:
        made = torch.empty(shape, dtype=dtype or self.random.choice(DTYPES), device=META)
        if made.dim() > 1 and self._happens(0.25):
            made = made.transpose(*(self.random.randrange(made.dim()) for _ in range(2)))
        if self._happens(0.15):
            made = made.unsqueeze(self.random.randint(0, made.dim()))
        if made.dim() and self._happens(0.1):
            made = made[..., ::2]
        if self._happens(0.1):
            made = made.expand(3, *made.shape)
        if self._happens(0.2):
            made = nn.Parameter(made, made.is_floating_point())
        return made

    def _operand(self, shape: list[int]) -> Any:
        if self._happens(0.25):
            return self.random.choice([2, 1.5, True])
        part = shape[self.random.randint(0, len(shape)) :] if self._happens(0.4) else shape
        return self.tensor([1 if self._happens(0.3) else size for size in part])

    def _joined(self, dim: int) -> list[Tensor]:
        shape, dtype = self.shape(), self.random.choice(DTYPES)
        parts = []
        for _ in range(self.random.randint(1, 3)):
            if -len(shape) <= dim < len(shape):
                shape[dim] = self.random.randint(0, 3)
            part = torch.empty(shape[::-1], dtype=dtype, device=META)
            if self._happens(0.2):
                part = torch.empty([1] * len(shape), dtype=dtype, device=META).expand(shape[::-1])
            parts.append(part.permute(list(range(len(shape) - 1, -1, -1))))
        return parts

    def arguments(self, func: Callable[..., Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        dim = self.random.choice([-4, -3, -2, -1, 0, 0, 0, 1, 2, 3, 4])
        if func is torch.arange:
            bounds = tuple(self.random.randint(-4, 9) for _ in range(self.random.randint(1, 3)))
            return bounds, {"device": META} | ({"dtype": self.random.choice(DTYPES)} if self._happens(0.4) else {})
        if func in (torch.cat, torch.stack):
            return (self._joined(dim),), {"dim": dim}
        weight = self.tensor(self.shape())
        if func is torch.norm_except_dim:
            return (weight, 2, dim), {}
        if func is torch._weight_norm:
            sizes = [size if place == dim else 1 for place, size in enumerate(weight.shape)]
            return (weight, torch.empty(sizes, dtype=weight.dtype, device=META), dim), {}
        if getattr(func, "__name__", "") in ("add", "sub", "mul", "div"):
            return (weight, self._operand(list(weight.shape))), {}
        return (weight,), {}


@pytest.mark.parametrize("followed", [True, False], ids=["with gradients", "without"])
@pytest.mark.parametrize("func", list(_RULES), ids=lambda func: getattr(func, "__qualname__", str(func)))
def test_what_is_told_is_what_torch_makes(func: Callable[..., Any], followed: bool) -> None:
    drawn, known = Drawn(len(_RULES)), 0
    with torch.set_grad_enabled(followed):
        for _ in range(120):
            args, kwargs = drawn.arguments(func)
            found = result_without_torch(func, args, kwargs)
            if found is not None:
                known += 1
                assert told(found) == told(func(*args, **kwargs)), (func, args, kwargs)
    assert known > 2


@pytest.mark.parametrize("func", [torch.arange, torch.cat, Tensor.add, torch.stack, torch._weight_norm])
@pytest.mark.parametrize("args", [(), ([],), ("x",), (torch.empty(2, device=META),), (torch.empty(2), torch.empty(2))])
def test_other_arguments_are_torchs_own(func: Callable[..., Any], args: tuple[Any, ...]) -> None:
    assert result_without_torch(func, args, {}) is None
    assert result_without_torch(func, args, {"out": None}) is None


def test_networks_are_made_without_torchs_compiler() -> None:
    """Swin counts the places of windows, HiFi-GAN and wav2vec 2.0 have normalized weights, Whisper a table of
    positions."""
    networks = ["swin", "swin_v2", "hifigan", "wav2vec2", "whisper_encoder"]
    script = f"""
import sys, archgraph as ag
for name in {networks}:
    ag.to_torch(name, device="meta")
print("sympy" in sys.modules, "torch.fx.experimental.symbolic_shapes" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"]
