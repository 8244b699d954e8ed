"""Expressions of a node or a block: evaluating arguments, binding parameters and the symbols of input shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archgraph.dims import Cause, Dim, Facts, Size, symbol
from archgraph.errors import ArchgraphError, Problem, SchemaError, ShapeError, UnknownNameError, nearest
from archgraph.graph.types import Value
from archgraph.ops.contract import TensorType
from archgraph.spec.expressions import compile_expression, is_expression
from archgraph.spec.schema import BlockSpec, InputSpec

_BRACES = re.compile(r"\{([^{}]*)\}")
_BOUND = re.compile(r"\s*([A-Za-z_]\w*)\s*(<=|>=|<|>)\s*(\d+)\s*")


def evaluated(value: Any, scope: Mapping[str, Any], facts: Facts) -> Any:
    """Plain data with every expression in it replaced by its value."""
    if isinstance(value, str):
        return compile_expression(value).evaluate(scope, facts) if is_expression(value) else value
    if isinstance(value, list):
        return [evaluated(item, scope, facts) for item in value]
    if isinstance(value, dict):
        return {key: evaluated(item, scope, facts) for key, item in value.items()}
    return value


def formatted(template: str, scope: Mapping[str, Any], facts: Facts) -> str:
    """A path with the expressions in its braces replaced: `resnets.{i}`."""
    return _BRACES.sub(lambda found: str(compile_expression(found.group(1)).evaluate(scope, facts)), template)


def condition(value: Any, scope: Mapping[str, Any], facts: Facts) -> bool:
    """The value of `when:`. Raises SchemaError for anything but a truth value."""
    result = evaluated(value, scope, facts)
    if isinstance(result, bool):
        return result
    hint = f"write ={value}" if isinstance(value, str) and not is_expression(value) else ""
    raise SchemaError(
        Problem("a condition must be true or false", expected="true or false", received=repr(result), hint=hint)
    )


def declare(scope: dict[str, Any], name: str, value: Any) -> None:
    """Adds a name to the expressions. Raises SchemaError where it shadows another."""
    if name in scope:
        raise SchemaError(f"the name '{name}' is defined already", hint="nothing may shadow another name: rename one")
    scope[name] = value


@dataclass(slots=True)
class Parameters:
    """Binds a block's parameters: given ones first, then defaults, an expression as soon as its names are known."""

    block: BlockSpec
    facts: Facts
    scope: dict[str, Any]
    pending: dict[str, str]

    @classmethod
    def bind(cls, block: BlockSpec, given: Mapping[str, Any], facts: Facts) -> Parameters:
        """Checks what was given. Raises all of: unknown, missing and mistyped parameters."""
        problems = list(_unknown(block, given))
        scope: dict[str, Any] = {}
        pending: dict[str, str] = {}
        for name, kind in block.params.items():
            try:
                if name in given:
                    scope[name] = kind.check(given[name])
                elif kind.required:
                    problems.append(Problem(f"{block.name} needs the parameter '{name}'", path=name, expected=kind.text))
                elif is_expression(kind.default):
                    pending[name] = kind.default
                else:
                    scope[name] = kind.default
            except ArchgraphError as error:
                problems += [_about(block, name, problem) for problem in error.problems]
        if problems:
            raise SchemaError(*problems)
        bound = cls(block, facts, scope, pending)
        bound.settle()
        return bound

    def settle(self) -> None:
        """Evaluates every default whose names are all known by now."""
        progress = True
        while progress and self.pending:
            progress = False
            for name, text in list(self.pending.items()):
                expression = compile_expression(text)
                if expression.names <= self.scope.keys():
                    self.scope[name] = expression.evaluate(self.scope, self.facts)
                    del self.pending[name]
                    progress = True

    def finish(self) -> dict[str, Any]:
        """All parameters, symbols and `let` values. Raises what the first open default misses."""
        self.settle()
        for text in self.pending.values():
            compile_expression(text).evaluate(self.scope, self.facts)  # raises: names what is unknown
        for name, value in self.block.let.items():
            declare(self.scope, name, evaluated(value, self.scope, self.facts))
        return self.scope


def _unknown(block: BlockSpec, given: Mapping[str, Any]) -> list[Problem]:
    known = list(block.params)
    return [
        Problem(
            f"{block.name} has no parameter '{name}'",
            path=name,
            expected=f"one of {', '.join(known)}" if known else f"{block.name} takes no parameters",
            hint=nearest(name, known),
        )
        for name in given
        if name not in block.params
    ]


