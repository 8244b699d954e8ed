"""What a person asks of a picture: how deep, which parts opened or folded, at which sizes, in which direction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

from archgraph.diagram.flat_flow import Branch, Leaf, Network, Part
from archgraph.errors import Problem, RenderError, UnknownNameError, nearest
from archgraph.graph.input_sizes import check_sizes

if TYPE_CHECKING:
    from archgraph.diagram.heatmap import Heat
    from archgraph.graph.changed_parts import ChangedParts

DIRECTIONS = {"down": "TB", "right": "LR"}
"""Where the flow of a picture runs, and what Graphviz calls that, which is understood as well."""


@dataclass(frozen=True)
class View:
    """`depth` is how many levels of blocks are shown: 1 folds the parts at the top, each further number opens one more
    level; by default the deepest that needs at most 60 boxes and fits a page. `open` and `fold` are paths of blocks and
    groups that are drawn to full depth or as one box, whatever the depth. What is computed from constants alone, such
    as an index of relative positions, is one box unless `open` names it or an operation in it. `sizes` puts numbers in
    for symbols. `direction` is 'down' or 'right'. `legend` explains the colours. `heat` colours boxes by shares instead
    of by role, and prints those instead of parameters. `changes` colours them by what differs from another network.
    """

    depth: int | None = None
    sizes: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    direction: str = "down"
    open: Sequence[str] = ()
    fold: Sequence[str] = ()
    legend: bool = False
    heat: Heat | None = None
    changes: ChangedParts | None = None

    @property
    def rankdir(self) -> str:
        """The direction as Graphviz calls it."""
        return DIRECTIONS.get(self.direction, self.direction)

    def check(self, network: Network) -> None:
        """Raises RenderError for a direction or depth that there is not, UnknownNameError for paths and sizes that the
        network lacks, ShapeError for sizes that it does not take."""
        if self.rankdir not in DIRECTIONS.values():
            raise RenderError(
                "there is no such direction",
                expected=" or ".join(DIRECTIONS),
                received=str(self.direction),
                hint=nearest(str(self.direction).lower(), DIRECTIONS),
            )
        if self.depth is not None and self.depth < 1:
            raise RenderError("the depth must be positive", expected="at least 1", received=str(self.depth))
        check_sizes(network.graph, self.sizes)
        _check_paths(network, self.open, {part.path for table in network.tables.values() for part in table})
        _check_paths(network, self.fold)

    def opens(self, branch: Branch) -> bool | None:
        """Whether a call is opened, where a path decides that; a part of what is folded is never asked for."""
        path = branch.path
        if path in self.fold:
            return False
        inside = any(_is_in(path, name) for name in self.open)
        return True if inside or path in self._around else None

    def opens_table(self, network: Network, part: Part) -> bool:
        """Whether a part that no input reaches is opened: by its own path, or that of such a part in or around it."""
        path = part.path
        if path in self.fold:
            return False
        related = (name for name in self.open if _is_in(path, name) or _is_in(name, path))
        return any(all(leaf.index in network.tabled for leaf in _below(network, name)) for name in related)

    @cached_property
    def _around(self) -> frozenset[str]:
        """The paths of what holds an opened part."""
        return frozenset(name[:at] for name in self.open for at, letter in enumerate(name) if letter == ".")


def _is_in(path: str, around: str) -> bool:
    return path == around or path.startswith(f"{around}.")


def _below(network: Network, path: str) -> Iterator[Leaf]:
    return (leaf for leaf in network.leaves if _is_in(leaf.path, path))


def _check_paths(network: Network, names: Iterable[str], others: Collection[str] = ()) -> None:
    """Raises UnknownNameError for names that are paths of no blocks or groups, and none of the others."""
    known = dict.fromkeys(branch.path for branch in _branches(network.parts))
    single = {leaf.path for leaf in network.leaves}
    wrong = [name for name in names if name not in known and name not in others]
    if wrong:
        raise UnknownNameError(*(_unknown(network, name, list(known), name in single) for name in wrong))


def _unknown(network: Network, name: str, known: Sequence[str], is_operation: bool) -> Problem:
    if is_operation:
        return Problem(
            f"'{name}' is a single operation, which cannot be opened or folded",
            expected="the path of a block or group",
            received=name,
            hint=f"it stands in '{name.rpartition('.')[0]}'" if "." in name else "",
        )
    top = list(dict.fromkeys(path.partition(".")[0] for path in known))
    return Problem(
        f"{network.graph.title} has no block or group '{name}'",
        expected=f"a path in {', '.join(top[:_LISTED])}{' …' if len(top) > _LISTED else ''}" if top else "none to name",
        received=name,
        hint=nearest(name, known),
    )


_LISTED = 8


def _branches(parts: Iterable[Part]) -> Iterator[Branch]:
    for part in parts:
        if isinstance(part, Branch):
            yield part
            yield from _branches(part.parts)
