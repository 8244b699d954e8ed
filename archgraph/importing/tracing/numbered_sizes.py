"""Numbers in the place of sizes in a program that is traced already, so that it need not be traced once more.

What torch found of a program holds at the sizes that it was traced on; a program whose sizes are these numbers is the
one that a trace with fixed sizes makes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy
import torch
from torch import fx

from archgraph.importing.tracing.branch_conditions import environment_of

Symbols = frozenset[Any]
"""torch's symbols for sizes."""


def sizes_to_fix(inputs: Mapping[str, fx.Node], asked: Symbols) -> dict[Any, int]:
    """Which sizes become the numbers that they were traced on, by torch's symbols: those that are asked for, of which
    batches, the first dimensions, stay free where others are among them; all but the batches where nothing is asked
    for, or where those are numbers already."""
    known: dict[Any, int] = {}
    batches: set[Any] = set()
    for node in inputs.values():
        for axis, size in enumerate(node.meta["val"].shape):
            if isinstance(size, torch.SymInt) and size.node.expr.is_Symbol and size.node.hint is not None:
                known[size.node.expr] = int(size.node.hint)
                batches |= {size.node.expr} if axis == 0 else set()
    for wanted in (asked - batches, known.keys() - batches, known.keys()):
        found = {symbol: number for symbol, number in known.items() if symbol in wanted}
        if found:
            return found
    return {}


def fix_sizes(graph: fx.Graph, numbers: Mapping[Any, int]) -> None:
    """Puts numbers in the place of these sizes, in all of a program and in the conditions under which it holds."""
    environment = environment_of(graph)
    for symbol, number in numbers.items():
        environment._set_replacement(symbol, sympy.Integer(number), "fixed")
    for node in graph.nodes:
        value = node.meta.get("val")
        if isinstance(value, (torch.SymInt, torch.SymFloat)):
            number_of = _number(value)
            if number_of is not None:
                _read_as(node, number_of)
        elif value is not None:
            node.meta["val"] = torch.utils._pytree.tree_map_only(torch.Tensor, _numbered, value)


def _number(size: torch.SymInt | torch.SymFloat) -> int | float | None:
    expression = size.node.expr
    if not expression.is_number:
        return None
    return int(expression) if isinstance(size, torch.SymInt) else float(expression)


def _read_as(node: fx.Node, number: int | float) -> None:
    """All operations that read a number of the program read this one."""

    def read(one: fx.Node) -> Any:
        return number if one is node else one

    for reader in list(node.users):
        if reader.op != "output":
            reader.args, reader.kwargs = fx.map_arg((reader.args, reader.kwargs), read)


def _numbered(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor of the program whose sizes have become numbers, without contents."""
    sizes = [_number(size) if isinstance(size, torch.SymInt) else size for size in tensor.shape]
    if None in sizes or not any(isinstance(size, torch.SymInt) for size in tensor.shape):
        return tensor
    return torch.empty(sizes, dtype=tensor.dtype, device="meta")
