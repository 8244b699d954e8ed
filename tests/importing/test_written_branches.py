"""Branches side by side: lists of modules that read the same value, and their sums."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from archgraph.importing.api import Imported, import_module
from archgraph.importing.sources.input_descriptions import InputDescription

TOKENS = {"input": InputDescription(("N", "L", 16))}


def proved(module: Callable[[], nn.Module]) -> Imported:
    """The import, which the proof found equal to the module in float64."""
    made = import_module(module, TOKENS)
    assert made.parity is not None
    assert max(made.parity.differences) < 1e-12
    return made


class Branches(nn.Module):
    """A sum over a list whose loop calls each module by the name of the list."""

    def __init__(self) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Linear(16, 16) for _ in range(6))
        self.scale = nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        whole = self.scale(x)
        for branches in self.branches:
            whole = whole + branches(x)
        return whole


class GatedBranches(Branches):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).sigmoid()


def test_repeated_sums_take_no_name_of_a_list() -> None:
    graph = proved(lambda: nn.Sequential(Branches(), GatedBranches(), GatedBranches())).graph
    assert any(item.name == "0" for item in graph.items)
