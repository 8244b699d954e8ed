"""Which sizes the branches of a module's code ask for: bounds of the free sizes, and notes where they are no bounds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import fx

from archgraph.dims import Cause, Dim, Facts, Size, evaluate, product, symbol, symbols_of
from archgraph.dims.ratios import cancelled
from archgraph.errors import ArchgraphError
from archgraph.importing.tracing.known_multiples import Multiple
from archgraph.importing.tracing.layout_branches import changes_layout
from archgraph.importing.tracing.size_bounds import bound_together
from archgraph.importing.tracing.symbols import ASKED, AskedEquation, SizeReader

_TORCH = str(Path(torch.__file__).parent)
_ASSERTIONS = torch.__file__
"""Where `torch._assert` asks for what the module's code gives it."""
_STRIDES = f"{_TORCH}/_prims_common/"
_STRICT = frozenset({"StrictGreaterThan", "StrictLessThan"})
_LESS = frozenset({"LessThan", "StrictLessThan"})
_ORDERED = frozenset({"GreaterThan", *_STRICT, *_LESS})
_MOST_ELEMENTS = 2**31 - 1
"""Of a tensor whose entries are counted in 32 bits: code that asks for more chooses a kernel, and computes the same."""


@dataclass(frozen=True, slots=True)
class OpenCondition:
    """A condition on free sizes under which alone a program holds, in their names, and torch's symbols for them."""

    text: str
    symbols: frozenset[Any] = frozenset()


@dataclass(frozen=True, slots=True)
class Branches:
    """Conditions that bound no single size: `notes` are on one size, `compared` compare several with each other."""

    notes: tuple[str, ...] = ()
    compared: tuple[OpenCondition, ...] = ()


def environment_of(graph: fx.Graph) -> Any:
    """What torch knows of the sizes of a program; None where it has none."""
    values = (node.meta.get("val") for node in graph.nodes)
    traced = next((value for value in values if hasattr(value, "fake_mode")), None)
    return getattr(traced.fake_mode, "shape_env", None) if traced is not None else None


def guards(graph: fx.Graph) -> Iterator[tuple[Any, Any]]:
    """The conditions on sizes under which torch traced a program, simplified, and where each of them was asked.

    Those on strides are left out: nothing is computed in another way.
    """
    environment = environment_of(graph)
    if environment is not None:
        for guard in environment.guards:
            if not _file(guard.sloc).startswith(_STRIDES):
                yield environment.simplify(guard.expr), guard.sloc


def require_branches(graph: fx.Graph, sizes: SizeReader, facts: Facts) -> Branches:
    """Narrows the free sizes to those for which the module's own code takes the branches that were traced.

    Conditions that torch's operations ask for are left out: ours ask for what they need themselves. So are equations,
    which `require_equations` sees to.
    """
    notes: dict[str, None] = {}
    compared: dict[str, OpenCondition] = {}
    for condition, place in guards(graph):
        line = _own_line(place)
        for part in _parts(condition) if line and not changes_layout(place) else ():
            if type(part).__name__ == "Equality" or _hold(part, line, sizes, facts):
                continue
            text = sizes.text(part)
            if len(part.free_symbols) > 1 and not _counts_elements(part):
                compared[text] = OpenCondition(f"{text} ({line})", frozenset(part.free_symbols))
            else:
                notes[f"the network is that of sizes with {text}, which the module's code asks for ({line})"] = None
    return Branches(tuple(notes), tuple(compared.values()))


def require_multiples(multiples: Iterable[Multiple], sizes: SizeReader, facts: Facts) -> None:
    """Narrows the sizes that were traced as counts to what they are multiples of. Those that are numbers stay so."""
    for one in multiples:
        size = sizes.read_expression(one.size) if str(one.size) in sizes.names else 0
        if isinstance(size, Size):
            reason = f"{ASKED}: {sizes.text(one.asked)} == 0"
            facts.require_equal(size % one.factor, one.rest, AskedEquation.of(size % one.factor, one.rest, reason))


def require_own_branches(graph: fx.Graph, sizes: SizeReader, facts: Facts) -> None:
    """Narrows the free sizes by all conditions of the module's own code, as far as that can be, before any operation
    asks for something: what torch found for the branches that were taken may hold for these sizes alone.

    Where several remainders are left, only that of the sizes it was traced on stays: few forms are equal for several.
    """
    for condition, place in guards(graph):
        line = _own_line(place)
        own = line or _file(place) == _ASSERTIONS
        for part in _parts(condition) if own and not changes_layout(place) else ():
            if type(part).__name__ == "Equality":
                _equal(part, line, sizes, facts)
            else:
                _hold(part, line, sizes, facts)
    for constraint in facts.constraints():
        asked = [cause for cause in constraint.causes if isinstance(cause, AskedEquation)]
        traced = sizes.examples.get(constraint.symbol)
        if asked and traced is not None and len(constraint.residues) > 1:
            rest = symbol(constraint.symbol) % constraint.modulus
            facts.require_equal(rest, traced % constraint.modulus, asked[0])


