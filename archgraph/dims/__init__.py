"""Symbolic sizes of tensors, and what is known, provable and refused about them.

A dimension (`Dim`) is an int or a `Size`: an integer polynomial over symbols and floor divisions, such as
`(H + 1) // 2`. `Facts` holds what a network requires of its symbols.

>>> facts, H = Facts(), symbol("H")
>>> facts.require_equal(8 * (H // 8), H, Cause("three halvings, three doublings and a skip"))
>>> [constraint.text for constraint in facts.constraints()]
['H must be a multiple of 8']
"""

from .constraint import Cause, Constraint
from .facts import Facts
from .reading import parse_dim
from .size import Dim, Size, evaluate, product, symbol, symbols_of

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
