"""Which additions end a residual block: those that join a value and what was computed from it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

from archgraph.diagram.flat_flow import Leaf, Network, Source
from archgraph.diagram.shapes import channels_last, spatial


def ends_residual(network: Network, leaf: Leaf, start: int) -> bool:
    """Whether an addition joins a value of the flow, passed on or projected, with a result of it; the leaves from
    `start` on count. A bias, or a shift by an embedding, is none."""
    read = [source for source in leaf.sources if source.leaf not in network.constant]
    if leaf.node.op.name != "add" or len(read) != 2:
        return False
    return any(_leads(network, leaf, passed, other, start) for passed, other in (read, read[::-1]))


def _leads(network: Network, leaf: Leaf, passed: Source, other: Source, start: int) -> bool:
    """Whether what comes by single steps to one operand is what the other operand was computed from."""
    before = set(takewhile(lambda source: _is_alike(network, source, leaf), single_steps(network, passed, start)))
    return any(source in before for source in _ancestors(network, other, start, before))


def single_steps(network: Network, source: Source, start: int) -> Iterator[Source]:
    """A value, and those before it as long as one value alone leads on."""
    while True:
        yield source
        if source.leaf < start:
            return
        read = [item for item in network.leaves[source.leaf].sources if item.leaf not in network.constant]
        if len(read) != 1:
            return
        source = read[0]


def _ancestors(network: Network, source: Source, start: int, wanted: set[Source]) -> Iterator[Source]:
    """A value and all that it was computed from, back to the first of those wanted."""
    if not wanted:
        return
    first = min(item.leaf for item in wanted)
    waiting, seen = [source], {source}
    while waiting:
        found = waiting.pop()
        yield found
        if found.leaf >= max(start, first + 1):
            new = set(network.leaves[found.leaf].sources) - seen
            seen |= new
            waiting += new


def _is_alike(network: Network, source: Source, leaf: Leaf) -> bool:
    """Whether a value has the rank of a leaf's result, and is an image or a sequence where that is one."""
    value, result = network.value(source), leaf.node.output
    if len(value.shape) != len(result.shape):
        return False
    sizes = spatial(network.measure(source), channels_last(value.shape))
    return sizes != (1,) * len(sizes) or not sizes
