"""The forward of a class: which variables there are, what stands on one line, and where each node is in the text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from archgraph.codegen.body import Body, Entry, Loop, Statement, main_value
from archgraph.codegen.flow import argument_names
from archgraph.codegen.layout import Bracket, lines
from archgraph.codegen.names import dimension, free, parted, singular, variable
from archgraph.codegen.plan import ClassPlan
from archgraph.codegen.render import Names, accessed, document, line
from archgraph.codegen.terms import Term
from archgraph.ops.contract import FLOAT_TYPES

INDENT = " " * 8
LONGEST_INLINE = 84
_STREAM = ("x", "h")
_PORTS = frozenset({"query", "key", "value"})


@dataclass(frozen=True, slots=True)
class Written:
    """A line of the forward's body, and the nodes whose work it does, with the text of each of them."""

    text: str
    nodes: tuple[tuple[str, Entry], ...] = ()
    each: dict[str, str] = field(default_factory=dict)
    """In a loop, the variable of each container that it walks."""


@dataclass(frozen=True, slots=True)
class _Sentence:
    """Entries that stand on one line: each but the last is read by the next one only."""

    entries: tuple[Entry, ...]
    term: Term

    @property
    def outs(self) -> tuple[int, ...]:
        return self.entries[-1].outs


@dataclass(slots=True)
class _Turns:
    """A loop, its body as sentences."""

    loop: Loop
    body: list[_Sentence]


_ATTENTION_PORTS = ("query", "key", "value")


