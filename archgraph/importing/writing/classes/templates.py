"""The body of a module call as a template: flat statements with the numbers still in place.

Calls whose class becomes no block of its own are opened: their items stand in the template under dotted names.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from archgraph.codegen.analysis.size_expressions import ReadableSize
from archgraph.dims import Dim, Size
from archgraph.errors import ImportingError
from archgraph.graph.text import attributes
from archgraph.graph.types import Call, Graph, Node, Value, joined
from archgraph.importing.writing.classes.written_ties import WrittenTies
from archgraph.importing.writing.modules.joint_network import NETWORK
from archgraph.importing.writing.numbers.handed_sizes import HandedSize
from archgraph.importing.writing.numbers.settled_sizes import SettledSizes
from archgraph.importing.writing.numbers.values import number_count
from archgraph.records import record
from archgraph.structure.class_parameters import MISSING, WIDE
from archgraph.structure.template import InstanceTemplate, Statement
from archgraph.structure.terms import Term, number, variable


class OutsideSizeError(ImportingError):
    """A size that does not follow from the inputs of a module's call: the class cannot be a block of its own."""

    def __init__(self, block: str, size: Dim):
        super().__init__(f"the size {size} does not follow from the inputs of {block}")
        self.block = block


@record(kw_only=True)
class WrittenStatement(Statement):
    """A node of a spec. `made` is what it applies in this instance; `training` says that it is computed in training
    only."""

    made: Node | Call
    ports: tuple[str, ...] = ()
    ties: Mapping[str, str] = field(default_factory=dict)
    listed: tuple[str, ...] = ()
    """The ports of a block in the order in which a list is handed to them."""
    training: bool = False
    members: tuple[WrittenStatement, ...] = ()
    """The statements of the first copy, where it is a group of several."""

    @property
    def applied(self) -> tuple[WrittenStatement, ...]:
        """The statements that apply something: itself, or the members of a group."""
        return self.members or (self,)

    @property
    def part(self) -> str:
        """Each statement may be lacking by itself."""
        return self.name


@dataclass(eq=False, slots=True, kw_only=True)
class BodyTemplate(InstanceTemplate[WrittenStatement]):
    """The template of one body; `call` is None for the whole network."""

    call: Call | None
    body: Graph
    values: list[Value] = field(default_factory=list)
    """The values by their numbers."""
    sizes: SettledSizes = field(default_factory=lambda: SettledSizes(()))
    handed: list[Size] | None = None
    """The sizes that are arguments, since the inputs do not say them; None where none may be."""
    listed: Mapping[int, str] = field(default_factory=dict)
    """The inputs that are one list, by their places, with their names in it: `x.0`, `x.1`."""

    @property
    def input_names(self) -> list[str]:
        """How statements call the inputs."""
        return [self.listed.get(place, value.name) for place, value in enumerate(self.body.inputs)]


ONE_FOR_ALL = frozenset({"kernel_size", "stride", "padding", "dilation", "output_padding", "output_size", "size"})
"""Attributes of which one number stands for all dimensions."""

_OWNER_AND_STEP = 2
MOST_IN_EXPRESSIONS = 32
"""Numbers of a constant; larger ones are tables, which instances of one class have in common."""


@dataclass(frozen=True, slots=True)
class AppliedBlock:
    """The block that a call applies, its arguments, and which input of the call each of its `ports` reads; `listed` are
    all of its inputs."""

    name: str
    arguments: tuple[Term, ...]
    ports: tuple[str, ...]
    places: tuple[int, ...]
    listed: tuple[str, ...]
    sizes: tuple[tuple[str, Size], ...] = ()
    """The sizes that are handed to it, with the names of these arguments."""


