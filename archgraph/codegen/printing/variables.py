"""What the values of a forward are called: `x` flows, `h` branches off, and names are reused once they are dead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from archgraph.codegen.analysis.names import dimension, parted, variable
from archgraph.codegen.analysis.scopes import argument_names
from archgraph.codegen.classes.class_plan import ClassPlan
from archgraph.codegen.printing.statement_fusion import Place, Sentence, Turns, is_added, terms_of
from archgraph.structure.naming import free
from archgraph.structure.template import main_value

STREAM = ("x", "h")
"""The names of the main flow and its branch."""
_PORTS = ("query", "key", "value")
_LONG = 4
"""A value of the whole network that is read again after more than this many lines has a name of its own."""
_LETTERS = {2: "NC", 3: "NLC", 4: "NCHW"}


class Variables:
    """Chooses names along the flow. `names` holds what each value is called at the moment."""

    def __init__(self, made: ClassPlan, flow: Sequence[Place], reserved: set[str]):
        self.made = made
        self.names: dict[int, str] = {}
        self._body = made.body
        self._flow = flow
        self._taken = set(reserved)
        self._live: dict[str, int] = {}
        self._uses = _uses(flow, made.body.returned)
        self._main = self._from_main_input()
        self._ports = self._attention_ports()
        self.arguments = argument_names(made.body.scope, self._taken)
        for value, name in enumerate(self.arguments):
            self.hold(value, name)

    def hold(self, value: int, name: str) -> None:
        """From here on the name holds the value."""
        self.names[value] = name
        self._live[name] = value

    def is_read(self, value: int) -> bool:
        """Whether anything reads the value, or returns it."""
        return value in self._uses

    def frees_name(self, value: int, place: int) -> bool:
        """Whether the variable of a value can be reassigned after this step of the flow."""
        name = self.names[value]
        return self._uses[value][-1] == place and self._live.get(name) == value

    def new(self, hint: str, also: Sequence[str] = ()) -> str:
        """A variable near to a name that holds nothing."""
        return variable(hint, {*self._occupied(), *also})

    def branch(self, hint: str) -> str:
        """`x` or `h` where one is free, else a name near to the hint."""
        return next((name for name in STREAM if name not in self._occupied()), "") or self.new(hint)

    def release(self, name: str, value: int) -> None:
        """The name is free again, if it still holds that value."""
        if self._live.get(name) == value:
            del self._live[name]

    def choose(self, value: int, sentence: Sentence, place: int) -> str:
        """The name of a value that a sentence writes."""
        dying = [other for other in sentence.reads() if self._uses[other][-1] == place]
        for other in dying:
            self.release(self.names[other], other)
        if value in self._ports:
            return free(self._ports[value], self._occupied())
        if is_added(sentence.term):
            left = self.names[next(sentence.reads())]
            if left not in self._live and left.isidentifier():
                return left
        if self.made.condition(sentence.entries[0]):
            main = main_value(sentence.entries[0])
            name = self.names[main]
            if (
                main in dying and name not in self._live and name.isidentifier()
            ):  # a tensor of the module is no variable
                return name
            return self._beside(value, sentence, place, dying)
        return self._named(value, sentence, place, dying)

    def _beside(self, value: int, sentence: Sentence, place: int, dying: Sequence[int]) -> str:
        """A name that nothing has which an optional sentence reads: what is there without it is assigned before."""
        read = {self.names[other]: other for other in dying if self.names[other] not in self._live}
        self._live.update(read)
        name = self._named(value, sentence, place, ())
        for each, other in read.items():
            self.release(each, other)
        return name

    def _named(self, value: int, sentence: Sentence, place: int, dying: Sequence[int]) -> str:
        several = len(sentence.outs) > 1
        if value != sentence.outs[0] or (several and sentence.term.kind != "apply"):
            return self.new(parted(self._body.vars[value].name))
        return self._reused(value, sentence, dying, place) or self._fresh(value, place)

    def size(self, value: int, axis: int) -> str:
        """The variable for a size: what the block calls it, or the usual name."""
        shape = self._body.vars[value].type.shape
        call = self._body.scope.call
        symbols = {str(dim): name for name, dim in call.symbols.items()} if call is not None else {}
        usual = _LETTERS.get(len(shape), "")[axis : axis + 1]
        name = free(dimension(symbols.get(str(shape[axis]), usual), axis), self._occupied())
        self._taken.add(name)
        return name

    def _reused(self, value: int, sentence: Sentence, dying: Sequence[int], place: int) -> str:
        """The name of a value that ends here: `x = self.conv(x)`. A side input lends its name to its own map only."""
        names = [self.names[other] for other in dying]
        for stream in STREAM:
            if stream in names and stream not in self._live and not self._is_long_lived(value, place):
                return stream
        first = next(sentence.reads(), -1)
        if first not in dying or value in self._main or first in self._main or len(self._uses[value]) > 1:
            return ""
        given = first < len(self._body.scope.inputs) and self._body.scope.root
        name = self.names[first]
        return name if name.isidentifier() and name not in self._live and not given else ""

    def _fresh(self, value: int, place: int) -> str:
        if value in self._main and not self._is_long_lived(value, place):
            return self.branch(self._body.vars[value].name)
        return self.new(self._body.vars[value].name)

    def _is_long_lived(self, value: int, place: int) -> bool:
        """Whether it is read many steps later (a skip connection): at the root such a value has a name of its own."""
        uses = self._uses[value]
        return self._body.scope.root and len(uses) > 1 and uses[-1] - place > _LONG

    def _occupied(self) -> set[str]:
        return {*self._live, *self._taken}

    def _from_main_input(self) -> set[int]:
        """The values that follow from the first input: the main stream and its branches."""
        found = {0} if self._body.scope.inputs else set()
        for place in self._flow:
            if found.intersection(place.reads()) or not found:
                found.update(place.outs)
        return found

    def _attention_ports(self) -> dict[int, str]:
        """What attention calls the values that only it reads."""
        found: dict[int, str] = {}
        for entry in self._body.entries():
            node = entry.step.node
            if node is None or not all(port in node.inputs for port in _PORTS):
                continue
            read = [part.value for part in entry.term.all() if part.kind == "variable"]
            found.update(
                (value, port)
                for port, value in zip(node.inputs, read, strict=False)
                if port in _PORTS and read.count(value) == 1 and len(self._uses.get(value, ())) == 1
            )
        return {value: port for value, port in found.items() if value >= len(self._body.scope.arguments)}


def _uses(flow: Sequence[Place], outputs: Sequence[int]) -> dict[int, list[int]]:
    """The places of the flow at which each value is read; what is returned is read at the end."""
    found: dict[int, list[int]] = {}
    for place, read in enumerate([*(set(place.reads()) for place in flow), set(outputs)]):
        for value in read:
            found.setdefault(value, []).append(place)
    return found


def sizes_wanted(flow: Sequence[Place]) -> dict[int, set[int]]:
    """The dimensions of values whose sizes are needed."""
    found: dict[int, set[int]] = {}
    for place in flow:
        changing = {value for value, _ in place.loop.carried} if isinstance(place, Turns) else set()
        for part in (part for term in terms_of(place) for part in term.all() if part.kind == "shape"):
            value, axis = part.value
            if value not in changing:
                found.setdefault(value, set()).add(axis)
    return found


def inner_uses(turns: Turns) -> Counter[int]:
    """For each value, the last sentence of a loop's body that reads it."""
    return Counter({value: index for index, sentence in enumerate(turns.body) for value in sentence.reads()})
