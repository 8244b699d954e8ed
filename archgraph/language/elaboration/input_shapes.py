"""Shapes of inputs: a model's own become symbols, a block's are matched with what is handed in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from archgraph.dims import Cause, Dim, Facts, Size, symbol
from archgraph.errors import ArchgraphError, SchemaError, ShapeError, UnknownNameError, nearest
from archgraph.graph.types import Value
from archgraph.language.elaboration.evaluation import evaluated
from archgraph.language.elaboration.name_errors import listed
from archgraph.language.elaboration.parameters import Parameters
from archgraph.language.expressions.expression import compile_expression, is_expression
from archgraph.language.expressions.values import described
from archgraph.language.schema.spec import InputSpec
from archgraph.language.schema.value_types import UNNAMED
from archgraph.ops.contract import DTYPES

MOST_INPUTS = 1_000
NOTHING: Mapping[str, Any] = MappingProxyType({})
_BOUND = re.compile(r"\s*([A-Za-z_]\w*)\s*(<=|>=|<|>)\s*(.+)")
_EQUATION = re.compile(r"([^<>=!]+)==([^<>=!]+)")


def match_shape(
    spec: InputSpec, value: Value, parameters: Parameters, names: Mapping[str, Any] = NOTHING
) -> dict[str, Dim]:
    """Binds the symbols of a block's input shape to the sizes of what was handed in; returns the newly bound ones.

    Expressions in the shape see `names` as well.

    Raises ShapeError with both shapes where they cannot fit; narrows symbolic sizes where they must.
    """
    pattern = list(spec.shape)
    have: Sequence[Dim] = value.shape
    if pattern and pattern[0] == "...":
        pattern = pattern[1:]
        have = have[max(0, len(have) - len(pattern)) :]
    if value.dtype != spec.dtype:
        raise _misfit(spec, value, parameters, "another element type")
    if len(pattern) != len(have):
        raise _misfit(spec, value, parameters, "another number of dimensions")
    new: dict[str, Dim] = {}
    first = len(value.shape) - len(have)
    for at, (want, size) in enumerate(zip(pattern, have, strict=True), first):
        if want == UNNAMED:
            continue
        expected = want if type(want) is int else _entry(want, parameters, names)
        if expected is None:
            parameters.scope[want] = new[want] = size
        elif expected != size:
            _require(spec, value, (at, expected), parameters)
    for bound in spec.bounds:
        _require_bound(bound, spec, value, parameters)
    return new


def element_type(spec: InputSpec, parameters: Parameters) -> InputSpec:
    """The input with its element type, where a parameter gives it. Raises SchemaError."""
    if not spec.dtype.startswith("="):
        return spec
    parameters.settle()
    mark = parameters.block.document.marks.value(*spec.where, "dtype")
    try:
        found = evaluated(spec.dtype, parameters.scope, parameters.facts)
        if isinstance(found, str) and found in DTYPES:
            return replace(spec, dtype=found)
        raise SchemaError(
            "'dtype' must be an element type", expected=f"one of {', '.join(DTYPES)}", received=described(found)
        )
    except ArchgraphError as error:
        raise error.placed(mark) from None


def input_list(spec: InputSpec, parameters: Parameters) -> list[tuple[InputSpec, dict[str, Any]]]:
    """The inputs that an input with `each` stands for: `name_0`, `name_1`, …, with the names that their shapes see.

    Raises SchemaError.
    """
    parameters.settle()
    mark = parameters.block.document.marks.value(*spec.where, "each")
    try:
        entries = evaluated(spec.each, parameters.scope, parameters.facts)
        if type(entries) is int and 0 <= entries <= MOST_INPUTS:
            entries = list(range(entries))
        if not isinstance(entries, list) or len(entries) > MOST_INPUTS:
            expected = f"a list or a whole number, of at most {MOST_INPUTS:,}"
            raise SchemaError("'each' must give a number of inputs", expected=expected, received=described(entries))
    except ArchgraphError as error:
        raise error.placed(mark) from None
    names = [{"i": at} | ({spec.entry: entry} if spec.entry else {}) for at, entry in enumerate(entries)]
    return [(replace(spec, name=f"{spec.name}_{at}", each=None), seen) for at, seen in enumerate(names)]


def _require(spec: InputSpec, value: Value, wanted: tuple[int, Dim], parameters: Parameters) -> None:
    """One dimension must have a size. Raises ShapeError."""
    (at, expected), size = wanted, value.shape[wanted[0]]
    cause = Cause(f"'{spec.name}' {shape_text(spec)} of {parameters.block.name} receives {value.type}")
    try:
        parameters.facts.require_equal(expected, size, cause)
    except ShapeError as error:
        why = error.problems[0]
        misfit = _misfit(spec, value, parameters, f"the wrong shape: dimension {at} must be {expected}, and is {size}")
        hint = "" if type(expected) is type(size) is int else why.message
        raise ShapeError(replace(misfit.problems[0], hint=hint, notes=why.notes)) from None


def _misfit(spec: InputSpec, value: Value, parameters: Parameters, what: str) -> ShapeError:
    told = value.dtype != spec.dtype  # also float32, which is left out elsewhere
    return ShapeError(
        f"what is handed to '{spec.name}' of {parameters.block.name} has {what}",
        expected=f"{shape_text(spec)}{'' if spec.dtype == 'float32' and not told else f' {spec.dtype}'}",
        received=f"{value.type} float32" if told and value.dtype == "float32" else str(value.type),
    )


def shape_text(spec: InputSpec) -> str:
    """The shape as it stands in the file."""
    return f"[{', '.join(str(entry).removeprefix('=') for entry in spec.shape)}]"


def _entry(want: str, parameters: Parameters, names: Mapping[str, Any] = NOTHING) -> Any:
    """The size that an entry stands for; None for a symbol that is not bound yet."""
    if want.startswith("="):
        parameters.settle()
        return _size(want, {**parameters.scope, **names} if names else parameters.scope, parameters.facts)
    return parameters.scope.get(want)


def _size(text: str, scope: Mapping[str, Any], facts: Facts) -> Dim:
    result = compile_expression(text).evaluate(scope, facts)
    if isinstance(result, Size) or type(result) is int:
        return result
    raise SchemaError(f"the size {text} must be a whole number", expected="a whole number", received=described(result))


def declare_shape(spec: InputSpec, parameters: Parameters, names: Mapping[str, Any] = NOTHING) -> tuple[Dim, ...]:
    """The shape of a model's own input: names become symbols, `where` bounds them. Raises SchemaError."""
    shape: list[Dim] = []
    for at, want in enumerate(spec.shape):
        if want == UNNAMED:
            want = f"{spec.name}_{at}"  # it must be told from other sizes
        if want == "...":
            raise SchemaError(
                "a model's own input has a fixed number of dimensions",
                received=shape_text(spec),
                hint="write them out, such as [N, L, C]; '...' is for the inputs of blocks",
            )
        size = want if type(want) is int else _entry(want, parameters, names)
        if size is None:
            size = parameters.scope[want] = symbol(want)
            parameters.facts.declare(want)
        if isinstance(size, int) and size < 1:
            raise SchemaError(f"the size {want} must be at least 1", expected="at least 1", received=str(size))
        shape.append(size)
    marks = parameters.block.document.marks
    for at, bound in enumerate(spec.bounds):
        try:
            _declare_bound(bound, parameters)
        except ArchgraphError as error:
            own = marks.value(*spec.where, "where", at)  # there is none where `where` is no list
            raise error.placed(own or marks.value(*spec.where, "where")) from None
    return tuple(shape)


