"""Parameters of a block that need not be handed to it: what they are follows from others, or from what it reads."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from archgraph.importing.writing.numbers.depth_rates import DepthRate
from archgraph.importing.writing.numbers.following_numbers import (
    HEADS,
    KnownNumber,
    following,
    following_size,
    list_of_ratios,
    with_one_division,
)
from archgraph.importing.writing.numbers.values import expression_text
from archgraph.structure.class_parameters import ClassParameter, is_wide
from archgraph.structure.expressions import Arithmetic, ConstantNumber, Expression, ParameterName
from archgraph.structure.inference import InferredClass
from archgraph.structure.naming import free
from archgraph.structure.number_kinds import AXES
from archgraph.structure.unification import ABSENT

_COUNTS = frozenset({"end", "repeats"})
_SIZES = AXES | _COUNTS
"""Roles of sizes that are no widths, and of counts of places."""
_SHAPE, _SIDE = "shape", "side"
"""What a number is called that several steps read as counts of places."""
_SIDES = ("size", "resolution", "length")
"""Parts of the names of arguments that are such sizes."""
_READ = ("in_", "skip_")
"""How arguments begin that say what is read: those that say what is made come first."""
_SHARES = (0.5, 0.25, 0.75)
_ROUNDING = 1e-5
"""Of float32, in which some networks compute their rates."""
_WORD = re.compile(r"[A-Za-z_]\w*")


def without_followed(
    found: InferredClass,
    widths: Mapping[str, Sequence[Any]],
    inputs: Sequence[Sequence[KnownNumber]],
    arguments: Sequence[ClassParameter],
) -> InferredClass:
    """The class without the parameters that follow from others. Arguments of constructors stay: their authors chose
    them. `widths` are the channels of what instances read, by their symbols, `inputs` all sizes of each of these,
    `arguments` all that their constructors have."""
    parameters, expressions = list(found.parameters), dict(found.expressions)
    symbols = {name for row in inputs for one in row for name in names_in(one.expression)}
    told = {*widths, *symbols, *found.flags.values()}
    kept: set[str] = set()
    for target in reversed(found.parameters):
        if target.name in told | kept or is_told_in_text(target.name, expressions):
            continue
        others = [one for one in parameters if one is not target and one.name not in told]
        instead = (
            _size_instead(target, inputs, others)
            or _instead(target, widths, others, arguments)
            or _share_of_rate(target, others)
        )
        if instead is None:
            continue
        names = names_in(instead)
        kept |= names
        parameters.remove(target)
        known = {one.name for one in parameters} | told
        parameters += [one for one in arguments if one.name in names - known]
        expressions = {place: substituted(one, target.name, instead) for place, one in expressions.items()}
    for one in parameters:
        if (one.role in _COUNTS and one.name in kept) or _is_side_of_grid(one, expressions):
            word = free(_SIDE, {other.name for other in parameters} | told)
            expressions = {place: _renamed(each, one.name, word) for place, each in expressions.items()}
            one.name = word
    return replace(found, parameters=tuple(parameters), expressions=expressions)


def _is_side_of_grid(parameter: ClassParameter, expressions: Mapping[int, Expression]) -> bool:
    """Whether a size of a shape has no name of its own and a square that is a size too: as many rows as columns."""
    square = Arithmetic("**", ParameterName(parameter.name), ConstantNumber(2))
    return parameter.role == parameter.name == _SHAPE and square in expressions.values()


def _renamed(expression: Expression, name: str, word: str) -> Expression:
    """An expression in which a parameter has another name."""
    if isinstance(expression, Arithmetic):
        sides = _renamed(expression.left, name, word), _renamed(expression.right, name, word)
        return Arithmetic(expression.operator, *sides)
    if isinstance(expression, ConstantNumber):
        return expression
    return ParameterName(_WORD.sub(lambda found: word if found[0] == name else found[0], expression.name))


def with_read_parameters(found: InferredClass) -> InferredClass:
    """The class without the parameters that no number is any more."""
    read = {name for one in found.expressions.values() for name in names_in(one)} | {*found.flags.values()}
    return replace(found, parameters=tuple(one for one in found.parameters if one.name in read))


def _size_instead(
    target: ClassParameter, inputs: Sequence[Sequence[KnownNumber]], others: Sequence[ClassParameter]
) -> Expression | None:
    """The expression for a size that is no width, in the sizes of what is read or as another such size."""
    if target.role not in _SIZES and not _is_side(target):
        return None
    known = [KnownNumber(ParameterName(one.name), one.values) for one in others if one.role in _SIZES or _is_side(one)]
    if any(isinstance(value, tuple) for value in target.values):
        entries = list_of_ratios(target.values, known)
        return ParameterName(f"[{', '.join(map(expression_text, entries))}]") if entries else None
    return following_size(target.values, inputs, known)


def _share_of_rate(target: ClassParameter, others: Sequence[ClassParameter]) -> Expression | None:
    """A part of the rate of stochastic depth that the layer is given, for one of its branches."""
    if target.role == "argument" or not all(isinstance(value, float) for value in target.values):
        return None
    for one in others:
        if one.role != "argument" or not all(isinstance(value, DepthRate) for value in one.values):
            continue
        for share in _SHARES:
            rows = list(zip(target.values, one.values, strict=True))
            if all(math.isclose(value, share * rate, rel_tol=_ROUNDING) for value, rate in rows) and len({*rows}) > 1:
                return Arithmetic("*", ConstantNumber(share), ParameterName(one.name))
    return None


def _is_side(parameter: ClassParameter) -> bool:
    """Whether a parameter is an argument that is called after the size of a grid."""
    return parameter.role == "argument" and any(word in parameter.name for word in _SIDES)


def _instead(
    target: ClassParameter,
    widths: Mapping[str, Sequence[Any]],
    others: Sequence[ClassParameter],
    arguments: Sequence[ClassParameter],
) -> Expression | None:
    """The expression for a parameter that follows from the others."""
    if target.role == "argument":
        return None
    if any(isinstance(value, tuple) for value in target.values):
        return _list_instead(target, [*(one for one in others if one.wide), *arguments])
    sizes = [KnownNumber(ParameterName(name), values, whole=True) for name, values in widths.items()]
    if target.role == "value":
        return following(target.values, sizes) if any(type(value) is float for value in target.values) else None
    if not (target.wide or target.role in AXES or is_wide(target.role)):
        return None
    counted = [one for one in others if one.wide or HEADS in one.name]
    return following(target.values, [*sizes, *(KnownNumber(ParameterName(one.name), one.values) for one in counted)])


def _list_instead(target: ClassParameter, others: Sequence[ClassParameter]) -> Expression | None:
    """A list of widths through one of them."""
    plain = [value for value in target.values if value is not ABSENT and value is not None]
    if not is_wide(target.role) and not target.wide:
        return None
    if not all(isinstance(value, tuple) and all(type(one) is int for one in value) for value in plain):
        return None
    likely = sorted(others, key=lambda one: one.name.startswith(_READ))
    entries = list_of_ratios(target.values, [KnownNumber(ParameterName(one.name), one.values) for one in likely])
    if entries is None:
        return None
    return ParameterName(f"[{', '.join(map(expression_text, entries))}]")


def substituted(expression: Expression, name: str, instead: Expression) -> Expression:
    """An expression with another one in the place of a parameter."""
    if isinstance(expression, Arithmetic):
        sides = substituted(expression.left, name, instead), substituted(expression.right, name, instead)
        return with_one_division(Arithmetic(expression.operator, *sides))
    return instead if expression == ParameterName(name) else expression


def is_told_in_text(name: str, expressions: Mapping[int, Expression], but: Collection[str] = ()) -> bool:
    """Whether a parameter stands inside a text, where nothing takes its place; `but` are texts that are read whole."""
    known = {name, *but}
    return any(name in _WORD.findall(one) and one not in known for each in expressions.values() for one in _texts(each))


def names_in(expression: Expression) -> set[str]:
    """The names that an expression reads."""
    return {name for text in _texts(expression) for name in _WORD.findall(text)}


def _texts(expression: Expression) -> Iterator[str]:
    if isinstance(expression, Arithmetic):
        yield from _texts(expression.left)
        yield from _texts(expression.right)
    elif not isinstance(expression, ConstantNumber):
        yield expression.name
