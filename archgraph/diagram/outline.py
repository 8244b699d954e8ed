"""What is shown at a depth: boxes in groups, and the edges between them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from itertools import count as count_from

from archgraph.diagram.captions import Caption, Captions
from archgraph.diagram.flat_flow import Branch, Network, Part, Source
from archgraph.diagram.folding import condensed, entries, is_of_layers, kinds_below
from archgraph.diagram.shapes import Wording
from archgraph.diagram.units import Entry, FoldedRun, Opened, Unit, attached_to, is_bare, telling
from archgraph.diagram.view import View
from archgraph.graph.types import Value

MOST_IN_A_LINE = 3


@dataclass(frozen=True, eq=False, slots=True)
class Box:
    """One box: its caption, and the leaves that it stands for, in the order of the flow.

    It shows the leaves from `start` up to `stop`; where it stands for copies too, theirs are among `leaves`.
    """

    id: str
    caption: Caption
    start: int
    stop: int
    leaves: list[int] = field(default_factory=list)
    port: Source | None = None
    """For an input or output of the network: the value that it shows."""
    copies: tuple[range, ...] = ()
    """For a box that stands for a folded repetition: the leaves of each time."""


@dataclass(frozen=True, eq=False, slots=True)
class Group:
    """Boxes in a frame; `times` says how often what is in it stands there."""

    id: str
    title: str
    children: tuple[Box | Group, ...]
    times: int = 1
    start: int = 0
    stop: int = 0
    branch: Branch | None = None

    def boxes(self) -> Iterator[Box]:
        for child in self.children:
            yield from child.boxes() if isinstance(child, Group) else (child,)


def groups(items: Sequence[Box | Group]) -> Iterator[Group]:
    """All frames, those within others too."""
    for item in items:
        if isinstance(item, Group):
            yield item
            yield from groups(item.children)


@dataclass(frozen=True, eq=False, slots=True)
class Edge:
    """Values that flow from one box to another."""

    tail: Box
    head: Box
    sources: tuple[Source, ...]


@dataclass(frozen=True, eq=False)
class Outline:
    """A picture before it is laid out."""

    network: Network
    wording: Wording
    captions: Captions
    tree: tuple[Box | Group, ...]
    edges: tuple[Edge, ...]

    @cached_property
    def boxes(self) -> tuple[Box, ...]:
        """All boxes in the order of the flow: inputs first, outputs last."""
        found = [box for item in self.tree for box in (item.boxes() if isinstance(item, Group) else (item,))]
        return tuple(sorted(found, key=lambda box: box.start))

    @cached_property
    def on_the_way(self) -> tuple[Box, ...]:
        """The boxes that may stand on the main way."""
        return tuple(box for box in self.boxes if not self.is_tabled(box))

    def is_tabled(self, box: Box) -> bool:
        """Whether no input reaches a box."""
        return bool(box.leaves) and self.network.tabled.issuperset(box.leaves)


class TooManyBoxesError(Exception):
    """A sketch has more boxes than its limit; who sets one catches this."""


@dataclass
class Sketch:
    """Draws one outline: boxes first, then the edges between the boxes that leaves fell into.

    `most` bounds the boxes at the top, by drawing neighbours as one. `asides` says whether to open what leads only to
    values that reach blocks everywhere. Paths that the view opens or folds are so at any depth. Beyond `limit` boxes a
    sketch is given up, and raises TooManyBoxesError.
    """

    network: Network
    wording: Wording
    depth: int
    most: int | None = None
    asides: bool = True
    view: View = field(default_factory=View)
    limit: int | None = None
    _found: dict[Branch, list[Entry]] = field(default_factory=dict)
    _box_of: dict[int, Box] = field(default_factory=dict)
    _copied: dict[int, list[range]] = field(default_factory=dict)
    _ids: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.captions = Captions(self.network, self.wording)
        # What is folded in one place is folded everywhere: a picture has one level of detail.
        self._closed_kinds = set(kinds_below(self.network.parts, self.depth))

    def outline(self) -> Outline:
        inputs = [self._input(number, value.name) for number, value in enumerate(self.network.graph.inputs)]
        found = self._entries(self.network.parts, 1)
        if self.most is not None:
            found = condensed(self.network, found, self.most)
        body = self._items(found, 1)
        outputs = [self._output(number, name) for number, name in enumerate(self.network.outputs)]
        edges = tuple(self._edges(inputs, outputs))
        return Outline(self.network, self.wording, self.captions, (*inputs, *body, *outputs), edges)

    # Boxes

    def _entries(self, parts: Sequence[Part], level: int) -> list[Entry]:
        def opens(part: Part) -> bool:
            if self.network.is_tabled(part):
                return self.view.opens_table(self.network, part)
            return isinstance(part, Branch) and opens_branch(part)

        def opens_branch(branch: Branch) -> bool:
            if (asked := self.view.opens(branch)) is not None:
                return asked
            shown = self.asides or branch.start not in self.network.aside
            closed = branch.call.kind == "block" and branch.call.block in self._closed_kinds
            return shown and not closed and level < self.depth and not self._is_single(branch, level)

        return entries(self.network, parts, opens)

    def _is_single(self, branch: Branch, level: int) -> bool:
        """Whether a call holds one unit only, so that opening it would tell no more, or a block one line of layers that
        repeats, which is as well said in a box."""
        if branch.stop - branch.start == 1:
            return True
        found = self._held(branch, level)
        if len(found) != 1:
            return False
        layers = isinstance(found[0], FoldedRun) and branch.call.kind == "block" and is_of_layers(found[0])
        return layers or isinstance(found[0], Unit)

    def _held(self, branch: Branch, level: int) -> list[Entry]:
        """The entries of a call at a level, which is the same whenever it is asked for."""
        if branch not in self._found:
            self._found[branch] = self._entries(branch.parts, level + 1)
        return self._found[branch]

    def _items(self, found: Sequence[Entry], level: int) -> list[Box | Group]:
        """Siblings as boxes and groups. A frame around one box is drawn only where most siblings need theirs."""
        drafts = [self._draft(entry, level) for entry in found]
        frames = [len(item.children) for item in drafts if isinstance(item, Group)]
        framed = 2 * sum(number > 1 for number in frames) > len(frames)
        return [item if framed else self._unframed(item) for item in drafts]

    def _unframed(self, item: Box | Group) -> Box | Group:
        if isinstance(item, Box) or len(item.children) > 1 or item.branch is None or self.view.opens(item.branch):
            return item
        self._ids -= {item.id, *(box.id for box in item.boxes())}
        return self._closed(item.branch)

    def _draft(self, entry: Entry, level: int) -> Box | Group:
        if isinstance(entry, Opened):
            return self._group(entry.branch, level)
        if self.limit is not None and len(self._ids) > self.limit:
            raise TooManyBoxesError
        if isinstance(entry, Unit):
            return self._box(self.captions.unit(entry), [entry])
        return self._folded(entry) if entry.closed else self._frame(entry, level)

    def _folded(self, fold: FoldedRun) -> Box:
        units = [entry for entry in fold.entries if isinstance(entry, Unit)]
        length = len(fold.period)
        copies = [range(units[at].start, units[at + length - 1].stop) for at in range(0, len(units), length)]
        return self._box(self.captions.fold(fold), units, tuple(copies))

    def _box(self, caption: Caption, units: Sequence[Unit], copies: tuple[range, ...] = ()) -> Box:
        first = units[0].shown[0]
        box = Box(self._id(first.path), caption, units[0].start, units[-1].stop, copies=copies)
        attached = [leaf.index for leaf in self.captions.attached(units)]
        for index in sorted({*range(box.start, box.stop), *attached}):
            self._box_of[index] = box
        return box

    def _closed(self, branch: Branch) -> Box:
        unit = Unit((branch,))
        return self._box(self.captions.unit(unit), [unit])

    def _group(self, branch: Branch, level: int) -> Box | Group:
        """An opened call. What it holds is one box where that is a line of blocks at one size."""
        found = self._held(branch, level)
        line = self._in_a_line(found)
        children = self._items([line] if line else found, level + 1)
        if len(children) == 1 and isinstance(children[0], Group):
            inner = children[0]
            return inner if inner.times > 1 else replace(inner, title=f"{branch.name}.{inner.title}")
        return Group(
            self._id(branch.path),
            self._frame_title(branch),
            tuple(children),
            branch=branch,
            start=branch.start,
            stop=branch.stop,
        )

    def _frame_title(self, branch: Branch) -> str:
        """The author's name; a bare number stands behind the name of its list, other bare names are explained."""
        if branch.name.isdigit() and "." in branch.path:
            return ".".join(branch.path.rsplit(".", 2)[-2:])
        is_explained = is_bare(branch.name) and "." not in branch.name
        return (telling(branch) if is_explained else branch.name) + self.captions.steps(branch)

    def _in_a_line(self, found: Sequence[Entry]) -> Unit | None:
        """Up to three closed blocks of one size, as one unit: `resnet, attention, resnet`."""
        units = [entry for entry in found if isinstance(entry, Unit) and isinstance(entry.shown[0], Branch)]
        if not 1 < len(units) == len(found) <= MOST_IN_A_LINE:
            return None
        same = len({self.network.measured(self.network.exit(unit.start, unit.stop)) for unit in units}) == 1
        return Unit(tuple(part for unit in units for part in unit.parts)) if same else None

    def _frame(self, fold: FoldedRun, level: int) -> Box | Group:
        """A period that is opened once, in a frame that says how often it stands there; one box needs no frame."""
        items = self._items(fold.period, level)
        if len(items) == 1 and isinstance(items[0], Box):
            self._ids.discard(items[0].id)
            closed = (entry if isinstance(entry, Unit) else Unit((entry.branch,)) for entry in fold.entries)
            return self._folded(FoldedRun(tuple(closed), fold.times))
        if len(items) == 1 and isinstance(items[0], Group):
            items = list(items[0].children)
        everything = range(fold.start, fold.stop)
        length = len(everything) // fold.times
        for index in everything[length:]:
            shown = self._box_of.get(fold.start + (index - fold.start) % length)
            if shown is None:  # a constant stands with what reads it, and nothing reads this one
                continue
            self._box_of[index] = shown
            self._copied.setdefault(index, []).append(everything)
        title = self.captions.nouns(fold)
        return Group(self._id(f"{title} from {fold.start}"), title, tuple(items), fold.times, fold.start, fold.stop)

    def _input(self, number: int, name: str) -> Box:
        return self._port(name, Source(-1 - number), number - len(self.network.graph.inputs))

    def _output(self, number: int, name: str) -> Box:
        source = list(self.network.outputs.values())[number]
        mode = " in training" if name in self.network.graph.training_outputs else ""
        value = {**self.network.graph.outputs, **self.network.graph.training_outputs}[name]
        return self._port(name or "output", source, len(self.network.leaves) + number, (value, mode))

    def _port(self, name: str, source: Source, at: int, output: tuple[Value | None, str] = (None, "")) -> Box:
        value, mode = output
        shape = self.wording.listed((value or self.network.value(source)).shape)
        return Box(self._id(name), Caption(name, shape + mode, "port"), at, at + 1, port=source)

    def _id(self, path: str) -> str:
        """A name that no other box or group has, and that DOT can hold."""
        path = re.sub(r"[\x00-\x1f\x7f]", " ", path)
        name = next(name for name in chain((path,), (f"{path} ({n})" for n in count_from(2))) if name not in self._ids)
        self._ids.add(name)
        return name

    # Edges

    def _edges(self, inputs: Sequence[Box], outputs: Sequence[Box]) -> Iterator[Edge]:
        found: dict[tuple[Box, Box], dict[Source, None]] = {}
        for leaf in self.network.leaves:  # constants of copies that are not drawn themselves
            if leaf.index not in self._box_of and (reader := attached_to(self.network, leaf)) is not None:
                self._box_of[leaf.index] = self._box_of[reader]
        for leaf in self.network.leaves:
            head = self._box_of[leaf.index]
            head.leaves.append(leaf.index)
            for source in leaf.sources:
                if not any(source.leaf in copies for copies in self._copied.get(leaf.index, ())):
                    found.setdefault((self._tail(source, inputs), head), {})[source] = None
        for head, source in zip(outputs, self.network.outputs.values(), strict=True):
            found.setdefault((self._tail(source, inputs), head), {})[source] = None
        for (tail, head), sources in sorted(found.items(), key=lambda item: (item[0][0].start, item[0][1].start)):
            if tail is not head:
                yield Edge(tail, head, tuple(sources))

    def _tail(self, source: Source, inputs: Sequence[Box]) -> Box:
        return inputs[-1 - source.leaf] if source.leaf < 0 else self._box_of[source.leaf]
