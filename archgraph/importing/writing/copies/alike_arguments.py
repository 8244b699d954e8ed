"""Arguments of copies in several instances of a class, told in a way in which all of them can be."""

from __future__ import annotations

from collections.abc import Sequence

from archgraph.importing.writing.copies.copied_arguments import WAYS, tells, told_as, values_told
from archgraph.structure.terms import Term
from archgraph.structure.unification import ABSENT


def with_alike_arguments(terms: Sequence[Term], counts: Sequence[int], start: int = 0) -> list[Term]:
    """The terms, their arguments from this place on in the same ways; `counts` says how many copies each has."""
    made = list(terms)
    for place in range(start, len(terms[0].parts)):
        parts = [term.parts[place] for term in made]
        if len({part.kind for part in parts}) == 1:
            continue
        rows = [
            None if _is_absent(part) else values_told(part, count) for part, count in zip(parts, counts, strict=True)
        ]
        known = [row for row in rows if row is not None]
        way = next(way for way in WAYS if all(tells(way, row) for row in known))
        model = told_as(way, parts[0], known[0])
        told = [
            model._replace(parts=tuple(one._replace(value=ABSENT) for one in model.parts))
            if row is None
            else told_as(way, part, row)
            for part, row in zip(parts, rows, strict=True)
        ]
        made = [
            term._replace(parts=(*term.parts[:place], part, *term.parts[place + 1 :]))
            for term, part in zip(made, told, strict=True)
        ]
    return made


def _is_absent(argument: Term) -> bool:
    """Whether an instance lacks what has this argument."""
    return argument.parts[0].value is ABSENT
