"""With which arguments a standard block could be what a module computes: values to try, the likeliest first.

A parameter that a block hands to an operation as it is has the value of that operation's attribute in the module.
Others have that of the constructor's argument of the same name, their default, or a ratio of widths.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from archgraph.graph.lookup import nodes
from archgraph.graph.text import attributes
from archgraph.graph.types import Graph, Node
from archgraph.importing.writing.numbers.values import as_data
from archgraph.language.expressions.expression import is_expression
from archgraph.language.schema.parameter_types import ParameterType
from archgraph.language.schema.spec import BlockSpec, BodySpec, NodeSpec
from archgraph.ops.contract import REGISTRY

UNSET: Any = type("Unset", (), {"__repr__": lambda self: "UNSET"})()
"""The default stands."""
MOST_CHOICES = 8
_WIDTHS = ("out_channels", "out_features", "embedding_dim")
_NORMS = "normalization"
_CHOSEN = frozenset({"activation", "nonlinearity", _NORMS})
"""Families of operations that are handed in as nodes."""

Blocks = Callable[[str, BlockSpec], BlockSpec | None]
"""The block that a node of another one applies."""


def argument_choices(block: BlockSpec, body: Graph, given: Mapping[str, Any], blocks: Blocks) -> dict[str, list[Any]]:
    """The values to try for each parameter of a block, the likeliest first; none at all where one has none."""
    reader = _ChoiceReader(block, body, given, blocks)
    return {name: list(islice(reader.values(name), MOST_CHOICES)) for name in block.params}


class _ChoiceReader:
    """The values to try for the parameters of one block in the place of one body."""

    def __init__(self, block: BlockSpec, body: Graph, given: Mapping[str, Any], blocks: Blocks):
        self._block = block
        self._body = body
        self._given = given
        self._blocks = blocks

    def values(self, name: str) -> Iterator[Any]:
        """The values of a parameter, each once, the likeliest first."""
        kind = self._block.params[name]
        known: list[Any] = []
        for found in self._likely(name, kind):
            value = found if found is UNSET else kind.converted(found)
            if value is not UNSET and not kind.required and _same(value, kind.default):
                value = UNSET
            if not any(value is other or _same(value, other) for other in known):
                known.append(value)
                yield value

    def _likely(self, name: str, kind: ParameterType) -> Iterator[Any]:
        words = {one.word for one in kind.kinds}
        if "node" in words:
            yield from self._nodes(kind)
            return
        if name in self._given and kind.accepts(self._given[name]) and not is_expression(kind.default):
            yield self._given[name]
        named = [value for value in self._of_similar_names(name) if kind.accepts(value)]
        yield from named
        if any(node.repeat == f"={name}" for node in _all_nodes(self._block.body)):
            yield from _copies(self._body)
        uses = list(_uses(self._block, name, self._blocks, 3))
        direct = [value for use in uses for value in self._attributes(*use) if kind.accepts(value)]
        if not kind.required and (not direct or is_expression(kind.default)):
            yield UNSET
        yield from direct
        if not kind.required:
            yield UNSET
        if "bool" in words:
            yield from (True, False)
        yield from (choice for one in kind.kinds for choice in one.choices)
        yield from (number for number in _compared(self._block, name) if kind.accepts(number))
        if "int" in words and not direct and not named and (kind.required or isinstance(kind.default, int)):
            yield from _ratios(self._body)

    def _of_similar_names(self, name: str) -> Iterator[Any]:
        """Arguments of the constructor of whose name the parameter's is a word: `shift_size` for `shift`."""
        for word, value in self._given.items():
            if word != name and name in word.split("_"):
                yield value[0] if isinstance(value, list) and value and len(set(map(str, value))) == 1 else value

    def _attributes(self, operation: str, attribute: str) -> list[Any]:
        """The values that an attribute has in the module, those last that other operations of the block have."""
        written = [node.arguments.get(attribute) for node in _all_nodes(self._block.body)]
        contract = REGISTRY.get(operation)
        if contract is not None and attribute in contract.model_fields:
            written.append(contract.model_fields[attribute].default)
        values = list(_attributes(self._body, operation, attribute))
        return sorted(values, key=lambda value: value in written)

    def _nodes(self, kind: ParameterType) -> Iterator[Any]:
        """Operations that could be handed in: of the default's kind, where there is one."""
        norm = _is_norm(kind.default)
        found = [handed_in(node) for node in nodes(self._body).values() if _is_chosen(node, norm)]
        if not kind.required and (kind.default in found or kind.default is None):
            yield UNSET
        yield from found
        if kind.optional:
            yield None
        if not kind.required:
            yield UNSET


def _compared(block: BlockSpec, name: str) -> Iterator[int]:
    """Numbers on which it turns in the block what there is: 0 for a part that can be left out."""
    texts = [*block.let.values(), *(node.when for node in _all_nodes(block.body))]
    for text in texts:
        for match in re.finditer(rf"\b{name} *[!=<>]=? *(\d+)", text if isinstance(text, str) else ""):
            yield int(match[1])


def _copies(body: Graph) -> Iterator[int]:
    """How many items of a body have names that differ in a number only, the largest group first."""
    stems = Counter(re.sub(r"\d+", "", item.name.partition(".")[0]) for item in body.items)
    yield from sorted(set(stems.values()), reverse=True)


def _is_norm(default: Any) -> bool | None:
    """Whether the default of a parameter is a norm; None where it is no operation."""
    name = default.get("op") if isinstance(default, dict) else default
    return REGISTRY[name].family == _NORMS if isinstance(name, str) and name in REGISTRY else None


def _is_chosen(node: Node, norm: bool | None) -> bool:
    return node.op.family in _CHOSEN and (norm is None or (node.op.family == _NORMS) == norm)


def _uses(block: BlockSpec, name: str, blocks: Blocks, depth: int) -> Iterator[tuple[str, str]]:
    """The attributes that a parameter is handed to as it is, in the block and in those that it applies."""
    for node in _all_nodes(block.body):
        for argument, value in node.arguments.items():
            if value != f"={name}" or node.op is None:
                continue
            inner = blocks(node.op, block)
            if inner is None:
                yield node.op, argument
            elif depth and argument in inner.params:
                yield from _uses(inner, argument, blocks, depth - 1)


def _all_nodes(body: BodySpec) -> Iterator[NodeSpec]:
    for node in body.nodes:
        yield node
        if node.body is not None:
            yield from _all_nodes(node.body)


def _attributes(body: Graph, operation: str, attribute: str) -> Iterator[Any]:
    for node in nodes(body).values():
        if node.op.name == operation and attribute in type(node.op).model_fields:
            value = as_data(getattr(node.op, attribute))
            yield value[0] if isinstance(value, list) and value and len(set(map(str, value))) == 1 else value


def handed_in(node: Node) -> Any:
    """An operation as the value of an argument: its name, or a mapping with its attributes."""
    found = {name: as_data(value) for name, value in attributes(node.op).items()}
    return {"op": node.op.name, **found} if found else node.op.name


def _ratios(body: Graph) -> Iterator[int]:
    """Whole ratios of the widths inside to those of the inputs, and the other way round."""
    widths = {getattr(node.op, name) for node in nodes(body).values() for name in _WIDTHS if hasattr(node.op, name)}
    given = {size for value in body.inputs for size in value.shape if isinstance(size, int)}
    for width in sorted(widths):
        for size in sorted(given):
            if width and size and not max(width, size) % min(width, size):
                yield max(width, size) // min(width, size)


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b)
