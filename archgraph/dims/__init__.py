"""Symbolic sizes of tensors, and what is known, provable and refused about them.

A dimension (`Dim`) is an int or a `Size`: an integer polynomial over symbols and floor divisions, such as
`(H + 1) // 2`. `Facts` holds what a network requires of its symbols.

>>> from archgraph.dims import Cause, Facts, symbol
>>> facts, H = Facts(), symbol("H")
>>> facts.require_equal(8 * (H // 8), H, Cause("three halvings, three doublings and a skip"))
>>> [constraint.text for constraint in facts.constraints()]
['H must be a multiple of 8']
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archgraph.dims.constraint import Cause, Constraint
from archgraph.dims.parsing import parse_dim
from archgraph.dims.size import Dim, Size, evaluate, product, symbol, symbols_of

if TYPE_CHECKING:
    from archgraph.dims.facts import Facts

__all__ = [
    "Cause",
    "Constraint",
    "Dim",
    "Facts",
    "Size",
    "evaluate",
    "parse_dim",
    "product",
    "symbol",
    "symbols_of",
]


def __getattr__(name: str) -> Any:
    """Proofs load when `Facts` is used: who opens an exported file reads sizes and proves nothing."""
    if name == "Facts":
        from archgraph.dims.facts import Facts

        return Facts
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
