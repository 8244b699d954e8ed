"""Compiles expressions: Python's syntax, a whitelist over its tree, and a closure for each construct.

Python parses the text and nothing of it is ever run: each admitted construct becomes a closure that computes with
`operators` and `functions`, and whose errors show the part of the text that they are about.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from archgraph.dims import Facts
from archgraph.errors import ExpressionError, nearest
from archgraph.language.expressions.budget import spend
from archgraph.language.expressions.functions import FUNCTIONS, RESERVED
from archgraph.language.expressions.operators import (
    ARITHMETIC,
    LARGEST_INTEGER,
    bounded,
    checked,
    combine,
    compare,
    item,
    negative,
    section,
    truth,
)
from archgraph.language.expressions.source_text import SourceText, Span
from archgraph.language.expressions.syntax import BINARY, COMPARED, CONSTANTS, REFUSED
from archgraph.language.expressions.values import FaultError

DEEPEST_EXPRESSION = 64

Run = Callable[[Mapping[str, Any], Facts], Any]


class Compiler:
    """Turns one expression's tree into closures."""

    def __init__(self, source: str):
        self.text = SourceText(source)
        self.names: set[str] = set()

    def compiled(self) -> Run:
        """The closure of the whole. Raises ExpressionError."""
        return self.compile(self.text.parse(), 1)

    def compile(self, node: ast.AST, depth: int) -> Run:
        """The closure of one node. Raises ExpressionError for what the language does not have."""
        if depth > DEEPEST_EXPRESSION:
            expected = f"at most {DEEPEST_EXPRESSION} levels"
            raise self.text.error("the expression is nested too deeply", self.text.span(node), expected)
        method = _METHODS.get(type(node))
        if method is None:
            raise self.refused(node, self.text.span(node))
        return method(self, node, depth + 1)

    def refused(self, node: ast.AST, span: Span) -> ExpressionError:
        what, hint = REFUSED.get(type(node), ("this construct", ""))
        return self.text.error(f"the expression language does not have {what}", span, hint=hint)

    def constant(self, node: ast.Constant, depth: int) -> Run:
        value = node.value
        if not isinstance(value, (bool, int, float, str, type(None))):
            raise self.text.error("the expression language does not have this kind of value", self.text.span(node))
        if isinstance(value, (int, float)):
            try:
                checked(value, "a number in the text")
            except FaultError as fault:
                raise self.text.fault(fault, self.text.span(node)) from None
        return lambda scope, facts: value

    def name(self, node: ast.Name, depth: int) -> Run:
        name = node.id
        if name in CONSTANTS:
            value = CONSTANTS[name]
            return lambda scope, facts: value
        span = self.text.span(node)
        if name in RESERVED:
            raise self.text.error(f"'{name}' is a function", span, hint=f"write {FUNCTIONS[name].form}")
        if not name.isascii():
            raise self.text.error(f"the name '{name}' is not of ASCII letters, digits and _", span)
        self.names.add(name)

        def run(scope: Mapping[str, Any], facts: Facts) -> Any:
            try:
                return scope[name]
            except KeyError:
                raise self.text.unknown(name, scope, span) from None

        return run

    def binary(self, node: ast.BinOp, depth: int) -> Run:
        symbol = BINARY.get(type(node.op))
        if symbol is None:
            raise self.refused(node.op, self.text.span(node))
        left, right, span = self.compile(node.left, depth), self.compile(node.right, depth), self.text.span(node)
        simple = ARITHMETIC[symbol] if symbol in "+-*" else None

        def run(scope: Mapping[str, Any], facts: Facts) -> Any:
            a, b = left(scope, facts), right(scope, facts)
            if simple and type(a) is int and type(b) is int:
                result = simple(a, b)
                if -LARGEST_INTEGER <= result <= LARGEST_INTEGER:
                    return result
            try:
                return combine(symbol, a, b)
            except FaultError as fault:
                raise self.text.fault(fault, span) from None

        return run

    def unary(self, node: ast.UnaryOp, depth: int) -> Run:
        operand, span = self.compile(node.operand, depth), self.text.span(node)
        if isinstance(node.op, ast.Invert):
            raise self.refused(node.op, span)
        negated, inverted = isinstance(node.op, ast.USub), isinstance(node.op, ast.Not)

        def run(scope: Mapping[str, Any], facts: Facts) -> Any:
            value = operand(scope, facts)
            try:
                if inverted:
                    return not truth(value, "what follows 'not'")
                turned = negative(value)
                return turned if negated else value
            except FaultError as fault:
                raise self.text.fault(fault, span) from None

        return run

    def boolean(self, node: ast.BoolOp, depth: int) -> Run:
        stops = isinstance(node.op, ast.Or)
        word = "or" if stops else "and"
        parts = [(self.compile(value, depth), self.text.span(value)) for value in node.values]

        def run(scope: Mapping[str, Any], facts: Facts) -> Any:
            for part, span in parts:
                value = part(scope, facts)
                if type(value) is not bool:
                    try:
                        truth(value, f"what '{word}' joins")
                    except FaultError as fault:
                        raise self.text.fault(fault, span) from None
                if value is stops:
                    return stops
            return not stops

        return run

    def choice(self, node: ast.IfExp, depth: int) -> Run:
        test, span = self.compile(node.test, depth), self.text.span(node.test)
        then, other = self.compile(node.body, depth), self.compile(node.orelse, depth)

        def run(scope: Mapping[str, Any], facts: Facts) -> Any:
            value = test(scope, facts)
            if type(value) is not bool:
                try:
                    truth(value, "the condition after 'if'")
                except FaultError as fault:
                    raise self.text.fault(fault, span) from None
            return then(scope, facts) if value else other(scope, facts)

        return run

    def comparison(self, node: ast.Compare, depth: int) -> Run:
        span = self.text.span(node)
        for sign in node.ops:
            if type(sign) not in COMPARED:
                raise self.refused(sign, span)
        first = self.compile(node.left, depth)
        rest = [
            (COMPARED[type(sign)], self.compile(value, depth))
            for sign, value in zip(node.ops, node.comparators, strict=True)
        ]

        def run(scope: Mapping[str, Any], facts: Facts) -> bool:
            a = first(scope, facts)
            for symbol, part in rest:
                b = part(scope, facts)
                try:
                    if not compare(symbol, a, b, facts):
                        return False
                except FaultError as fault:
                    raise self.text.fault(fault, span) from None
                a = b
            return True

        return run

    def subscript(self, node: ast.Subscript, depth: int) -> Run:
        items, span = self.compile(node.value, depth), self.text.span(node)
        if isinstance(node.slice, ast.Slice):
            return self._section(items, node.slice, span, depth)
        index = self.compile(node.slice, depth)

        def run(scope: Mapping[str, Any], facts: Facts) -> Any:
            values, at = items(scope, facts), index(scope, facts)
            try:
                return item(values, at)
            except FaultError as fault:
                raise self.text.fault(fault, span) from None

        return run

    def _section(self, items: Run, node: ast.Slice, span: Span, depth: int) -> Run:
        parts = [bound and self.compile(bound, depth) for bound in (node.lower, node.upper, node.step)]

        def run(scope: Mapping[str, Any], facts: Facts) -> list[Any]:
            values = items(scope, facts)
            start, stop, step = (part and part(scope, facts) for part in parts)
            try:
                return section(values, (start, stop, step))
            except FaultError as fault:
                raise self.text.fault(fault, span) from None

        return run

    def list(self, node: ast.List, depth: int) -> Run:
        parts, span = [self.compile(part, depth) for part in node.elts], self.text.span(node)

        def run(scope: Mapping[str, Any], facts: Facts) -> Any:
            try:
                return bounded([part(scope, facts) for part in parts])
            except FaultError as fault:
                raise self.text.fault(fault, span) from None

        return run

    def call(self, node: ast.Call, depth: int) -> Run:
        span = self.text.span(node)
        if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
            raise self._no_function(node.func)
        function = FUNCTIONS[node.func.id]
        if node.keywords:
            raise self.text.error(f"{function.name}() takes no named arguments", span, expected=function.form)
        if not function.least <= len(node.args) <= function.most:
            received = f"{len(node.args)} argument{'' if len(node.args) == 1 else 's'}"
            raise self.text.error(f"{function.name}() takes other arguments", span, function.form, received)
        parts = [self.compile(part, depth) for part in node.args]
        apply = function.apply

        def run(scope: Mapping[str, Any], facts: Facts) -> Any:
            arguments = [part(scope, facts) for part in parts]
            try:
                spend(sum(len(argument) for argument in arguments if isinstance(argument, (list, tuple))))
                result = apply(arguments, facts)
                if isinstance(result, list):
                    spend(len(result))
                return result
            except FaultError as fault:
                raise self.text.fault(fault, span) from None

        return run

    def _no_function(self, node: ast.expr) -> ExpressionError:
        if not isinstance(node, ast.Name):
            return self.text.error(
                "only the functions of the language can be called", self.text.span(node), _known_functions()
            )
        message = f"there is no function '{node.id}'"
        return self.text.error(message, self.text.span(node), _known_functions(), hint=nearest(node.id, FUNCTIONS))


def _known_functions() -> str:
    return f"one of {', '.join(FUNCTIONS)}"


_METHODS: dict[type[ast.AST], Callable[[Compiler, Any, int], Run]] = {
    ast.Constant: Compiler.constant,
    ast.Name: Compiler.name,
    ast.BinOp: Compiler.binary,
    ast.UnaryOp: Compiler.unary,
    ast.BoolOp: Compiler.boolean,
    ast.IfExp: Compiler.choice,
    ast.Compare: Compiler.comparison,
    ast.Subscript: Compiler.subscript,
    ast.List: Compiler.list,
    ast.Call: Compiler.call,
}
