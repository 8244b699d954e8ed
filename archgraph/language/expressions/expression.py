"""The expression language: compiled expressions, and the paths that hold some.

    + - * / // % **   < <= == != >= > in   and or not   x if c else y   a[i] a[i:j:k]   [a, b]   functions

Python parses the text and nothing of it is ever run: `compiler` admits what is on a whitelist and makes closures of it,
which compute with `operators` and `functions`. Texts, trees, numbers and lists are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from archgraph.dims import Facts
from archgraph.errors import ExpressionError
from archgraph.language.expressions.compiler import Compiler, Run
from archgraph.language.expressions.values import described
from archgraph.records import record

MOST_LEVELS = 16
LONGEST_PATH = 1_000


def is_expression(value: Any) -> bool:
    """Whether it is a text that starts with '='."""
    return isinstance(value, str) and value.startswith("=")


@record()
class Expression:
    """A compiled expression: its text without the '=', the names that it reads, and how to compute it."""

    text: str
    names: frozenset[str]
    run: Run

    def evaluate(self, scope: Mapping[str, Any], facts: Facts) -> Any:
        """Its value where names stand for these values. Raises ExpressionError, UnknownNameError."""
        return self.run(scope, facts)

    def __str__(self) -> str:
        return f"={self.text}"


@lru_cache(maxsize=4096)
def compile_expression(text: str) -> Expression:
    """The expression in a text, with or without the leading '='. Raises ExpressionError."""
    source = re.sub(r"\s", " ", text.removeprefix("=")).strip()
    compiler = Compiler(source)
    run = compiler.compiled()
    return Expression(source, frozenset(compiler.names), run)


@record()
class PathTemplate:
    """A path with expressions in braces, such as `features.{2 * s + 1}.{i}`."""

    text: str
    pieces: tuple[str | Expression, ...]

    @property
    def literal(self) -> bool:
        """Whether it has no braces."""
        return all(isinstance(piece, str) for piece in self.pieces)

    def evaluate(self, scope: Mapping[str, Any], facts: Facts) -> str:
        """The path where names stand for these values. Raises ExpressionError: only whole numbers and text fit in."""
        path = "".join(piece if isinstance(piece, str) else _segment(piece, scope, facts) for piece in self.pieces)
        require_levels(path)
        return path


def require_levels(path: str) -> None:
    """Raises ExpressionError for a path of more levels than a module tree can have."""
    levels = path.count(".") + 1
    if levels > MOST_LEVELS or len(path) > LONGEST_PATH:
        raise ExpressionError(
            f"the path '{path[:40]} …' is too long",
            expected=f"at most {MOST_LEVELS} levels and {LONGEST_PATH} characters",
            received=f"{levels:,} levels, {len(path):,} characters",
        )


def _segment(piece: Expression, scope: Mapping[str, Any], facts: Facts) -> str:
    value = piece.evaluate(scope, facts)
    if type(value) is int or isinstance(value, str):
        return str(value)
    raise ExpressionError(
        f"'{{{piece.text}}}' in a path must be a whole number or text",
        expected="a whole number or text",
        received=described(value),
    )


@lru_cache(maxsize=4096)
def compile_template(text: str) -> PathTemplate:
    """The template in a path's text. Raises ExpressionError for braces that do not close or hold no expression."""
    pieces: list[str | Expression] = []
    for at, part in enumerate(re.split(r"\{([^{}]*)\}", text)):
        if at % 2:
            pieces.append(compile_expression(part))
        elif "{" in part or "}" in part:
            raise ExpressionError(f"a brace in the path '{text}' has no partner", hint='write "layers.{i}"')
        elif part:
            pieces.append(part)
    return PathTemplate(text, tuple(pieces))
