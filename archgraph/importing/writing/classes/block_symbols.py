"""What the sizes of a block's inputs are called, and what its numbers may come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from archgraph.graph.types import Call, Graph, Item, Value
from archgraph.importing.tracing.symbols import SYMBOLS_BY_RANK
from archgraph.importing.writing.classes.any_rank import LAST, is_of_any_rank
from archgraph.importing.writing.classes.listed_inputs import ANY_SIZE
from archgraph.importing.writing.classes.templates import BodyTemplate
from archgraph.importing.writing.modules.naming import is_parameter
from archgraph.importing.writing.numbers.following_numbers import KnownNumber
from archgraph.structure.class_parameters import Candidates, ClassParameter
from archgraph.structure.expressions import ParameterName
from archgraph.structure.naming import free
from archgraph.structure.unification import ABSENT

Symbols = Mapping[tuple[int, int], str]
_SEQUENCE, _PICTURE = 3, 4
"""The ranks of sequences and of pictures."""
_CHANNELS_SECOND = ("N", "C", "L")
_CHANNELS_LAST = ("N", "H", "W", "C")
_BEHIND_FIRST = (0, 3, 1, 2)
"""The order that brings the last of four dimensions to the place where convolutions have the channels."""
_LAST = frozenset({"linear", "layer_norm"})
"""What reads the last dimension as features."""
_SECOND = ("conv", "max_pool", "avg_pool", "adaptive_", "batch_norm", "group_norm")
"""How the names begin of what reads the second dimension as channels."""
_THROUGH = frozenset({"add", "sub", "mul", "div", "pad", "dropout", "stochastic_depth"})


def block_symbols(templates: Sequence[BodyTemplate]) -> dict[tuple[int, int], str]:
    """Names for the dimensions of the inputs; dimensions that are equal in every instance have one name, and those that
    are 1 in all of them none."""
    if is_of_any_rank(templates):
        return {(0, LAST): "C"}
    names: dict[tuple[int, int], str] = {}
    columns: dict[tuple[Any, ...], str] = {}
    taken: set[str] = set()
    for place, value in enumerate(templates[0].body.inputs):
        for axis, word in enumerate(_words(value, templates[0].body)):
            column = tuple(str(template.body.inputs[place].shape[axis]) for template in templates)
            if set(column) == {"1"}:
                names[place, axis] = "1"
                continue
            if column not in columns:
                columns[column] = free(word, taken)
                taken.add(columns[column])
            elif place == 0 and word not in taken:  # two dimensions of one value are equal by accident
                names[place, axis] = free(word, taken)
                taken.add(names[place, axis])
                continue
            names[place, axis] = columns[column]
    return names


def _words(value: Value, body: Graph) -> Sequence[str]:
    if value.type.rank == _PICTURE and _is_channels_last(value, body):
        return _CHANNELS_LAST
    if value.type.rank == _SEQUENCE and next(_places_of_channels(value, body), True) is False:
        return _CHANNELS_SECOND
    return SYMBOLS_BY_RANK.get(value.type.rank) or tuple(f"D{axis}" for axis in range(value.type.rank))


def _is_channels_last(value: Value, body: Graph) -> bool:
    """Whether the first that tells where the channels of a value are reads them from its last dimension."""
    return next(_places_of_channels(value, body), False)


def _places_of_channels(value: Value, body: Graph) -> Iterator[bool]:
    """For each reader of a value that tells it, whether the channels are the last dimension."""
    for item in body.items:
        if not any(one is value for one in _read(item)):
            continue
        if isinstance(item, Call):
            for outside, inside in zip(item.inputs, item.body.inputs, strict=True):
                if outside is value:
                    yield from _places_of_channels(inside, item.body)
        elif item.op.name in _LAST:
            yield item.inputs.get("input", value) is value
        elif item.op.name == "permute" and tuple(item.op.dims) == _BEHIND_FIRST:  # type: ignore[attr-defined]
            yield from (not last for last in _places_of_channels(item.output, body))
        elif item.op.name in _THROUGH or item.op.family in ("activation", "nonlinearity"):
            if item.output.type.rank == value.type.rank:
                yield from _places_of_channels(item.output, body)
        elif item.op.name.startswith(_SECOND):
            yield False


def _read(item: Item) -> Sequence[Value]:
    return item.inputs if isinstance(item, Call) else tuple(item.inputs.values())


def numbers_of_widths(templates: Sequence[BodyTemplate], symbols: Symbols) -> dict[str, list[int]]:
    """The channels of what the instances read, by their symbols: the last dimensions and the second ones."""
    found: dict[str, list[int]] = {}
    for (place, axis), name in symbols.items():
        values: list[Any] = [template.body.inputs[place].shape[axis] for template in templates]
        is_width = axis in (1, LAST, templates[0].body.inputs[place].type.rank - 1)
        if is_width and name.isidentifier() and name != ANY_SIZE and all(type(value) is int for value in values):
            found.setdefault(name, values)
    return found


def sizes_of_inputs(templates: Sequence[BodyTemplate], symbols: Symbols) -> list[list[KnownNumber]]:
    """The sizes of each input, as far as all instances have numbers there."""
    found: dict[int, list[KnownNumber]] = {}
    for (place, axis), name in symbols.items():
        values = [template.body.inputs[place].shape[axis] for template in templates]
        if name.isidentifier() and name != ANY_SIZE and all(type(value) is int for value in values):
            found.setdefault(place, []).append(KnownNumber(ParameterName(name), values))
    return [*found.values()]


def own_arguments(templates: Sequence[BodyTemplate], symbols: Symbols) -> list[ClassParameter]:
    """The whole numbers that all constructors have as arguments under names that parameters may have."""
    rows = [template.call.arguments if template.call is not None else {} for template in templates]
    names = [name for name in rows[0] if is_parameter(name) and name not in symbols.values()]
    columns = {name: [row.get(name) for row in rows] for name in names}
    return [
        ClassParameter(name, "argument", column, wide=True)
        for name, column in columns.items()
        if all(type(value) is int for value in column)
    ]


def candidates(template: BodyTemplate, symbols: Symbols) -> Candidates:
    """The sizes of its inputs that are numbers, then the arguments of its constructor."""
    found: dict[str, Any] = {}
    for (place, axis), name in symbols.items():
        if name == ANY_SIZE:
            continue
        size = template.body.inputs[place].shape[axis]
        found.setdefault(name, size if isinstance(size, int) else ABSENT)
    arguments = dict(template.call.arguments) if template.call is not None else {}
    sizes = frozenset(found)
    own = {name: value for name, value in arguments.items() if name not in found}
    return Candidates({**found, **own}, {}, sizes, _arguments_inside(template))


def _arguments_inside(template: BodyTemplate) -> dict[str, Any]:
    """The arguments of the modules that a body opens, as far as they agree in them."""
    written = {id(one.made) for entry in template.entries() for one in (entry, *entry.members)}
    found: dict[str, list[Any]] = {}
    for item in template.body.items:
        if isinstance(item, Call) and id(item) not in written:
            for name, value in item.arguments.items():
                found.setdefault(name, []).append(value)
    return {name: values[0] for name, values in found.items() if all(value == values[0] for value in values)}
