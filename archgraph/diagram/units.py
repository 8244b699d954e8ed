"""What is drawn as one: chains of single operations become units, and what repeats is folded.

A unit covers an interval of the flow. Intervals of a topological order never form a cycle, so neither do their boxes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from archgraph.diagram.roles import role_of, word
from archgraph.diagram.shapes import channels, spatial
from archgraph.diagram.wiring import Branch, Leaf, Network, Part

LONGEST_PERIOD = 4
WORK = ("convolution", "attention", "resampling", "embedding")


@dataclass(frozen=True, eq=False, slots=True)
class Unit:
    """Parts drawn as one box."""

    parts: tuple[Part, ...]

    @property
    def start(self) -> int:
        return self.parts[0].start

    @property
    def stop(self) -> int:
        return self.parts[-1].stop

    @property
    def shown(self) -> tuple[Part, ...]:
        """The parts that its title names: moves and concatenations only where there is nothing else."""
        return tuple(part for part in self.parts if not is_light(part) or adds(part)) or self.parts


@dataclass(frozen=True, eq=False, slots=True)
class Opened:
    """A call drawn as a group of what it holds."""

    branch: Branch

    @property
    def start(self) -> int:
        return self.branch.start

    @property
    def stop(self) -> int:
        return self.branch.stop


@dataclass(frozen=True, eq=False, slots=True)
class Fold:
    """A period of entries that repeats `times`: entries[:period] stand for all of them."""

    entries: tuple[Unit | Opened, ...]
    times: int

    @property
    def start(self) -> int:
        return self.entries[0].start

    @property
    def stop(self) -> int:
        return self.entries[-1].stop

    @property
    def period(self) -> tuple[Unit | Opened, ...]:
        return self.entries[: len(self.entries) // self.times]

    @property
    def closed(self) -> bool:
        return all(isinstance(entry, Unit) for entry in self.entries)


Entry = Unit | Opened | Fold


def is_light(part: Part) -> bool:
    """Whether a part is one operation that only moves or joins values."""
    return isinstance(part, Leaf) and role_of(part.node) in ("move", "join")


def is_constant(leaf: Leaf) -> bool:
    """Whether it is a free tensor, which reads nothing."""
    return not leaf.sources


def entries(network: Network, parts: Sequence[Part], opens: Callable[[Branch], bool]) -> list[Entry]:
    """Sibling parts as units, groups to be opened, and folds of both."""
    return _Folding(network, list(_Fusing(network, opens).units(parts))).folded()


def condensed(network: Network, found: Sequence[Entry], most: int) -> list[Entry]:
    """At most so many entries: neighbours of one size are joined to units as short as that allows."""
    sizes = [spatial(network.measured(network.exit(entry.start, entry.stop))) for entry in found]
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
        inner = entry.entries if isinstance(entry, Fold) else (entry,)
        parts.extend(part for e in inner for part in (e.parts if isinstance(e, Unit) else (e.branch,)))
    return Unit(tuple(parts))


class _Fusing:
    """Joins chains such as convolution, norm, activation; a unit holds one part that does the work."""

    def __init__(self, network: Network, opens: Callable[[Branch], bool]):
        self._network = network
        self._opens = opens

    def units(self, parts: Sequence[Part]) -> Iterator[Unit | Opened]:
        held: list[Part] = []
        for part in parts:
            if isinstance(part, Leaf) and self._attached(part):
                continue  # drawn in the box of its reader
            opened = isinstance(part, Branch) and self._opens(part)
            if held and (opened or not self._continues(held, part)):
                yield Unit(tuple(held))
                held = []
            if isinstance(part, Branch) and opened:
                yield Opened(part)
            else:
                held.append(part)
        if held:
            yield Unit(tuple(held))

    def _attached(self, leaf: Leaf) -> bool:
        return is_constant(leaf) and attached_to(self._network, leaf) is not None

    def _continues(self, held: list[Part], part: Part) -> bool:
        aside = {held[0].start, part.start} <= self._network.aside
        return self._chained(held, part) and (aside or self._belongs(held, part))

    def _chained(self, held: list[Part], part: Part) -> bool:
        """Whether `part` is the only one that reads what is held, and reads nothing else but constants."""
        start, stop = held[0].start, held[-1].stop
        out = {
            who for leaf in range(start, stop) for who in self._network.readers.get(leaf, ()) if not start <= who < stop
        }
        if not out or not all(part.start <= who < part.stop for who in out):
            return False
        leaves = self._network.leaves
        others = [s for s in self._network.entries(part.start, part.stop) if not start <= s.leaf < stop]
        return isinstance(part, Branch) or all(s.leaf >= 0 and is_constant(leaves[s.leaf]) for s in others)

    def _belongs(self, held: list[Part], part: Part) -> bool:
        roles = [role_of(item.node) if isinstance(item, Leaf) else "block" for item in held]
        if isinstance(part, Branch):
            return all(is_light(item) and not adds(item) for item in held)
        role = role_of(part.node)
        if role == "join" and len(set(part.sources)) > 1 and not all(map(is_light, held)):
            return self._single_input(part)
        if role in ("move", "join"):
            return True
        if "block" in roles:
            return False
        working = any(item in WORK for item in roles)
        if role in WORK:
            return not working and not any(map(adds, held))
        prepared = bool(working and roles[0] in ("norm", "activation"))
        if role == "norm":
            return not prepared and "norm" not in roles and not any(map(adds, held))
        return not prepared

    def _single_input(self, leaf: Leaf) -> bool:
        """Whether all but one of its sources are constants: a scale, a position embedding."""
        return sum(s.leaf < 0 or not is_constant(self._network.leaves[s.leaf]) for s in set(leaf.sources)) == 1


def adds(part: Part) -> bool:
    return isinstance(part, Leaf) and role_of(part.node) == "join" and part.node.op.name != "concat"


def attached_to(network: Network, leaf: Leaf) -> int | None:
    """The only leaf that reads a free tensor; it is drawn there, with its cost."""
    readers = network.readers.get(leaf.index, frozenset())
    (reader,) = readers if len(readers) == 1 else (-1,)
    return reader if reader >= 0 else None


class _Folding:
    """Finds runs that repeat with a short period and keep their size."""

    def __init__(self, network: Network, found: list[Unit | Opened]):
        self._network = network
        self._entries = found
        self._keys = [key(network, entry) for entry in found]

    def folded(self) -> list[Entry]:
        result: list[Entry] = []
        at = 0
        while at < len(self._entries):
            period, times = self._longest(at)
            if times > 1:
                result.append(Fold(tuple(self._entries[at : at + period * times]), times))
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
        while self._keys[at + times * period : at + (times + 1) * period] == wanted and self._chained(
            at + times * period, period
        ):
            if not all(self._keep_size(at + k, period, times + 1) for k in range(period)):
                break
            times += 1
        grows = times > 1 and any(
            channels(self._result(at + k)) != channels(self._result(at + k + period)) for k in range(period)
        )
        return 1 if times == 2 and grows else times

    def _chained(self, at: int, period: int) -> bool:
        """Whether a repetition reads the one before it."""
        before = range(self._entries[at - period].start, self._entries[at - 1].stop)
        first = self._entries[at]
        last = self._entries[at + period - 1]
        return any(source.leaf in before for source in self._network.entries(first.start, last.stop))

    def _keep_size(self, at: int, period: int, times: int) -> bool:
        """Whether repetitions have results of one size, and channels that stay or grow by equal steps."""
        results = [self._result(at + k * period) for k in range(times)]
        counts = [channels(shape) for shape in results]
        steps = {b - a for a, b in pairwise(counts)}
        return len({(len(shape), spatial(shape)) for shape in results}) == 1 and len(steps) <= 1

    def _result(self, at: int) -> tuple[int, ...]:
        entry = self._entries[at]
        return self._network.measured(self._network.exit(entry.start, entry.stop))


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
        return _operation(part)
    if part.call.kind == "block":
        return part.call.block
    held = [kind(inner) for inner in part.parts]
    return (stem(part.name), *(item for at, item in enumerate(held) if at == 0 or held[at - 1] != item))


def _operation(leaf: Leaf) -> Hashable:
    """Real numbers are left out: a rate that grows with depth is no other kind of layer."""
    values = leaf.node.op.model_dump()
    return (leaf.node.op.name, *((name, repr(value)) for name, value in values.items() if not isinstance(value, float)))


def _structure(network: Network, branch: Branch) -> Hashable:
    """Operations and wiring inside a call; what comes from outside is numbered in the order of its first use."""
    outside = {source: number for number, source in enumerate(network.entries(branch.start, branch.stop))}
    found = []
    for leaf in network.leaves[branch.start : branch.stop]:
        reads = tuple(
            ("outside", outside[s]) if s in outside else (s.leaf - branch.start, s.port) for s in leaf.sources
        )
        found.append((_operation(leaf), reads))
    return (kind(branch), tuple(found))


def stem(name: str) -> str:
    """A name without its number: `down_blocks` for `down_blocks.3`, `conv` for `conv2`; '' for a bare number."""
    return re.sub(r"[._]?\d+$", "", name)


def noun(part: Part) -> str:
    """What one calls a part among its like: its block, its name without the number, or its operation."""
    if isinstance(part, Branch) and part.call.kind == "block":
        return part.call.block
    if isinstance(part, Leaf):
        return stem(part.name) or word(part.node.op)
    return stem(part.name) or source_name(part) or "group"


def source_name(part: Part) -> str:
    """The name in the source, where that is more than a number."""
    origin = part.node.origin if isinstance(part, Leaf) else part.call.origin
    last = origin.address.rpartition(".")[2]
    return "" if last.isdigit() else last
