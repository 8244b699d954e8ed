"""What a group with copies consists of: what its nodes read, how their names count, and what copies hand out."""

from __future__ import annotations

from dataclasses import dataclass

from archgraph.importing.writing.modules.copy_pattern import Pattern

BEFORE = "before"
"""What a copy calls the value that it begins with."""
Source = tuple[str, int, int]
"""What a member reads: `before`; `member`, its place and which of its values; `outside` and the place of the value
among the operands of the group; `up` or `down`, the place of the first value, and how many there are."""


@dataclass(frozen=True, slots=True)
class GroupForm:
    """What a group consists of: what its members read, under which names that count they stand, and the copies, but
    for the last, whose results others read.

    `extras` are the values that each copy hands out besides, by member and place, with their names; `parts` are then
    the names of all that each copy hands out.
    """

    sources: tuple[tuple[Source, ...], ...]
    patterns: tuple[Pattern | None, ...]
    read: tuple[int, ...]
    extras: tuple[tuple[int, int, str], ...] = ()
    parts: tuple[tuple[str, ...], ...] = ()

    @property
    def reads_before(self) -> bool:
        """Whether a step behind the first one reads what the copy begins with."""
        return any(source[0] == BEFORE for sources in self.sources[1:] for source in sources)
