"""Calls whose tensors are made of sizes, as masks of shifted windows are, next to the same calls at known sizes.

Such tensors have no form while the sizes are free; at known sizes they are numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archgraph.dims import Constraint, Size, symbols_of
from archgraph.errors import ArchgraphError
from archgraph.graph.fixed_sizes import fixed
from archgraph.graph.types import Call, Graph
from archgraph.importing.writing.rewriting.simplification import simplified

_TRIED = 3
"""At how many sizes a call is compared."""
_STEPS = (0, 11, 40)
"""How far behind its smallest size each symbol is tried; a second symbol is one further."""
_MOST_TRIED = 4_096
_MAKES = frozenset(("arange", "full", "zeros", "ones", "linspace"))


def calls_at_sizes(graph: Graph) -> dict[int, tuple[Call, ...]]:
    """By the id of a call that makes tensors of free sizes, the same call at each of some sizes; none where the network
    is for known sizes, or not for so many."""
    if not any(_makes_tensors(call) for call, _ in _pairs(graph, graph)):
        return {}
    try:
        others = [simplified(fixed(graph, sizes)) for sizes in _sizes(graph)]
    except ArchgraphError:
        return {}
    found: dict[int, list[Call]] = {}
    for other in others if len(others) == _TRIED else ():
        for call, twin in _pairs(graph, other):
            found.setdefault(id(call), []).append(twin)
    return {key: tuple(calls) for key, calls in found.items() if len(calls) == _TRIED}


def _pairs(one: Graph, other: Graph) -> Iterator[tuple[Call, Call]]:
    """The calls of two networks that stand at the same places, at every depth."""
    calls = ([item for item in graph.items if isinstance(item, Call)] for graph in (one, other))
    for call, twin in zip(*calls, strict=True):
        yield call, twin
        yield from _pairs(call.body, twin.body)


def _makes_tensors(call: Call) -> bool:
    return any(
        not isinstance(item, Call)
        and item.op.name in _MAKES
        and any(isinstance(size, Size) for size in item.output.shape)
        for item in call.body.items
    )


def _sizes(graph: Graph) -> Iterator[Mapping[str, int]]:
    """Numbers for all symbols that are no batch: the smallest, and some above these."""
    batch = {name for one in graph.inputs for size in one.shape[:1] for name in symbols_of(size)}
    names = [name for one in graph.inputs for size in one.shape for name in sorted(symbols_of(size))]
    left = [name for name in dict.fromkeys(names) if name not in batch]
    rules = {rule.symbol: rule for rule in graph.constraints}
    for step in _STEPS if left else ():
        found = {name: _allowed(rules.get(name), step + place) for place, name in enumerate(left)}
        if all(found.values()):
            yield found


def _allowed(rule: Constraint | None, step: int) -> int:
    """An allowed size that lies so far behind the smallest one, or the next one; 0 where there is none."""
    start = step + (1 if rule is None else rule.minimum)
    return next((size for size in range(start, start + _MOST_TRIED) if rule is None or rule.allows(size)), 0)
