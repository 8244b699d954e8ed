"""A node's arguments: expressions evaluated, nodes handed in, each complaint under the argument that it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from archgraph.dims import Facts
from archgraph.errors import ArchgraphError, Problem, SchemaError, combined
from archgraph.language.elaboration.evaluation import evaluated
from archgraph.language.elaboration.frame import FramePlace
from archgraph.language.elaboration.parameters import Parameters
from archgraph.language.elaboration.resolve import Target, WrittenNode
from archgraph.language.expressions.values import described
from archgraph.language.schema.names import NODE_KEYS
from archgraph.language.schema.spec import BlockSpec, NodeSpec, Path
from archgraph.language.schema.validation import handed_node
from archgraph.ops.contract import Operation, make


def prepared(target: Target, address: str, facts: Facts) -> Operation | Parameters:
    """The operation with its attributes, or the block with its parameters.

    Raises all errors of all arguments at once, each at its place.
    """
    given = evaluated_arguments(target, address, facts)
    try:
        if isinstance(target.what, BlockSpec):
            given = {**_own_values(target.what, target, given), **given}
            return Parameters(target.what, facts).bind(given)
        return make(target.what, given)
    except SchemaError as error:
        meant = {problem.hint for problem in error.problems}
        told = [p for p in error.problems if p.path in target.written.spec.arguments or _meaning(p.path) not in meant]
        raise SchemaError(*(_placed(problem, target, given, address) for problem in told)) from None


def _own_values(block: BlockSpec, target: Target, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a block itself gives for parameters: of the preset by which it was named, and nodes that are defaults."""
    found = dict(block.presets[block.preset]) if block.preset else {}
    nodes = [name for name in block.node_parameters if name not in given]
    if not found and not nodes:
        return {}
    assert target.definitions is not None
    written = WrittenNode(NodeSpec(block.name), {}, FramePlace(block.document, target.definitions))
    for name in nodes:
        if name in found:
            if not _null(block, name, found[name]):
                found[name] = handed(name, found[name], (*block.where, "presets", block.preset, name), written)
        elif block.params[name].default is not None:
            found[name] = handed(name, block.params[name].default, (*block.where, "params", name, "default"), written)
    return found


def _null(what: Any, name: str, value: Any) -> bool:
    """Whether a block's parameter for a node is given as null, and may be."""
    return value is None and what.params[name].optional


def _meaning(name: str) -> str:
    """The hint of an unknown argument that explains why this one is missing."""
    return f"did you mean '{name}'?"


def evaluated_arguments(target: Target, address: str, facts: Facts) -> dict[str, Any]:
    """The values of the arguments. Raises all their errors at once."""
    if target.arguments is not None:
        return dict(target.arguments)
    written = target.written
    nodes = target.what.node_parameters if isinstance(target.what, BlockSpec) else ()
    found: dict[str, Any] = {}
    errors: list[ArchgraphError] = []
    for name, value in written.spec.arguments.items():
        try:
            where = (*written.spec.where, name)
            read = argument if isinstance(target.what, BlockSpec) else evaluated
            found[name] = read(value, written.scope, facts)
            if name in nodes and not _null(target.what, name, found[name]):
                found[name] = handed(name, found[name] if isinstance(value, str) else value, where, written)
        except ArchgraphError as error:
            errors.append(error.placed(written.place.value(*written.spec.where, name), address))
    if errors:
        raise combined(errors)
    return found


def argument(value: Any, scope: Mapping[str, Any], facts: Facts) -> Any:
    """An argument's value; a mapping is a node, and is evaluated where it is applied."""
    return value if isinstance(value, dict) else evaluated(value, scope, facts)


def handed(name: str, value: Any, where: Path, written: WrittenNode) -> WrittenNode:
    """A node that stands as an argument: a name, a mapping, or one that was handed in itself. Raises SchemaError."""
    if isinstance(value, WrittenNode):
        return value
    if not isinstance(value, (str, dict)):
        expected = "an operation or a block, such as silu or {op: attention2d, heads: 8}"
        raise SchemaError(f"'{name}' takes a node", expected=expected, received=described(value))
    spec = handed_node(name, value, where, written.place.document)
    for key in value if isinstance(value, dict) else ():
        if key in NODE_KEYS and key != "op":
            mark = written.place.key(*where, key)
            message = f"a node that is handed in has no '{key}'"
            raise SchemaError(
                Problem(message, mark, expected="an 'op' and its arguments", hint=f"make '{spec.op}' a block")
            )
    return WrittenNode(spec, written.scope, written.place)


def _placed(problem: Problem, target: Target, given: Mapping[str, Any], address: str) -> Problem:
    """A complaint under the argument it is about: its value where it is wrong, its key where it is unknown."""
    name, written = problem.path, target.written
    known = target.what.params if isinstance(target.what, BlockSpec) else target.what.model_fields
    if name not in written.spec.arguments:
        return replace(problem, where=problem.where or written.place.value(*written.spec.where, "op"), path=address)
    where = (*written.spec.where, name)
    if name not in known:
        return replace(problem, where=problem.where or written.place.key(*where), path=address)
    value = given[name]
    hint = problem.hint if not problem.hint.startswith("write =") else ""
    if isinstance(value, str) and value in written.scope and value == written.spec.arguments[name]:
        hint = f"write ={value}"
    mark = problem.where or written.place.value(*where)
    return replace(problem, where=mark, path=address, received=described(value), hint=hint)