class Forward:
    """Writes the signature and the lines of one forward."""

    def __init__(self, made: ClassPlan, reserved: set[str]):
        self.made = made
        self.body: Body = made.body
        self.vars = made.body.vars
        self._flow = _sentences(made)
        self._last_use = self._uses()
        self._main = self._from_main_input()
        self._readers = Counter(value for read in self._reads() for value in set(read))
        self._taken: set[str] = set(reserved)
        self._live: dict[str, int] = {}
        self.names = Names(modules=lambda path: accessed(path, made.body.containers))
        self._sizes_wanted: dict[int, set[int]] = {}
        self.arguments = self._name_inputs()
        self._find_sizes()

    # -- what is read where ------------------------------------------------------------------------------------------

    def _reads(self) -> list[list[int]]:
        """For each place of the flow, the values read there; what is returned is read at the end."""
        found = [list(_values(place)) for place in self._flow]
        return [*found, list(self.body.outputs)]

    def _uses(self) -> dict[int, int]:
        return {value: place for place, read in enumerate(self._reads()) for value in read}

    def _find_sizes(self) -> None:
        for place in self._flow:
            for term in _terms(place):
                for part in term.all():
                    if part.kind == "shape":
                        value, axis = part.value
                        self._sizes_wanted.setdefault(value, set()).add(axis)

    # -- names -------------------------------------------------------------------------------------------------------

    def _name_inputs(self) -> list[str]:
        found = argument_names(self.body.scope, self._taken)
        for value, name in enumerate(found):
            self._call(value, name)
        return found

    def _call(self, value: int, name: str) -> None:
        self.names.variables[value] = name
        self._live[name] = value

    def _name_output(self, value: int, sentence: _Sentence, place: int) -> str:
        read = list(_values(sentence))
        dying = [other for other in read if self._last_use.get(other) == place]
        for other in dying:
            if self._live.get(self.names.variables[other]) == other:
                del self._live[self.names.variables[other]]
        hint = self._port_of(value)
        if hint:
            return free(hint, self._occupied())
        if self.made.condition(sentence.entries[0]):
            main = main_value(sentence.entries[0])
            if main in dying and self.names.variables[main] not in self._live:
                return self.names.variables[main]
        if value != sentence.outs[0]:
            return variable(parted(self.vars[value].name), self._occupied())
        if len(sentence.outs) > 1 and sentence.term.kind != "apply":
            return variable(parted(self.vars[value].name), self._occupied())
        return self._reused(value, sentence, dying, place) or self._fresh(value, place)

    def _reused(self, value: int, sentence: _Sentence, dying: Sequence[int], place: int) -> str:
        """The name of a value that ends here: `x = self.conv(x)`. A side input lends its name to its own map only."""
        names = [self.names.variables[other] for other in dying]
        for stream in _STREAM:
            if stream in names and stream not in self._live and not self._is_kept(value, place):
                return stream
        first = next(_values(sentence), None)
        for other, name in zip(dying, names, strict=True):
            given = other < len(self.body.scope.inputs) and self.body.scope.root
            own = name.isidentifier() and name not in self._live and name not in _PORTS
            alike = other == first and (value in self._main) == (other in self._main)
            if own and alike and not given and self._readers[value] < 2 and value not in self._main:
                return name
        return ""

    def _fresh(self, value: int, place: int) -> str:
        if value in self._main and not self._is_kept(value, place):
            for stream in _STREAM:
                if stream not in self._occupied():
                    return stream
        return variable(self.vars[value].name, self._occupied())

    def _from_main_input(self) -> set[int]:
        """The values that follow from the first input: the main stream and its branches."""
        found = {0} if self.body.scope.inputs else set()
        for place in self._flow:
            if found.intersection(_values(place)) or not found:
                found.update(_written(place))
        return found

    def _is_kept(self, value: int, place: int) -> bool:
        """Whether it is read again long after: such a value has a name of its own."""
        uses = [at for at, read in enumerate(self._reads()) if value in read]
        return self.body.scope.root and len(uses) > 1 and uses[-1] - place > 4

    def _port_of(self, value: int) -> str:
        """What attention calls it, where that is its only reader."""
        for place in self._flow:
            for entry in place.entries if isinstance(place, _Sentence) else ():
                node = entry.step.node
                if node is None or "query" not in node.inputs or self._readers[value] != 1:
                    continue
                for port, part in zip(node.inputs, _operands(entry.term), strict=False):
                    if part.value == value:
                        return port
        return ""

    def _occupied(self) -> set[str]:
        return {*self._live, *self._taken}

    # -- text --------------------------------------------------------------------------------------------------------

    def written(self) -> list[Written]:
        """The lines of the body of the forward."""
        self.names.cast = self._cast()
        self.names.device = f"{self.arguments[0]}.device" if self.arguments else '"cpu"'
        found = [line for value in range(len(self.body.scope.inputs)) for line in self._sizes(value)]
        for place, sentence in enumerate(self._flow):
            if isinstance(sentence, _Turns):
                found += self._looped(sentence, place)
                continue
            found += self._sentence(sentence, place)
        return found + self._returned()

    def _sentence(self, sentence: _Sentence, place: int) -> Iterator[Written]:
        if self._is_last(sentence, place):
            return
        right = document(sentence.term, self.names)
        nodes = tuple((line(entry.term, self.names), entry) for entry in _shown(sentence, self.names))
        if sentence.term.kind == "attribute":
            self._alias(sentence, line(sentence.term, self.names))
            return
        before = dict(self.names.variables)
        targets = []
        for value in sentence.outs:
            if value not in self._last_use:
                targets.append("_")
                continue
            targets.append(self._name_output(value, sentence, place))
            self._call(value, targets[-1])
        left = ", ".join(targets)
        condition = self.made.condition(sentence.entries[0])
        if not condition:
            yield from (Written(text, nodes) for text in lines((f"{left} = ", *right), INDENT))
        else:
            kept = before[main_value(sentence.entries[0])]
            if left != kept:
                yield Written(f"{INDENT}{left} = {kept}")
            yield Written(f"{INDENT}if {condition}:")
            yield from (Written(text, nodes) for text in lines((f"{left} = ", *right), f"{INDENT}    "))
        for value in sentence.outs:
            yield from self._sizes(value)

    def _alias(self, sentence: _Sentence, code: str) -> None:
        """An attribute needs no statement."""
        self.names.variables[sentence.outs[0]] = code

    def _is_last(self, sentence: _Sentence, place: int) -> bool:
        flagged = any(self.made.condition(entry) for entry in sentence.entries)
        return place == len(self._flow) - 1 and sentence.outs == self.body.outputs and not flagged

    def _returned(self) -> list[Written]:
        last = self._flow[-1] if self._flow else None
        if isinstance(last, _Sentence) and self._is_last(last, len(self._flow) - 1):
            nodes = tuple((line(entry.term, self.names), entry) for entry in _shown(last, self.names))
            right = document(last.term, self.names)
            return [Written(text, nodes) for text in lines(("return ", *right), INDENT)]
        names = ", ".join(self.names.variables[value] for value in self.body.outputs)
        return [Written(f"{INDENT}return {names}")]

    def _sizes(self, value: int) -> Iterator[Written]:
        """`n, _, height, width = x.shape`, where more than one size of a value is needed."""
        axes = self._sizes_wanted.get(value, set())
        if len(axes) < 2:
            return
        shape = self.vars[value].type.shape
        symbols = {str(dim): name for name, dim in self._symbols().items()}
        targets = []
        for axis, dim in enumerate(shape):
            if axis not in axes:
                targets.append("_")
                continue
            hint = dimension(symbols.get(str(dim), _letter(axis, len(shape))), axis)
            name = free(hint, self._occupied())
            self._taken.add(name)
            self.names.sizes[value, axis] = name
            targets.append(name)
        yield Written(f"{INDENT}{', '.join(targets)} = {self.names.variables[value]}.shape")

    def _symbols(self) -> dict[str, object]:
        call = self.body.scope.call
        return dict(call.symbols) if call is not None else {}

    def _cast(self) -> str:
        """The type that computed values take: that of the sample, or of the weights they meet."""
        timed = {
            part.value
            for place in self._flow
            for term in _terms(place)
            for cast in term.all()
            if cast.kind == "local" and cast.text == "cast"
            for part in cast.all()
            if part.kind == "variable"
        }
        for value, var in enumerate(self.body.scope.inputs):
            if value not in timed and var.type.dtype in FLOAT_TYPES:
                return f"{self.names.variables[value]}.dtype"
        for entry in self.body.entries():
            if entry.step.kind == "leaf" and entry.path and "#" not in entry.path:
                return f"{self.names.modules(entry.path)}.weight.dtype"
        return ""

    # -- loops -------------------------------------------------------------------------------------------------------

    def _looped(self, turns: _Turns, place: int) -> Iterator[Written]:
        loop = turns.loop
        each: dict[str, str] = {}
        for container in loop.lists:
            each[container] = free(singular(container), self._occupied() | set(each.values()))
        before = {entering: self.names.variables[entering] for entering, _ in loop.carried}
        yield from self._enter(loop, place)
        walked = [self.names.modules(container) for container in loop.lists]
        source = walked[0] if len(walked) == 1 else f"zip({', '.join(walked)})"
        yield Written(f"{INDENT}for {', '.join(each.values())} in {source}:")
        yield from self._turn(turns, each, place)
        for (entering, _), leaving in zip(loop.carried, loop.last, strict=True):
            self._call(leaving, self.names.variables[entering])
            self.names.variables[entering] = before[entering]

    def _enter(self, loop: Loop, place: int) -> Iterator[Written]:
        """A carried value that is read after the loop too keeps its name; the turns go on with another."""
        for entering, _ in loop.carried:
            name = self.names.variables[entering]
            if self._last_use.get(entering) != place or not name.isidentifier() or self._live.get(name) != entering:
                other = next((stream for stream in _STREAM if stream not in self._occupied()), "")
                other = other or variable(f"{name}_next", self._occupied())
                yield Written(f"{INDENT}{other} = {name}")
                self.names.variables[entering] = other
                self._live[other] = entering

    def _turn(self, turns: _Turns, each: dict[str, str], place: int) -> Iterator[Written]:
        outer = self.names.modules
        self.names.modules = lambda path: each.get(path.removesuffix(".#")) or outer(path)
        leaving = {out: entering for entering, out in turns.loop.carried}
        names = {entering: self.names.variables[entering] for entering, _ in turns.loop.carried}
        inner_last = {value: i for i, sentence in enumerate(turns.body) for value in _values(sentence)}
        for index, sentence in enumerate(turns.body):
            right = document(sentence.term, self.names)
            nodes = tuple((line(entry.term, self.names), entry) for entry in _shown(sentence, self.names))
            targets = []
            for value in sentence.outs:
                if value in leaving:
                    targets.append(names[leaving[value]])
                elif value not in inner_last:
                    targets.append("_")
                else:
                    targets.append(self._name_inside(value, sentence, index, inner_last, names))
                if targets[-1] != "_":
                    self.names.variables[value] = targets[-1]
            for text in lines((f"{', '.join(targets)} = ", *right), INDENT + "    "):
                yield Written(text, nodes, each)
        self.names.modules = outer
        for value in inner_last:
            name = self.names.variables.get(value, "")
            if self._live.get(name) == value and value not in names and value not in self._last_use:
                del self._live[name]

    def _name_inside(
        self, value: int, sentence: _Sentence, index: int, last: dict[int, int], carried: dict[int, str]
    ) -> str:
        """A carried name where the value that has it ends here, else a new one."""
        for other in _values(sentence):
            name = self.names.variables[other]
            if last[other] == index and (other in carried or self._live.get(name) == other) and name in _STREAM:
                if other in carried or other not in self._last_use:
                    self._live[name] = value
                    return name
        name = (
            free("h", self._occupied())
            if "h" not in self._occupied()
            else variable(self.vars[value].name, self._occupied())
        )
        self._live[name] = value
        return name


