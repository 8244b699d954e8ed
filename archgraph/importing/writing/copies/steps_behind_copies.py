"""Steps between modules of a list that only use what these hand out besides: `x, skip = block(x); skips = skips + skip`
in a loop. Behind the loop they are the same, and the modules stand in a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archgraph.importing.writing.classes.templates import BodyTemplate, WrittenStatement
from archgraph.importing.writing.copies.copies import chained_ports, operands_of
from archgraph.importing.writing.modules.copy_pattern import NUMBER


def with_steps_behind_copies(template: BodyTemplate) -> BodyTemplate:
    """The template in which modules that hand on one of several values follow each other, and the steps that stood
    between them follow the last."""
    statements: list[WrittenStatement] = list(template.entries())
    made: list[WrittenStatement] = []
    place = 0
    while place < len(statements):
        row = list(_row(statements, place)) if len(statements[place].outs) > 1 else [place]
        here = range(place, row[-1] + 1)
        made += [statements[at] for at in row]
        made += [statements[at] for at in here if at not in row]
        place = here.stop
    template.statements = [*made]
    return template


def _row(statements: Sequence[WrittenStatement], at: int) -> Iterator[int]:
    """The places of the modules that take what the one before hands on, the one here first. No other steps stand
    between them than those that none of them reads."""
    yield at
    between: set[int] = set()
    last = statements[at]
    for place in range(at + 1, len(statements)):
        here = statements[place]
        if here.term.kind != "call":
            if here.path or here.training or here.term.kind != "operation":
                return
            between.update(here.outs)
            continue
        if not _follows(last, here) or not between.isdisjoint(operands_of(here)):
            return
        yield place
        last = here


def _follows(last: WrittenStatement, here: WrittenStatement) -> bool:
    """Whether a module is the next one of a list, and takes something that the last one hands on."""
    alike = here.term.text == last.term.text and NUMBER.sub("", here.name) == NUMBER.sub("", last.name)
    return alike and here.name != last.name and bool(chained_ports(last, here))
