"""Symbolic sizes as an exported file states them: numbers, symbols, and expressions of symbols such as `H // 8`."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping

Size = int | str
Shape = tuple[Size, ...]

LONGEST_TEXT = 20_000
LARGEST_DEGREE = 256  # bounds the digits of a value, however powers are nested

_BINARY: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


def parse(size: Size) -> ast.expr:
    """The expression that a size is. Raises ValueError where it is anything but integers, symbols and + - * // % **."""
    if len(text := str(size)) > LONGEST_TEXT:
        raise ValueError(f"a size of {len(text)} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        _degree(tree)
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"{text[:80]!r} is not a size") from error
    return tree


def _degree(tree: ast.expr) -> int:
    """The degree of an expression as a polynomial, numbers counting as symbols do."""
    match tree:
        case ast.Name():
            degree = 1
        case ast.Constant(value=int()) if not isinstance(tree.value, bool):
            degree = 1
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            degree = _degree(inner)
        case ast.BinOp(left=base, op=ast.Pow(), right=ast.Constant(value=int(exponent))) if exponent >= 0:
            degree = _degree(base) * exponent
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            degree = _degree(left) + _degree(right)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.FloorDiv() | ast.Mod(), right=right):
            degree = max(_degree(left), _degree(right))
        case _:
            raise ValueError(f"{ast.unparse(tree)[:80]!r} is not a size")
    if degree > LARGEST_DEGREE:
        raise ValueError(f"a size of degree {degree}")
    return degree


def symbol_of(size: Size) -> str | None:
    """The symbol that a size is, or None where it is a number or an expression."""
    return size if isinstance(size, str) and size.isidentifier() else None


def evaluate(size: Size, symbols: Mapping[str, int]) -> int | None:
    """The value of a size where its symbols have the given values; None where one of them has none."""
    if isinstance(size, int):
        return size
    try:
        return _value(parse(size), symbols)
    except (KeyError, ZeroDivisionError):
        return None


def _value(tree: ast.expr, symbols: Mapping[str, int]) -> int:
    match tree:
        case ast.Name(id=name):
            return symbols[name]
        case ast.UnaryOp(operand=inner):
            return -_value(inner, symbols)
        case ast.BinOp(left=left, op=sign, right=right):
            return _BINARY[type(sign)](_value(left, symbols), _value(right, symbols))
        case ast.Constant(value=int(number)):
            return number
    raise ValueError(f"{ast.unparse(tree)[:80]!r} is not a size")


def shape_text(shape: Shape) -> str:
    """`[N, 3, H, W]`."""
    return f"[{', '.join(map(str, shape))}]"
