"""A trace that takes too long ends between two modules, and is repeated with fewer free sizes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import count

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import archgraph as ag
from archgraph.importing.tracing import tracing_budget

LAYERS = 3


class Rescaled(nn.Module):
    """Layers between which torch's C++ code asks for symbolic sizes: an exception in there would end the process."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(2, 2, 3, padding=1) for _ in range(LAYERS)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            y = layer(x).flatten(2).transpose(1, 2).contiguous().view(x.shape[0], *x.shape[2:], 2).permute(0, 3, 1, 2)
            x = functional.interpolate(torch.einsum("nchw,nchw->nchw", x, y), scale_factor=2)
        return x


def _callers() -> Iterator[str]:
    frame = sys._getframe(2)
    while frame is not None:
        yield f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_code.co_name}"
        frame = frame.f_back  # type: ignore[assignment]


def test_a_trace_that_takes_too_long_has_fewer_free_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is read where a module is called and nowhere within an operation; the third module ends the trace."""
    reads = count()
    within: list[str] = []

    def clock() -> float:
        callers = list(_callers())
        within.extend(one for one in callers if "__torch_dispatch__" in one or one.startswith("sym_node.py"))
        return tracing_budget.MOST_SECONDS * next(reads) / 3

    monkeypatch.setattr(tracing_budget, "process_time", clock)
    message = "sizes are fixed, since a trace with these sizes free takes more than 60 seconds"
    with pytest.warns(UserWarning, match=message):
        graph = ag.from_torch(Rescaled, {"x": "N,2,H,W"}, verify=False)
    assert [str(size) for size in graph.inputs[0].shape] == ["N", "2", "128", "192"]
    assert next(reads) == 5  # the start, the module itself, and three layers: no other trace is limited
    assert not within
