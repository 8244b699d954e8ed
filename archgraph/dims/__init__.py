"""Symbolic sizes of tensors, and what is known, provable and refused about them.

A dimension (`Dim`) is an int or a `Size`: an integer polynomial over symbols and floor divisions, such as
`(H + 1) // 2`. `Facts` holds what a network requires of its symbols.

>>> facts, H = Facts(), symbol("H")
>>> facts.require_equal(8 * (H // 8), H, Cause("three halvings, three doublings and a skip"))
>>> [constraint.text for constraint in facts.constraints()]
['H must be a multiple of 8']
"""

from archgraph.dims.constraint import Cause, Constraint
from archgraph.dims.facts import Facts
from archgraph.dims.parsing import parse_dim
from archgraph.dims.size import Dim, Size, evaluate, product, symbol, symbols_of

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
