"""A graph as a module, through its text and as `to_torch` makes it."""

from __future__ import annotations

from pathlib import Path

import torch
from codegen_cases import inputs_for, outputs, shaken, written_file
from torch import Tensor, nn

from archgraph.codegen import source, to_torch
from archgraph.graph.keys import weights
from archgraph.graph.types import Graph

SIZES = {"N": 2, "H": 6, "W": 4}


def built(graph: Graph, tmp_path: Path) -> nn.Module:
    """The module, after a look at its keys and at the file that `archgraph code` would save."""
    net = shaken(to_torch(graph))
    assert list(net.state_dict()) == [item.key for item in weights(graph)]
    file = written_file(source(graph), tmp_path)
    alone: nn.Module = getattr(file, type(net).__name__)()
    alone.load_state_dict(net.state_dict())
    given = inputs_for(graph, SIZES)
    for ours, theirs in zip(outputs(net, *given), outputs(alone, *given), strict=True):
        assert ours.equal(theirs)
    return net


def close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
