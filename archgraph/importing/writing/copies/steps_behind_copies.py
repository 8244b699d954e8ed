"""Steps between modules of a list that only use what these hand out besides: `x, skip = block(x); skips = skips + skip`
in a loop. Behind the loop they are the same, and the modules stand in a row, each with the steps that lead to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from archgraph.importing.writing.classes.templates import BodyTemplate, WrittenStatement
from archgraph.importing.writing.copies.copies import operands_of
from archgraph.importing.writing.modules.copy_pattern import NUMBER


def with_steps_behind_copies(template: BodyTemplate) -> BodyTemplate | None:
    """The template in which modules that hand out several values follow each other with what leads from one to the
    next, and the other steps that stood between them follow the last; None where they do so already."""
    statements: list[WrittenStatement] = list(template.entries())
    made: list[WrittenStatement] = []
    place = 0
    while place < len(statements):
        row = _row(statements, place)
        made += _sorted(row)
        place += len(row)
    return replace(template, statements=[*made]) if made != statements else None


def _row(statements: Sequence[WrittenStatement], at: int) -> Sequence[WrittenStatement]:
    """The statements from a module on that hands out several values: those of its list, and steps between them and
    behind the last; one statement where there is no list."""
    first = last = statements[at]
    if first.term.kind != "call" or len(first.outs) < 2:
        return [first]
    end = at + 1
    for place in range(at + 1, len(statements)):
        here = statements[place]
        if here.term.kind == "call" and not _follows(last, here):
            break
        if here.term.kind != "call" and (here.path or here.training or here.term.kind != "operation"):
            break
        last = here if here.term.kind == "call" else last
        end = place + 1
    return statements[at:end] if last is not first else [first]


def _follows(last: WrittenStatement, here: WrittenStatement) -> bool:
    """Whether a module is the next one of a list."""
    alike = here.term.text == last.term.text and NUMBER.sub("", here.name) == NUMBER.sub("", last.name)
    return alike and here.name != last.name


def _sorted(row: Sequence[WrittenStatement]) -> Sequence[WrittenStatement]:
    """The modules and what they read, then the other steps; of those behind the last module, the ones that read none of
    these stay where they are."""
    needed: set[int] = set()
    for one in reversed(row):
        if one.term.kind == "call" or not needed.isdisjoint(one.outs):
            needed.update(operands_of(one))
    last = max((place for place, one in enumerate(row) if one.term.kind == "call"), default=0)
    behind: list[WrittenStatement] = []
    made: set[int] = set()
    for place, one in enumerate(row):
        spare = one.term.kind != "call" and needed.isdisjoint(one.outs)
        if spare and (place < last or not made.isdisjoint(operands_of(one))):
            behind.append(one)
            made.update(one.outs)
    return [*(one for one in row if one not in behind), *behind]
