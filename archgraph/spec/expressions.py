"""The expression language: Python's syntax, a whitelist over its tree, and an evaluator of our own.

    + - * / // % **   < <= == != >= > in   and or not   x if c else y   a[i] a[i:j:k]   [a, b]   functions

Python parses the text and nothing of it is ever run: each admitted construct is compiled to a closure that computes
with `operators` and `functions`. Texts, trees, numbers and lists are bounded, so that a spec cannot exhaust
the machine.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from archgraph.dims import Facts
from archgraph.errors import ExpressionError, Problem, UnknownNameError, nearest
from archgraph.spec.functions import FUNCTIONS
from archgraph.spec.operators import (
    ARITHMETIC,
    LARGEST_INTEGER,
    FaultError,
    bounded,
    checked,
    combine,
    compare,
    described,
    item,
    negative,
    section,
    truth,
)

LONGEST_EXPRESSION = 2_000
LONGEST_SHOWN = 200
DEEPEST_EXPRESSION = 64

Run = Callable[[Mapping[str, Any], Facts], Any]
Span = tuple[int, int]

CONSTANTS: dict[str, Any] = {"true": True, "false": False, "null": None}
_BINARY: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
}
_COMPARED: dict[type[ast.AST], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
}
_REFUSED: dict[type[ast.AST], tuple[str, str]] = {
    ast.Attribute: ("a dot between names", "a value has no attributes"),
    ast.Lambda: ("a lambda", ""),
    ast.ListComp: ("a comprehension", "walk a list with 'for:' on a node"),
    ast.SetComp: ("a comprehension", "walk a list with 'for:' on a node"),
    ast.DictComp: ("a comprehension", "walk a list with 'for:' on a node"),
    ast.GeneratorExp: ("a comprehension", "walk a list with 'for:' on a node"),
    ast.JoinedStr: ("formatted text", "only 'path' may hold expressions, in braces"),
    ast.Tuple: ("a list without brackets", "write [a, b]"),
    ast.Dict: ("a mapping", ""),
    ast.Set: ("a set", "write a list: [a, b]"),
    ast.Starred: ("unpacking with '*'", "join lists with +"),
    ast.NamedExpr: ("':='", "name a value with 'let:'"),
    ast.Await: ("'await'", ""),
    ast.Yield: ("'yield'", ""),
    ast.YieldFrom: ("'yield'", ""),
    ast.Is: ("'is'", "write =="),
    ast.IsNot: ("'is not'", "write !="),
    ast.BitAnd: ("'&'", "write and"),
    ast.BitOr: ("'|'", "write or"),
    ast.BitXor: ("'^'", "a power is written **"),
    ast.LShift: ("'<<'", ""),
    ast.RShift: ("'>>'", ""),
    ast.MatMult: ("'@'", ""),
    ast.Invert: ("'~'", "write not"),
}


def is_expression(value: Any) -> bool:
    """Whether it is a text that starts with '='."""
    return isinstance(value, str) and value.startswith("=")


@dataclass(frozen=True, slots=True)
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
    compiler = _Compiler(source)
    run = compiler.compile(compiler.parse(), 1)
    return Expression(source, frozenset(compiler.names), run)


class _Compiler:
    """Turns one expression's tree into closures, and knows its text for the errors."""

    def __init__(self, source: str):
        self.source = source
        self.names: set[str] = set()

    def parse(self) -> ast.expr:
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
        start = max(0, (error.offset or 1) - 1)
        reason = error.msg.removeprefix("f-string: ")
        hint = next((hint for sign, hint in _FOREIGN if sign in self.source), "")
        return self.error(f"the expression cannot be read: {reason}", (start, start + 1), hint=hint, whole=True)

    def error(
        self, message: str, span: Span, expected: str = "", received: str = "", hint: str = "", whole: bool = False
    ) -> ExpressionError:
        """An error with a caret under the part of the expression that it is about."""
        return ExpressionError(Problem(message, None, "", expected, received, hint, self.notes(span, whole)))

    def notes(self, span: Span, whole: bool = False) -> tuple[tuple[str, None], ...]:
        start, end = span
        if len(self.source) > LONGEST_SHOWN:
            return ((f"in ={self.source[:LONGEST_SHOWN]} …", None),)
        if not whole and end - start >= len(self.source):
            return ((f"in ={self.source}", None),)
        under = " " * (len("  note: in =") + start) + "^" * max(1, end - start)
        return ((f"in ={self.source}\n{under}", None),)

    def fault(self, fault: FaultError, span: Span) -> ExpressionError:
        return self.error(fault.message, span, fault.expected, fault.received, fault.hint)

    def span(self, node: ast.AST) -> Span:
        """First and last character; the tree counts bytes."""
        start, end = getattr(node, "col_offset", 0), getattr(node, "end_col_offset", None) or len(self.source)
        if self.source.isascii():
            return start, end
        data = self.source.encode()
        return len(data[:start].decode(errors="ignore")), len(data[:end].decode(errors="ignore"))

    def compile(self, node: ast.AST, depth: int) -> Run:
        """The closure of one node. Raises ExpressionError for what the language does not have."""
        if depth > DEEPEST_EXPRESSION:
            expected = f"at most {DEEPEST_EXPRESSION} levels"
            raise self.error("the expression is nested too deeply", self.span(node), expected)
        method = _METHODS.get(type(node))
        if method is None:
            raise self.refused(node, self.span(node))
        return method(self, node, depth + 1)

    def refused(self, node: ast.AST, span: Span) -> ExpressionError:
        what, hint = _REFUSED.get(type(node), ("this construct", ""))
        return self.error(f"the expression language does not have {what}", span, hint=hint)

    def constant(self, node: ast.Constant, depth: int) -> Run:
        value = node.value
        if not isinstance(value, (bool, int, float, str, type(None))):
            raise self.error("the expression language does not have this kind of value", self.span(node))
        if isinstance(value, (int, float)):
            try:
                checked(value, "a number in the text")
            except FaultError as fault:
                raise self.fault(fault, self.span(node)) from None
        return lambda scope, facts: value

    def name(self, node: ast.Name, depth: int) -> Run:
        name = node.id
        if name in CONSTANTS:
            value = CONSTANTS[name]
            return lambda scope, facts: value
        span = self.span(node)
        if name in FUNCTIONS:
            raise self.error(f"'{name}' is a function", span, hint=f"write {FUNCTIONS[name].form}")
        if not name.isascii():
            raise self.error(f"the name '{name}' is not of ASCII letters, digits and _", span)
        self.names.add(name)

        def run(scope: Mapping[str, Any], facts: Facts) -> Any:
            try:
                return scope[name]
            except KeyError:
                raise self.unknown(name, scope, span) from None

        return run

    def unknown(self, name: str, known: Mapping[str, Any], span: Span) -> UnknownNameError:
        names = sorted(known)
        shown = ", ".join(names[:12]) + (" …" if len(names) > 12 else "")
        expected = f"one of {shown}" if names else ""
        hint = nearest(name, names)
        return UnknownNameError(Problem(f"there is no '{name}' here", None, "", expected, "", hint, self.notes(span)))

    def binary(self, node: ast.BinOp, depth: int) -> Run:
        symbol = _BINARY.get(type(node.op))
        if symbol is None:
            raise self.refused(node.op, self.span(node))
        left, right, span = self.compile(node.left, depth), self.compile(node.right, depth), self.span(node)
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
                raise self.fault(fault, span) from None

        return run

    def unary(self, node: ast.UnaryOp, depth: int) -> Run:
        operand, span = self.compile(node.operand, depth), self.span(node)
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
                raise self.fault(fault, span) from None

        return run

    def boolean(self, node: ast.BoolOp, depth: int) -> Run:
        stops = isinstance(node.op, ast.Or)
        word = "or" if stops else "and"
        parts = [(self.compile(value, depth), self.span(value)) for value in node.values]

        def run(scope: Mapping[str, Any], facts: Facts) -> Any:
            for part, span in parts:
                value = part(scope, facts)
                if type(value) is not bool:
                    try:
                        truth(value, f"what '{word}' joins")
                    except FaultError as fault:
                        raise self.fault(fault, span) from None
                if value is stops:
                    return stops
            return not stops

        return run

    def choice(self, node: ast.IfExp, depth: int) -> Run:
        test, span = self.compile(node.test, depth), self.span(node.test)
        then, other = self.compile(node.body, depth), self.compile(node.orelse, depth)

        def run(scope: Mapping[str, Any], facts: Facts) -> Any:
            value = test(scope, facts)
            if type(value) is not bool:
                try:
                    truth(value, "the condition after 'if'")
                except FaultError as fault:
                    raise self.fault(fault, span) from None
            return then(scope, facts) if value else other(scope, facts)

        return run

    def comparison(self, node: ast.Compare, depth: int) -> Run:
        span = self.span(node)
        for sign in node.ops:
            if type(sign) not in _COMPARED:
                raise self.refused(sign, span)
        first = self.compile(node.left, depth)
        rest = [
            (_COMPARED[type(sign)], self.compile(value, depth))
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
                    raise self.fault(fault, span) from None
                a = b
            return True

        return run

    def subscript(self, node: ast.Subscript, depth: int) -> Run:
        items, span = self.compile(node.value, depth), self.span(node)
        if isinstance(node.slice, ast.Slice):
            return self._section(items, node.slice, span, depth)
        index = self.compile(node.slice, depth)

        def run(scope: Mapping[str, Any], facts: Facts) -> Any:
            values, at = items(scope, facts), index(scope, facts)
            try:
                return item(values, at)
            except FaultError as fault:
                raise self.fault(fault, span) from None

        return run

    def _section(self, items: Run, node: ast.Slice, span: Span, depth: int) -> Run:
        parts = [bound and self.compile(bound, depth) for bound in (node.lower, node.upper, node.step)]

        def run(scope: Mapping[str, Any], facts: Facts) -> list[Any]:
            values = items(scope, facts)
            start, stop, step = (part and part(scope, facts) for part in parts)
            try:
                return section(values, (start, stop, step))
            except FaultError as fault:
                raise self.fault(fault, span) from None

        return run

    def list(self, node: ast.List, depth: int) -> Run:
        parts, span = [self.compile(part, depth) for part in node.elts], self.span(node)

        def run(scope: Mapping[str, Any], facts: Facts) -> Any:
            try:
                return bounded([part(scope, facts) for part in parts])
            except FaultError as fault:
                raise self.fault(fault, span) from None

        return run

    def call(self, node: ast.Call, depth: int) -> Run:
        span = self.span(node)
        if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
            raise self._no_function(node.func)
        function = FUNCTIONS[node.func.id]
        if node.keywords:
            raise self.error(f"{function.name}() takes no named arguments", span, expected=function.form)
        if not function.least <= len(node.args) <= function.most:
            received = f"{len(node.args)} argument{'' if len(node.args) == 1 else 's'}"
            raise self.error(f"{function.name}() takes other arguments", span, function.form, received)
        parts = [self.compile(part, depth) for part in node.args]
        apply = function.apply

        def run(scope: Mapping[str, Any], facts: Facts) -> Any:
            arguments = [part(scope, facts) for part in parts]
            try:
                return apply(arguments, facts)
            except FaultError as fault:
                raise self.fault(fault, span) from None

        return run

    def _no_function(self, node: ast.expr) -> ExpressionError:
        if not isinstance(node, ast.Name):
            return self.error("only the functions of the language can be called", self.span(node), _known_functions())
        message = f"there is no function '{node.id}'"
        return self.error(message, self.span(node), _known_functions(), hint=nearest(node.id, FUNCTIONS))


def _known_functions() -> str:
    return f"one of {', '.join(FUNCTIONS)}"


_FOREIGN = (("&&", "write and"), ("||", "write or"), ("!", "write not, or !="), ("?", "write x if condition else y"))
_METHODS: dict[type[ast.AST], Callable[[_Compiler, Any, int], Run]] = {
    ast.Constant: _Compiler.constant,
    ast.Name: _Compiler.name,
    ast.BinOp: _Compiler.binary,
    ast.UnaryOp: _Compiler.unary,
    ast.BoolOp: _Compiler.boolean,
    ast.IfExp: _Compiler.choice,
    ast.Compare: _Compiler.comparison,
    ast.Subscript: _Compiler.subscript,
    ast.List: _Compiler.list,
    ast.Call: _Compiler.call,
}


@dataclass(frozen=True, slots=True)
class Template:
    """A path with expressions in braces, such as `features.{2 * s + 1}.{i}`."""

    text: str
    pieces: tuple[str | Expression, ...]

    @property
    def literal(self) -> bool:
        """Whether it has no braces."""
        return all(isinstance(piece, str) for piece in self.pieces)

    def evaluate(self, scope: Mapping[str, Any], facts: Facts) -> str:
        """The path where names stand for these values. Raises ExpressionError: only whole numbers and text fit in."""
        return "".join(piece if isinstance(piece, str) else _segment(piece, scope, facts) for piece in self.pieces)


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
def compile_template(text: str) -> Template:
    """The template in a path's text. Raises ExpressionError for braces that do not close or hold no expression."""
    pieces: list[str | Expression] = []
    for at, part in enumerate(re.split(r"\{([^{}]*)\}", text)):
        if at % 2:
            pieces.append(compile_expression(part))
        elif "{" in part or "}" in part:
            raise ExpressionError(f"a brace in the path '{text}' has no partner", hint='write "layers.{i}"')
        elif part:
            pieces.append(part)
    return Template(text, tuple(pieces))
