"""What stands on one line of a forward: an activation of what a module gives, methods one after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from archgraph.codegen.analysis.body import AppliedStep, ForwardStatement
from archgraph.codegen.analysis.terms import ADDED
from archgraph.codegen.classes.class_plan import ClassPlan
from archgraph.codegen.printing.term_text import CodeNames, line
from archgraph.records import record
from archgraph.structure.template import Loop
from archgraph.structure.terms import Term

LONGEST_INLINE = 76
MOST_ENTRIES = 3
_CHAINED_ON = ("apply", "method", "item", "call")
_MAPPED = ("apply", "infix")


@record()
class Sentence:
    """Entries that stand on one line: each but the last is read by the next one only."""

    entries: tuple[AppliedStep, ...]
    term: Term
    read: tuple[int, ...]
    """The values that are read, in the order of the text."""

    @property
    def outs(self) -> tuple[int, ...]:
        return self.entries[-1].outs

    def reads(self) -> Iterator[int]:
        """The values that are read, in the order of the text."""
        return iter(self.read)

    def written_out(self) -> Iterator[AppliedStep]:
        """The entries with what they read of each other put in, so that their text is found in the line."""
        before: AppliedStep | None = None
        for entry in self.entries:
            if before is not None:
                entry = entry.with_term(put(before.term, before.outs[0], entry.term))
            yield entry
            before = entry


@record()
class Turns:
    """A loop, its body as sentences."""

    loop: Loop[AppliedStep]
    body: tuple[Sentence, ...]

    @property
    def outs(self) -> tuple[int, ...]:
        """What the last turn leaves, and what is made within a turn."""
        return (*self.loop.last, *(out for sentence in self.body for out in sentence.outs))

    def reads(self) -> Iterator[int]:
        """The values from outside that the turns read."""
        inside = {out for sentence in self.body for out in sentence.outs}
        yield from (entering for entering, _ in self.loop.carried)
        for sentence in self.body:
            yield from (value for value in sentence.reads() if value not in inside)


Place = Sentence | Turns


def is_in_training(place: Place) -> bool:
    """Whether a place of the flow is computed in training only."""
    entries = place.entries if isinstance(place, Sentence) else place.loop.entries
    return entries[0].step.mode == "training"


def values_in(term: Term) -> list[int]:
    """The values that a term reads, or whose shapes it reads."""
    found: list[int] = []
    for part in term.all():
        if part.kind == "variable":
            found.append(part.value)
        elif part.kind == "shape":
            found.append(part.value[0])
    return found


def terms_of(place: Place) -> list[Term]:
    """The terms that stand at a place."""
    return [place.term] if isinstance(place, Sentence) else [sentence.term for sentence in place.body]


def is_added(term: Term) -> bool:
    """Whether a term is a sum in place, which stands on a line of its own: `x += h`."""
    return term.kind == "infix" and term.text == ADDED


def put(inner: Term, value: int, outer: Term) -> Term:
    """A term with another in the place of a value."""
    return outer.replaced(lambda part: inner if part.kind == "variable" and part.value == value else None)


def sentences(made: ClassPlan) -> list[Place]:
    """The flow of a class, line by line."""
    reads = _readers(made)
    found: list[Place] = []
    run: list[AppliedStep] = []
    for statement in made.statements:
        if isinstance(statement, AppliedStep):
            run.append(statement)
            continue
        found += _joined(run, reads, made)
        run = []
        found.append(Turns(statement, tuple(_joined(statement.entries, reads, made))))
    return found + _joined(run, reads, made)


def _readers(made: ClassPlan) -> Counter[int]:
    reads = Counter(value for statement in made.statements for value in _read_by(statement))
    reads.update(made.body.returned)
    return reads


def _read_by(statement: ForwardStatement) -> Iterator[int]:
    if isinstance(statement, AppliedStep):
        yield from values_in(statement.term)
        return
    for pair in statement.carried:
        yield from pair
    for entry in statement.entries:
        yield from values_in(entry.term)


def _joined(run: Sequence[AppliedStep], reads: Counter[int], made: ClassPlan) -> list[Sentence]:
    found: list[Sentence] = []
    for entry in run:
        if found and _continues(found[-1], entry, reads, made):
            before = found[-1]
            found[-1] = _sentence((*before.entries, entry), put(before.term, before.outs[0], entry.term))
        else:
            found.append(_sentence((entry,), entry.term))
    return found


def _sentence(entries: tuple[AppliedStep, ...], term: Term) -> Sentence:
    return Sentence(entries, term, tuple(values_in(term)))


def _continues(sentence: Sentence, entry: AppliedStep, reads: Counter[int], made: ClassPlan) -> bool:
    """Whether an entry reads best on the line of what it reads, and nothing else reads that."""
    before = sentence.entries[-1]
    if len(sentence.entries) >= MOST_ENTRIES or len(before.outs) != 1 or reads[before.outs[0]] != 1:
        return False
    if before.step.mode != entry.step.mode or any(made.condition(part) for part in (*sentence.entries, entry)):
        return False
    if values_in(entry.term)[:1] != [before.outs[0]] or entry.term.kind == "shape":
        return False
    node = entry.step.node
    mapped = node is not None and entry.term.kind == "call" and node.op.family == "activation"
    mapped = mapped and not is_added(before.term)
    chained = entry.term.kind in ("method", "item") and before.term.kind in _CHAINED_ON
    return (chained or (mapped and before.term.kind in _MAPPED)) and _fits(sentence.term, entry.term)


def _fits(inner: Term, outer: Term) -> bool:
    """Whether both are short enough for one line, each value's name counted as one letter."""
    names = CodeNames(variables=_Short())
    return len(line(inner, names)) + len(line(outer, names)) <= LONGEST_INLINE


class _Short(dict[int, str]):
    """Names before they are chosen."""

    def __missing__(self, key: int) -> str:
        return "x"
