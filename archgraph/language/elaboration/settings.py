"""Parameters of a block that reach nothing but probabilities, such as that of dropping a branch, which grows from block
to block, and numbers that a value is added to, multiplied with or divided by, such as the deviation that a network
without norms expects: no shape depends on them, so one body is elaborated for all of their values, and copied with
others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias

from archgraph.errors import Mark
from archgraph.graph.relocation import NewNumbers
from archgraph.language.definitions import Definitions
from archgraph.language.expressions.expression import is_expression
from archgraph.language.schema.spec import BlockSpec, BodySpec, NodeSpec
from archgraph.ops.attributes import SAYS_PROBABILITY
from archgraph.ops.contract import REGISTRY
from archgraph.records import record

_NAME = re.compile(r"[^\W\d]\w*")


_LARGEST = 65504.0
"""The largest number of float16, which fits into every type of fractions."""


@record()
class Handed:
    """An argument that is a parameter as it is, of the node at a place; `inside` are the settings of a block there."""

    mark: Mark
    argument: str
    parameter: str
    inside: Settings | None
    is_probability: bool

    def takes(self, number: float) -> bool:
        """Whether the argument may be a number, whatever the value that it meets."""
        if self.inside is not None:
            return self.inside.takes({self.argument: number})
        return 0 <= number <= 1 if self.is_probability else 0 < abs(number) <= _LARGEST


@record()
class Settings:
    """The parameters of a block that decide nothing but such numbers, and where they are handed on."""

    block: BlockSpec
    names: frozenset[str] = frozenset()
    handed: tuple[Handed, ...] = ()

    def takes(self, values: Mapping[str, float]) -> bool:
        """Whether these parameters may have these values, so that nothing is to be told of one."""
        return all(each.takes(values[each.parameter]) for each in self.handed if each.parameter in values)

    def numbers(self, values: Mapping[str, Any]) -> NewNumbers:
        """What is other in the block's body where these parameters have other values. Raises SchemaError."""
        operations: dict[Mark, dict[str, Any]] = {}
        arguments: dict[Mark, dict[str, Any]] = {}
        inside: dict[Mark, Settings] = {}
        for each in self.handed:
            if each.parameter not in values:
                continue
            value = values[each.parameter]
            if each.inside is None:
                operations.setdefault(each.mark, {})[each.argument] = value
            else:
                checked = each.inside.block.params[each.argument].check(value)
                arguments.setdefault(each.mark, {})[each.argument] = checked
                inside[each.mark] = each.inside
        return NewNumbers(
            operations, {mark: (arguments[mark], of.numbers(arguments[mark])) for mark, of in inside.items()}
        )


Uses: TypeAlias = "list[tuple[NodeSpec, str]]"


@dataclass(slots=True)
class KnownSettings:
    """The settings of each block, found once."""

    known: dict[int, Settings] = field(default_factory=dict)

    def of(self, block: BlockSpec, definitions: Definitions) -> Settings:
        """The settings of a block that stands among these definitions."""
        if id(block) not in self.known:
            self.known[id(block)] = Settings(block)  # for a block that uses itself
            self.known[id(block)] = self._found(block, definitions)
        return self.known[id(block)]

    def _found(self, block: BlockSpec, definitions: Definitions) -> Settings:
        left = {name for name, kind in block.params.items() if kind.text.partition(" =")[0] == "float"}
        nodes = [*_nodes(block.body)] if left else []
        marks = [block.document.marks.key(*node.where) for node in nodes]
        if not left or None in marks or len({*marks}) < len(marks) or any(node.share for node in nodes):
            return Settings(block)
        left -= _read_elsewhere(block, nodes)
        handed = []
        for node, mark in zip(nodes, marks, strict=True):
            for argument, value in node.arguments.items():
                name = value[1:].strip() if isinstance(value, str) and value.startswith("=") else ""
                if name in left and mark is not None:
                    taken, inside = self._taken(node, argument, definitions)
                    if taken:
                        probability = inside is None and node.op is not None and _drops_with(node.op, argument)
                        handed.append(Handed(mark, argument, name, inside, probability))
                    else:
                        left.discard(name)
        names = left & {each.parameter for each in handed}
        return Settings(block, frozenset(names), tuple(each for each in handed if each.parameter in names))

    def _taken(self, node: NodeSpec, argument: str, definitions: Definitions) -> tuple[bool, Settings | None]:
        """Whether an argument decides nothing but such a number; with the settings of the block that takes it."""
        if node.op is None or is_expression(node.op):
            return False, None
        found = definitions.own(node.op)
        if found is None and node.op in REGISTRY:
            return _drops_with(node.op, argument) or _computes_with(node.op, argument), None
        found = found or definitions.find(node.op)
        inside = self.of(*found) if found is not None else None
        return inside is not None and argument in inside.names, inside


def _drops_with(operation: str, attribute: str) -> bool:
    """Whether an attribute is how likely an operation drops something in training, and hands on the rest."""
    kind = REGISTRY[operation]
    found = kind.model_fields.get(attribute)
    return kind.traits.moves_data and found is not None and SAYS_PROBABILITY in found.metadata


def _computes_with(operation: str, attribute: str) -> bool:
    """Whether an attribute is the number that stands in the place of the second value of a sum or product."""
    return attribute == "value" and REGISTRY[operation].family == "arithmetic"


def _nodes(body: BodySpec) -> Iterator[NodeSpec]:
    """The nodes of a body, those of groups included."""
    for node in body.nodes:
        yield node
        if node.body is not None:
            yield from _nodes(node.body)


def _read_elsewhere(block: BlockSpec, nodes: Iterable[NodeSpec]) -> set[str]:
    """All names that stand anywhere but as a whole argument, whatever they mean there."""
    bodies = [block.body, *(node.body for node in nodes if node.body is not None)]
    places: list[Any] = [block.let, block.asserts, block.inputs, block.node_parameters]
    places += [kind.default for kind in block.params.values()]
    places += [(body.outputs, body.order, body.stacks) for body in bodies]
    for node in nodes:
        places += [getattr(node, each.name) for each in fields(node) if each.name not in ("arguments", "body", "where")]
        places += [value for value in node.arguments.values() if not _is_name(value)]
    return {name for place in places if place for name in _NAME.findall(repr(place))}


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("=") and _NAME.fullmatch(value[1:].strip()) is not None
