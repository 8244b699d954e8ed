"""The lines of a forward, and the nodes whose work each of them does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field, replace

from archgraph.codegen.analysis.body import AppliedStep
from archgraph.codegen.analysis.loops import TURN
from archgraph.codegen.analysis.names import singular
from archgraph.codegen.classes.class_plan import ClassPlan
from archgraph.codegen.printing.layout import STEP, Doc, flat, lines, tuple_lines
from archgraph.codegen.printing.statement_fusion import Sentence, Turns, is_added, is_in_training, sentences, terms_of
from archgraph.codegen.printing.term_text import CodeNames, accessed, document, line, tensor_attribute
from archgraph.codegen.printing.variables import STREAM, Variables, inner_uses, sizes_wanted
from archgraph.records import record
from archgraph.structure.template import Loop, main_value
from archgraph.structure.terms import Term

INDENT = 2 * STEP

_TYPE = -1
"""Stands for the type of the sample among the values that variables hold."""


@record()
class ForwardLine:
    """A line of a forward, and the nodes whose work it does, with the text of each of them."""

    text: str
    nodes: tuple[tuple[str, AppliedStep], ...] = ()
    each: dict[str, str] = field(default_factory=dict)
    """In a loop, the variable of each container that it walks."""


class Forward:
    """Writes the body of one forward. `arguments` are the names of its inputs."""

    def __init__(self, made: ClassPlan, reserved: set[str]):
        self.made = made
        self._flow = sentences(made)
        self._variables = Variables(made, self._flow, reserved)
        self._sizes_wanted = sizes_wanted(self._flow)
        self.arguments = self._variables.arguments
        containers = made.body.containers
        self._names = CodeNames(
            self._variables.names,
            modules=lambda path: accessed(path, containers),
            tensors=lambda path: tensor_attribute(path, containers),
        )
        self._names.cast = self._cast()
        self._condition = ""
        """Under which condition the line before stands."""
        self._names.device = self._device()
        self._indent = INDENT

    def lines(self) -> Iterator[ForwardLine]:
        """The lines from the sizes of the inputs to the return."""
        for value in range(len(self.made.body.scope.inputs)):
            yield from self._sizes(value)
        yield from self._type()
        for place, part in enumerate(self._flow):
            if is_in_training(part):
                yield from self._enter_training()
            if isinstance(part, Turns):
                yield from self._loop(part, place)
            elif not self._is_returned(part, place):
                yield from self._sentence(part, place)
        if self.made.body.training_outputs:
            yield from self._enter_training()
            yield from self._handed_out(self.made.body.returned)
            self._indent = INDENT
        yield from self._return()

    def _enter_training(self) -> Iterator[ForwardLine]:
        """What is computed in training only stands at the end, below one condition."""
        if self._indent == INDENT:
            self._condition = ""
            self._indent = INDENT + STEP
            yield ForwardLine(f"{INDENT}if self.training:")

    def _handed_out(self, values: Sequence[int]) -> Iterator[ForwardLine]:
        names = [self._names.variables[value] for value in values]
        yield from map(ForwardLine, tuple_lines("return ", names, (), self._indent))

    def _sentence(self, sentence: Sentence, place: int) -> Iterator[ForwardLine]:
        whole = document(sentence.term, self._names)
        right, nodes = assigned(sentence.term, whole, self._names), nodes_of(sentence, whole, self._names)
        if sentence.term.kind == "attribute":  # it is read where it is needed
            self._names.variables[sentence.outs[0]] = flat(whole)
            return
        condition = self.made.condition(sentence.entries[0])
        kept = self._names.variables[main_value(sentence.entries[0])] if condition else ""
        targets = [self._target(value, sentence, place) for value in sentence.outs]
        left = ", ".join(targets)
        indent = self._indent + STEP if condition else self._indent
        if condition and left != kept:
            self._condition = ""
            yield ForwardLine(f"{self._indent}{left} = {kept}")
        if condition and condition != self._condition:
            yield ForwardLine(f"{self._indent}if {condition}:")
        self._condition = condition
        yield from (ForwardLine(text, nodes) for text in tuple_lines("", targets, right(left), indent))
        for value in sentence.outs:
            yield from self._sizes(value)

    def _target(self, value: int, sentence: Sentence, place: int) -> str:
        if not self._variables.is_read(value):
            return "_"
        name = self._variables.choose(value, sentence, place)
        self._variables.hold(value, name)
        return name

    def _is_returned(self, sentence: Sentence, place: int) -> bool:
        """Whether the last sentence stands behind `return`."""
        optional = any(self.made.condition(entry) for entry in sentence.entries)
        last = place == len(self._flow) - 1 and sentence.outs == self.made.body.outputs
        return last and not optional and not is_added(sentence.term)

    def _return(self) -> Iterator[ForwardLine]:
        last = self._flow[-1] if self._flow else None
        if isinstance(last, Sentence) and self._is_returned(last, len(self._flow) - 1):
            right = document(last.term, self._names)
            nodes = nodes_of(last, right, self._names)
            yield from (ForwardLine(text, nodes) for text in lines(("return ", *right), INDENT))
        else:
            yield from self._handed_out(self.made.body.outputs)

    def _sizes(self, value: int) -> Iterator[ForwardLine]:
        """`n, _, height, width = x.shape`, where more than one size of a value is needed."""
        axes = self._sizes_wanted.get(value, set())
        if len(axes) < 2 or not self.made.has_one_rank(value):
            return
        self._condition = ""
        for axis in sorted(axes):
            self._names.sizes[value, axis] = self._variables.size(value, axis)
        rank = self.made.body.vars[value].type.rank
        left = ", ".join(self._names.sizes.get((value, axis), "_") for axis in range(rank))
        yield ForwardLine(f"{self._indent}{left} = {self._names.variables[value]}.shape")

    def _device(self) -> str:
        """The device of new tensors: that of an input, or the one that is passed as an argument."""
        scope = self.made.body.scope
        if scope.inputs:
            return f"{self.arguments[0]}.device"
        device_sources = [name for name, var in zip(self.arguments, scope.sizes, strict=True) if var.dim is None]
        return device_sources[0] if device_sources else '"cpu"'

    def _type(self) -> Iterator[ForwardLine]:
        """`dtype = x.dtype`, where the name of the sample may hold a value of another type later."""
        made = self.made.body.vars[len(self.made.body.scope.inputs) :]
        if self._names.cast and any(self._casts()) and any(var.type.dtype != "float32" for var in made):
            name = self._variables.new("dtype")
            self._variables.hold(_TYPE, name)
            yield ForwardLine(f"{INDENT}{name} = {self._names.cast}")
            self._names.cast = name

    def _casts(self) -> Iterator[Term]:
        """The terms that are cast to the type of the sample."""
        for place in self._flow:
            for term in terms_of(place):
                yield from (part for part in term.all() if part.kind == "local" and part.text != "device")

    def _cast(self) -> str:
        """The type that computed values take: that of the sample, or of the weights they meet."""
        computed = {part.value for cast in self._casts() for part in cast.all() if part.kind == "variable"}
        for value, var in enumerate(self.made.body.scope.inputs):
            if value not in computed and var.type.dtype == "float32":
                return f"{self._names.variables[value]}.dtype"
        for entry in self.made.body.entries():
            if entry.step.kind == "leaf" and entry.path and TURN not in entry.path:
                return f"{self._names.modules(entry.path)}.weight.dtype"
        return ""

    # -- loops -------------------------------------------------------------------------------------------------------

    def _loop(self, turns: Turns, place: int) -> Iterator[ForwardLine]:
        self._condition = ""
        loop = turns.loop
        each: dict[str, str] = {}
        for container in loop.lists:
            each[container] = self._variables.new(singular(container), list(each.values()))
        before = {entering: self._names.variables[entering] for entering, _ in loop.carried}
        yield from self._enter(loop, place)
        walked = [self._names.modules(container) for container in loop.lists]
        source = walked[0] if len(walked) == 1 else f"zip({', '.join(walked)})"
        yield ForwardLine(f"{self._indent}for {', '.join(each.values())} in {source}:")
        carried = {value for value, _ in loop.carried}
        sizes = {at: name for at, name in self._names.sizes.items() if at[0] not in carried}  # each turn has its own
        names = replace(self._names, sizes=sizes)
        for inner in _Turn(turns, each, self._variables, names).lines():
            yield replace(inner, text=self._indent.removeprefix(INDENT) + inner.text)
        for (entering, _), leaving in zip(loop.carried, loop.last, strict=True):
            self._variables.hold(leaving, self._names.variables[entering])
            self._names.variables[entering] = before[entering]

    def _enter(self, loop: Loop[AppliedStep], place: int) -> Iterator[ForwardLine]:
        """A loop-carried value that is also read after the loop keeps its variable; the loop updates a copy."""
        for entering, _ in loop.carried:
            if not self._variables.frees_name(entering, place):
                name = self._names.variables[entering]
                other = self._variables.branch(f"{name}_next")
                yield ForwardLine(f"{self._indent}{other} = {name}")
                self._variables.hold(entering, other)


def nodes_of(sentence: Sentence, whole: Doc, names: CodeNames) -> tuple[tuple[str, AppliedStep], ...]:
    """The nodes of a sentence, which is written as `whole`, with the text of each of them."""
    if len(sentence.entries) == 1:
        return ((flat(whole), sentence.entries[0]),)
    return tuple([(line(entry.term, names), entry) for entry in sentence.written_out()])


def assigned(term: Term, whole: Doc, names: CodeNames) -> Callable[[str], Doc]:
    """What stands behind the target of an assignment of a term, which is written with the names that there are now."""
    if not is_added(term):
        return lambda target: (" = ", *whole)
    left, right = line(term.parts[0], names), document(term.parts[1], names)
    return lambda target: (" += ", *right) if target == left else (" = ", *whole)


class _Turn:
    """Writes the body of a loop. A loop-carried value has one variable throughout an iteration."""

    def __init__(self, turns: Turns, each: dict[str, str], variables: Variables, names: CodeNames):
        self._turns, self._each, self._variables = turns, each, variables
        self._last = inner_uses(turns)
        self._carried = {out: names.variables[entering] for entering, out in turns.loop.carried}
        self._made = {out: i for i, sentence in enumerate(turns.body) for out in sentence.outs}
        self._names = replace(names, modules=self._modules(names.modules), tensors=self._modules(names.tensors))
        self._own: list[tuple[str, int]] = []

    def _modules(self, outer: Callable[[str], str]) -> Callable[[str], str]:
        return lambda path: self._each.get(path.removesuffix(f".{TURN}")) or outer(path)

    def lines(self) -> Iterator[ForwardLine]:
        """The lines of one turn; names that only it needs are free again afterwards."""
        for index, sentence in enumerate(self._turns.body):
            whole = document(sentence.term, self._names)
            right, nodes = assigned(sentence.term, whole, self._names), nodes_of(sentence, whole, self._names)
            left = ", ".join(self._target(value, sentence, index) for value in sentence.outs)
            for text in lines((left, *right(left)), INDENT + STEP):
                yield ForwardLine(text, nodes, self._each)
        for name, value in self._own:
            self._variables.release(name, value)

    def _target(self, value: int, sentence: Sentence, index: int) -> str:
        if value in self._carried:
            self._names.variables[value] = self._carried[value]
            return self._carried[value]
        if value not in self._last:
            return "_"
        name = self._borrowed(value, sentence, index)
        if not name:
            name = self._variables.branch("h")
            self._variables.hold(value, name)
            self._own.append((name, value))
        self._names.variables[value] = name
        return name

    def _borrowed(self, value: int, sentence: Sentence, index: int) -> str:
        """The name of a value that ends here, if nothing needs it before the new one ends."""
        for other in sentence.reads():
            name = self._names.variables[other]
            if self._last[other] != index or name not in STREAM:
                continue
            if (name, other) in self._own:
                self._variables.hold(value, name)
                self._own.append((name, value))
                return name
            leaving = [out for out, carried in self._carried.items() if carried == name]
            if leaving and self._last[value] <= self._made[leaving[0]]:
                return name
        return ""


__all__ = ["Forward", "ForwardLine"]
