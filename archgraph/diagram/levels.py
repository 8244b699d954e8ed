"""The levels of a U, each of which is one row of a picture to the right: its encoder, and its decoder next to that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from archgraph.diagram.cuts import cut_costs
from archgraph.diagram.outline import Box, Edge, Outline
from archgraph.diagram.unet import UShape, area, result

LONGEST = 8
"""Boxes of both sides of a level that stay in one row, whatever it holds."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Boxes by level, from the top; `bottom` is below all of them, `others` are those of neither side."""

    encoder: list[list[Box]]
    bottom: list[Box]
    decoder: list[list[Box]]
    others: list[Box]


def levels(outline: Outline, edges: Sequence[Edge], shape: UShape) -> Levels:
    """Skips of one size make a level, or where that is long, each of them. A side is cut between two levels where few
    frames and arrows are, and else before the box that changes the size most."""
    cutting = _Cutting(outline, edges)
    down, up = [*shape.falling, *shape.bottom], list(shape.rising)
    runs = list(_runs(shape, down, up))
    tails = [(down.index(run[0][0]), down.index(run[-1][0])) for run in runs]
    heads = [(up.index(run[-1][1]), up.index(run[0][1])) for run in reversed(runs)]
    encoder = cutting.pieces(down, [*tails, (len(down), 0)])
    decoder = cutting.pieces(up, heads)
    bottom = encoder.pop() if len(encoder) > len(runs) else []
    drawn = {box for piece in [*encoder, bottom, *decoder] for box in piece}
    others = [box for box in outline.boxes if box not in drawn]
    return Levels(encoder, bottom, decoder[::-1], others)


def _runs(shape: UShape, down: Sequence[Box], up: Sequence[Box]) -> Iterator[list[tuple[Box, Box]]]:
    """The ends of skips by level, from the top."""
    sizes = {(skip.tail, skip.head): skip.area for skip in shape.skips}
    start, stop = 0, len(up)
    for _, pairs in groupby(shape.pairs(), key=sizes.__getitem__):
        run = list(pairs)
        after, before = down.index(run[-1][0]) + 1, up.index(run[-1][1])
        is_long = after - start + stop - before > LONGEST
        yield from [[pair] for pair in run] if is_long else [run]
        start, stop = after, before


class _Cutting:
    def __init__(self, outline: Outline, edges: Sequence[Edge]):
        self._network = outline.network
        self._place = {box: at for at, box in enumerate(outline.boxes)}
        self._costs = cut_costs(outline, edges)

    def pieces(self, side: Sequence[Box], spans: Sequence[tuple[int, int]]) -> list[list[Box]]:
        """A side in pieces, each of which holds one of the spans from a first to a last box."""
        ends = [0, *(self._best(side, last, first) for (_, last), (first, _) in pairwise(spans)), len(side)]
        return [list(side[start:stop]) for start, stop in pairwise(ends) if start < stop]

    def _best(self, side: Sequence[Box], last: int, first: int) -> int:
        """Where to cut between the last box of one piece and the first of the next."""
        return min(
            range(last + 1, min(first, len(side) - 1) + 1), key=lambda at: self._cost(side, at), default=len(side)
        )

    def _cost(self, side: Sequence[Box], at: int) -> tuple[int, float, int]:
        """What is cut, the less the more the size changes there, and the place."""
        before, after = (area(self._network, result(self._network, box)) for box in side[at - 1 : at + 1])
        change = max(before, after) / max(1, min(before, after))
        return self._costs[self._place[side[at]]], -change, at
