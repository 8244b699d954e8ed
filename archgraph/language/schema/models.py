"""Pydantic models of the language: which keys there are, and what each may hold."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from archgraph.errors import SchemaError
from archgraph.language.expressions.values import described
from archgraph.language.schema import value_types
from archgraph.language.schema.assertions import Asserted
from archgraph.language.schema.change_types import CHANGE_KEYS
from archgraph.language.schema.field_types import (
    SHAPE_SCHEMA,
    TEXT_SCHEMA,
    Admits,
    Alias,
    BlockName,
    Bounds,
    ChangedKeys,
    ChangedPath,
    Checked,
    Claims,
    Condition,
    Dimension,
    Each,
    ElementType,
    ExpressionName,
    InputName,
    Inputs,
    Inserted,
    Let,
    Meta,
    Names,
    NodeName,
    NodePath,
    Operation,
    Operations,
    Order,
    Outputs,
    Parameter,
    ParameterName,
    PresetName,
    PresetOfBlock,
    Push,
    Reference,
    Removed,
    Repeat,
    Replacement,
    Shape,
    Shorthand,
    SingleReference,
    Stacks,
    Text,
    Title,
    UsedFiles,
    Value,
    Values,
    Version,
    Wrapper,
)
from archgraph.language.schema.node_misfits import READ_BY_IN, misfits
from archgraph.language.schema.refusals import refusal

_CLOSED = ConfigDict(extra="forbid", defer_build=True, arbitrary_types_allowed=True)


def _new_mapping() -> dict[str, Any]:
    """A factory whose signature pydantic reads at once; that of `dict` it parses for a third of a millisecond."""
    return {}


def _new_list() -> list[Any]:
    return []


def _nothing() -> Any:
    """An empty mapping as default. Before pydantic 2.12, fields that shared one `Field` shared its checks too."""
    return Field(default_factory=_new_mapping)  # pydantic copies a default that is a mapping, deeply, for every node


def _empty() -> Any:
    """An empty list as default."""
    return Field(default_factory=_new_list)


class InputModel(BaseModel):
    """An input: its shape, or a mapping where there is more to say."""

    model_config = _CLOSED
    shape: Shape
    dtype: ElementType = "float32"
    when: Condition = None
    where: Bounds = ()
    each: Each = None
    as_: Alias = Field("", alias="as")

    @model_validator(mode="after")
    def _a_name_goes_with_values(self) -> InputModel:
        if self.as_ and self.each is None:
            raise refusal([(("as", "[key]"), SchemaError("'as' goes with 'each': it names the entry of its list"))])
        return self


def _as_input(value: Any) -> Any:
    if isinstance(value, list):
        return {"shape": value}
    if isinstance(value, dict):
        return value
    expected = "a shape such as [N, 3, H, W], or {shape: …, dtype: …}"
    raise SchemaError("the input has no shape", expected=expected, received=described(value))


def _as_node(value: Any) -> Any:
    if isinstance(value, str) and value:
        return {"op": value}
    if isinstance(value, dict):
        return value
    expected = "an operation's name, or a mapping such as {op: conv2d, …}"
    hint = "what belongs to it is indented below it" if value is None else ""
    raise SchemaError("the node is empty", expected=expected, received=described(value), hint=hint)


def _as_named_input(value: Any) -> Any:
    if isinstance(value, dict):
        return value
    message, expected = "'inputs' names the input of a group, with its shape", "a mapping such as {x: [N, C, H, W]}"
    raise SchemaError(message, expected=expected, received=described(value), hint=READ_BY_IN)


Input = Annotated[InputModel, Shorthand(_as_input, SHAPE_SCHEMA)]
Nodes = Annotated[dict[NodeName, "Node"], Field(min_length=1)]


class NodeModel(BaseModel):
    """A node: keys of the language; every other key is an argument of its operation."""

    model_config = ConfigDict(extra="allow", defer_build=True)
    __pydantic_extra__: dict[str, Value]

    op: Operation | None = None
    in_: Inputs = Field(None, alias="in")
    when: Condition = None
    else_: SingleReference = Field(None, alias="else")
    repeat: Repeat = None
    for_: dict[ExpressionName, Values] = Field(default_factory=_new_mapping, alias="for", min_length=1)
    map: Condition = False
    chain: Names = _empty()
    scan: dict[InputName, Dimension] = Field(default_factory=_new_mapping, min_length=1)
    push: Push | None = None
    path: NodePath | None = None
    let: Let = _nothing()
    inputs: Annotated[dict[InputName, Input], Checked(_as_named_input, {})] = _nothing()
    nodes: Nodes = _nothing()
    outputs: Outputs = _nothing()
    order: Order = _empty()
    stacks: Stacks = _empty()
    tie: dict[Text, Text] = _nothing()
    share: Reference | None = None
    training: Annotated[str, Admits(value_types.training, {"const": "only"})] = ""

    @model_validator(mode="after")
    def _keys_go_together(self) -> NodeModel:
        given = {name: getattr(self, name) for name in self.model_fields_set if name in _NODE_FIELDS}
        found = misfits(given, self.model_extra or {})
        if found:
            raise refusal(found)
        return self


Node = Annotated[NodeModel, Shorthand(_as_node, TEXT_SCHEMA)]
_NODE_FIELDS = frozenset(NodeModel.model_fields)


class ChangesModel(BaseModel):
    """What a spec or a block that extends another one changes in it."""

    model_config = ConfigDict(extra="ignore", defer_build=True, arbitrary_types_allowed=True)
    extends: Text | None = None
    set: dict[ChangedPath, ChangedKeys] = _nothing()
    replace: dict[ChangedPath, Replacement] = _nothing()
    before: dict[ChangedPath, Inserted] = _nothing()
    after: dict[ChangedPath, Inserted] = _nothing()
    wrap: dict[ChangedPath, Wrapper] = _nothing()
    remove: Removed = _empty()

    @model_validator(mode="after")
    def _changes_something(self) -> ChangesModel:
        changed = [key for key in CHANGE_KEYS if key in self.model_fields_set]
        if changed and self.extends is None:
            message = f"'{changed[0]}' goes with 'extends': it changes what another file says"
            raise refusal([((changed[0], "[key]"), SchemaError(message, hint="add 'extends: …'"))])
        return self


class DefinitionModel(ChangesModel):
    """What blocks and specs have in common: parameters, inputs, nodes, outputs, and blocks that only they name."""

    model_config = _CLOSED
    name: Title | None = None
    about: Text = ""
    params: dict[ParameterName, Parameter] = _nothing()
    presets: dict[PresetName, dict[str, Value]] = _nothing()
    inputs: dict[InputName, Input] = _nothing()
    stacks: Stacks = _empty()
    let: Let = _nothing()
    nodes: Nodes = _nothing()
    outputs: Outputs = _nothing()
    order: Order = _empty()
    blocks: dict[BlockName, BlockModel] = _nothing()
    assert_: Claims = Field(default_factory=Asserted, alias="assert")
    meta: Meta = _nothing()


class BlockModel(DefinitionModel):
    """A block: it may take one of its presets as defaults, and see operations that blocks around it hide."""

    preset: PresetOfBlock = ""
    operations: Operations = _empty()


class SpecModel(DefinitionModel):
    """A spec: a block with the version of the language, and files whose blocks it uses."""

    archgraph: Version
    name: Title
    use: UsedFiles = ()


SpecModel.model_rebuild()  # every use of this room validates a spec, so the validators are built here once


SPEC_KEYS = (
    *("archgraph", "name", "about", "extends", "params", "presets", "inputs", "stacks", "let"),
    *("nodes", "outputs", "order", "blocks", "use", "assert", "meta"),
)
BLOCK_KEYS = (*(key for key in SPEC_KEYS if key not in ("archgraph", "use")), "preset", "operations")
INPUT_KEYS = ("shape", "dtype", "when", "where", "each", "as")
