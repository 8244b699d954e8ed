"""Where in a body that stands which training alone computes: where its weights stand among those of evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from torch import fx

from archgraph.importing.conversion.module_calls import ModuleCall

Entry = fx.Node | ModuleCall


def operations(entry: Entry) -> Iterable[fx.Node]:
    """The operations of an entry."""
    return entry.operations() if isinstance(entry, ModuleCall) else (entry,)


@dataclass(frozen=True, slots=True)
class EntryOrder:
    """The order of entries. `trained` are the operations of training only, `places` those of weights in the state
    dict."""

    trained: frozenset[fx.Node]
    places: Mapping[fx.Node, int]

    def arranged(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Entries of training only behind what they read, and behind those of evaluation whose weights come before
        theirs in the state dict.

        What reads weights of evaluation comes last: evaluation owns them.
        """
        kept = [entry for entry in entries if not self._is_added(entry)]
        if not kept or len(kept) == len(entries):
            return entries
        makers = {node: number for number, entry in enumerate(kept, 1) for node in operations(entry)}
        waiting: dict[int, list[Entry]] = {}
        count = latest = 0
        for entry in entries:
            if self._is_added(entry):
                latest = max(latest, self._least(entry, kept, makers, count))
                waiting.setdefault(latest, []).append(entry)
            else:
                count += 1
        found = list(waiting.get(0, ()))
        for number, entry in enumerate(kept, 1):
            found += [entry, *waiting.get(number, ())]
        return found

    def _is_added(self, entry: Entry) -> bool:
        return self.trained.issuperset(operations(entry))

    def _least(self, entry: Entry, kept: Sequence[Entry], makers: Mapping[fx.Node, int], count: int) -> int:
        """Behind how many entries of evaluation one of training stands, which has `count` before it in the program."""
        read = self._weights(entry)
        if not read:
            return count
        if any(not self.trained.issuperset(weight.users) for weight in read):
            return len(kept)
        own = min(map(self.places.__getitem__, read))
        before = (number for number, other in enumerate(kept, 1) if -1 < self._place(other) < own)
        inputs = (makers.get(value, 0) for node in operations(entry) for value in node.all_input_nodes)
        return max(*before, *inputs, 0, 0)

    def _place(self, entry: Entry) -> int:
        return min(map(self.places.__getitem__, self._weights(entry)), default=-1)

    def _weights(self, entry: Entry) -> list[fx.Node]:
        read = (value for node in operations(entry) for value in node.all_input_nodes)
        return [value for value in read if value in self.places]
