"""Two classes of which each lacks what the other has, as one with the parts of both.

A unit that halves its image has a pool and a shortcut; the others add what the group before has found. Steps that both
take stay in their order; where they read different values, the class reads what only one of them makes, and the other
one, which lacks that step, reads what the step would have read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher

from archgraph.graph.keys import weights
from archgraph.importing.writing.classes.templates import BodyTemplate, WrittenStatement
from archgraph.structure.naming import free
from archgraph.structure.terms import Term, shape, variable
from archgraph.structure.unification import UnifiedClass, explained_difference

MOST_UNCOMMON = 0.5
"""Of the steps of the class, so many may be there in one of two only."""
_COMMUTE = ("add(", "mul(")

Step = tuple[WrittenStatement | None, WrittenStatement | None]
"""A step of the class as the one and as the other takes it."""


def with_joined_classes(
    classes: Sequence[UnifiedClass[BodyTemplate]], with_keys_of_its_own: bool = False
) -> list[UnifiedClass[BodyTemplate]]:
    """The classes, each joined with the first before it that it can be joined with: one whose keys the other has, or
    any, where each may have keys of its own."""
    made: list[UnifiedClass[BodyTemplate]] = []
    for group in classes:
        for place, known in enumerate(made):
            joined = _joined(known, group, with_keys_of_its_own) or _joined(group, known, with_keys_of_its_own)
            if joined is not None:
                made[place] = joined
                break
        else:
            made.append(group)
    return made


def _joined(
    large: UnifiedClass[BodyTemplate], small: UnifiedClass[BodyTemplate], own: bool
) -> UnifiedClass[BodyTemplate] | None:
    """One class for two; unless each may have its `own`, the keys of the small one are among those of the large one."""
    return joined_class(large, small) if own or _keys(small) <= _keys(large) else None


def joined_class(
    large: UnifiedClass[BodyTemplate], small: UnifiedClass[BodyTemplate], options: bool = False
) -> UnifiedClass[BodyTemplate] | None:
    """One class for two; None where there is none. With `options` what one lacks are parts, which may be a group of
    steps, and layers of one may stand behind those that the other has in their place."""
    order = _merged(large.fullest.body.order, small.fullest.body.order)
    aligned = _aligned(large.fullest, small.fullest, options)
    if aligned is None or order is None:
        return None
    turned = [(b, a) for a, b in aligned]
    swaps = _swaps(aligned, large.fullest, small.fullest), _swaps(turned, small.fullest, large.fullest)
    if not any(swaps) and all(one is not None for one, _ in aligned):
        return None  # what one of them lacks was looked for already
    steps = [(_exchanged(a, swaps[0]), _exchanged(b, swaps[1])) for a, b in aligned]
    for in_a_row in (False, True) if options else (False,):
        joint = _JointTemplate(large.fullest, small.fullest, steps, in_a_row)
        whole = joint.template()
        if whole is not None:
            whole.body = replace(whole.body, order=tuple(order))
            return _class_of(whole, joint, (large, small), swaps)
    return None


def _class_of(
    whole: BodyTemplate,
    joint: _JointTemplate,
    groups: tuple[UnifiedClass[BodyTemplate], UnifiedClass[BodyTemplate]],
    swaps: tuple[set[str], set[str]],
) -> UnifiedClass[BodyTemplate] | None:
    """The class of the instances of two, as far as what they lack of the whole explains how they differ."""
    made = UnifiedClass(whole, [])
    for side, group in enumerate(groups):
        for template in group.templates:
            statements = [joint.named(_exchanged(one, swaps[side]), side) for one in template.entries()]
            renamed = replace(template, statements=[one for one in statements if one is not None])
            made.templates.append(renamed)
            if renamed.outline == whole.outline:
                continue
            found = explained_difference(whole, renamed, renamed.outline)
            if found is None:
                return None
            made.lacking[id(renamed)], made.positions[id(renamed)] = found
    return made


def _swaps(steps: Sequence[Step], template: BodyTemplate, instead: BodyTemplate) -> set[str]:
    """The sums (or products) of one template whose other operand is what the other template reads or hands out in
    their place."""
    same = {place: place for place in range(len(template.arguments))}
    uncommon: dict[int, WrittenStatement] = {}
    for own, other in steps:
        if own is not None and other is not None:
            same.update(zip(own.outs, other.outs, strict=True))
        elif own is not None and own.term.text.startswith(_COMMUTE) and len(_variables(own.term)) == 2:
            uncommon[own.outs[0]] = own
    read = [
        (_variables(own.term), _variables(other.term)) for own, other in steps if own is not None and other is not None
    ]
    found: set[str] = set()
    for ours, theirs in (*read, (template.outputs, instead.outputs)):
        for value, wanted in zip(ours, theirs, strict=False):
            step = uncommon.get(value)
            if step is not None and same.get(_variables(step.term)[1]) == wanted:
                found.add(step.name)
    return found


def _exchanged(statement: WrittenStatement | None, names: Collection[str]) -> WrittenStatement | None:
    """A sum of these names with its operands the other way round."""
    if statement is None or statement.name not in names:
        return statement
    first, second, *others = statement.term.parts
    return replace(statement, term=statement.term._replace(parts=(second, first, *others)))


def _keys(group: UnifiedClass[BodyTemplate]) -> set[str]:
    return {one.key for one in weights(group.fullest.body)}


def _merged(first: Sequence[str], second: Sequence[str]) -> list[str] | None:
    """The keys of two bodies in an order that both have; None where there is none."""
    found, known, place = list(first), set(first), 0
    for number, key in enumerate(second):
        if key in known:
            start, place = place, found.index(key) + 1
            if place <= start:
                return None
            continue
        end = next((found.index(one) for one in second[number:] if one in known), len(found))
        alike = [at for at in range(place, end) if _level(found[at]) == _level(key)]
        place = (alike[-1] + 1) if alike else max(place, end)
        found.insert(place, key)
        place += 1
    return found


def _level(key: str) -> str:
    return key.partition(".")[0]


def _aligned(first: BodyTemplate, second: BodyTemplate, grouped: bool) -> list[Step] | None:
    """The steps of two templates side by side; None where too few are common."""
    if first.arguments != second.arguments or len(first.outputs) != len(second.outputs):
        return None
    ours, theirs = list(first.entries()), list(second.entries())
    matcher = SequenceMatcher(None, [*map(_kind, ours)], [*map(_kind, theirs)], autojunk=False)
    found: list[Step] = []
    for word, start, stop, other_start, other_stop in matcher.get_opcodes():
        if word == "equal":
            found += zip(ours[start:stop], theirs[other_start:other_stop], strict=True)
        else:
            found += [(one, None) for one in ours[start:stop]]
            found += [(None, one) for one in theirs[other_start:other_stop]]
    first_of, second_of, both = (
        {_level(one.name) if grouped else one.name for one in rows if one is not None}
        for rows in (
            (one for one, other in found if other is None),
            (other for one, other in found if one is None),
            (one for one, other in found if other is not None),
        )
    )
    apart = len(first_of) + len(second_of)
    return found if apart and apart <= MOST_UNCOMMON * (apart + len(both)) else None


def _kind(statement: WrittenStatement) -> tuple[str, str, str, int]:
    return statement.term.kind, statement.term.text, statement.path, len(statement.outs)


@dataclass(slots=True)
class _JointTemplate:
    """The class of two templates on its way. `known` leads from the values of each to those of the class.

    Steps that one of them takes read what they read there; `in_a_row`, layers read what the layers make that the other
    one takes in their place.
    """

    large: BodyTemplate
    small: BodyTemplate
    steps: list[Step]
    in_a_row: bool = False
    known: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))
    uncommon: set[int] = field(default_factory=set)
    names: tuple[dict[str, str], dict[str, str]] = field(default_factory=lambda: ({}, {}))
    mains: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))
    """What stands for a value that one of them does not make, for each of them."""

    def template(self) -> BodyTemplate | None:
        """The template with the steps of both; None where they read different values that no step explains."""
        made = BodyTemplate(arguments=self.large.arguments, call=self.large.call, body=self.large.body)
        count = len(made.arguments)
        made.values += self.large.values[:count]
        for known in self.known:
            known.update((place, place) for place in range(count))
        taken: set[str] = set()
        for pair in self.steps:
            step = self._step(pair, made, taken)
            if step is None:
                return None
            made.statements.append(step)
        outputs = [self._value(*pair) for pair in zip(self.large.outputs, self.small.outputs, strict=True)]
        if any(value is None for value in outputs):
            return None
        made.outputs = tuple(value for value in outputs if value is not None)
        return made

    def named(self, statement: WrittenStatement | None, side: int) -> WrittenStatement | None:
        """A statement of one of the templates under its name in the class."""
        return statement and replace(statement, name=self.names[side].get(statement.name, statement.name))

    def _step(self, pair: Step, made: BodyTemplate, taken: set[str]) -> WrittenStatement | None:
        large, small = pair
        side, own = (0, large) if large is not None else (1, small)
        assert own is not None
        name = own.name if own.path else free(own.name, taken)
        if name in taken:
            return None
        taken.add(name)
        for place, one in enumerate(pair):
            if one is not None:
                self.names[place][one.name] = name
        values = self._operands(large, small) if large is not None and small is not None else []
        if values is None:
            return None
        if None in pair and self.in_a_row and len(_variables(own.term)) == 1:
            values = [self._last_for(self.known[side][_variables(own.term)[0]], side)]
        term = _reread(own.term, self.known[side], values)
        source = (self.large, self.small)[side]
        outs = tuple(range(len(made.values), len(made.values) + len(own.outs)))
        made.values += [source.values[value] for value in own.outs]
        for place, one in enumerate(pair):
            if one is not None:
                self.known[place].update(zip(one.outs, outs, strict=True))
        if None in pair:
            self.uncommon.update(outs)
            if own.removable:
                self.mains[1 - side][outs[0]] = _variables(term)[0]
        return replace(own, name=name, term=term, outs=outs)

    def _operands(self, large: WrittenStatement, small: WrittenStatement) -> list[int] | None:
        """What a common step of the class reads."""
        ours, theirs = _variables(large.term), _variables(small.term)
        if len(ours) != len(theirs):
            return None
        found = [self._value(*pair) for pair in zip(ours, theirs, strict=True)]
        return None if None in found else [value for value in found if value is not None]

    def _value(self, ours: int, theirs: int) -> int | None:
        """The value of the class for one of each: what only one of them makes, where they differ."""
        first, second = self.known[0][ours], self.known[1][theirs]
        if first == second:
            return first
        for value in (first, second) if self.in_a_row else ():
            if (self._stands_for(value, 0), self._stands_for(value, 1)) == (first, second):
                return value
        uncommon = [value for value in (first, second) if value in self.uncommon]
        return uncommon[0] if len(uncommon) == 1 else None

    def _stands_for(self, value: int, side: int) -> int:
        """The value that one of both has in the place of a value of the class."""
        while value in self.mains[side]:
            value = self.mains[side][value]
        return value

    def _last_for(self, value: int, side: int) -> int:
        """The last value of the class in whose place one of both has this value."""
        made = sorted(self.mains[side], reverse=True)
        return next((one for one in made if self._stands_for(one, side) == value), value)


def _variables(term: Term) -> list[int]:
    """The values that a step reads, in order."""
    return [int(part.value) for part in term.parts if part.kind == "variable"]


def _reread(term: Term, known: Mapping[int, int], values: Sequence[int]) -> Term:
    """A term that reads values of the class: these for its operands, if there are any."""
    left = iter(values or [known[value] for value in _variables(term)])
    parts = [variable(next(left)) if part.kind == "variable" else _resized(part, known) for part in term.parts]
    return term._replace(parts=tuple(parts))


def _resized(term: Term, known: Mapping[int, int]) -> Term:
    return term.replaced(lambda part: shape(known[part.value[0]], part.value[1]) if part.kind == "shape" else None)
