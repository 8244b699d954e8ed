"""Chains of single operations become units: convolution, norm, activation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from archgraph.diagram.flat_flow import Branch, Leaf, Network, Part
from archgraph.diagram.roles import role_of
from archgraph.diagram.units import WORK, Opened, Unit, adds, attached_to, is_constant, is_light


class Fusing:
    """Joins chains such as convolution, norm, activation; a unit holds one part that does the work."""

    def __init__(self, network: Network, opens: Callable[[Part], bool]):
        self._network = network
        self._opens = opens

    def units(self, parts: Sequence[Part]) -> Iterator[Unit | Opened]:
        held: list[Part] = []
        for part, *others in self._drawn(parts):
            opened = not others and isinstance(part, Branch) and self._opens(part)
            if held and (others or opened or not self._continues(held, part)):
                yield Unit(tuple(held))
                held = []
            if others:
                yield Unit((part, *others), is_table=True)
            elif isinstance(part, Branch) and opened:
                yield Opened(part)
            else:
                held.append(part)
        if held:
            yield Unit(tuple(held))

    def _drawn(self, parts: Sequence[Part]) -> Iterator[list[Part]]:
        """The parts that have boxes of their own: those of a closed table together, all others alone."""
        stop = -1
        for part in parts:
            table = self._network.tables.get(part, ())
            if part.start < stop:
                continue
            if table and not any(map(self._opens, table)):
                stop = table[-1].stop
                yield [inner for inner in table if not self._attached(inner)]
            elif not self._attached(part):
                yield [part]

    def _attached(self, part: Part) -> bool:
        """Whether it is drawn in the box of its only reader."""
        return isinstance(part, Leaf) and is_constant(part) and attached_to(self._network, part) is not None

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
