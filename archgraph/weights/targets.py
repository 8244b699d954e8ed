"""What weights are fitted to: a network's title, its weights, and the namings it was published under."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from archgraph.errors import WeightsError, nearest
from archgraph.graph.types import Graph
from archgraph.weights.namings import PublishedNaming, namings_of
from archgraph.weights.wanted import Wanted, wanted_by


@dataclass(frozen=True, slots=True)
class WeightsTarget:
    """A network as weights see it: its name for messages, its weights, and the namings it was published under."""

    title: str
    wanted: Wanted
    namings: Callable[[], tuple[PublishedNaming, ...]] = tuple
    """Read only where keys do not fit as they are."""

    def below(self, subtree: str) -> Wanted:
        """The weights at and below a path, without it. Raises WeightsError where there are none."""
        if not subtree or not self.wanted:
            return self.wanted
        start = f"{subtree}."
        found = {key.removeprefix(start): one for key, one in self.wanted.items() if key.startswith(start)}
        if not found:
            raise self.no_path(f"{self.title} has no weights under '{subtree}'", subtree)
        return found

    def no_path(self, message: str, path: str) -> WeightsError:
        """What to raise for a path at which it has no weights."""
        tops = ", ".join(dict.fromkeys(key.partition(".")[0] for key in self.wanted))
        expected = f"a path of the network, such as {tops}"[:400]
        return WeightsError(message, expected=expected, hint=nearest(path, paths(self.wanted)))


def network_of(graph: Graph) -> WeightsTarget:
    """A graph as weights see it."""
    return WeightsTarget(graph.title, wanted_by(graph), lambda: namings_of(graph))


def paths(keys: Iterable[str]) -> list[str]:
    """Every path that keys lie under, and the keys themselves."""
    found: dict[str, None] = {}
    for key in keys:
        parts = key.split(".")
        found.update(dict.fromkeys(".".join(parts[:depth]) for depth in range(1, len(parts) + 1)))
    return list(found)