def _about(block: BlockSpec, name: str, problem: Problem) -> Problem:
    return Problem(
        f"{block.name}: the parameter '{name}' has a wrong value",
        path=name,
        expected=problem.expected or problem.message,
        received=problem.received,
        hint=problem.hint,
    )


def match_shape(spec: InputSpec, value: Value, parameters: Parameters) -> dict[str, Dim]:
    """Binds the symbols of a block's input shape to the sizes of what was handed in; returns the newly bound ones.

    Raises ShapeError with both shapes where they cannot fit; narrows symbolic sizes where they must.
    """
    pattern = list(spec.shape)
    have: Sequence[Dim] = value.shape
    if pattern and pattern[0] == "...":
        pattern = pattern[1:]
        have = have[len(have) - len(pattern) :] if len(have) >= len(pattern) else have
    if len(pattern) != len(have) or value.dtype != spec.dtype:
        raise _misfit(spec, value.type)
    new: dict[str, Dim] = {}
    for want, size in zip(pattern, have, strict=True):
        expected = _entry(want, parameters)
        if expected is None:
            declare(parameters.scope, want, size)
            new[want] = size
            parameters.settle()
        elif expected != size:
            _require(spec, value, expected, size, parameters.facts)
    return new


def _require(spec: InputSpec, value: Value, expected: Dim, size: Dim, facts: Facts) -> None:
    try:
        facts.require_equal(size, expected, Cause(f"input '{spec.name}' {shape_text(spec)} receives {value.type}"))
    except ShapeError as error:
        problem = error.problems[0]
        raise _misfit(spec, value.type, problem.message, problem.hint) from None


def _misfit(spec: InputSpec, kind: TensorType, detail: str = "", hint: str = "") -> ShapeError:
    dtype = "" if spec.dtype == "float32" else f" {spec.dtype}"
    return ShapeError(
        f"what is handed to '{spec.name}' has the wrong shape" + (f": {detail}" if detail else ""),
        expected=f"{shape_text(spec)}{dtype}",
        received=str(kind),
        hint=hint,
    )


def shape_text(spec: InputSpec) -> str:
    """The shape as it stands in the file."""
    return f"[{', '.join(str(entry).removeprefix('=') for entry in spec.shape)}]"


def _entry(want: Any, parameters: Parameters) -> Any:
    """The size an entry stands for; None for a symbol that is not bound yet."""
    if isinstance(want, int):
        return want
    if is_expression(want):
        return _size(want, parameters)
    return parameters.scope.get(want)


def _size(text: str, parameters: Parameters) -> Dim:
    result = compile_expression(text).evaluate(parameters.scope, parameters.facts)
    if isinstance(result, Size) or (isinstance(result, int) and not isinstance(result, bool)):
        return result
    raise SchemaError("a size must be a whole number", received=f"{result!r} from {text}")


def declare_shape(spec: InputSpec, parameters: Parameters) -> tuple[Dim, ...]:
    """The shape of a model's own input: names become symbols, `where` bounds them. Raises SchemaError."""
    shape: list[Dim] = []
    for want in spec.shape:
        if want == "...":
            raise SchemaError("a model's own input has a fixed number of dimensions", received=shape_text(spec))
        size = _entry(want, parameters)
        if size is None:
            size = symbol(want)
            parameters.facts.declare(want)
            declare(parameters.scope, want, size)
            parameters.settle()
        shape.append(size)
    for bound in spec.bounds:
        _declare_bound(bound, parameters)
    return tuple(shape)


def _declare_bound(text: str, parameters: Parameters) -> None:
    found = _BOUND.fullmatch(text.removeprefix("="))
    known = [name for name, value in parameters.scope.items() if isinstance(value, Size)]
    if found is None:
        raise SchemaError("a bound compares a size with a number", expected="for instance: L <= 1024", received=text)
    name, sign, number = found.group(1), found.group(2), int(found.group(3))
    if name not in known:
        raise UnknownNameError(f"there is no size '{name}' to bound", expected=", ".join(known), hint=nearest(name, known))
    if sign.startswith("<"):
        parameters.facts.declare(name, maximum=number - (sign == "<"))
    else:
        parameters.facts.declare(name, minimum=number + (sign == ">"))
