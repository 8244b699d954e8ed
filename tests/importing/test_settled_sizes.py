"""Sizes are read in the simplest form that the constraints of the network allow."""

from __future__ import annotations

from archgraph.codegen.analysis.size_expressions import ReadableSize
from archgraph.dims import Cause, Facts, symbol
from archgraph.importing.writing.numbers.settled_sizes import SettledSizes

H, W = symbol("H"), symbol("W")
SOURCES = [ReadableSize(H, 0, 2), ReadableSize(W, 0, 3)]


def settled(modulus: int) -> SettledSizes:
    facts = Facts()
    facts.require_multiple(W, modulus, Cause("a window"))
    return SettledSizes(facts.constraints())


def test_a_multiple_is_read_as_the_size_that_it_is() -> None:
    sizes = settled(8)
    assert sizes.expressed(W // 8 * 8, SOURCES) == sizes.expressed(W, SOURCES)
    assert sizes.expressed((W + 7) // 8 * 8, SOURCES) == sizes.expressed(W, SOURCES)


def test_a_multiple_of_more_and_of_what_is_not_known_stays() -> None:
    sizes = settled(8)
    for size in (W // 16 * 16, H // 8 * 8, W // 8):
        assert sizes.expressed(size, SOURCES) not in (None, sizes.expressed(W, SOURCES), sizes.expressed(H, SOURCES))
    assert settled(4).expressed(W // 8 * 8, SOURCES) != settled(4).expressed(W, SOURCES)
