"""Pydantic models of the language: which keys there are, and what each may hold."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator

from archgraph.errors import SchemaError, nearest
from archgraph.spec import admitted, names
from archgraph.spec.admitted import Asserted, Found, admitting, refusal
from archgraph.spec.names import NODE_KEYS
from archgraph.spec.operators import described
from archgraph.spec.types import ParameterType, parse_type

_TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
_NAME: dict[str, Any] = {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_]*$"}
_NUMBERED: dict[str, Any] = {"type": ["string", "integer"], "pattern": "^[A-Za-z0-9_]+$", "minimum": 0}
_NAMES: dict[str, Any] = {"type": "array", "items": _NUMBERED}
_EXPRESSION: dict[str, Any] = {"type": "string", "pattern": "^="}
_VALUE: dict[str, Any] = {}
_REFERENCE: dict[str, Any] = {"type": ["string", "integer", "number"], "pattern": r"^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$"}
_REFERENCES: dict[str, Any] = {"anyOf": [_REFERENCE, {"type": "array", "items": _REFERENCE, "minItems": 1}]}


def _either(*schemas: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": list(schemas)}


def _mapping(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": schema, "minProperties": 1}


_CLAIM = _either(
    _TEXT,
    {
        "type": "object",
        "properties": {"that": _TEXT, "message": _TEXT},
        "required": ["that"],
        "additionalProperties": False,
    },
)
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_ASSERT = _either(
    {"type": "array", "items": _CLAIM},
    {
        "type": "object",
        "properties": {
            "parameters": _either(_COUNT, {"type": "object", "additionalProperties": _COUNT}),
            "that": _either(_CLAIM, {"type": "array", "items": _CLAIM}),
        },
        "additionalProperties": False,
    },
)
_SHAPE: dict[str, Any] = {
    "type": "array",
    "items": _either({"type": "integer", "minimum": 1}, _NAME, _EXPRESSION, {"const": "..."}),
}


def _as(check: Any, schema: dict[str, Any]) -> Any:
    """The annotation of a value that this function admits."""
    return Annotated[Any, PlainValidator(admitting(check)), WithJsonSchema(schema)]


def _key(check: Any) -> Any:
    """The annotation of a key that this function admits."""
    return Annotated[str, PlainValidator(admitting(check)), WithJsonSchema({"type": "string"})]


Text = _as(admitted.text, _TEXT)
Names = _as(admitted.texts, _NAMES)
Value = _as(admitted.expressions, _VALUE)
Condition = _as(admitted.condition, _either({"type": "boolean"}, _EXPRESSION))
Repeat = _as(admitted.count, _either(_COUNT, _EXPRESSION))
Values = _as(admitted.values, _either({"type": "array"}, _EXPRESSION))
Outputs = _as(admitted.outputs, _either(_REFERENCES, _mapping(_REFERENCE)))
Stack = _as(admitted.named(names.stack_name), _NAME)
StackList = Annotated[list[Stack], Field()]  # type: ignore[valid-type]
Let = dict[_key(names.expression_name), Value]  # type: ignore[misc, valid-type]
_STRICT = ConfigDict(extra="forbid", defer_build=True, arbitrary_types_allowed=True, populate_by_name=False)


class InputModel(BaseModel):
    """An input: its shape, or a mapping where there is more to say."""

    model_config = _STRICT
    shape: _as(admitted.shape, _SHAPE)  # type: ignore[valid-type]
    dtype: _as(admitted.dtype, {"enum": list(admitted.DTYPES)}) = "float32"  # type: ignore[valid-type]
    when: Condition = None  # type: ignore[valid-type]
    where: _as(admitted.bounds, _either(_TEXT, {"type": "array", "items": _TEXT})) = ()  # type: ignore[valid-type]


def _as_input(value: Any) -> Any:
    if isinstance(value, list):
        return {"shape": value}
    if isinstance(value, (dict, InputModel)):
        return value
    expected = "a shape such as [N, 3, H, W], or {shape: …, dtype: …}"
    raise SchemaError("the input '{key}' has no shape", expected=expected, received=described(value))


class NodeModel(BaseModel):
    """A node: keys of the language, and the arguments of its operation as all others."""

    model_config = ConfigDict(extra="allow", defer_build=True)
    __pydantic_extra__: dict[str, Value]  # type: ignore[valid-type]

    op: _as(admitted.operation, _TEXT) = None  # type: ignore[valid-type]
    in_: _as(admitted.inputs, _either(_REFERENCES, _mapping(_REFERENCES))) = Field(None, alias="in")  # type: ignore[valid-type]
    when: Condition = None  # type: ignore[valid-type]
    repeat: Repeat = None  # type: ignore[valid-type]
    for_: Annotated[dict[_key(names.expression_name), Values], Field(alias="for", min_length=1)] = {}  # type: ignore[misc, valid-type]
    map: Condition = False  # type: ignore[valid-type]
    push: Stack = None  # type: ignore[valid-type]
    path: _as(admitted.path, {"type": ["string", "integer", "number"], "minLength": 1}) = None  # type: ignore[valid-type]
    let: Let = {}
    nodes: Nodes = {}
    outputs: Outputs = {}  # type: ignore[valid-type]
    order: Names = []  # type: ignore[valid-type]
    stacks: StackList = []
    tie: dict[Text, Text] = {}  # type: ignore[valid-type]
    share: _as(admitted.share_text, _REFERENCE) = None  # type: ignore[valid-type]

    @model_validator(mode="after")
    def _one_thing(self) -> NodeModel:
        found = list(_misfits(self))
        if found:
            raise refusal(found)
        return self


def _misfits(node: NodeModel) -> Found:
    """Keys that do not go together."""
    given = {("in" if key == "in_" else "for" if key == "for_" else key) for key in node.model_fields_set}
    arguments = node.model_extra or {}
    kinds = [key for key in ("op", "nodes", "share") if key in given]
    if len(kinds) != 1:
        message = (
            f"a node has one of 'op', 'nodes' and 'share', and '{{key}}' has {' and '.join(kinds) or 'none of them'}"
        )
        hint = nearest(next(iter(arguments), ""), ("op", "nodes", "share")) if not kinds else ""
        return [((), SchemaError(message, hint=hint))]
    (kind,) = kinds
    found: Found = []
    if kind != "op":
        found += [((key, "[key]"), _no_argument(key, kind)) for key in arguments]
    for key, owner in (("outputs", "nodes"), ("order", "nodes"), ("stacks", "nodes"), ("tie", "op")):
        if key in given and kind != owner:
            found.append(((key, "[key]"), SchemaError(f"'{key}' goes with '{owner}', and this node has '{kind}'")))
    if "repeat" in given and "for" in given:
        found.append((("for", "[key]"), SchemaError("a node has 'repeat' or 'for', not both", hint="keep one of them")))
    if "map" in given and not given & {"repeat", "for"}:
        message = "'map' goes with 'repeat' or 'for': it applies their copies side by side"
        found.append((("map", "[key]"), SchemaError(message)))
    return found


def _no_argument(key: str, kind: str) -> SchemaError:
    what = "a group of nodes" if kind == "nodes" else "a node that shares another's module"
    message, expected = f"{what} has no key '{key}'", f"one of {', '.join(NODE_KEYS)}"
    return SchemaError(message, expected=expected, hint=nearest(key, NODE_KEYS))


def _as_node(value: Any) -> Any:
    if isinstance(value, str) and value:
        return {"op": value}
    if isinstance(value, (dict, NodeModel)):
        return value
    expected = "an operation's name, or a mapping such as {op: conv2d, …}"
    raise SchemaError("the node '{key}' says nothing", expected=expected, received=described(value))


_SHORT_NODE = {"anyOf": [_TEXT, {"$ref": "#/$defs/NodeModel"}]}
_SHORT_INPUT = {"anyOf": [_SHAPE, {"$ref": "#/$defs/InputModel"}]}
Node = Annotated[NodeModel, BeforeValidator(admitting(_as_node))]
Nodes = Annotated[dict[_key(names.node_name), Node], Field(min_length=1)]  # type: ignore[misc]
Input = Annotated[InputModel, BeforeValidator(admitting(_as_input))]
Parameter = Annotated[ParameterType, PlainValidator(admitting(parse_type)), WithJsonSchema(_VALUE)]
Preset = dict[str, Value]  # type: ignore[valid-type]


class BlockModel(BaseModel):
    """A block: parameters, inputs, nodes, outputs."""

    model_config = _STRICT
    name: _as(admitted.named(names.block_name), _NAME) = None  # type: ignore[valid-type]
    about: Text = ""  # type: ignore[valid-type]
    params: dict[_key(names.parameter_name), Parameter] = {}  # type: ignore[misc]
    presets: dict[_key(names.preset_name), Preset] = {}  # type: ignore[misc]
    inputs: dict[_key(names.input_name), Input] = {}  # type: ignore[misc]
    stacks: StackList = []
    let: Let = {}
    nodes: Nodes = {}
    outputs: Outputs = {}  # type: ignore[valid-type]
    order: Names = []  # type: ignore[valid-type]
    assert_: _as(admitted.asserted, _ASSERT) = Field(Asserted(), alias="assert")  # type: ignore[valid-type]
    meta: dict[str, _as(admitted.anything, _VALUE)] = {}  # type: ignore[misc]


class SpecModel(BlockModel):
    """A spec: a block with the version of the language, blocks of its own, and files whose blocks it uses."""

    archgraph: _as(admitted.version, {"const": admitted.VERSION})  # type: ignore[valid-type]
    blocks: dict[_key(names.block_name), BlockModel] = {}  # type: ignore[misc]
    use: Names = []  # type: ignore[valid-type]