def _letter(axis: int, rank: int) -> str:
    return {2: "NC", 3: "NLC", 4: "NCHW"}.get(rank, "")[axis : axis + 1]


def _operands(term: Term) -> list[Term]:
    return [part for part in term.all() if part.kind == "variable"]


def _values(place: _Sentence | _Turns) -> Iterator[int]:
    """The values that are read at a place of the flow, in the order of the text."""
    if isinstance(place, _Sentence):
        for part in place.term.all():
            if part.kind == "variable":
                yield part.value
            elif part.kind == "shape":
                yield part.value[0]
        return
    inside = {out for sentence in place.body for out in sentence.outs}
    yield from (entering for entering, _ in place.loop.carried)
    for sentence in place.body:
        yield from (value for value in _values(sentence) if value not in inside)


def _written(place: _Sentence | _Turns) -> list[int]:
    """The values that are written at a place of the flow."""
    if isinstance(place, _Sentence):
        return list(place.outs)
    return [*place.loop.last, *(out for sentence in place.body for out in sentence.outs)]


def _terms(place: _Sentence | _Turns) -> list[Term]:
    return [place.term] if isinstance(place, _Sentence) else [sentence.term for sentence in place.body]


def _shown(sentence: _Sentence, names: Names) -> list[Entry]:
    """The entries with what they read written out, so that their text is found in the line."""
    shown: list[Entry] = []
    for entry in sentence.entries:
        term = entry.term
        if shown:
            inner = shown[-1]
            term = term.replaced(lambda part: inner.term if _is(part, inner.outs[0]) else None)
        shown.append(Entry(term, entry.outs, entry.step, entry.path))
    return shown


