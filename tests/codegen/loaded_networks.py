"""Small networks as modules, by their text and by `to_torch`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import yaml
from codegen_cases import outputs, shaken, written_file
from torch import Tensor, nn

import archgraph as ag
from archgraph.codegen import source, to_torch
from archgraph.graph.keys import weights
from archgraph.graph.types import Graph

UNIT = """
  unit:
    inputs: {x: [N, C]}
    nodes: {fc: {op: linear, out_features: =C}}
"""


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def loaded(inputs: str, nodes: str, blocks: str = "", **more: Any) -> Graph:
    text = f"archgraph: 1\nname: net\ninputs: {inputs}\nnodes: {nodes}\n" + (f"blocks:{blocks}" if blocks else "")
    return ag.load({**yaml.safe_load(text), **more})


def both(graph: Graph, folder: Path, *inputs: Tensor) -> tuple[list[Tensor], dict[str, Tensor]]:
    """What the module gives, and its state; the same network written as a file of its own gives the same."""
    net = shaken(to_torch(graph))
    state = net.state_dict()
    assert list(state) == [item.key for item in weights(graph)]
    file = written_file(source(graph), folder)
    other: nn.Module = getattr(file, type(net).__name__)()
    other.load_state_dict(state)
    found = outputs(net, *inputs)
    for ours, theirs in zip(found, outputs(other, *inputs), strict=True):
        torch.testing.assert_close(ours, theirs)
    return found, state