def _bound(text: str, parameters: Parameters) -> tuple[str, str, int]:
    """`L <= context` as name, sign and number."""
    found = _BOUND.fullmatch(text.removeprefix("="))
    if found is None or is_expression(found[3]):
        raise SchemaError(
            "a bound compares a size with a number, or is an equation of sizes",
            expected="for instance: L <= 1024, or H % 16 == 0",
            received=text,
        )
    parameters.settle()
    number = compile_expression(found[3]).evaluate(parameters.scope, parameters.facts)
    if type(number) is not int:
        raise SchemaError("a bound must be a whole number", expected="a whole number", received=described(number))
    return found[1], found[2], number


def _equation(text: str, parameters: Parameters) -> tuple[Dim, Dim] | None:
    """Both sides of `H % 16 == 0`; None where it is no equation."""
    found = _EQUATION.fullmatch(text.removeprefix("="))
    if found is None:
        return None
    parameters.settle()
    left, right = (_size(side, parameters.scope, parameters.facts) for side in found.groups())
    return left, right


def _instead(sides: tuple[Dim, Dim]) -> str:
    """How to state what an equation cannot."""
    left, right = sides
    if isinstance(left, Size) and isinstance(right, Size):
        return "sizes that are always equal have one name in 'shape'"
    return "an equation narrows a size to remainders, as H % 16 == 0 does; a range has two bounds, with >= and <="


def _declare_bound(text: str, parameters: Parameters) -> None:
    sides = _equation(text, parameters)
    if sides is not None:
        try:
            parameters.facts.require_equal(sides[1], sides[0], Cause(f"'where' states {text}"))
        except ShapeError as error:
            raise ShapeError(replace(error.problems[0], hint=_instead(sides))) from None
        return
    name, sign, number = _bound(text, parameters)
    known = [symbol for symbol, value in parameters.scope.items() if isinstance(value, Size)]
    if name not in known:
        raise UnknownNameError(f"there is no size '{name}' to bound", expected=listed(known), hint=nearest(name, known))
    _narrow(name, sign, number, parameters.facts)


def _narrow(name: str, sign: str, number: int, facts: Facts) -> None:
    if sign.startswith("<"):
        facts.declare(name, maximum=number - (sign == "<"))
    else:
        facts.declare(name, minimum=number + (sign == ">"))


def _require_bound(text: str, spec: InputSpec, value: Value, parameters: Parameters) -> None:
    """A block's bound narrows a symbol; of any other size it must hold."""
    sides = _equation(text, parameters)
    if sides is not None:
        try:
            parameters.facts.require_equal(sides[1], sides[0], Cause(f"'where' states {text}"))
        except ShapeError:
            raise _misfit(spec, value, parameters, f"sizes for which {text} does not hold") from None
        return
    name, sign, number = _bound(text, parameters)
    size = parameters.scope.get(name)
    if not isinstance(size, (int, Size)):
        raise UnknownNameError(f"there is no size '{name}' to bound", hint=nearest(name, parameters.scope))
    if parameters.facts.compare(size, sign, number):
        return
    if isinstance(size, Size) and len(size.symbols) == 1 and size == symbol(next(iter(size.symbols))):
        _narrow(str(size), sign, number, parameters.facts)
    else:
        raise _misfit(spec, value, parameters, f"a size out of bounds: {name} is {size}, and must be {sign} {number}")
