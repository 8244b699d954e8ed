"""The U of a U-Net: which boxes fall, which rise, what skips across, and which share a row.

It is found by sizes, not by names: values that are read again after the flow has been at a smaller size.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

from archgraph.diagram.flat_flow import Leaf, Network, Source
from archgraph.diagram.outline import Box, Edge, Outline
from archgraph.diagram.shapes import channels_last, spatial
from archgraph.diagram.skip_paths import Path, paths
from archgraph.ops.contract import FLOAT_TYPES

_STEP = 1.4
"""Sizes are of different levels from this ratio of areas on: windows without padding and cropped skips change less,
halving a signal in its only dimension changes more."""


@dataclass(frozen=True, slots=True)
class Skip:
    """Values that cross from the falling side to a box of the rising side, drawn as one arrow.

    The arrow starts at `tail`, the last of the boxes that they come from, and passes the boxes `via`.
    """

    tail: Box
    head: Box
    sources: tuple[Source, ...]
    via: tuple[Box, ...] = ()
    area: int = 0
    """How many places the images have that it hands across."""

    @property
    def stops(self) -> tuple[Box, ...]:
        """The boxes that it connects, from its tail to its head."""
        return (self.tail, *self.via, self.head)


@dataclass(frozen=True, slots=True)
class UShape:
    """A U: boxes by side, top to bottom for the falling side, bottom to top for the rising one."""

    falling: tuple[Box, ...]
    bottom: tuple[Box, ...]
    rising: tuple[Box, ...]
    skips: tuple[Skip, ...]
    crossing: frozenset[Edge]
    """The edges that the skips stand for."""

    def rows(self, along: Collection[Box]) -> list[tuple[Box, Box]]:
        """Pairs of a falling and a rising box that share a row: ends of skips, and boxes `along` the way between."""
        pairs = self.pairs()
        ends = {box for pair in pairs for box in pair}
        falling = [box for box in self.falling if box in along or box in ends]
        rising = [box for box in self.rising if box in along or box in ends]
        fall = [-1, *(falling.index(tail) for tail, _ in pairs), len(falling)]
        rise = [len(rising), *(rising.index(head) for _, head in pairs), -1]
        found = list(pairs)
        for level in range(len(fall) - 1):
            left = falling[fall[level] + 1 : fall[level + 1]]
            right = rising[rise[level + 1] + 1 : rise[level]][::-1]
            if level == 0:  # above the first skip, rows are counted from below
                left, right = left[::-1], right[::-1]
            found += zip(left, right, strict=False)
        return found

    def height(self, along: Collection[Box]) -> int:
        """How many boxes `along` the way stand below one another."""
        falling, bottom, rising = (
            sum(box in along for box in side) for side in (self.falling, self.bottom, self.rising)
        )
        return max(falling, rising) + bottom

    def pairs(self) -> list[tuple[Box, Box]]:
        """The ends of skips, outermost first, without those that cross others."""
        pairs: list[tuple[Box, Box]] = []
        for skip in sorted(self.skips, key=lambda skip: (skip.tail.start, -skip.head.start)):
            if not pairs or (skip.tail.start > pairs[-1][0].start and skip.head.start < pairs[-1][1].start):
                pairs.append((skip.tail, skip.head))
        return pairs


def u_shape(outline: Outline, edges: Sequence[Edge]) -> UShape | None:
    """The U that an outline has, or None."""
    return _Search(outline, edges).shape()


class _Search:
    def __init__(self, outline: Outline, edges: Sequence[Edge]):
        self._network = outline.network
        self._edges = edges
        self._boxes = outline.boxes
        self._tails = [edge.tail.start for edge in edges]
        self._paths = paths(edges)

    def shape(self) -> UShape | None:
        outer = [path for path in self._paths if self._dips(path)]
        if not outer:
            return None
        found = outer + self._innermost(outer)
        first, last = min(path.head.start for path in found), max(path.tail.start for path in found)
        if first <= last:
            return None
        passed = {box for path in found for box in path.via}
        sides = [box for box in self._boxes if box not in passed and self._is_flow(box, found[0].tail)]
        first, last = self._turn(sides, first, last)
        falling = tuple(box for box in sides if box.start <= last)
        rising = tuple(box for box in sides if box.start >= first)
        bottom = tuple(box for box in sides if last < box.start < first)
        if not self._monotonous(falling, rising) or self._meets_at_one_size(outer):
            return None
        sided = {*falling, *rising}
        found = [path for path in found if path.tail in sided and path.head in sided]  # what is aside crosses nothing
        crossing = frozenset(edge for path in found for edge in path.edges)
        return UShape(falling, bottom, rising, tuple(self._skips(found)), crossing)

    def _meets_at_one_size(self, found: Sequence[Path]) -> bool:
        """Whether images of several sizes are all brought to one, as a decoder does that joins them at once: no size is
        climbed to after another."""
        sizes = {self._area(path.edges[0].sources[0]) for path in found}
        heads = {path.head for path in found}
        apart = len(heads) > 1 or any(path.via for path in found)  # else one box holds a whole way up
        return len(sizes) > 1 and apart and len({self._area(self._result(head)) for head in heads}) == 1

    def _turn(self, sides: Sequence[Box], first: int, last: int) -> tuple[int, int]:
        """Where the way up starts and the way down ends: boxes between the innermost skip's ends belong to a side as
        long as they shrink or have grown, whatever enlarges them; what keeps the smallest size is the bottom."""
        between = [box for box in sides if last < box.start < first]
        areas = [self._area(self._result(box)) for box in between]
        images = [area for box, area in zip(between, areas, strict=True) if self._area_read(box) > 1]
        least = min((area for area in images if area > 0), default=0)  # a layer on the time is no smaller image
        for box, area in zip(between, areas, strict=True):
            if area <= self._area_read(box) / _STEP or area >= least * _STEP:
                last = box.start
            else:
                break
        for box, area in zip(reversed(between), reversed(areas), strict=True):
            if box.start > last and area >= least * _STEP:
                first = box.start
            else:
                break
        return first, last

    def _area_read(self, box: Box) -> int:
        return max(map(self._area, self._network.entries(box.start, box.stop)), default=0)

    def _is_flow(self, box: Box, first: Box) -> bool:
        """Whether a box belongs to a side: all but what leads to values read everywhere, and further inputs."""
        if box.port is None or box.port.leaf >= 0:
            return not box.leaves or box.leaves[-1] not in self._network.aside
        return box is first or box in self._reached(box, first, ends=True)

    def _dips(self, path: Path) -> bool:
        """Whether some other way from a path's tail to its head passes a smaller size, from which the head is back."""
        if path.head.start <= path.tail.stop:
            return False
        area = min(self._area(edge.sources[0]) for edge in path.edges)
        if area <= 1:
            return False
        between = self._reached(path.tail, path.head).difference(path.via)
        # What has more dimensions is no smaller image: tokens [N, T, C] are split in heads [N, T, heads, C / heads].
        rank = max(len(self._network.value(edge.sources[0]).shape) for edge in path.edges)
        images = (self._area(self._result(box)) for box in between if self._rank(box) <= rank)
        least = min((found for found in images if found > 0), default=area)
        back = least * _STEP < area and least * _STEP <= self._area(self._result(path.head))
        return back and any(map(self._enlarges, (*between, path.head)))

    def _enlarges(self, box: Box) -> bool:
        """Whether something in a box makes images larger. A weight of each channel that meets the image which it was
        pooled from does not; nor does a lookup, or the spreading of a single value."""
        return any(self._grows(self._network.leaves[index]) for index in box.leaves)

    def _grows(self, leaf: Leaf) -> bool:
        read = [source for source in leaf.sources if source not in self._network.everywhere]
        areas = [self._area(source) for source in read]
        if not areas or not max(areas) or (max(areas) == 1 and not leaf.node.weights):
            return False
        lookup = any(self._network.value(source).dtype not in FLOAT_TYPES for source in read)
        return not lookup and self._area(Source(leaf.index)) >= max(areas) * _STEP

    def _reached(self, tail: Box, head: Box, ends: bool = False) -> set[Box]:
        """The boxes on all ways from one box to another."""
        forward = {tail}
        # They are sorted by the tails, so that one pass is enough, over those that start between the two.
        between = self._edges[bisect_left(self._tails, tail.start) : bisect_left(self._tails, head.start)]
        for edge in between:
            if edge.tail in forward and edge.head.start <= head.start:
                forward.add(edge.head)
        backward = {head}
        for edge in reversed(between):
            if edge.head in backward and edge.tail in forward:
                backward.add(edge.tail)
        return backward if ends else backward - {tail, head}

    def _innermost(self, outer: Sequence[Path]) -> list[Path]:
        """Skips at the smallest size: they end in a concatenation, and all of them cross one place."""
        after, before = max(path.tail.start for path in outer), min(path.head.start for path in outer)
        passed = {box for path in outer for box in path.via}
        order = {box: at for at, box in enumerate(box for box in self._boxes if box not in passed)}
        found = [
            path
            for path in self._paths
            if after <= path.tail.start and path.head.start <= before and path not in outer and not path.via
            if not {path.tail, path.head} & passed and order[path.head] - order[path.tail] > 1
            if self._joins(path.edges[0])
        ]
        nested = found and max(path.tail.start for path in found) < min(path.head.start for path in found)
        return found if nested else []

    def _joins(self, edge: Edge) -> bool:
        readers = (self._network.leaves[index] for index in edge.head.leaves)
        return any(leaf.node.op.name == "concat" and set(edge.sources) & set(leaf.sources) for leaf in readers)

    def _monotonous(self, falling: Sequence[Box], rising: Sequence[Box]) -> bool:
        """Whether images only shrink on one side and only grow on the other."""
        rank = max(map(self._rank, falling))
        down = [self._area(self._result(box)) for box in falling if self._rank(box) == rank]
        up = [self._area(self._result(box)) for box in rising if self._rank(box) == rank]
        down, up = ([area for area in areas if area > 1] for areas in (down, up))
        return all(b < a * _STEP for a, b in pairwise(down)) and all(a < b * _STEP for a, b in pairwise(up))

    def _skips(self, found: Sequence[Path]) -> list[Skip]:
        """One for each head and size, or for each two boxes where those of several sizes join the same two."""
        grouped: dict[tuple[Box, int, tuple[Box, ...]], list[tuple[Source, Box]]] = {}
        for path in found:
            for source in path.edges[0].sources:
                grouped.setdefault((path.head, self._area(source), path.via), []).append((source, path.tail))
        joined: dict[tuple[Box, Box, tuple[Box, ...]], list[Source]] = {}
        for (head, _, via), members in grouped.items():
            tail = max((tail for _, tail in members), key=lambda box: box.start)
            joined.setdefault((tail, head, via), []).extend(source for source, _ in members)
        skips = [self._skip(tail, head, via, sources) for (tail, head, via), sources in joined.items()]
        return sorted(skips, key=lambda skip: (skip.tail.start, skip.head.start))

    def _skip(self, tail: Box, head: Box, via: tuple[Box, ...], sources: Sequence[Source]) -> Skip:
        ordered = tuple(sorted(sources, key=lambda source: (source.leaf, source.port)))
        return Skip(tail, head, ordered, via, max(map(self._area, sources)))

    def _result(self, box: Box) -> Source:
        return result(self._network, box)

    def _area(self, source: Source) -> int:
        return area(self._network, source)

    def _rank(self, box: Box) -> int:
        return len(self._network.measure(self._result(box)))


def result(network: Network, box: Box) -> Source:
    """The value that leaves a box."""
    return box.port or Source(network.exit(box.start, box.stop))


def area(network: Network, source: Source) -> int:
    """How many places the images of a value have; 0 for what is none."""
    shape = network.value(source).shape
    return prod(spatial(network.measure(source), channels_last(shape))) if len(shape) > 2 else 0
