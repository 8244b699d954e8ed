"""Pydantic models of the language: which keys there are, and what each may hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema, core_schema

from archgraph.errors import SchemaError, nearest
from archgraph.language.expressions.values import described
from archgraph.language.reading.missing_space import space_hint, starts_pair
from archgraph.language.schema import change_types, names, value_types
from archgraph.language.schema.assertions import Asserted, asserted
from archgraph.language.schema.change_types import CHANGE_KEYS
from archgraph.language.schema.names import NODE_KEYS
from archgraph.language.schema.parameter_types import ParameterType, parse_type
from archgraph.language.schema.value_types import Found, UsedEntry, admitting, refusal

JsonSchema = dict[str, Any]


class Admits:
    """In an annotation: the function that returns an admitted value, and what editors are told of it."""

    def __init__(self, check: Callable[[Any], Any], schema: JsonSchema):
        self.check, self.schema = check, schema

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(admitting(self.check))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        return dict(self.schema)


class Checked(Admits):
    """In an annotation: a check before all others, which says more of what is wrong."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(admitting(self.check), handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        return handler(schema)


class Shorthand(Admits):
    """In an annotation: turns a short form into the mapping that it stands for; its JSON Schema is one more choice."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(admitting(self.check), handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        return {"anyOf": [self.schema, handler(schema)]}


def _either(*schemas: JsonSchema) -> JsonSchema:
    return {"anyOf": list(schemas)}


def _object(**properties: JsonSchema) -> JsonSchema:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _list(items: JsonSchema, least: int = 0) -> JsonSchema:
    return {"type": "array", "items": items, "minItems": least}


def _mapping(values: JsonSchema) -> JsonSchema:
    return {"type": "object", "additionalProperties": values, "minProperties": 1}


_ANYTHING: JsonSchema = {}
_TEXT: JsonSchema = {"type": "string", "minLength": 1}
_NAME: JsonSchema = {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_]*$"}
_APPLIED: JsonSchema = {"type": "string", "pattern": r"^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)?$"}
_EXPRESSION: JsonSchema = {"type": "string", "pattern": "^="}
_COUNT: JsonSchema = {"type": "integer", "minimum": 0}
_REFERENCE: JsonSchema = _either(
    {"type": "string", "pattern": r"^[A-Za-z0-9_]+(\.([A-Za-z0-9_]|\{[^{}]+\})+)*(\[[^\[\]]*:[^\[\]]*\])?$"},
    {"type": "number", "minimum": 0},
)
_REFERENCES = _either(_REFERENCE, _list(_REFERENCE, 1))
_CLAIM = _either(_TEXT, {**_object(that=_TEXT, message=_TEXT), "required": ["that"]})
_ASSERT = _either(
    _list(_CLAIM), _object(parameters=_either(_COUNT, _mapping(_COUNT)), that=_either(_CLAIM, _list(_CLAIM)))
)
_SHAPE = _list(_either({"type": "integer", "minimum": 1}, _NAME, _EXPRESSION, {"enum": ["...", "_"]}))

Text = Annotated[str, Admits(value_types.text, _TEXT)]
Names = Annotated[list[str], Admits(value_types.texts, _list(_REFERENCE))]
Order = Annotated[list[str], Admits(value_types.texts, _list(_TEXT))]
UsedFiles = Annotated[tuple[UsedEntry, ...], Admits(value_types.used_files, _either(_list(_TEXT), _mapping(_TEXT)))]
Value = Annotated[Any, Admits(value_types.expressions, _ANYTHING)]
Condition = Annotated[Any, Admits(value_types.condition, _either({"type": "boolean"}, _EXPRESSION))]
Repeat = Annotated[Any, Admits(value_types.count, _either(_COUNT, _EXPRESSION))]
Dimension = Annotated[Any, Admits(value_types.dimension, _either({"type": "integer"}, _EXPRESSION))]
Values = Annotated[Any, Admits(value_types.values, _either({"type": "array"}, _EXPRESSION))]
Each = Annotated[Any, Admits(value_types.each, _either(_COUNT, {"type": "array"}, _EXPRESSION))]
Outputs = Annotated[dict[str, Any], Admits(value_types.outputs, _either(_REFERENCES, _mapping(_REFERENCES)))]
Inputs = Annotated[Any, Admits(value_types.inputs, _either(_REFERENCES, _mapping(_REFERENCES)))]
Reference = Annotated[str, Admits(value_types.shared, _REFERENCE)]
Operation = Annotated[str, Admits(value_types.operation, _either(_APPLIED, _EXPRESSION))]
NodePath = Annotated[str, Admits(value_types.path, _either(_TEXT, {"type": "number", "minimum": 0}))]
Shape = Annotated[tuple[Any, ...], Admits(value_types.shape, _SHAPE)]
ElementType = Annotated[str, Admits(value_types.dtype, _either({"enum": list(value_types.DTYPES)}, _EXPRESSION))]
Bounds = Annotated[tuple[str, ...], Admits(value_types.bounds, _either(_TEXT, _list(_TEXT)))]
Claims = Annotated[Asserted, Admits(asserted, _ASSERT)]
Version = Annotated[int, Admits(value_types.version, {"const": value_types.VERSION})]
Parameter = Annotated[ParameterType, Admits(parse_type, _ANYTHING)]
Stacks = list[Annotated[str, Admits(value_types.named(names.stack_name), _NAME)]]
Push = Annotated[str, Admits(value_types.named(names.stack_name), _NAME)]
Title = Annotated[str, Admits(value_types.named(names.block_name), _NAME)]
Operations = Annotated[list[str], Admits(value_types.operations, _list(_NAME))]
PresetOfBlock = Annotated[str, Admits(value_types.named(names.preset_name), _TEXT)]
NodeName = Annotated[str, Admits(names.node_name, {"type": "string"})]
InputName = Annotated[str, Admits(names.input_name, {"type": "string"})]
ParameterName = Annotated[str, Admits(names.parameter_name, {"type": "string"})]
ExpressionName = Annotated[str, Admits(names.expression_name, {"type": "string"})]
BlockName = Annotated[str, Admits(names.definition_name, {"type": "string"})]
PresetName = Annotated[str, Admits(names.preset_name, {"type": "string"})]
ChangedPath = Annotated[str, Admits(change_types.changed_path, {"type": "string"})]
ChangedKeys = Annotated[dict[str, Any], Admits(change_types.changed_keys, {"type": "object", "minProperties": 1})]
Replacement = Annotated[Any, Admits(change_types.replacement, _either(_TEXT, {"type": "object"}))]
Wrapper = Annotated[Any, Admits(change_types.wrapper, _either(_TEXT, {"type": "object", "required": ["op"]}))]
Inserted = Annotated[dict[str, Any], Admits(change_types.inserted, {"type": "object", "minProperties": 1})]
Removed = Annotated[list[str], Admits(change_types.removed_paths, _either(_TEXT, _list(_TEXT, 1)))]
Let = dict[ExpressionName, Value]
Meta = dict[str, Value]

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
    as_: Annotated[str, Admits(value_types.named(names.expression_name), _NAME)] = Field("", alias="as")

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
    raise SchemaError(message, expected=expected, received=described(value), hint=_READ_BY_IN)


_READ_BY_IN = "what a node reads stands under 'in': in: x"


Input = Annotated[InputModel, Shorthand(_as_input, _SHAPE)]
Nodes = Annotated[dict[NodeName, "Node"], Field(min_length=1)]


class NodeModel(BaseModel):
    """A node: keys of the language; every other key is an argument of its operation."""

    model_config = ConfigDict(extra="allow", defer_build=True)
    __pydantic_extra__: dict[str, Value]

    op: Operation | None = None
    in_: Inputs = Field(None, alias="in")
    when: Condition = None
    else_: Annotated[str | None, Admits(value_types.single_reference, _REFERENCE)] = Field(None, alias="else")
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
        found = _misfits(self)
        if found:
            raise refusal(found)
        return self


Node = Annotated[NodeModel, Shorthand(_as_node, _TEXT)]
_NODE_FIELDS = frozenset(NodeModel.model_fields)


def _misfits(node: NodeModel) -> Found:
    """Keys that do not go together."""
    arguments = node.model_extra or {}
    keys = {name for name in node.model_fields_set if name in _NODE_FIELDS and name not in arguments}
    given = {key.rstrip("_") for key in keys}
    kinds = [key for key in ("op", "nodes", "share") if key in given]
    if len(kinds) != 1:
        message = (
            f"a node has one of 'op', 'nodes' and 'share', and this one has {' and '.join(kinds) or 'none of them'}"
        )
        hint = _meant(*next(iter(arguments.items()), ("", None))) if not kinds else ""
        return [((), SchemaError(message, hint=hint))]
    found: Found = [((key,), SchemaError(f"'{key}' is empty")) for key in keys if getattr(node, key) is None]
    if kinds != ["op"]:
        found += [((key, "[key]"), _no_argument(key, kinds[0])) for key in arguments]
    found += _misfits_of_inputs(node)
    for key, owner in _OWNERS:
        if key in given and kinds != [owner]:
            message = f"'{key}' goes with '{owner}', and this node has '{kinds[0]}'"
            hint = _READ_BY_IN if key == "inputs" else ""
            found.append(((key, "[key]"), SchemaError(message, hint=hint)))
    if "outputs" in given and "share" in given:
        found.append(
            (("outputs", "[key]"), SchemaError("'outputs' goes with 'nodes' or 'op', and this node has 'share'"))
        )
    if "repeat" in given and "for" in given:
        found.append((("for", "[key]"), SchemaError("a node has 'repeat' or 'for', not both", hint="keep one of them")))
    copied = given & {"repeat", "for"}
    if "else" in given and ("when" not in given or copied):
        message = "'else' goes with 'when', of a single node: it names what is handed on where the node is left out"
        hint = "put the copies into a group that has 'when' and 'else'" if copied else ""
        found.append((("else", "[key]"), SchemaError(message, hint=hint)))
    if "scan" in given and copied:
        message = "a node has copies, or it is applied step by step: 'scan' goes without 'repeat' and 'for'"
        found.append((("scan", "[key]"), SchemaError(message, hint="repeat a block that has the node with 'scan'")))
    if "chain" in given and kinds != ["nodes"] and "map" not in given and not copied and "scan" not in given:
        names = "it names the inputs that each copy takes from the one before"
        message = f"'chain' goes with 'repeat' or 'for', or with 'scan': {names}"
        found.append((("chain", "[key]"), SchemaError(message)))
    if "chain" in given and "map" in given:
        message = "copies chain, or they stand side by side: a node has 'chain' or 'map'"
        found.append((("chain", "[key]"), SchemaError(message, hint="keep one of them")))
    if "map" in given and not given & {"repeat", "for"}:
        message = "'map' goes with 'repeat' or 'for': it applies their copies side by side"
        found.append((("map", "[key]"), SchemaError(message)))
    return found


_OWNERS = (
    *(("inputs", "nodes"), ("order", "nodes"), ("stacks", "nodes")),
    *(("tie", "op"), ("chain", "op"), ("scan", "op")),
)
"""Keys that go with one kind of node only."""


def _misfits_of_inputs(node: NodeModel) -> Found:
    """A group has one input, and it is there in every case."""
    found: Found = []
    if len(node.inputs) > 1:
        message, hint = "a group has one input", "nodes inside the group may name whatever stands around it"
        found.append((("inputs", list(node.inputs)[1], "[key]"), SchemaError(message, hint=hint)))
    for name, given in node.inputs.items():
        for key in ("when", "each"):
            if getattr(given, key) is not None:
                message = f"the input of a group has no '{key}'"
                found.append((("inputs", name, key, "[key]"), SchemaError(message, hint="make the group a block")))
    return found


def _meant(key: str, value: Any) -> str:
    """What to write in the place of the first key of a node that has no kind."""
    if starts_pair(key):  # in quotes, or from Python: as plain YAML it is refused when it is read
        return space_hint(key)
    if key in _KINDS_ELSEWHERE:
        return f"what a node applies stands under 'op': op: {value}" if isinstance(value, str) else "write 'op'"
    return nearest(key, ("op", "nodes", "share"))


_KINDS_ELSEWHERE = frozenset(
    ("type", "layer", "module", "class", "class_name", "kind", "name", "operation", "operator", "op_type", "target")
)


def _no_argument(key: str, kind: str) -> SchemaError:
    what = "a group of nodes" if kind == "nodes" else "a node that shares another's module"
    message, expected = f"{what} has no key '{key}'", f"one of {', '.join(NODE_KEYS)}"
    return SchemaError(message, expected=expected, hint=nearest(key, NODE_KEYS))


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
