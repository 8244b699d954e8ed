"""Operations that change a value in place, as ones that make a new value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from torch import fx

from archgraph.errors import ImportingError
from archgraph.importing.conversion.views import (
    TensorView,
    changes_its_input,
    operation_name,
    part_of,
    parts_apart,
    view,
    views_of,
    with_part,
)
from archgraph.importing.tracing.places import place_of


def without_mutations(graph: fx.Graph) -> None:
    """Readers that come after a change read what made it; a change of a part makes the whole anew, with another part,
    and the other views of the whole once more.

    Raises ImportingError for a change through a view that has no way back to the whole.
    """
    order: dict[fx.Node, float] = {node: place for place, node in enumerate(graph.nodes)}
    renewal = _Renewal(graph, order)
    for node in list(graph.nodes):
        if changes_its_input(node):
            renewal.after(node)
    graph.lint()


def require_kept_weights(graph: fx.Graph, weights: Mapping[fx.Node, str]) -> None:
    """Raises ImportingError where evaluation changes a parameter or buffer and reads it afterwards: no network of ours
    remembers what it was called with."""
    order: dict[fx.Node, float] = {node: place for place, node in enumerate(graph.nodes)}
    for node in filter(changes_its_input, graph.nodes):
        changed = node.args[0]
        assert isinstance(changed, fx.Node)
        while (found := view(changed)) is not None:
            changed = found.whole
        if changed in weights and (node.users or any(order[reader] > order[node] for reader in changed.users)):
            raise ImportingError(
                f"evaluation changes {weights[changed]} and reads it",
                expected="a module whose evaluation leaves its buffers as they are",
                received=place_of(node),
            )


@dataclass(slots=True)
class _Renewal:
    """The values of a program while its changes become new values. `order` is the time at which each is made."""

    graph: fx.Graph
    order: dict[fx.Node, float]
    _origins: dict[fx.Node, TensorView | None] = field(default_factory=dict)
    """What new values are views of; in the place of an older whole, the new one."""

    def after(self, change: fx.Node) -> None:
        """Hands what a change made to those who read it later: in the value, in the wholes that it is a view of, and
        in the other views of these."""
        time, old, new = self.order[change], change.args[0], change
        assert isinstance(old, fx.Node)
        while True:
            self._replace(old, new, time)
            self._remake_views(old, new, time)
            origin = self._origin(old)
            if origin is None or not any(self._is_read_after(whole, time) for whole in self._wholes(old)):
                return
            made = self._with_part(origin, new, change)
            self.order[made] = time
            renewed = replace(origin, whole=made)
            self._origins |= {new: renewed, made: None}
            self._origins |= {other: replace(renewed, form=other) for other in parts_apart(origin.form)}
            old, new = origin.whole, made

    def _origin(self, node: fx.Node) -> TensorView | None:
        return self._origins[node] if node in self._origins else view(node)

    def _wholes(self, node: fx.Node) -> Iterator[fx.Node]:
        origin = self._origin(node)
        while origin is not None:
            yield origin.whole
            origin = self._origin(origin.whole)

    def _views(self, node: fx.Node, time: float) -> list[fx.Node]:
        """The views of a value that were there before a time."""
        renewed = (one for one, origin in self._origins.items() if origin is not None and origin.whole is node)
        plain = (one for one in views_of(node) if one not in self._origins)
        return [one for one in (*renewed, *plain) if self.order[one] < time]

    def _is_read_after(self, node: fx.Node, time: float) -> bool:
        """Whether a value or a view of it is read after a time."""
        later = any(self.order[reader] > time for reader in node.users)
        return later or any(self._is_read_after(one, time) for one in self._views(node, time))

    def _replace(self, old: fx.Node, new: fx.Node, time: float) -> None:
        for reader in list(old.users):
            if self.order[reader] > time and reader is not new:
                reader.replace_input_with(old, new)

    def _remake_views(self, old: fx.Node, new: fx.Node, time: float) -> None:
        """Views of an old value, as far as they are read later, once more of the new one."""
        for one in self._views(old, time):
            origin = self._origin(one)
            if origin is not None and one is not new and self._is_read_after(one, time):
                *several, made = part_of(self.graph, origin.form, new)
                self.order |= dict.fromkeys((*several, made), time)
                self._replace(one, made, time)
                self._remake_views(one, made, time)

    def _with_part(self, origin: TensorView, new: fx.Node, change: fx.Node) -> fx.Node:
        """The whole, with a value in the place of a view."""
        made = with_part(self.graph, origin, new)
        if made is None:
            name = operation_name(origin.form)
            raise ImportingError(
                f"{operation_name(change)} changes a value through {name}, and it is read afterwards",
                received=place_of(change),
                hint="write it with torch.where, torch.cat or scatter",
            )
        made.meta = {**change.meta, "val": origin.whole.meta["val"]}
        return made
