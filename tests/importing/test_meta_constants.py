"""Constants of modules that are made on the meta device: computed where they follow from numbers, else refused."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from archgraph.errors import ImportingError
from archgraph.importing.api import Imported, import_module


class Regions(nn.Module):
    """A mask as of shifted windows (Liu et al. 2021): regions are numbered, and places of two of them kept apart."""

    def forward(self, x: Tensor) -> Tensor:
        regions = x.new_zeros(12)
        for number, part in enumerate((slice(0, 6), slice(6, 9), slice(9, None))):
            regions[part] = number
        apart = regions.unsqueeze(0) - regions.unsqueeze(1)
        return x + apart.masked_fill(apart != 0, -100.0).masked_fill(apart == 0, 0.0)


class Held(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(20))
        self.register_buffer("steps", torch.linspace(0, 1, 20).exp(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight + self.steps


def imported(kind: type[nn.Module], size: tuple[int, ...], device: str) -> Imported:
    with torch.device(device):
        return import_module(kind(), {"x": torch.zeros(2, *size)}, dynamic={"x": {0: "N"}}, verify=False)


def test_a_mask_that_follows_from_numbers_is_the_same_on_meta() -> None:
    spec = imported(Regions, (12, 12), "meta").spec
    assert spec["nodes"] == imported(Regions, (12, 12), "cpu").spec["nodes"]


def test_a_table_without_contents_is_refused_for_that_reason() -> None:
    with pytest.raises(ImportingError) as caught:
        imported(Held, (20,), "meta")
    problem = caught.value.problems[0]
    assert problem.message == "the constant steps has no contents: the module was made on the meta device"
    assert problem.hint == "make the module on the CPU"
