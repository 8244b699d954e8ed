"""What is drawn as one: units of parts, opened calls, and folds of what repeats; and how parts are called.

A unit covers an interval of the flow. Intervals of a topological order never form a cycle, so neither do their boxes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby

from archgraph.diagram.flat_flow import Branch, Leaf, Network, Part
from archgraph.diagram.roles import role_of, word

WORK = ("convolution", "attention", "resampling", "embedding")
"""The roles of operations that a box is about; norms, activations and moves accompany them."""

MOST_NAMED = 3


@dataclass(frozen=True, eq=False, slots=True)
class Unit:
    """Parts drawn as one box; `is_table` where they are a table of several (`tables.gathered`)."""

    parts: tuple[Part, ...]
    is_table: bool = False

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
class FoldedRun:
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


Entry = Unit | Opened | FoldedRun


def is_light(part: Part) -> bool:
    """Whether a part is one operation that only moves or joins values."""
    return isinstance(part, Leaf) and role_of(part.node) in ("move", "join")


def is_constant(leaf: Leaf) -> bool:
    """Whether it is a free tensor, which reads nothing."""
    return not leaf.sources


def adds(part: Part) -> bool:
    """Whether a part joins values by arithmetic, as the end of a residual block does."""
    return isinstance(part, Leaf) and role_of(part.node) == "join" and part.node.op.name != "concat"


def attached_to(network: Network, leaf: Leaf) -> int | None:
    """The only leaf that reads a free tensor; it is drawn there, with its cost."""
    readers = network.readers.get(leaf.index, frozenset())
    (reader,) = readers if len(readers) == 1 else (-1,)
    return reader if reader >= 0 else None


def stem(name: str) -> str:
    """A name without its number: `down_blocks` for `down_blocks.3`, `conv` for `conv2`; '' for a bare number."""
    return re.sub(r"[._]?\d+$", "", name)


def noun(part: Part) -> str:
    """What one calls a part among its like: its block, its name without the number, or its operation."""
    if isinstance(part, Branch) and part.call.kind == "block":
        return part.call.block
    if isinstance(part, Leaf):
        return stem(part.name) or word(part.node.op)
    return stem(part.name) or source_name(part) or _contents(part)


def is_bare(name: str) -> bool:
    """Whether a name says nothing to a reader: a number in a list, or what a wrapper calls whatever it wraps."""
    return bool(re.search(r"(^|[._])\d+$", name)) or name in ("fn", "module")


def telling(part: Part) -> str:
    """What a part with a bare name is called in a picture: its block, its name in the source, or what it holds."""
    if isinstance(part, Branch) and part.call.kind == "block":
        return part.call.block
    named = source_name(part)
    if named and not is_bare(named):
        return named
    if isinstance(part, Leaf):
        return word(part.node.op)
    return part.name if stem(part.name) and part.name not in ("fn", "module") else _contents(part)


def _contents(branch: Branch) -> str:
    """What a numbered group holds, which is all that one can call it: `resnet`, `resnet × 2`, `(resnet, attention)`."""
    nouns = [noun(part) for part in branch.parts if not is_light(part)]
    runs = [(name, len(list(run))) for name, run in groupby(nouns)]
    names = [name if times == 1 else f"{name} × {times}" for name, times in runs]
    if not 0 < len(names) <= MOST_NAMED:
        return "group"
    return names[0] if len(names) == 1 else f"({', '.join(names)})"


def source_name(part: Part) -> str:
    """The name in the source, where that is more than a number."""
    origin = part.node.origin if isinstance(part, Leaf) else part.call.origin
    last = origin.address.rpartition(".")[2]
    return "" if last.isdigit() else last
