"""The text of one expression: parsed by Python, and shown with a caret under the part that an error is about."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping
from typing import Any

from archgraph.errors import ExpressionError, Problem, UnknownNameError, nearest
from archgraph.language.expressions.syntax import FOREIGN
from archgraph.language.expressions.values import FaultError

LONGEST_EXPRESSION = 2_000
LONGEST_SHOWN = 200

Span = tuple[int, int]


class SourceText:
    """Knows the places of an expression's parts, and makes the errors about them."""

    def __init__(self, source: str):
        self.source = source

    def parse(self) -> ast.expr:
        """Its tree. Raises ExpressionError for what Python cannot read."""
        if not self.source:
            raise ExpressionError("the expression is empty", hint="write an expression after '='")
        if len(self.source) > LONGEST_EXPRESSION:
            expected = f"at most {LONGEST_EXPRESSION} characters"
            raise ExpressionError("the expression is too long", expected=expected, received=str(len(self.source)))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(self.source, mode="eval").body
        except SyntaxError as error:
            raise self._syntax_error(error) from None
        except (ValueError, RecursionError, MemoryError):
            raise ExpressionError(f"the expression '{self.source:.60}' cannot be read") from None

    def _syntax_error(self, error: SyntaxError) -> ExpressionError:
        start, reason = (error.offset or 0) - 1, error.msg.removeprefix("f-string: ")
        if start < 0:  # Python's place for what is missing at the end
            start, reason = len(self.source), "it ends too early"
        hint = next((hint for sign, hint in FOREIGN if sign in self.source), "")
        return self.error(f"the expression cannot be read: {reason}", (start, start + 1), hint=hint, whole=True)

    def error(
        self, message: str, span: Span, expected: str = "", received: str = "", hint: str = "", whole: bool = False
    ) -> ExpressionError:
        """An error with a caret under the part of the expression that it is about."""
        return ExpressionError(Problem(message, None, "", expected, received, hint, self._notes(span, whole)))

    def _notes(self, span: Span, whole: bool = False) -> tuple[tuple[str, None], ...]:
        start, end = span
        if len(self.source) > LONGEST_SHOWN:
            return ((f"in ={self.source[:LONGEST_SHOWN]} …", None),)
        if not whole and end - start >= len(self.source):
            return ((f"in ={self.source}", None),)
        under = " " * (len("  note: in =") + start) + "^" * max(1, end - start)
        return ((f"in ={self.source}\n{under}", None),)

    def fault(self, fault: FaultError, span: Span) -> ExpressionError:
        """The error of an operation that has no result."""
        return self.error(fault.message, span, fault.expected, fault.received, fault.hint)

    def span(self, node: ast.AST) -> Span:
        """First and last character; the tree counts bytes."""
        start, end = getattr(node, "col_offset", 0), getattr(node, "end_col_offset", None) or len(self.source)
        if self.source.isascii():
            return start, end
        data = self.source.encode()
        return len(data[:start].decode(errors="ignore")), len(data[:end].decode(errors="ignore"))

    def unknown(self, name: str, known: Mapping[str, Any], span: Span) -> UnknownNameError:
        """The error about a name that nothing has."""
        names = sorted(known)
        shown = ", ".join(names[:12]) + (" …" if len(names) > 12 else "")
        expected = f"one of {shown}" if names else ""
        hint = nearest(name, names)
        return UnknownNameError(Problem(f"there is no '{name}' here", None, "", expected, "", hint, self._notes(span)))
