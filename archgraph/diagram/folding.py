"""What repeats is folded: a period of equal siblings, each of which reads the one before it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby, pairwise

from archgraph.diagram.flat_flow import Branch, Leaf, Network, Part
from archgraph.diagram.shapes import channels, channels_last, spatial
from archgraph.diagram.unit_fusion import Fusing
from archgraph.diagram.units import Entry, FoldedRun, Opened, Unit, stem
from archgraph.ops.contract import Operation

LONGEST_PERIOD = 4


def entries(network: Network, parts: Sequence[Part], opens: Callable[[Part], bool]) -> list[Entry]:
    """Sibling parts as units, groups to be opened, and folds of both. A table is opened where one of its parts is."""
    return _Folding(network, list(Fusing(network, opens).units(parts))).folded()


def condensed(network: Network, found: Sequence[Entry], most: int) -> list[Entry]:
    """At most so many entries: neighbours of one size are joined to units as short as that allows."""
    sizes = [spatial(network.leaves[network.exit(entry.start, entry.stop)].node.output.shape) for entry in found]
    stretches = [[found[at] for at, _ in run] for _, run in groupby(enumerate(found), key=lambda item: sizes[item[0]])]
    if len(stretches) > most:
        stretches = [list(found)]
    for length in range(1, len(found) + 1):
        pieces = [stretch[at : at + length] for stretch in stretches for at in range(0, len(stretch), length)]
        if len(pieces) <= most:
            break
    return [_joined(piece) for piece in pieces]


def _joined(found: Sequence[Entry]) -> Unit:
    parts: list[Part] = []
    for entry in found:
        inner = entry.entries if isinstance(entry, FoldedRun) else (entry,)
        parts.extend(part for e in inner for part in (e.parts if isinstance(e, Unit) else (e.branch,)))
    return Unit(tuple(parts))


class _Folding:
    """Finds runs that repeat with a short period and keep their size."""

    def __init__(self, network: Network, found: list[Unit | Opened]):
        self._network = network
        self._entries = found
        numbers: dict[Hashable, int] = {}
        self._keys = [numbers.setdefault(key(network, entry), len(numbers)) for entry in found]
        exits = [network.exit(entry.start, entry.stop) for entry in found]
        lasts = [channels_last(network.leaves[leaf].node.output.shape) for leaf in exits]
        self._channels = [channels(network.measured(leaf), last) for leaf, last in zip(exits, lasts, strict=True)]
        self._spaces = [
            (last, len(network.measured(leaf)), spatial(network.measured(leaf), last))
            for leaf, last in zip(exits, lasts, strict=True)
        ]

    def folded(self) -> list[Entry]:
        result: list[Entry] = []
        at = 0
        while at < len(self._entries):
            period, times = self._longest(at)
            if times > 1:
                result.append(FoldedRun(tuple(self._entries[at : at + period * times]), times))
            else:
                result.append(self._entries[at])
            at += period * times
        return result

    def _longest(self, at: int) -> tuple[int, int]:
        """The period and number of repetitions that cover most from here on; (1, 1) where nothing repeats."""
        best = (1, 1)
        for period in range(1, LONGEST_PERIOD + 1):
            times = self._times(at, period)
            if times > 1 and period * times > best[0] * best[1]:
                best = (period, times)
        return best

    def _times(self, at: int, period: int) -> int:
        times, wanted = 1, self._keys[at : at + period]
        while self._repeats(at, period, times, wanted):
            times += 1
        grows = times > 1 and any(self._channels[at + k] != self._channels[at + k + period] for k in range(period))
        return 1 if times == 2 and grows else times

    def _repeats(self, at: int, period: int, times: int, wanted: Sequence[int]) -> bool:
        """Whether one more repetition follows; what is quick to see is asked first."""
        here = at + times * period
        if self._keys[here : here + period] != wanted:
            return False
        return all(self._keeps_size(at + k, period, times) for k in range(period)) and self._chained(here, period)

    def _chained(self, at: int, period: int) -> bool:
        """Whether a repetition reads the one before it."""
        before = range(self._entries[at - period].start, self._entries[at - 1].stop)
        first = self._entries[at]
        last = self._entries[at + period - 1]
        return any(source.leaf in before for source in self._network.entries(first.start, last.stop))

    def _keeps_size(self, at: int, period: int, times: int) -> bool:
        """Whether one more repetition has a result of the size before, and channels that stay or grow by equal steps.

        Those before it are known to, so that the last three say it for all.
        """
        places = [at + k * period for k in range(max(0, times - 2), times + 1)]
        steps = {self._channels[b] - self._channels[a] for a, b in pairwise(places)}
        return len({self._spaces[place] for place in places}) == 1 and len(steps) <= 1


def key(network: Network, entry: Unit | Opened) -> Hashable:
    """Two entries with equal keys may be folded: closed ones of one kind, opened ones of equal structure."""
    if isinstance(entry, Unit):
        shown = entry.shown
        names = () if any(isinstance(part, Branch) for part in shown) else tuple(stem(part.name) for part in shown)
        return ("unit", tuple(kind(part) for part in shown), names)
    return ("opened", stem(entry.branch.name), _structure(network, entry.branch))


def kind(part: Part) -> Hashable:
    """What a part is, whatever its sizes: its operation with attributes, its block, or what a group holds."""
    if isinstance(part, Leaf):
        return _operation(part.node.op)
    if part.call.kind == "block":
        return part.call.block
    held = [kind(inner) for inner in part.parts]
    return (stem(part.name), *(item for at, item in enumerate(held) if at == 0 or held[at - 1] != item))


@lru_cache(maxsize=4096)
def _operation(op: Operation) -> Hashable:
    """Real numbers are left out: a rate that grows with depth is no other kind of layer."""
    values = ((name, getattr(op, name)) for name in type(op).model_fields)
    return (op.name, *((name, repr(value)) for name, value in values if not isinstance(value, float)))


def _structure(network: Network, branch: Branch) -> Hashable:
    """Operations and wiring inside a call; what comes from outside is numbered in the order of its first use."""
    outside = {source: number for number, source in enumerate(network.entries(branch.start, branch.stop))}
    found = []
    for leaf in network.leaves[branch.start : branch.stop]:
        reads = tuple(
            ("outside", outside[s]) if s in outside else (s.leaf - branch.start, s.port) for s in leaf.sources
        )
        found.append((_operation(leaf.node.op), reads))
    return (kind(branch), tuple(found))


def is_of_layers(fold: FoldedRun) -> bool:
    """Whether what repeats are single operations, not blocks."""
    return fold.closed and all(isinstance(part, Leaf) for e in fold.period if isinstance(e, Unit) for part in e.parts)


def kinds_below(parts: Sequence[Part], depth: int, around: tuple[str, ...] = ()) -> Iterator[str]:
    """The blocks that lie so deep that they are folded, but for those that lie in their like."""
    for part in parts:
        if isinstance(part, Branch):
            if depth <= 1 and part.call.block not in around:
                yield part.call.block
            yield from kinds_below(part.parts, depth - 1, (*around, part.call.block))
