"""What boxes and frames cost.

A number beside `× n` is the sum of all n; a number in a frame `× n` is that of a single copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archgraph.diagram.captions import listed
from archgraph.diagram.outline import Box, Group, Outline
from archgraph.diagram.shapes import count


class Prices:
    """The trainable numbers that the boxes and frames of one picture show."""

    def __init__(self, sketch: Outline):
        self._sketch = sketch
        self._around: dict[Box | Group, tuple[Group, ...]] = dict(_around(sketch.tree, ()))

    def shown(self, item: Box | Group) -> str:
        """`1.8 M`; `3.2 M in all` where the copies in a frame differ, so that no number stands for one of them."""
        counts, total = self._counts(item), self._total(item)
        if len(set(counts)) == 1:
            return count(counts[0])
        return f"{count(total)} in all" if total else ""

    def told(self, item: Box | Group) -> list[str]:
        """Lines of a tooltip: what the shown number counts, and where copies differ."""
        counts, total = self._counts(item), self._total(item)
        if not total:
            return []
        line = f"{total:,} parameters"
        if len(counts) > 1 and len(set(counts)) == 1:
            line = f"{counts[0]:,} parameters in each of {len(counts)} copies, {total:,} in all"
        elif len(counts) != 1:
            line += " in all copies" + (f", which differ: {listed(counts)}" if counts else "")
        return [line, *self._parts(item)]

    def _parts(self, item: Box | Group) -> list[str]:
        """For what is titled `× n`: the numbers of each of the n."""
        if isinstance(item, Box):
            copies = item.copies
        elif item.times > 1:
            copies = _split(range(item.start, item.stop), item.times)
        else:
            return []
        counts = [self._sketch.captions.parameters(copy) for copy in copies]
        if not any(counts):
            return []
        if len(set(counts)) > 1:
            return [f"the sum of {len(counts)}, which differ: {listed(counts)}"]
        return [f"the sum of {len(counts)}, each {counts[0]:,}"]

    def _total(self, item: Box | Group) -> int:
        return self._sketch.captions.parameters(self._leaves(item))

    def _leaves(self, item: Box | Group) -> list[int]:
        if isinstance(item, Group):
            return sorted(leaf for box in item.boxes() for leaf in box.leaves)
        return item.leaves

    def _counts(self, item: Box | Group) -> list[int]:
        """The count in each copy of the frames around; one where there are none, nothing where it cannot be split."""
        leaves, times = self._leaves(item), 1
        owned = self._sketch.captions.parameters
        for frame in self._around.get(item, ()):
            pieces = _shares(leaves, frame)
            counts = list(map(owned, pieces))
            if sum(counts) != owned(leaves):
                return []
            if len(set(counts)) > 1:
                return counts * times
            leaves, times = pieces[0], times * frame.times
        return [owned(leaves)] * times


def _around(items: Sequence[Box | Group], frames: tuple[Group, ...]) -> Iterator[tuple[Box | Group, tuple[Group, ...]]]:
    """Each item with the frames `× n` that it stands in, the outermost first."""
    for item in items:
        yield item, frames
        if isinstance(item, Group):
            yield from _around(item.children, (*frames, item) if item.times > 1 else frames)


def _shares(leaves: Sequence[int], frame: Group) -> list[list[int]]:
    """The leaves by the copy of a frame that they stand in."""
    pieces: list[list[int]] = [[] for _ in range(frame.times)]
    length = (frame.stop - frame.start) // frame.times
    for leaf in leaves:
        if 0 <= leaf - frame.start < length * frame.times:
            pieces[(leaf - frame.start) // length].append(leaf)
    return pieces


def _split(everything: range, times: int) -> tuple[range, ...]:
    """The leaves of each copy in a frame."""
    length = len(everything) // times
    return tuple(everything[at * length : (at + 1) * length] for at in range(times))