def require_equations(graph: fx.Graph, sizes: SizeReader, facts: Facts) -> tuple[OpenCondition, ...]:
    """Narrows the free sizes to those that satisfy the equations of the program; those that cannot be satisfied so.

    torch solves what it can, such as `H == W`. `2 * (H // 2) == H` follows from the operations that ask for it, and
    `H % 16 == 0`, which the module's own code asked for, narrows H here. What is left, such as `H // 32 == 7`, holds
    for a few numbers only.
    """
    left: dict[str, OpenCondition] = {}
    for condition, place in guards(graph):
        for part in _parts(condition):
            if type(part).__name__ == "Equality" and not _equal(part, _own_line(place), sizes, facts):
                text = sizes.text(part)
                left[text] = OpenCondition(text, frozenset(part.free_symbols))
    return tuple(left.values())


def _equal(condition: Any, line: str, sizes: SizeReader, facts: Facts) -> bool:
    """Whether an equation follows from what is known, or narrows sizes from now on."""
    reason = _reason(condition, line, sizes)
    try:
        if sizes.is_multiple(condition, reason):
            return True
        one, other = (sizes.read_expression(side) for side in condition.args)
    except (ArchgraphError, KeyError, ValueError):
        return False
    try:
        _require_equal(one, other, reason, facts)
    except (ArchgraphError, ValueError):
        return _are_single(one, other, Cause(reason), facts)
    return True


def _are_single(one: Dim, other: Dim, cause: Cause, facts: Facts) -> bool:
    """Whether a product of sizes is 1 from now on, since each of them is: as many windows as there are pictures."""
    for sizes, rest in (cancelled(*pair) for pair in (([one], [other]), ([other], [one]))):
        counts = [size for size in sizes.elements() if isinstance(size, Size)]
        numbers = product(size for size in sizes.elements() if not isinstance(size, Size))
        if counts and numbers == product(rest.elements()):
            try:
                for count in counts:
                    facts.require_at_least(count, 1, cause)
                    facts.require_at_least(1 - count, 0, cause)
            except ArchgraphError:
                return False
            return True
    return False


def _require_equal(one: Dim, other: Dim, reason: str, facts: Facts) -> None:
    if not facts.is_equal(one, other):
        facts.require_equal(one, other, AskedEquation.of(one, other, reason))


def _reason(condition: Any, line: str, sizes: SizeReader) -> str:
    return f"{ASKED}: {sizes.text(condition)}" + (f" ({line})" if line else "")


def _counts_elements(condition: Any) -> bool:
    """Whether it only says that a tensor has no more entries than 32 bits count."""
    if type(condition).__name__ not in _LESS:
        return False
    limit = condition.args[1]
    return bool(limit.is_Integer and limit >= _MOST_ELEMENTS)


def _own_line(place: Any) -> str:
    """File and line of the module's code that asked; '' for torch's."""
    name = _file(place)
    own = name and not name.startswith(_TORCH)
    return f"{Path(name).name}:{place.framework_loc.lineno}" if own else ""


def _file(place: Any) -> str:
    return getattr(place.framework_loc, "filename", "")


def _parts(condition: Any) -> Iterator[Any]:
    """What a condition asks for all together; the smallest of several is large where each of them is."""
    kind = type(condition).__name__
    if kind == "And":
        for part in condition.args:
            yield from _parts(part)
    elif kind in _ORDERED and (side := _of_several(condition)) is not None:
        for size in condition.args[side].args:
            sides = [size, condition.args[1]] if side == 0 else [condition.args[0], size]
            yield from _parts(condition.func(*sides))
    elif condition.free_symbols:
        yield condition


def _of_several(condition: Any) -> int | None:
    """The side of an order on which all of several sizes have to hold it: the largest below, or the smallest above."""
    kinds = ("Max", "Min") if type(condition).__name__ in _LESS else ("Min", "Max")
    sides = (side for side, kind in enumerate(kinds) if type(condition.args[side]).__name__ == kind)
    return next(sides, None)


def _hold(condition: Any, line: str, sizes: SizeReader, facts: Facts) -> bool:
    """Whether a condition follows from what is known, or bounds one size from now on."""
    kind = type(condition).__name__
    try:
        left, right = (sizes.read_expression(side) for side in condition.args)
        reason = _reason(condition, line, sizes)
        if kind == "Unequality":
            if facts.is_equal(left, right) is False:
                return True
            if len(symbols_of(left - right)) > 1:
                larger = evaluate(left - right, sizes.examples) > 0
                _require(left - right if larger else right - left, 1, Cause(reason), sizes, facts)
                return True
            if not _is_parity(condition.args[0]) or right not in (0, 1):
                return False
            _require_equal(left, 1 - right, reason, facts)
            return True
        if kind not in _ORDERED:
            return False
        difference: Dim = right - left if kind in _LESS else left - right
        if kind not in _STRICT and facts.compare(difference, "<=", 0):
            _require_equal(difference, 0, reason, facts)  # what is never more than 0 has to be 0
        else:
            _require(difference, int(kind in _STRICT), Cause(reason), sizes, facts)
    except (ArchgraphError, KeyError, ValueError):
        return False
    return True


def _is_parity(expression: Any) -> bool:
    return type(expression).__name__ in ("Mod", "PythonMod") and expression.args[1] == 2


def _require(difference: Dim, least: int, cause: Cause, sizes: SizeReader, facts: Facts) -> None:
    """Raises ShapeError where the difference bounds no sizes."""
    if isinstance(difference, Size) and len(difference.symbols) > 1 and not facts.compare(difference, ">=", least):
        bound_together(difference, least, cause, sizes.examples, facts)
    else:
        facts.require_at_least(difference, least, cause)