def _is(part: Term, value: int) -> bool:
    return part.kind == "variable" and part.value == value


# -- what stands on one line -----------------------------------------------------------------------------------------


def _sentences(made: ClassPlan) -> list[_Sentence | _Turns]:
    reads = Counter(
        part.value if part.kind == "variable" else part.value[0]
        for statement in made.statements
        for term in ([e.term for e in statement.entries] if isinstance(statement, Loop) else [statement.term])
        for part in term.all()
        if part.kind in ("variable", "shape")
    )
    reads.update(made.body.outputs)
    for statement in made.statements:
        if isinstance(statement, Loop):
            reads.update([value for pair in statement.carried for value in pair])
    found: list[_Sentence | _Turns] = []
    run: list[Entry] = []
    for statement in made.statements:
        if isinstance(statement, Loop):
            found += _joined(run, reads, made)
            run = []
            found.append(_Turns(statement, _joined(list(statement.entries), reads, made)))
        else:
            run.append(statement)
    return found + _joined(run, reads, made)


def _joined(run: Sequence[Statement], reads: Counter[int], made: ClassPlan) -> list[_Sentence]:
    """Neighbours on one line: an activation of what a module gives, methods one after the other."""
    found: list[_Sentence] = []
    for entry in run:
        assert isinstance(entry, Entry)
        if found and _continues(found[-1], entry, reads, made):
            inner = found[-1]
            term = entry.term.replaced(lambda part: inner.term if _is(part, inner.outs[0]) else None)
            found[-1] = _Sentence((*inner.entries, entry), term)
        else:
            found.append(_Sentence((entry,), entry.term))
    return found


def _continues(sentence: _Sentence, entry: Entry, reads: Counter[int], made: ClassPlan) -> bool:
    before = sentence.entries[-1]
    if len(sentence.entries) > 2 or len(before.outs) != 1 or reads[before.outs[0]] != 1:
        return False
    if any(made.condition(part) for part in (*sentence.entries, entry)):
        return False
    reading = [part for part in entry.term.all() if part.kind in ("variable", "shape")]
    if (
        not reading
        or not _is(reading[0], before.outs[0])
        or before.term.kind not in ("apply", "method", "item", "call")
    ):
        return False
    chained = entry.term.kind in ("method", "item")
    node = entry.step.node
    mapped = node is not None and entry.term.kind == "call" and node.op.family == "activation"
    return (chained or (mapped and before.term.kind in ("apply", "infix"))) and _fits(sentence.term, entry.term)


def _fits(inner: Term, outer: Term) -> bool:
    """Whether both are short enough for one line, names of values counted as one letter."""
    anything = _AnyNames()
    return len(line(inner, anything)) + len(line(outer, anything)) <= LONGEST_INLINE - len(INDENT)


class _AnyNames(Names):
    """Names before they are chosen: only their length matters."""

    def __init__(self) -> None:
        super().__init__(modules=lambda path: f"self.{path}")
        self.variables = _Anything()


class _Anything(dict[int, str]):
    def __missing__(self, key: int) -> str:
        return "x"


__all__ = ["Bracket", "Forward", "Written"]
