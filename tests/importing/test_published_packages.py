"""What the code of published packages does beside its arithmetic: small modules that do the same."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archgraph as ag
from archgraph.errors import ImportingError


class _Missing:
    """Stands in for a package that is not installed, and raises whatever it is asked for, as in MONAI."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"import of a missing package: {name}")


missing = _Missing()


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Any:
        return self.head(x)


def test_names_of_missing_packages_are_let_alone() -> None:
    with pytest.raises(RuntimeError):
        _ = missing.anything
    assert ag.from_torch(Plain(), {"x": "N,4"}, name="plain").outputs


class Checked(nn.Module):
    """Asks for sizes that it takes, unless it is compiled, as the networks of segmentation_models_pytorch."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 4, 3, stride=8, padding=1)

    def forward(self, x: Tensor) -> Any:
        if not torch.compiler.is_compiling() and x.shape[-1] % 8 != 0:
            raise RuntimeError("the width must be a multiple of 8")
        return self.down(x)


def test_sizes_that_a_compiled_module_does_not_check_are_constraints() -> None:
    graph = ag.from_torch(Checked(), {"x": "N,3,H,W"}, name="checked")
    assert [(one.symbol, one.allows(16), one.allows(17)) for one in graph.constraints] == [("W", True, False)]


class Anchors(nn.Module):
    """Multiplies by a number of a plain tensor, which fills another one, as the heads of Ultralytics."""

    def __init__(self) -> None:
        super().__init__()
        self.strides = torch.tensor([8.0, 16.0])
        self.head = nn.Conv2d(3, 4, 1)

    def forward(self, x: Tensor) -> Any:
        return self.head(x) * x.new_full((x.shape[2], 1), self.strides[1])


def test_numbers_read_from_plain_tensors_are_numbers() -> None:
    graph = ag.from_torch(Anchors(), {"x": "N,3,H,W"}, name="anchors")
    assert [str(size) for size in graph.inputs[0].shape] == ["N", "3", "H", "W"]
    assert any(node.get("fill_value") == 16.0 for node in graph.info.written["nodes"].values() if type(node) is dict)


class Counting(Anchors):
    """The number changes from call to call."""

    def forward(self, x: Tensor) -> Any:
        self.strides.add_(1)
        return self.head(x) * x.new_full((x.shape[2], 1), self.strides[1])


def test_numbers_that_change_are_refused() -> None:
    with pytest.raises(ImportingError):
        ag.from_torch(Counting(), {"x": "N,3,H,W"}, name="counting")
