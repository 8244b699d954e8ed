"""Random uses of the standard blocks, in turn: the examples of the documentation, with few channels."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

from random_bodies import Body
from random_sources import Sources

from archgraph.dims import Dim, evaluate, symbols_of
from archgraph.graph.types import Graph
from archgraph.language.library import BLOCKS, read_spec
from archgraph.language.load import load
from archgraph.ops import TensorType

EXAMPLES = Path(__file__).parents[2] / "docs" / "block_examples.py"
FEW = 8
"""Channels in the place of those of the documentation."""
TRIED = range(1, 33)
"""Numbers of which the least that a block allows stands for each size but the batch."""
ORDER = sorted(path.stem for path in BLOCKS.glob("*.yaml"))
Random(0).shuffle(ORDER)
NUMBERS = {"experts": 3, "patch": 2, "heads": 2, "num_heads": 2, "nhead": 2, "num_layers": 1}
"""Arguments in the place of large ones."""
GROUPED = ("transformer2d", "latent_resblock", "spatial_attention", "resnet", "diffusion_resblock")
SMALLER: dict[str, dict[str, Any]] = {
    **{name: {"groups": 4} for name in GROUPED},
    "fpn": {"out_channels": FEW},
    "aspp": {"out_channels": FEW},
    "window_partition": {"window": 2},
    "grid_partition": {"grid": 2},
    "window_reverse": {"window": 2, "rows": 1, "columns": 1},
    "grid_reverse": {"grid": 2, "rows": 1, "columns": 1},
    "relative_position_index": {"height": 3, "width": 2},
    "relative_position_bias": {"window": 2},
    "shift_mask": {"height": 4, "width": 4, "shift": 1, "window": 2},
    "shifted_window_attention": {"window": 2},
    "cyclic_shift": {"window": 2, "shift": -1},
}
"""Arguments that the examples leave at large defaults."""
MOST_ELEMENTS = 6000
"""Of a value, at a batch of 3."""


@dataclass(frozen=True)
class Use:
    """A node that applies a block once, what it reads, and what it gives."""

    node: Mapping[str, Any]
    inputs: Mapping[str, TensorType]
    outputs: Mapping[str, TensorType]


@cache
def _examples() -> ModuleType:
    """The documentation's module, read for itself, so that what is changed here stays here."""
    spec = importlib.util.spec_from_file_location("small_block_examples", EXAMPLES)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["small_block_examples"] = module  # its classes look for it there
    spec.loader.exec_module(module)
    channels = module.CHANNELS
    module.CHANNELS = FEW
    module.USUAL = NUMBERS
    module.ARGUMENTS = _fewer(module.ARGUMENTS, channels)
    return module


def _fewer(given: Any, channels: int) -> Any:
    if isinstance(given, dict):
        return {key: NUMBERS.get(key, _fewer(item, channels)) for key, item in given.items()}
    if isinstance(given, list):
        return [_fewer(item, channels) for item in given]
    return given * FEW // channels if type(given) is int and given % channels == 0 and given else given


@cache
def use_of(name: str) -> Use:
    """The example of a block; all sizes but the batch are numbers."""
    module = _examples()
    block = read_spec(BLOCKS / f"{name}.yaml").block
    spec = module._use(block, {**module.arguments_of(block), **SMALLER.get(name, {})})
    graph = load(spec)
    sizes = _sizes(graph)
    inputs = {value.name: _at(value.type, sizes) for value in graph.inputs}
    outputs = {end: _at(value.type, sizes) for end, value in graph.outputs.items()}
    node = {key: _numbered(item, sizes) for key, item in spec["nodes"][module.NODE].items()}
    return Use(node, inputs, outputs)


def _sizes(graph: Graph) -> dict[str, int]:
    """A number for each symbol but the batch, which constraints allow; later ones are larger."""
    rules = {rule.symbol: rule for rule in graph.constraints}
    names = sorted({name for value in graph.inputs for size in value.shape for name in symbols_of(size)} - {"N"})
    return {
        name: next(size for size in TRIED if size >= 3 + at and (name not in rules or rules[name].allows(size)))
        for at, name in enumerate(names)
    }


def _at(kind: TensorType, sizes: Mapping[str, int]) -> TensorType:
    return TensorType(tuple(_size(size, sizes) for size in kind.shape), kind.dtype)


def _size(size: Dim, sizes: Mapping[str, int]) -> Dim:
    return size if isinstance(size, int) else size.substitute(sizes)


def _is_small(kind: TensorType) -> bool:
    return prod(evaluate(size, {"N": 3}) for size in kind.shape) <= MOST_ELEMENTS


def _numbered(argument: Any, sizes: Mapping[str, int]) -> Any:
    """An argument that names a size as a number."""
    return sizes.get(str(argument).removeprefix("="), argument) if isinstance(argument, str) else argument


class StandardBlocks(Sources):
    """Adds a standard block to the outermost body: each spec another one."""

    def block_in_turn(self, body: Body) -> bool:
        """A block with inputs of its own."""
        name = ORDER[self._first // 3 % len(ORDER)]  # it is asked of every third network
        use = use_of(name)
        if not all(map(_is_small, (*use.inputs.values(), *use.outputs.values()))):
            return False  # none is, as a test says
        read = {port: body.read(self._given(body, kind)) for port, kind in use.inputs.items()}
        node = {key: item if key != "in" else _wired(item, read) for key, item in use.node.items()}
        made = self.name(name)
        body.nodes[made] = node
        for end, kind in use.outputs.items():
            body.add(f"{made}.{end}" if end and len(use.outputs) > 1 else made, kind)
        return True


def _wired(ports: Mapping[str, Any], read: Mapping[str, str]) -> dict[str, Any]:
    """The values of the network in the place of the inputs of the example."""
    return {
        port: [read[name] for name in item] if isinstance(item, list) else read[item] for port, item in ports.items()
    }