class TemplateReader:
    """Reads one body. `is_opened` says which calls are opened; `shared` are the ids of what others apply once more,
    `handing` the classes that sizes are handed to."""

    def __init__(
        self,
        is_opened: Callable[[Call], bool],
        applied: Callable[[Call], AppliedBlock],
        ties: WrittenTies,
        sizes: SettledSizes,
        shared: frozenset[int],
        handing: Collection[str] = (),
    ):
        self._is_opened = is_opened
        self._shared = shared
        self._applied = applied
        self._ties = ties
        self._sizes = sizes
        self._handing = handing

    def read(self, body: Graph, call: Call | None) -> BodyTemplate:
        """The template of a body. Raises ImportingError for a size that its inputs do not determine."""
        kinds = tuple(f"{value.type.rank} {value.dtype}" for value in body.inputs)
        handed: list[Size] | None = [] if call is not None and call.block in self._handing else None
        template = BodyTemplate(arguments=kinds, call=call, body=body, sizes=self._sizes, handed=handed)
        numbers: dict[int, int] = {}
        for value in body.inputs:
            numbers[id(value)] = len(template.values)
            template.values.append(value)
        self._fill(template, body, "", numbers, False)
        if _is_interrupted(template.entries()):
            ordered = sorted(template.entries(), key=lambda one: one.training)
            template.statements = [*ordered]
        returned = (*body.outputs.values(), *body.training_outputs.values())
        template.outputs = tuple(numbers[id(value)] for value in returned)
        return template

    def _fill(self, template: BodyTemplate, body: Graph, prefix: str, numbers: dict[int, int], training: bool) -> None:
        for item in body.items:
            trained = training or item.training
            if isinstance(item, Call) and self._is_opened(item):
                for inside, outside in zip(item.body.inputs, item.inputs, strict=True):
                    numbers[id(inside)] = numbers[id(outside)]
                self._fill(template, self._with_plain_owner(item.body), joined(prefix, item.name), numbers, trained)
                for outside, inside in zip(item.outputs, item.body.outputs.values(), strict=True):
                    numbers[id(outside)] = numbers[id(inside)]
            else:
                template.statements.append(self._statement(template, item, joined(prefix, item.name), numbers, trained))

    def _with_plain_owner(self, body: Graph) -> Graph:
        """The body of an opened module. Where it is an operation with its weights and one step, as a norm that its
        activation is part of, the operation stands for the module: it is called as the module is."""
        owners = [item for item in body.items if isinstance(item, Call) or item.weights or item.shares is not None]
        node = owners[0] if len(owners) == 1 and len(body.items) == _OWNER_AND_STEP else None
        if not isinstance(node, Node) or not node.hidden or node.shares is not None or id(node) in self._shared:
            return body
        plain = replace(node, name="", hidden=False)
        return replace(body, items=tuple(plain if item is node else item for item in body.items))

    def _statement(
        self, template: BodyTemplate, item: Node | Call, name: str, numbers: dict[int, int], training: bool
    ) -> WrittenStatement:
        read = item.inputs if isinstance(item, Call) else tuple(item.inputs.values())
        operands = tuple(variable(numbers[id(value)]) for value in read)
        listed: tuple[str, ...] = ()
        if isinstance(item, Node):
            ports = tuple(item.inputs)
            ties = self._ties.of_node(item, self._ties.path(template.call))
            term = _operation_term(item, template, operands, (tuple(ties.items()), item.hidden, training))
        elif item.shares is not None:
            ports = listed = tuple(value.name for value in item.body.inputs)
            ties = {}
            term = Term("shared", item.shares.name, operands)
        else:
            applied = self._applied(item)
            ports, listed = applied.ports, applied.listed
            ties = self._ties.of_call(item, self._ties.path(template.call))
            term = _call_term(applied, template, operands, (tuple(ties.items()), training, item.scan))
        outs = []
        for value in item.outputs:
            numbers[id(value)] = len(template.values)
            outs.append(len(template.values))
            template.values.append(value)
        owns = item.shares is None and not item.hidden if isinstance(item, Call) else bool(item.weights)
        return WrittenStatement(
            term=term,
            outs=tuple(outs),
            name=name,
            path=name if owns else "",
            removable=bool(read) and len(outs) == 1 and not training,
            made=item,
            ports=ports,
            ties=ties,
            listed=listed,
            training=training,
        )


