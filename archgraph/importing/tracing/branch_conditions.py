"""Which sizes the branches of a module's code ask for: bounds of the free sizes, and notes where they are no bounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import fx

from archgraph.dims import Cause, Dim, Facts, Size
from archgraph.errors import ArchgraphError, ShapeError
from archgraph.importing.tracing.symbols import SizeReader

ASKED = "the module's code asks for it"
"""How the cause of a bound begins that follows from no operation."""
_TORCH = str(Path(torch.__file__).parent)
_STRIDES = f"{_TORCH}/_prims_common/"
_STRICT = frozenset({"StrictGreaterThan", "StrictLessThan"})
_LESS = frozenset({"LessThan", "StrictLessThan"})
_ORDERED = frozenset({"GreaterThan", *_STRICT, *_LESS})


@dataclass(frozen=True, slots=True)
class Branches:
    """Conditions that bound no single size: `notes` are on one size, `compared` compare several with each other."""

    notes: tuple[str, ...] = ()
    compared: tuple[str, ...] = ()


def guards(graph: fx.Graph) -> Iterator[tuple[Any, Any]]:
    """The conditions on sizes under which torch traced a program, simplified, and where each of them was asked.

    Those on strides are left out: nothing is computed in another way.
    """
    values = (node.meta.get("val") for node in graph.nodes)
    traced = next((value for value in values if hasattr(value, "fake_mode")), None)
    environment = getattr(traced.fake_mode, "shape_env", None) if traced is not None else None
    if environment is not None:
        for guard in environment.guards:
            if not _file(guard.sloc).startswith(_STRIDES):
                yield environment.simplify(guard.expr), guard.sloc


def require_branches(graph: fx.Graph, sizes: SizeReader, facts: Facts) -> Branches:
    """Narrows the free sizes to those for which the module's own code takes the branches that were traced.

    Conditions that torch's operations ask for are left out: ours ask for what they need themselves. Equations are
    those of `open_equations`.
    """
    notes: dict[str, None] = {}
    compared: dict[str, None] = {}
    for condition, place in guards(graph):
        line = _own_line(place)
        for part in _parts(condition) if line else ():
            if type(part).__name__ == "Equality" or _hold(part, line, sizes, facts):
                continue
            text = sizes.text(part)
            if len(part.free_symbols) > 1:
                compared[f"{text} ({line})"] = None
            else:
                notes[f"the network is that of sizes with {text}, which the module's code asks for ({line})"] = None
    return Branches(tuple(notes), tuple(compared))


def _own_line(place: Any) -> str:
    """File and line of the module's code that asked; '' for torch's."""
    name = _file(place)
    own = name and not name.startswith(_TORCH)
    return f"{Path(name).name}:{place.framework_loc.lineno}" if own else ""


def _file(place: Any) -> str:
    return getattr(place.framework_loc, "filename", "")


def _parts(condition: Any) -> Iterator[Any]:
    """What a condition asks for all together."""
    if type(condition).__name__ == "And":
        for part in condition.args:
            yield from _parts(part)
    elif condition.free_symbols:
        yield condition


def _hold(condition: Any, line: str, sizes: SizeReader, facts: Facts) -> bool:
    """Whether a condition follows from what is known, or bounds one size from now on."""
    kind = type(condition).__name__
    try:
        left, right = (sizes.read_expression(side) for side in condition.args)
        if kind == "Unequality":
            return facts.is_equal(left, right) is False
        if kind not in _ORDERED:
            return False
        difference: Dim = right - left if kind in _LESS else left - right
        _require(difference, int(kind in _STRICT), Cause(f"{ASKED}: {sizes.text(condition)} ({line})"), facts)
    except (ArchgraphError, KeyError, ValueError):
        return False
    return True


def _require(difference: Dim, least: int, cause: Cause, facts: Facts) -> None:
    """Raises ShapeError where the difference bounds no single size."""
    if isinstance(difference, Size) and len(difference.symbols) > 1 and not facts.compare(difference, ">=", least):
        raise ShapeError("several sizes are compared", received=str(difference))
    facts.require_at_least(difference, least, cause)
