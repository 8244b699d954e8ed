"""Tables that a module holds in float32 and a spec has as the steps that make them.

The module's numbers have the rounding of float32, those of the steps that of the evaluation. Both networks are compared
on the numbers of the steps, so that the proof is about all else; how far the module's own are from them is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from archgraph.graph.types import joined


@dataclass(frozen=True, eq=False, slots=True)
class RoundedTable:
    """A table by its name in the module: as it holds it, and as the steps make it in float64."""

    name: str
    stored: torch.Tensor
    exact: torch.Tensor

    @property
    def difference(self) -> float:
        """The largest difference of two numbers."""
        return float((self.exact - self.stored.double()).abs().max())

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"name": self.name, "shape": list(self.stored.shape), "difference": self.difference}


def holders(module: torch.nn.Module, table: torch.Tensor) -> Iterator[tuple[torch.nn.Module, str, str]]:
    """The modules inside that hold a table, as a buffer without key or as an attribute; its name there, and in all."""
    for path, inner in module.named_modules():
        for name, value in (*inner._buffers.items(), *vars(inner).items()):
            if not isinstance(value, torch.Tensor) or value.is_meta or not value.is_floating_point():
                continue
            if name in inner._buffers and name not in inner._non_persistent_buffers_set:
                continue
            if value.shape == table.shape and torch.equal(value.double().cpu(), table.double()):
                yield inner, name, joined(path, name)


def with_exact_tables(module: torch.nn.Module, tables: Iterable[RoundedTable]) -> None:
    """Puts the numbers of the steps in the place of those that a module holds."""
    for table in tables:
        for inner, name, _ in list(holders(module, table.stored)):
            if name in inner._buffers:
                inner._buffers[name] = table.exact.clone()
            else:
                setattr(inner, name, table.exact.clone())
