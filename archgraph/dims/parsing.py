"""Reads the text of a size back: `parse_dim(str(dim)) == dim`. Nothing is evaluated as code."""

from __future__ import annotations

import copyreg
import re
from collections.abc import Callable
from typing import Any

from archgraph.dims.limits import LARGEST_NUMBER, LARGEST_POWER
from archgraph.dims.size import Dim, Size, symbol
from archgraph.errors import ShapeError

LONGEST_TEXT = 20_000
DEEPEST_NESTING = 50
LONGEST_NUMBER = 30

_TOKEN = re.compile(r"\s*(?:(?P<number>[0-9]+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>\*\*|//|[-+*%()]))")
_PRODUCTS: dict[str, Callable[[Dim, Dim], Dim]] = {
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
}


def parse_dim(text: str) -> Dim:
    """The dimension that a text such as `2*((H + 1) // 2)` stands for. Raises ShapeError where it is none."""
    return _SizeReader(text).whole()


def _reduced(size: Size) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """A size is pickled and copied as its text."""
    return parse_dim, (str(size),)


copyreg.pickle(Size, _reduced)


class _SizeReader:
    """One pass over the tokens, by recursive descent; `*`, `//` and `%` bind equally, from left to right."""

    def __init__(self, text: str):
        self.text = text
        self.tokens = self._split()
        self.at = 0
        self.depth = 0

    def _split(self) -> list[str]:
        if len(self.text) > LONGEST_TEXT:
            raise self.wrong(f"it is longer than {LONGEST_TEXT} characters")
        tokens, at, end = [], 0, len(self.text.rstrip())
        while at < end:
            found = _TOKEN.match(self.text, at)
            if found is None:
                raise self.wrong(f"{self.text[at:].lstrip()[0]!r} has no meaning here")
            if len(found["number"] or "") > LONGEST_NUMBER:
                raise self.wrong("a number in it is too large")
            tokens.append(found[0].strip())
            at = found.end()
        return [*tokens, ""]

    def wrong(self, problem: str) -> ShapeError:
        shown = self.text if len(self.text) <= 80 else self.text[:77] + "..."
        return ShapeError(f"this is not a size: {problem}", expected="such as (H + 1) // 2", received=repr(shown))

    def take(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1]

    def whole(self) -> Dim:
        dim = self.terms()
        if self.tokens[self.at]:
            raise self.wrong(f"{self.tokens[self.at]!r} is not expected")
        return dim

    def terms(self) -> Dim:
        total = self.term()
        while self.tokens[self.at] in ("+", "-"):
            total = total + self.term() if self.take() == "+" else total - self.term()
        return total

    def term(self) -> Dim:
        if self.tokens[self.at] == "-":
            self.take()
            return self.factors_after(-self.power())
        return self.factors_after(self.power())

    def factors_after(self, first: Dim) -> Dim:
        result = first
        while self.tokens[self.at] in _PRODUCTS:
            operation = _PRODUCTS[self.take()]
            operand = self.power()
            if operation is not _PRODUCTS["*"] and isinstance(operand, int) and operand < 1:
                raise self.wrong("it divides by zero")
            result = self.bounded(operation(result, operand))
        return result

    def power(self) -> Dim:
        base = self.operand()
        if self.tokens[self.at] != "**":
            return base
        self.take()
        exponent = self.take()
        if not exponent.isdigit() or int(exponent) > LARGEST_POWER:
            raise self.wrong(f"a power must be a number up to {LARGEST_POWER}")
        return self.bounded(base ** int(exponent))

    def bounded(self, dim: Dim) -> Dim:
        if isinstance(dim, int) and abs(dim) > LARGEST_NUMBER:
            raise self.wrong("a number in it grows too large")
        return dim

    def operand(self) -> Dim:
        token = self.take()
        if token.isdigit():
            return int(token)
        if token == "(":
            return self.parenthesised()
        if not token or not (token[0].isalpha() or token[0] == "_"):
            raise self.wrong(f"a number or a name is missing before {token!r}" if token else "it ends too early")
        return symbol(token)

    def parenthesised(self) -> Dim:
        self.depth += 1
        if self.depth > DEEPEST_NESTING:
            raise self.wrong(f"parentheses are nested deeper than {DEEPEST_NESTING}")
        inner = self.terms()
        self.depth -= 1
        if self.take() != ")":
            raise self.wrong("'(' is never closed")
        return inner
