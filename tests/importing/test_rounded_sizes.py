"""Sizes that are rounded to multiples: torch's expressions of them stay short, and free."""

from __future__ import annotations

import math

import pytest
import references
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._sympy import functions

import archgraph as ag
from archgraph.importing.api import import_module
from archgraph.importing.tracing.rounded_sizes import _is_never_negative, rounded_sizes


class SamePadding(nn.Module):
    """TensorFlow's padding "same" before three convolutions with stride 2."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(2, 2, size, 2) for size in (3, 5, 2)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            size = layer.kernel_size[0]
            down, right = (max((math.ceil(side / 2) - 1) * 2 + size - side, 0) for side in x.shape[2:])
            x = layer(functional.pad(x, (right // 2, right - right // 2, down // 2, down - down // 2)))
        return x


def test_padding_same_keeps_sizes_free_and_short() -> None:
    graph = ag.from_torch(SamePadding, {"x": "N,2,H,W"})
    assert str(graph.outputs["output"].type) == "[N, 2, (H + 7) // 8, (W + 7) // 8]"


def test_identities_hold_for_all_numbers() -> None:
    """Each expression that is built inside is the number that Python computes, for many sizes."""
    import sympy

    size = sympy.Symbol("fresh_size", positive=True, integer=True)
    with rounded_sizes():
        ceil = functions.CeilToInt(functions.IntTrueDiv(size, sympy.Integer(3)))
        pair = functions.FloorDiv(ceil + 5, sympy.Integer(4))
        padding = functions.Max(0, 3 * ceil - size + 1)
        signed = functions.Max(0, 3 * ceil - size - 1)
    assert not pair.atoms(functions.CeilToInt)
    assert not padding.has(functions.Max)
    assert signed.has(functions.Max)
    for number in range(1, 60):
        up = -(-number // 3)
        found = [int(one.subs(size, number)) for one in (ceil, pair, padding, signed)]
        assert found == [up, (up + 5) // 4, 3 * up - number + 1, max(0, 3 * up - number - 1)]


@pytest.mark.parametrize(("rest", "never"), [(0, True), (-1, False)])
def test_what_is_never_negative(rest: int, never: bool) -> None:
    import sympy

    size = sympy.Symbol("another_size", positive=True, integer=True)
    half = functions.FloorDiv(size + 1, sympy.Integer(2))
    assert _is_never_negative(2 * half - size + rest) is never
    assert _is_never_negative(2 * functions.FloorDiv(half + 1, sympy.Integer(2)) - half + rest) is never


def test_torch_is_as_it_was() -> None:
    before = [vars(kind).get("eval") for kind in (functions.Mod, functions.FloorDiv, functions.CeilToInt)]
    with rounded_sizes():
        pass
    assert [vars(kind).get("eval") for kind in (functions.Mod, functions.FloorDiv, functions.CeilToInt)] == before
    assert "__new__" not in vars(functions.Max)
    assert torch.sym_max(1, 2) == 2


def test_a_padding_that_the_sizes_leave_nothing_of_is_not_written() -> None:
    locally_grouped = references.timm().models.twins.LocallyGroupedAttn

    class Windows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patch, self.attn = nn.Conv2d(3, 8, 4, 4), locally_grouped(8, 2, ws=3)

        def forward(self, x: Tensor) -> Tensor:
            x = self.patch(x)
            return self.attn(x.flatten(2).transpose(1, 2), (x.shape[2], x.shape[3]))

    found = import_module(Windows(), {"x": torch.zeros(2, 3, 24, 36)}, dynamic={"x": {0: "N", 2: "H", 3: "W"}})
    assert found.parity is not None
    assert {"H": 36, "N": 3, "W": 37} in found.parity.sizes
    assert "pad" not in {node.op.name for node in found.graph.nodes.values()}
    conditions = found.spec["inputs"]["x"]["where"]
    assert len(set(conditions)) == len(conditions)
