"""Classes for the calls of one class of modules: in copies and without, whatever is least to read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Sequence

from archgraph.graph.types import Call
from archgraph.importing.writing.classes.any_rank import reader_of_any_rank
from archgraph.importing.writing.classes.blocks_with_options import cost_of_classes, length_of_classes, with_options
from archgraph.importing.writing.classes.chosen_parts import ChosenParts
from archgraph.importing.writing.classes.joined_templates import with_joined_classes
from archgraph.importing.writing.classes.listed_inputs import list_among, with_list_of_inputs
from archgraph.importing.writing.classes.templates import BodyTemplate, WrittenStatement
from archgraph.importing.writing.copies.alike_copies import with_alike_copies
from archgraph.importing.writing.copies.alike_groups import with_alike_groups
from archgraph.importing.writing.copies.copies import operands_of, with_copies
from archgraph.importing.writing.copies.counted_starts import with_counted_starts
from archgraph.importing.writing.copies.folded_sums import with_folded_sums
from archgraph.importing.writing.copies.group_form import GroupForm
from archgraph.importing.writing.copies.parallel_copies import with_parallel_copies
from archgraph.importing.writing.copies.repeated_groups import GROUP, PRESENT, with_repeated_groups
from archgraph.importing.writing.copies.repeated_stages import with_repeated_stages
from archgraph.importing.writing.copies.steps_behind_copies import with_steps_behind_copies
from archgraph.importing.writing.modules.copy_pattern import Pattern
from archgraph.structure.unification import UnifiedClass, unified

_WAYS_OF_COPYING = (
    (False, False, False),
    (True, False, False),
    (False, True, False),
    (True, True, False),
    (True, True, True),
)
"""How modules of one class may be written in copies, the simplest way first: always; alike in all of the class; sums
over copies from the second on."""
Read = Callable[[Call], BodyTemplate]
_Classes = list[UnifiedClass[BodyTemplate]]


def classes_of_family(family: Sequence[Call], read: Read, parts: ChosenParts) -> _Classes:
    """The classes of calls of one family, as few and as short as can be; `parts` are the blocks that are arguments.

    Runs in their bodies are copies: in all of them where it is simpler in some, and alike in all where that makes less
    to read, unless it would be more than without.
    """
    read = reader_of_any_rank(family, read)
    made = _classes(family, read)
    reader = parts.reader(family, read) if len(made) > 1 else None
    chosen = _classes(family, reader) if reader is not None else made
    best = with_options(chosen if len(chosen) < len(made) else made)
    if len(best) == 1:
        return best
    plain = with_joined_classes(unified([read(call) for call in family]))
    joined = with_options(plain)
    return min(best, joined, key=length_of_classes) if len(joined) < min(len(plain), len(best)) else best


def _classes(family: Sequence[Call], read: Read) -> _Classes:
    made = _in_copies(family, read, *_WAYS_OF_COPYING[0])
    for way in _WAYS_OF_COPYING[1:]:
        if len(made) > 1 or made[0].lacking:
            made = min(made, _in_copies(family, read, *way), key=cost_of_classes)
    plain = with_joined_classes(unified([read(call) for call in family]))
    return min(made, plain, key=cost_of_classes)


def with_all_copies(template: BodyTemplate, always: bool = False, from_second: bool = False) -> BodyTemplate:
    """The template with copies for modules side by side, in a row, in groups and in stages, and sums over them."""
    return with_repeated_stages(with_copies_in_stages(template, always, from_second))


def with_copies_in_stages(
    template: BodyTemplate, always: bool = False, from_second: bool = False, cuts: Collection[str] = frozenset()
) -> BodyTemplate:
    """The template with all of these but for stages. At the names in `cuts` copies in a row begin anew."""
    template = with_parallel_copies(template, always)
    in_rows = with_steps_behind_copies(template)
    ways = [template] if in_rows is None else [template, in_rows]
    copied = [with_repeated_groups(with_copies(way, always, cuts)) for way in ways]
    made = [with_folded_sums(way, from_second) for way in copied]
    return min(made, key=lambda one: sum(1 + len(entry.members) for entry in one.entries()))


def _in_copies(
    family: Sequence[Call], read: Read, always: bool, across: bool, from_second: bool, groups: bool = True
) -> _Classes:
    templates = [_with_lists_read_by_number(call, read, always, from_second) for call in family]
    if across:
        with_counted_starts(templates)
    alike = with_alike_copies(templates, across)
    if across and groups:
        with_alike_groups(alike)
    made = with_joined_classes(unified(sorted(alike, key=_lacking)))  # of a class the first one has all
    if any(_lacking(one.fullest) for one in made):  # a class of its own has no members that it never has
        return _in_copies(family, read, always, across, from_second, groups=False)
    return made


def _lacking(template: BodyTemplate) -> int:
    """How many members of groups an instance lacks where others of its class have them."""
    groups = (one.term for one in template.entries() if one.term.kind == GROUP)
    return sum(part.kind == PRESENT and not part.parts[0].value for term in groups for part in term.parts)


def _with_lists_read_by_number(call: Call, read: Read, always: bool, from_second: bool) -> BodyTemplate:
    """The template of a call with copies; inputs are a list where copies read them by number."""
    template = with_list_of_inputs(read(call)) if list_among(call.body.inputs) else None
    if template is not None:
        template = with_all_copies(template, always, from_second)
        if any(_reads_by_number(one, template.listed) for one in template.entries()):
            return template
    return with_all_copies(read(call), always, from_second)


def _reads_by_number(statement: WrittenStatement, values: Container[int]) -> bool:
    """Whether the copies of a statement read some of these values, each another one."""
    about, operands = statement.term.value, operands_of(statement)
    if isinstance(about, GroupForm):
        counted = [source for sources in about.sources for source in sources if source[0] in ("up", "down")]
        return any(operands[place] in values for _, place, _ in counted)
    return isinstance(about, Pattern) and bool(about.own) and any(one in values for one in operands)
