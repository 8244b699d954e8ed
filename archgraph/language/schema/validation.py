"""Document → spec, validated: the structure by Pydantic's models, then names that are defined twice.

Every independent problem is reported, each at its place in the file.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from archgraph.errors import ArchgraphError, Problem, SchemaError, combined
from archgraph.language.expressions.values import described
from archgraph.language.reading.document import Document
from archgraph.language.schema.models import BlockModel, DefinitionModel, InputModel, NodeModel, SpecModel
from archgraph.language.schema.namespaces import contradictions
from archgraph.language.schema.spec import BlockSpec, BodySpec, InputSpec, NodeSpec, Path, Spec, UsedFile
from archgraph.language.schema.validation_errors import MAX_PROBLEMS, complaints, newer_version_first, placed


def validate(document: Document) -> Spec:
    """The spec in a document. Raises SchemaError (or SpecError) with every problem that can be seen at once."""
    if not isinstance(document.data, dict):
        expected = "a mapping that starts with archgraph: 1"
        problem = Problem("a spec is a mapping", document.marks.value(), "", expected, described(document.data))
        raise SchemaError(problem)
    try:
        model = SpecModel.model_validate(document.data)
    except ValidationError as error:
        raise combined(newer_version_first(_in_order(complaints(error, document)), document)) from None
    spec = _spec(model, document)
    found = [error for block in _all_blocks(spec.block) for error in _contradictions(block)]
    if found:
        raise combined(_in_order(found))
    return spec


def _all_blocks(block: BlockSpec) -> Iterable[BlockSpec]:
    yield block
    for inner in block.blocks.values():
        yield from _all_blocks(inner)


def _in_order(errors: Iterable[ArchgraphError]) -> list[ArchgraphError]:
    """As they stand in the file."""

    def position(error: ArchgraphError) -> tuple[int, int]:
        where = error.problems[0].where
        return (where.line, where.column) if where else (0, 0)

    return sorted(errors, key=position)


def _contradictions(block: BlockSpec) -> Iterable[ArchgraphError]:
    return [
        placed(block.document, (*block.where, *path), error) for path, error in contradictions(block)[:MAX_PROBLEMS]
    ]


def _spec(model: SpecModel, document: Document) -> Spec:
    block = _block(model, model.name, document, ())
    used = tuple(UsedFile(file, name, ("use", key)) for key, name, file in model.use)
    return Spec(block, block.blocks, used, document)


def _block(model: DefinitionModel, name: str, document: Document, where: Path) -> BlockSpec:
    return BlockSpec(
        name=name.rpartition(".")[2],
        about=model.about,
        params=model.params,
        presets=model.presets,
        inputs={key: _input(key, item, (*where, "inputs", key)) for key, item in model.inputs.items()},
        let=model.let,
        body=_body(model, where),
        asserts=model.assert_.claims,
        parameter_counts=model.assert_.counts,
        meta=model.meta,
        document=document,
        where=where,
        preset=model.preset if isinstance(model, BlockModel) else "",
        operations=tuple(model.operations) if isinstance(model, BlockModel) else (),
        blocks={key: _block(item, key, document, (*where, "blocks", key)) for key, item in model.blocks.items()},
    )


def _input(name: str, model: InputModel, where: Path) -> InputSpec:
    return InputSpec(name, model.shape, model.dtype, model.when, model.where, where, model.each, model.as_)


def _body(model: DefinitionModel | NodeModel, where: Path) -> BodySpec:
    nodes = tuple(_node(name, node, (*where, "nodes", name)) for name, node in model.nodes.items())
    return BodySpec(nodes, model.outputs, tuple(model.order), tuple(model.stacks))


def _node(name: str, model: NodeModel, where: Path) -> NodeSpec:
    return NodeSpec(
        name=name,
        op=model.op,
        arguments=model.model_extra or {},
        inputs=model.in_,
        when=model.when,
        repeat=model.repeat,
        loop=model.for_,
        map=model.map,
        chain=tuple(model.chain),
        scan=model.scan,
        training=bool(model.training),
        outputs=model.outputs if not model.nodes else {},
        push=model.push,
        path=model.path,
        let=model.let,
        body=_body(model, where) if model.nodes else None,
        tie=model.tie,
        share=model.share,
        where=where,
        input=next((_input(key, item, (*where, "inputs", key)) for key, item in model.inputs.items()), None),
        otherwise=model.else_,
    )


def handed_node(name: str, value: Any, where: Path, document: Document) -> NodeSpec:
    """A node that stands as an argument: `fn: attention2d`, `fn: {op: attention2d, heads: 8}`. Raises SchemaError."""
    try:
        model = NodeModel.model_validate({"op": value} if isinstance(value, str) else value)
    except ValidationError as error:
        raise combined(complaints(error, document, where)) from None
    if model.op is None:
        raise SchemaError("a node that is handed in names an operation or a block", expected="{op: …}")
    if model.in_ is not None:
        raise SchemaError(
            "a node that is handed in reads what the block gives it", hint="remove `in:`; the block wires it"
        )
    return _node(name, model, where)
