"""When an optional part of a block is there: by a number that only instances with the part have, by what an author
wrote it for (a residual where neither size nor channels change), else by a flag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from archgraph.importing.writing.classes.listed_inputs import ANY_SIZE
from archgraph.importing.writing.classes.templates import BodyTemplate, WrittenStatement
from archgraph.importing.writing.numbers.depth_rates import DepthRate
from archgraph.importing.writing.numbers.followed_parameters import names_in
from archgraph.importing.writing.numbers.values import expression_text
from archgraph.structure.class_parameters import COUNT
from archgraph.structure.expressions import Arithmetic, ConstantNumber, ParameterName, evaluated
from archgraph.structure.inference import InferredClass
from archgraph.structure.number_kinds import AXES
from archgraph.structure.unification import ABSENT, UnifiedClass

_STRIDES = ("stride", "strides")


def conditions_of_parts(
    group: UnifiedClass[BodyTemplate], found: InferredClass, symbols: Mapping[tuple[int, int], str]
) -> tuple[dict[str, str], set[str]]:
    """The condition of each optional part as an expression, and the flags that are not needed."""
    conditions: dict[str, str] = {}
    opposite = {
        tuple(not value for value in one.values): f"not {one.name}"
        for one in reversed(found.parameters)
        if one.name not in found.flags.values() and all(isinstance(value, bool) for value in one.values)
    }
    flags = {one.name for one in found.parameters if one.role == "flag"}
    counts = {one.name for one in found.parameters if one.role == COUNT}
    unchanged = list(_of_unchanged_sizes(group.templates, found, symbols))
    for part, flag in found.flags.items():
        presence = group.presence[part]
        missing = [[value is not ABSENT and value is not None for value in one.values] for one in found.parameters]
        told = (one.name for one, there in zip(found.parameters, missing, strict=True) if there == presence)
        name = next((name for name in told if name != flag), "")
        plain = next((text for text, column in unchanged if column == presence), "") if flag in flags else ""
        word = opposite.get(tuple(presence), flag)
        opposite.setdefault(tuple(not there for there in presence), f"not {flag}")
        own = name in _read_by(part, group, found)  # what only others read says nothing of this part
        there = f"{name} > 0" if name in counts else f"{name} != null"
        conditions[part] = there if name and (own or not plain) else plain or word
    conditions |= dict(_of_options(group, conditions, found, unchanged))
    spare = set(found.flags.values()) - {text.removeprefix("not ") for text in conditions.values()}
    return conditions, spare


def _read_by(part: str, group: UnifiedClass[BodyTemplate], found: InferredClass) -> set[str]:
    """The parameters that the numbers of a level of parts are made of."""
    level = part.rpartition(".")[0] or part
    inside = (
        found.expressions.get(place)
        for place, column in enumerate(group.columns)
        if isinstance(column.statement, WrittenStatement) and f"{column.statement.part}.".startswith(f"{level}.")
    )
    return {name for one in inside if one is not None for name in names_in(one)}


def _of_options(
    group: UnifiedClass[BodyTemplate],
    conditions: Mapping[str, str],
    found: InferredClass,
    unchanged: Sequence[tuple[str, list[bool]]],
) -> Iterator[tuple[str, str]]:
    """Parts with a flag of their own that are there where sizes stay, or change, and an option is taken, or is not: a
    residual that instances with squeeze-and-excitation lack."""
    flags = {one.name: one.values for one in found.parameters if all(type(value) is bool for value in one.values)}
    used = Counter(conditions.values())
    invented = {one.name for one in found.parameters if one.role == "flag"}
    taken = [
        (flag if there else f"not {flag}", [value is there for value in flags[flag]])
        for flag in flags
        if used[flag]
        for there in (True, False)
    ]
    for part, own in conditions.items():
        if own not in invented or used[own] > 1 or f"not {own}" in used:
            continue
        pairs = ((size, option) for size in unchanged for option in taken if own not in option[0])
        told = (
            f"({text}) and {word}" if " or " in text else f"{text} and {word}"
            for (text, column), (word, option) in pairs
            if [a and b for a, b in zip(column, option, strict=True)] == group.presence[part]
        )
        yield part, next(told, own)


def _of_unchanged_sizes(
    templates: Sequence[BodyTemplate], found: InferredClass, symbols: Mapping[tuple[int, int], str]
) -> Iterator[tuple[str, list[bool]]]:
    """Whether channels and size stay, and whether one of them does not, in each instance: of both before of one alone,
    since what is added must have the size too."""
    channels = list(_pairs_of_channels(templates, found, symbols))
    strides = [one for one in found.parameters if one.name in _STRIDES and all(type(v) is int for v in one.values)]
    steps = [(one.name, [value == 1 for value in one.values]) for one in strides]
    for name, column in steps:
        for texts, same in channels:
            both = [a and b for a, b in zip(column, same, strict=True)]
            yield f"{name} == 1 and {' == '.join(texts)}", both
            yield f"{name} != 1 or {' != '.join(texts)}", [not one for one in both]
    for texts, column in channels:
        yield " == ".join(texts), column
        yield " != ".join(texts), [not same for same in column]
    for name, column in steps:
        yield f"{name} == 1", column
        yield f"{name} != 1", [not one for one in column]
    for one in found.parameters:
        least = int(one.name == "kernel_size")
        if all(_is_number(value) and value >= least for value in one.values):
            yield f"{one.name} > {least}", [value > least for value in one.values]


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) or isinstance(value, DepthRate)


def _pairs_of_channels(
    templates: Sequence[BodyTemplate], found: InferredClass, symbols: Mapping[tuple[int, int], str]
) -> Iterator[tuple[tuple[str, str], list[bool]]]:
    """The widths of what is read next to each parameter that is a width, and to each multiple that the class has.
    Channels are the second dimension or the last; what other dimensions have, and what shapes are made of, is equal to
    a width by accident."""
    widths = dict(_widths(found, {*symbols.values()}, len(templates)))
    for (place, axis), symbol in symbols.items():
        rank = templates[0].body.inputs[place].type.rank
        if not symbol.isidentifier() or symbol == ANY_SIZE or axis not in (1, rank - 1):
            continue
        sizes: list[Any] = [template.body.inputs[place].shape[axis] for template in templates]
        if all(type(size) is int for size in sizes):
            for text, values in widths.items():
                yield (symbol, text), [a == b for a, b in zip(sizes, values, strict=True)]


def _widths(found: InferredClass, symbols: Collection[str], count: int) -> Iterator[tuple[str, list[int]]]:
    parameters = [one for one in found.parameters if one.name not in symbols and one.role not in AXES]
    known = {one.name: one.values for one in parameters if one.wide and all(type(value) is int for value in one.values)}
    yield from known.items()
    for one in found.expressions.values():
        if not isinstance(one, Arithmetic) or not isinstance(one.left, ParameterName) or one.left.name not in known:
            continue
        if isinstance(one.right, ConstantNumber):
            arguments = [{one.left.name: known[one.left.name][place]} for place in range(count)]
            yield expression_text(one), [evaluated(one, given) for given in arguments]
