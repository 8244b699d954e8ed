"""What is said of a table: whose names it has, and of how many operations it is made."""

from __future__ import annotations

from collections.abc import Iterable

from archgraph.diagram.flat_flow import Branch, Leaf, Network, Part
from archgraph.diagram.roles import word
from archgraph.diagram.units import Unit, is_constant, stem
from archgraph.graph.cost import trainable


def is_long_table(unit: Unit) -> bool:
    """Whether it is a table of more steps than its line could name."""
    return unit.is_table and (len(unit.parts) > 2 or any(isinstance(part, Branch) for part in unit.parts))


def results(network: Network, unit: Unit) -> list[Part]:
    """The parts whose names a table has: those of its results. Where one of them is called after its operation: the
    last part with parameters that has a name, else the last that has one."""
    inside = range(unit.start, unit.stop)
    found = [part for part in unit.parts if any(who not in inside for who in _readers(network, part))]
    named = [part for part in unit.parts if not _is_called_after_operation(part)]
    if found and set(found) <= set(named):
        return found
    owning = [part for part in named if any(network.parameters[part.start : part.stop])]
    return (owning or named or list(unit.parts))[-1:]


def operations(leaves: Iterable[Leaf]) -> str:
    """`9 operations, no input`; parameters are none."""
    return f"{sum(not (is_constant(leaf) and trainable(leaf.node)) for leaf in leaves)} operations, no input"


def _readers(network: Network, part: Part) -> Iterable[int]:
    return (who for leaf in range(part.start, part.stop) for who in network.readers.get(leaf, ()))


def _is_called_after_operation(part: Part) -> bool:
    return isinstance(part, Leaf) and stem(part.name) in ("", part.node.op.name, word(part.node.op))
