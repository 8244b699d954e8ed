"""One use of each standard block: a small network, of which the page on blocks shows keys, cost and picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import archgraph
from archgraph.graph import Graph
from archgraph.language.library import BLOCKS, read_spec
from archgraph.language.schema.spec import BlockSpec, InputSpec

CHANNELS = 64
"""Stands for every symbol of a block's inputs that weights depend on, in the examples of its keys."""
STAYS_SYMBOL = {"N", "H", "W", "L", "S"}
TORCH_TRANSFORMER = {"A": "L", "B": "N", "D": "S", "E": "N"}
"""Lengths and batches of torch's transformer, whose batch comes second unless a parameter says otherwise."""
NODE = "block"
"""What the examples call the use of the block."""
ARGUMENTS: dict[str, dict[str, Any]] = {
    "grouped_query_attention": {"kv_heads": 2},
    "mixture_of_experts": {"experts": 8},
    "token_attention": {"masked": True},
    "prenorm": {"fn": "attention2d"},
    "residual_connection": {"fn": {"op": "conv2d", "out_channels": CHANNELS, "kernel_size": 3, "padding": 1}},
    "fpn": {"in_channels": [CHANNELS, 2 * CHANNELS]},
    "patch_embed": {"patch": 16, "dim": CHANNELS},
    "wavenet_block": {"condition_channels": CHANNELS},
    "cyclic_order": {"size": 56, "shift": -3, "window": 7},
    "cyclic_shift": {"shift": -3, "dim": 1, "window": 7},
    "grid_reverse": {"grid": 8, "rows": 7, "columns": 7},
    "window_reverse": {"window": 8, "rows": 7, "columns": 7},
    "unpatchify": {"patch": 2, "height": "=L", "width": 1},
}
"""What an example gives; other required numbers are those of `USUAL`, or `CHANNELS`."""
USUAL = {"heads": 8, "num_heads": 8, "nhead": 8, "num_layers": 2}


def block_example(name: str) -> Graph:
    """A network that applies the block once."""
    block = read_spec(BLOCKS / f"{name}.yaml").block
    return archgraph.load(_use(block, arguments_of(block)))


def arguments_of(block: BlockSpec) -> dict[str, Any]:
    """What the example of a block gives."""
    given = ARGUMENTS.get(block.name, {})
    wanted = [key for key, kind in block.params.items() if kind.required and key not in given]
    return given | {key: USUAL.get(key, CHANNELS) for key in wanted}


def _use(block: BlockSpec, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A spec that applies the block once."""
    scope = {name: arguments.get(name, kind.default) for name, kind in block.params.items()}
    taken = {name: found for name, found in block.inputs.items() if _value(found.when, scope) is not False}
    ports = {name: _example_inputs(found, scope) for name, found in taken.items()}
    wired = {name: list(given) if block.inputs[name].each is not None else name for name, given in ports.items()}
    return {
        "archgraph": 1,
        "name": block.name,
        "inputs": {name: value for given in ports.values() for name, value in given.items()},
        "nodes": {NODE: {"op": block.name, **({"in": wired} if wired else {}), **arguments}},
    }


def _example_inputs(found: InputSpec, scope: Mapping[str, Any]) -> dict[str, Any]:
    """The network's inputs for one of a block: several where it stands for several values."""
    if found.each is None:
        free = 1 if found.dtype == "bool" else "N"  # a mask is the same for all
        shape = [free if size == "_" else _example_size(size, scope) for size in _written_out(found.shape)]
        return {found.name: {"shape": shape, "dtype": _value(found.dtype, scope)}}
    entries = enumerate(scope[found.each.removeprefix("=")])
    return {
        f"{found.name}_{number}": [
            f"{'HW'[at % 2]}{number}" if size == "_" else _example_size(size, {**scope, found.entry: entry})
            for at, size in enumerate(found.shape)
        ]
        for number, entry in entries
    }


def _written_out(shape: Sequence[Any]) -> Sequence[Any]:
    if shape[0] != "...":
        return shape
    return ("N", "C", "H", "W") if len(shape) == 1 else ("N", "L", *shape[1:])


def _example_size(size: Any, scope: Mapping[str, Any]) -> Any:
    if isinstance(size, str) and not size.startswith("="):
        size = TORCH_TRANSFORMER.get(size, size) if "batch_first" in scope else size
        return size if size in STAYS_SYMBOL else CHANNELS
    return _value(size, scope)


def _value(text: Any, scope: Mapping[str, Any]) -> Any:
    """What an expression of one of our own blocks gives; anything else as it is."""
    if not isinstance(text, str) or not text.startswith("="):
        return text
    names = {"null": None, "true": True, "false": False}
    return eval(text.removeprefix("="), {"__builtins__": {}}, _Example({**names, **scope}))


class _Example(dict[str, Any]):
    """Parameters by name; sizes that weights depend on are channels."""

    def __missing__(self, name: str) -> int:
        return CHANNELS
