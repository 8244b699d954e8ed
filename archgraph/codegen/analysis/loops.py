"""Repetitions whose copies differ only in the modules they apply become loops over `nn.ModuleList`s."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from archgraph.codegen.analysis.body import AppliedStep, Body, ForwardStatement
from archgraph.structure.template import Loop
from archgraph.structure.terms import Term

TURN = "#"
"""Stands for the number of the turn in a module's path."""


def rolled(body: Body) -> Body:
    """The same body with regular repetitions as loops."""
    entries = [statement for statement in body.statements if isinstance(statement, AppliedStep)]
    body.statements = _rolled(body, entries, 0)
    return body


def _rolled(body: Body, entries: Sequence[AppliedStep], depth: int) -> list[ForwardStatement]:
    found: list[ForwardStatement] = []
    for repetition, run in groupby(entries, lambda entry: _tag(entry, depth)):
        members = list(run)
        if repetition is None:
            found += members
            continue
        turns = [list(turn) for _, turn in groupby(members, lambda entry: entry.step.copies[depth][1])]
        loop = _LoopSearch(body, turns).loop()
        if loop is not None:
            found.append(loop)
        else:
            found += _rolled(body, members, depth + 1)
    return found


def _tag(entry: AppliedStep, depth: int) -> int | None:
    return entry.step.copies[depth][0] if len(entry.step.copies) > depth else None


@dataclass(slots=True)
class _LoopSearch:
    """Finds the `for` loop that equals the unrolled copies of a repetition, if there is one."""

    body: Body
    turns: list[list[AppliedStep]]
    carried: dict[int, int] = field(default_factory=dict)
    lists: dict[str, None] = field(default_factory=dict)

    def loop(self) -> Loop[AppliedStep] | None:
        """The loop, or None where the turns differ in more than their modules, or give more than the last one does."""
        first = self.turns[0]
        if len(self.turns) < 2 or any(len(turn) != len(first) for turn in self.turns):
            return None
        paths = [self._common_path([turn[i] for turn in self.turns]) for i in range(len(first))]
        if None in paths or not self.lists or not all(self._follows(turn) for turn in range(1, len(self.turns))):
            return None
        if not self.carried or not self._closed() or not self._covers_its_lists() or not self._updates_in_place():
            return None
        entries = tuple(
            replace(entry, path=path or "", term=_at_path(entry.term, path or ""))
            for entry, path in zip(first, paths, strict=True)
        )
        return Loop(tuple(self.lists), entries, tuple(self.carried.items()), tuple(self._leaving()))

    def _common_path(self, entries: Sequence[AppliedStep]) -> str | None:
        """`resnets.#` for resnets.0, resnets.1 …; '' for functions; None where the paths are something else."""
        paths = [entry.path for entry in entries]
        if not any(paths):
            return ""
        container = paths[0].rpartition(".")[0]
        if paths != [f"{container}.{turn}" for turn in range(len(paths))]:
            return None
        if self.body.containers.get(container) != "nn.ModuleList":
            return None
        self.lists[container] = None
        return f"{container}.{TURN}"

    def _follows(self, turn: int) -> bool:
        """Whether a turn does what the first does, with what the turn before it hands on."""
        first, before, here = self.turns[0], self.turns[turn - 1], self.turns[turn]
        known, handed = _matched(first, here), _matched(first, before)
        return all(
            len(a.outs) == len(b.outs) and self._alike(a.term, b.term, known, handed)
            for a, b in zip(first, here, strict=True)
        )

    def _alike(self, first: Term, here: Term, known: dict[int, int], handed: dict[int, int]) -> bool:
        if first.kind != here.kind or len(first.parts) != len(here.parts):
            return False
        if first.kind == "variable":
            return self._same_value(first.value, here.value, known, handed)
        if first.kind == "shape":
            same = self._same_value(first.value[0], here.value[0], known, handed)
            return same and first.value[1] == here.value[1]
        if first.kind != "apply" and (first.text != here.text or first.value != here.value):
            return False
        return all(self._alike(a, b, known, handed) for a, b in zip(first.parts, here.parts, strict=True))

    def _same_value(self, first: int, here: int, known: dict[int, int], handed: dict[int, int]) -> bool:
        """Made in the same turn, the same for all turns, or handed on from the turn before."""
        if first in known:
            return known[first] == here
        if first == here:
            return first not in self.carried
        source = next((out for out, mine in handed.items() if mine == here), None)
        return source is not None and self.carried.setdefault(first, source) == source

    def _closed(self) -> bool:
        """Whether only what the last turn hands on is read outside."""
        inside = {id(entry) for turn in self.turns for entry in turn}
        others = [entry for entry in self.body.entries() if id(entry) not in inside]
        outside = set(self.body.outputs).union(*(_read(entry) for entry in others))
        made = {out for turn in self.turns for entry in turn for out in entry.outs}
        return not (made & outside) - set(self._leaving())

    def _leaving(self) -> list[int]:
        """The value of the last iteration for each loop-carried value."""
        first = [out for entry in self.turns[0] for out in entry.outs]
        last = [out for entry in self.turns[-1] for out in entry.outs]
        return [last[first.index(out)] for out in self.carried.values()]

    def _updates_in_place(self) -> bool:
        """Whether each loop-carried value is last read before its successor is computed: both can share a variable."""
        for entering, leaving in self.carried.items():
            made = next(i for i, entry in enumerate(self.turns[0]) if leaving in entry.outs)
            if any(entering in _read(entry) for entry in self.turns[0][made + 1 :]):
                return False
        return len(set(self.carried.values())) == len(self.carried)

    def _covers_its_lists(self) -> bool:
        """Whether the loop iterates over all of its module lists, and no other statement uses them."""
        own = {id(entry) for turn in self.turns for entry in turn}
        for container in self.lists:
            users = [e for e in self.body.entries() if e.path.startswith(f"{container}.")]
            if any(id(entry) not in own for entry in users) or len(users) != len(self.turns):
                return False
        return True


def _matched(first: Sequence[AppliedStep], other: Sequence[AppliedStep]) -> dict[int, int]:
    """The values of one turn by those of the first."""
    return {out: mine for a, b in zip(first, other, strict=True) for out, mine in zip(a.outs, b.outs, strict=False)}


def _read(entry: AppliedStep) -> set[int]:
    """The values that an entry reads, or whose shapes it reads."""
    parts = [part for part in entry.term.all() if part.kind in ("variable", "shape")]
    return {part.value if part.kind == "variable" else part.value[0] for part in parts}


def _at_path(term: Term, path: str) -> Term:
    return term._replace(text=path) if term.kind == "apply" else term
