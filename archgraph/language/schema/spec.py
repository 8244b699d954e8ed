"""Document → spec: what the language admits, as plain frozen data for the elaborator.

Pydantic's models check the structure, `namespaces` checks what is defined twice; every independent problem is reported,
each at its place in the file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from archgraph.errors import ArchgraphError, Problem, SchemaError, combined
from archgraph.language.expressions.values import described
from archgraph.language.reading.document import Document
from archgraph.language.schema.models import BlockModel, InputModel, NodeModel, SpecModel
from archgraph.language.schema.parameter_types import ParameterType
from archgraph.language.schema.validation_errors import MAX_PROBLEMS, complaints, newer_version_first, placed

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class InputSpec:
    """An input. Entries of `shape` are numbers, names of symbols, expressions, or '...' for leading dimensions."""

    name: str
    shape: tuple[Any, ...]
    dtype: str = "float32"
    when: Any = None
    bounds: tuple[str, ...] = ()
    where: Path = ()


@dataclass(frozen=True)
class BodySpec:
    """Nodes in the order of the file, and what they hand out: no `outputs` where that is the last node's value."""

    nodes: tuple[NodeSpec, ...] = ()
    outputs: dict[str, str] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    stacks: tuple[str, ...] = ()


@dataclass(frozen=True)
class NodeSpec:
    """A node: an operation or block (`op`), a group (`body`), or another node's module applied again (`share`)."""

    name: str
    op: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    inputs: str | list[str] | dict[str, Any] | None = None
    when: Any = None
    repeat: Any = None
    loop: dict[str, Any] = field(default_factory=dict)
    map: Any = False
    push: str | None = None
    path: str | None = None
    let: dict[str, Any] = field(default_factory=dict)
    body: BodySpec | None = None
    tie: dict[str, str] = field(default_factory=dict)
    share: str | None = None
    where: Path = ()

    @property
    def repeated(self) -> bool:
        """Whether it stands for copies."""
        return self.repeat is not None or bool(self.loop)


@dataclass(frozen=True)
class BlockSpec:
    """A block, or the model itself. `parameter_counts` are published numbers by preset (None: without one); `blocks`
    are those that only its own nodes, and theirs, may name."""

    name: str
    about: str
    params: dict[str, ParameterType]
    presets: dict[str, dict[str, Any]]
    inputs: dict[str, InputSpec]
    let: dict[str, Any]
    body: BodySpec
    asserts: tuple[tuple[str, str | None], ...]
    parameter_counts: dict[str | None, int]
    meta: dict[str, Any]
    document: Document
    where: Path = ()
    blocks: dict[str, BlockSpec] = field(default_factory=dict)


@dataclass(frozen=True)
class Spec:
    """A spec: the model itself, the blocks that it defines, and the files whose blocks it uses."""

    block: BlockSpec
    blocks: dict[str, BlockSpec]
    use: tuple[str, ...]
    document: Document


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
    from archgraph.language.schema.namespaces import contradictions  # it reads the classes of this file

    return [
        placed(block.document, (*block.where, *path), error) for path, error in contradictions(block)[:MAX_PROBLEMS]
    ]


def _spec(model: SpecModel, document: Document) -> Spec:
    block = _block(model, model.name, document, ())
    return Spec(block, block.blocks, tuple(model.use), document)


def _block(model: BlockModel, name: str, document: Document, where: Path) -> BlockSpec:
    return BlockSpec(
        name=name,
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
        blocks={key: _block(item, key, document, (*where, "blocks", key)) for key, item in model.blocks.items()},
    )


def _input(name: str, model: InputModel, where: Path) -> InputSpec:
    return InputSpec(name, model.shape, model.dtype, model.when, model.where, where)


def _body(model: BlockModel | NodeModel, where: Path) -> BodySpec:
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
        push=model.push,
        path=model.path,
        let=model.let,
        body=_body(model, where) if model.nodes else None,
        tie=model.tie,
        share=model.share,
        where=where,
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
