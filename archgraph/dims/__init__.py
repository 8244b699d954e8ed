"""Symbolic sizes of tensors, and what is known, provable and refused about them.

A dimension (`Dim`) is an int or a `Size`: an integer polynomial over symbols and floor divisions, such as
`(H + 1) // 2`. `Facts` holds what a network requires of its symbols.
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
