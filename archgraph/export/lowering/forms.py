"""ONNX forms as expressions: `Where(x < 0, Ceil(x), Floor(x))` names ONNX operators, and Python's operators those for
arithmetic and comparison. The tables of `archgraph/ops` hold them."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.lowering.program import ELEMENT_TYPES, LOW_TYPES, SINGLE
from archgraph.ops.arithmetic import Pairwise
from archgraph.ops.contract import FLOAT_TYPES, Operation
from archgraph.ops.tables import Row

WITHOUT_DOUBLE = frozenset(["Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cosh", "Erf", "Sinh", "Tan"])
"""Operators for which ONNX Runtime 1.31 has no float64 kernel on a CPU: their forms are computed in float32."""

Operand = str | float | bool
"""The name of a value, or a number or truth value that is no constant of the file yet."""

_OPERATORS: dict[type, tuple[str, Callable[..., Any]]] = {
    ast.Add: ("Add", operator.add),
    ast.Sub: ("Sub", operator.sub),
    ast.Mult: ("Mul", operator.mul),
    ast.Div: ("Div", operator.truediv),
    ast.Lt: ("Less", operator.lt),
    ast.LtE: ("LessOrEqual", operator.le),
    ast.Gt: ("Greater", operator.gt),
    ast.GtE: ("GreaterOrEqual", operator.ge),
    ast.Eq: ("Equal", operator.eq),
}


def computed_in(form: str, dtype: str) -> str:
    """The element type that a form is computed in, for values of that type: low ones are widened, as torch does."""
    narrow = ELEMENT_TYPES[dtype] in LOW_TYPES or (form and dtype == "float64" and operators(form) & WITHOUT_DOUBLE)
    return SINGLE if narrow else dtype


@cache
def parsed(form: str) -> ast.expr:
    """The expression of a form."""
    return ast.parse(form, mode="eval").body


@cache
def operators(form: str) -> frozenset[str]:
    """The operators that a form calls by name."""
    calls = (node.func for node in ast.walk(parsed(form)) if isinstance(node, ast.Call))
    return frozenset(found.id for found in calls if isinstance(found, ast.Name))


def write_form(
    at: OnnxRuleContext,
    form: str,
    values: Mapping[str, Operand],
    dtype: str,
    masks: Mapping[str, Operand] | None = None,
) -> str:
    """The operators of a form over values of an element type (and truth values, `masks`), and its result in that of the
    application."""
    work = computed_in(form, dtype)
    read = {name: at.converted(x, dtype, work) if isinstance(x, str) else x for name, x in values.items()}
    made = FormWriter(at, at.node.op, {**read, **(masks or {})}, work).value(parsed(form))
    return at.converted(made, "bool" if at.result.dtype == "bool" else work, at.result.dtype)


def write_pair(at: OnnxRuleContext, op: Pairwise, row: Row) -> str:
    """The operators of a row's form over two values, or over a value and a number, where both meet in one type."""
    dtype = row.types.meets(op.operand_type(at.types))
    y: Operand = at.read("other", dtype) if op.number is None else _as_read(op.number, dtype)
    return write_form(at, row.form(dtype, op.number is not None), {"x": at.read("input", dtype), "y": y}, dtype)


def _as_read(number: float, dtype: str) -> float:
    """A number as torch reads it next to floating-point values narrower than float64: 1e-50 is 0 there."""
    return float(np.float32(number)) if dtype in FLOAT_TYPES and dtype != "float64" else number


@dataclass(slots=True)
class FormWriter:
    """Emits one form. Equal parts of it are computed once."""

    at: OnnxRuleContext
    op: Operation
    values: Mapping[str, Operand]
    dtype: str
    made: dict[str, Operand] = field(default_factory=dict)

    def value(self, node: ast.expr) -> str:
        """The name of a value; a number becomes a constant."""
        found = self.operand(node)
        if isinstance(found, str):
            return found
        return self.at.scalar(found, "bool" if isinstance(found, bool) else self.dtype)

    def operand(self, node: ast.expr) -> Operand:
        """A value or a number."""
        text = ast.dump(node)
        if text not in self.made:
            self.made[text] = self._written(node)
        return self.made[text]

    def _written(self, node: ast.expr) -> Operand:
        match node:
            case ast.Constant(value=int() | float() as number):
                return number
            case ast.Name(id=name):
                return self._named(name)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                found = self.operand(inner)
                return self.at.emit("Neg", found) if isinstance(found, str) else -found
            case ast.BinOp(left=left, op=sign, right=right):
                return self._applied(type(sign), left, right)
            case ast.Compare(left=left, ops=[sign], comparators=[right]):
                return self._applied(type(sign), left, right)
            case ast.Call(func=ast.Name(id="Where"), args=[condition, one, other]) if self._is_known(condition):
                return self.operand(one if self.operand(condition) else other)
            case ast.Call(func=ast.Name(id=kind), args=arguments, keywords=options):
                given = [self.value(argument) for argument in arguments]
                return self.at.emit(kind, *given, **{each.arg or "": self._number(each.value) for each in options})
        raise ValueError(f"a form cannot hold {ast.unparse(node)}")

    def _applied(self, sign: type, left: ast.expr, right: ast.expr) -> Operand:
        kind, compute = _OPERATORS[sign]
        a, b = self.operand(left), self.operand(right)
        if isinstance(a, str) or isinstance(b, str):
            return self.at.emit(kind, self.value(left), self.value(right))
        found: float | bool = compute(a, b)
        return found

    def _is_known(self, condition: ast.expr) -> bool:
        """Whether a condition compares numbers, so that one side of a choice is left."""
        return isinstance(condition, ast.Compare) and not isinstance(self.operand(condition), str)

    def _named(self, name: str) -> Operand:
        if name in self.values:
            return self.values[name]
        if name == "inf":
            return math.inf
        found: Operand | None = getattr(self.op, name)
        return self._unbounded(name) if found is None else found

    def _unbounded(self, name: str) -> float:
        """An attribute that is left out: the farthest finite number on its side, of the type of the result."""
        dtype = self.at.node.output.dtype if self.at.in_float32 else self.at.result.dtype
        largest = float(_finfo(np.dtype(dtype if dtype in FLOAT_TYPES else "float32")).max)
        return -largest if name.startswith(("neg", "min")) else largest

    def _number(self, node: ast.expr) -> int | float:
        found = self.operand(node)
        assert not isinstance(found, str), "attributes of operators are numbers"
        return found


def _finfo(dtype: Any) -> Any:
    if str(dtype) == "bfloat16":
        from ml_dtypes import finfo  # onnx brings it

        return finfo(dtype)  # type: ignore[no-untyped-call]
    return np.finfo(dtype)
