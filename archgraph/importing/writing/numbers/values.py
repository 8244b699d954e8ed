"""Numbers and expressions of a class as they stand in a spec: plain data, or text that starts with `=`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from archgraph.importing.writing.numbers.depth_rates import DepthRate
from archgraph.importing.writing.numbers.handed_sizes import HANDED
from archgraph.language.reading.composer import MAX_TEXT
from archgraph.ops.constant_tables import table_text
from archgraph.structure.expressions import Arithmetic, ConstantNumber, Expression
from archgraph.structure.terms import Term

MOST_IN_LISTS = 512
"""Numbers of a table that stand in the file one by one."""
_PAIR = re.compile(r"\[(\w+), (\w+)\]")
"""Two names, as height and width have them."""
_BINDING = {"+": 1, "-": 1, "*": 2, "//": 2, "**": 3}
Symbols = Mapping[tuple[int, int], str]

_SUMS = re.compile(r"=\[(0, )?(\w+)\[0\],")


class ValueWriter:
    """Writes the numbers of one class, which come in the order of its template."""

    def __init__(self, expressions: Iterator[Expression], symbols: Symbols, handed: Sequence[str] = ()):
        self._expressions = expressions
        self._handed = handed
        self._symbols = symbols

    def written(self, term: Term) -> Any:
        """The value of a term as plain data; the next expressions are taken for its numbers."""
        if term.kind == "number":
            return plain(next(self._expressions))
        if term.kind == "list":
            return [self.written(part) for part in term.parts]
        if term.kind == "table":
            return _table(term.value)
        if term.kind == "symbolic":
            return f"={term.text}"
        return f"={self._size(term, 0)}"

    def _size(self, term: Term, binding: int) -> str:
        if term.kind == "number":
            return expression_text(next(self._expressions))
        if term.kind == "shape":
            return self._symbols[term.value]
        if term.kind == HANDED:
            return self._handed[int(term.value)]
        strength = _BINDING[term.text]
        left, right = self._size(term.parts[0], strength), self._size(term.parts[1], strength + 1)
        text = f"{left} {term.text} {right}"
        return f"({text})" if strength < binding else text


def plain(expression: Expression) -> Any:
    """An expression as the value of an argument."""
    if isinstance(expression, ConstantNumber):
        return as_data(expression.value)
    text = expression_text(expression)
    pair = _PAIR.fullmatch(text)
    return [f"={one}" for one in pair.groups()] if pair is not None else f"={text}"


def expression_text(expression: Expression, binding: int = 0) -> str:
    """An expression without its sign."""
    if isinstance(expression, ConstantNumber):
        return literal(expression.value)
    if not isinstance(expression, Arithmetic):
        return expression.name
    less = expression.right.value if isinstance(expression.right, ConstantNumber) else 0
    if expression.operator == "+" and type(less) is int and less < 0:
        text = f"{expression_text(expression.left, _BINDING['-'])} - {-less}"
        return f"({text})" if _BINDING["-"] < binding else text
    strength = _BINDING[expression.operator]
    is_power = expression.operator == "**"  # whose right side binds first
    left, right = expression_text(expression.left, strength + is_power), expression_text(expression.right, strength + 1)
    text = f"{left} {expression.operator} {right}"
    return f"({text})" if strength < binding else text


def literal(value: Any) -> str:
    """A value inside an expression."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, str) and value.startswith("="):
        return value[1:]
    return repr(value)


def _table(value: Any) -> Any:
    """A table of numbers: as lists, or as one text where these would be many lines."""
    if number_count(value) <= MOST_IN_LISTS:
        return as_data(value)
    text = table_text(value)
    return text if len(text) <= MAX_TEXT else as_data(value)


def number_count(value: Any) -> int:
    """How many numbers nested lists hold."""
    return sum(map(number_count, value)) if isinstance(value, tuple) else 1


def as_data(value: Any) -> Any:
    """Tuples as lists, at every depth."""
    if isinstance(value, DepthRate):
        return float(value)
    return [as_data(item) for item in value] if isinstance(value, (list, tuple)) else value


def one_for_all(value: Any) -> Any:
    """A default as it is written: one number for all dimensions where they have the same."""
    data = as_data(value)
    return data[0] if isinstance(data, list) and len(set(map(str, data))) == 1 else data


def growing_rate(rate: Any, before: Any, layers: Any) -> str:
    """`=rate * (before + i) / layers`: the rate of each copy."""
    number = "i" if before == 0 else f"({literal(before)} + i)"
    return f"={rate_text(literal(rate), number, literal(layers))}"


def rate_text(rate: str, number: str, layers: str) -> str:
    """`rate * number / layers`, as one writes it."""
    whole = layers if re.fullmatch(r"[\w.]+(\([^()]*\)|\[[^][]*\])?", layers) else f"({layers})"
    return f"{rate} * {number} / {whole}"


def conditional(condition: str, chosen: Any, otherwise: Any) -> str:
    """`=chosen if condition else otherwise`, and the condition itself where the values are true and false."""
    if chosen is True and otherwise is False:
        return f"={condition}"
    if chosen is False and otherwise is True:
        return f"=not {condition}"
    return f"={literal(chosen)} if {condition} else {literal(otherwise)}"


def running_sum(values: Any) -> str:
    """`=sum(depths[:i])` for a list of the sums of another's first entries, in the number of the copy that has it; ''
    for others."""
    found = _SUMS.match(values) if isinstance(values, str) else None
    if found is None:
        return ""
    begins, name = found[1] or "", found[2]
    entries = [f"{name}[0]", *(f"sum({name}[:{place}])" for place in range(2, 2 + values.count("sum(")))]
    known = values == f"=[{begins}{', '.join(entries)}]" and len(entries) > 1
    return f"=sum({name}[:{'i' if begins else 'i + 1'}])" if known else ""