def _operation_term(item: Node, template: BodyTemplate, operands: tuple[Term, ...], how: tuple[Any, ...]) -> Term:
    """The application of an operation; activations are alike but for their name."""
    about = f"{item.op.name}({','.join(item.inputs)})"
    if _is_activation(item):
        terms = [Term("attribute", "op", (number("activation", item.op.name),))]
        about = "activation(input)"
    else:
        terms = list(attribute_terms(item, template))
    shared = item.shares.name if item.shares else ""
    return Term("operation", about, (*operands, *terms), value=(shared, *how))


def _call_term(applied: AppliedBlock, template: BodyTemplate, operands: tuple[Term, ...], how: tuple[Any, ...]) -> Term:
    """The application of a block, with the sizes that it cannot tell from what it reads."""
    handed = (operands[place] for place in applied.places)
    sized = (Term("argument", word, (_size_term(size, template),), value=(MISSING,)) for word, size in applied.sizes)
    return Term("call", applied.name, (*handed, *applied.arguments, *sized), value=how)


def _is_interrupted(statements: Sequence[WrittenStatement]) -> bool:
    """Whether what is computed in training only stands inside a level of the module tree that evaluation computes."""
    seen: dict[str, bool] = {}
    """For each level so far, whether statements of training came after it."""
    for statement in statements:
        level, _, below = statement.name.partition(".")
        if statement.training:
            seen = dict.fromkeys(seen, True)
        elif below and seen.setdefault(level, False):
            return True
    return False


def _is_activation(node: Node) -> bool:
    """Whether an operation is one of many that could stand there, told by its name alone."""
    return node.op.family in ("activation", "nonlinearity") and not attributes(node.op) and not node.weights


def attribute_terms(node: Node, template: BodyTemplate) -> Iterator[Term]:
    """Each attribute of an operation as `attribute name (value)`, defaults included."""
    for name in type(node.op).model_fields:
        yield Term("attribute", name, (_value_term(name, getattr(node.op, name), template),))


def _value_term(role: str, value: Any, template: BodyTemplate) -> Term:
    if isinstance(value, Size):
        return _size_term(value, template)
    if isinstance(value, tuple) and role == "value" and number_count(value) > MOST_IN_EXPRESSIONS:
        return Term("table", role, value=value)
    if isinstance(value, tuple) and role == "dim" and len(value) == 1:
        return _value_term(role, value[0], template)
    if isinstance(value, tuple) and role in ONE_FOR_ALL and len(set(map(str, value))) == 1:
        return _value_term(role, value[0], template)
    sizes = isinstance(value, tuple) and any(isinstance(part, Size) for part in value)
    if isinstance(value, tuple) and value and (sizes or role in ("shape", "sizes", "size", "split_size", "pad")):
        return Term("list", role, tuple(_value_term(f"{role}{WIDE}", part, template) for part in value))
    return number(role, value)


def _size_term(size: Dim, template: BodyTemplate) -> Term:
    """A symbolic size through the shapes of the inputs; in the whole network, its own symbols say it."""
    if template.call is None:
        return Term("symbolic", str(size))
    sources = [
        ReadableSize(dim, place, axis)
        for place, value in enumerate(template.body.inputs)
        for axis, dim in enumerate(value.shape)
    ]
    handed = template.handed
    sources += [HandedSize(known, place) for place, known in enumerate(handed or ())]
    found = template.sizes.expressed(size, sources)
    if found is None and template.call.block == NETWORK:
        return Term("symbolic", str(size))
    if found is None and handed is not None and isinstance(size, Size):
        handed.append(size)
        return HandedSize(size, len(handed) - 1).term
    if found is None:
        raise OutsideSizeError(template.call.block, size)
    return found
