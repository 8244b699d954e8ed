"""What a field of the models may hold: a check of the value, and the JSON Schema that editors are told of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from archgraph.language.schema import change_types, names, value_types
from archgraph.language.schema.assertions import Asserted, asserted
from archgraph.language.schema.parameter_types import ParameterType, parse_type
from archgraph.language.schema.refusals import admitting
from archgraph.language.schema.value_types import UsedEntry

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
TEXT_SCHEMA: JsonSchema = {"type": "string", "minLength": 1}
_NAME: JsonSchema = {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_]*$"}
_APPLIED: JsonSchema = {"type": "string", "pattern": r"^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)?$"}
_EXPRESSION: JsonSchema = {"type": "string", "pattern": "^="}
_COUNT: JsonSchema = {"type": "integer", "minimum": 0}
_REFERENCE: JsonSchema = _either(
    {"type": "string", "pattern": r"^[A-Za-z0-9_]+(\.([A-Za-z0-9_]|\{[^{}]+\})+)*(\[[^\[\]]*:[^\[\]]*\])?$"},
    {"type": "number", "minimum": 0},
)
_REFERENCES = _either(_REFERENCE, _list(_REFERENCE, 1))
_CLAIM = _either(TEXT_SCHEMA, {**_object(that=TEXT_SCHEMA, message=TEXT_SCHEMA), "required": ["that"]})
_ASSERT = _either(
    _list(_CLAIM), _object(parameters=_either(_COUNT, _mapping(_COUNT)), that=_either(_CLAIM, _list(_CLAIM)))
)
SHAPE_SCHEMA = _list(_either({"type": "integer", "minimum": 1}, _NAME, _EXPRESSION, {"enum": ["...", "_"]}))

Text = Annotated[str, Admits(value_types.text, TEXT_SCHEMA)]
Names = Annotated[list[str], Admits(value_types.texts, _list(_REFERENCE))]
Order = Annotated[list[str], Admits(value_types.texts, _list(TEXT_SCHEMA))]
UsedFiles = Annotated[
    tuple[UsedEntry, ...], Admits(value_types.used_files, _either(_list(TEXT_SCHEMA), _mapping(TEXT_SCHEMA)))
]
Value = Annotated[Any, Admits(value_types.expressions, _ANYTHING)]
Condition = Annotated[Any, Admits(value_types.condition, _either({"type": "boolean"}, _EXPRESSION))]
Repeat = Annotated[Any, Admits(value_types.count, _either(_COUNT, _EXPRESSION))]
Dimension = Annotated[Any, Admits(value_types.dimension, _either({"type": "integer"}, _EXPRESSION))]
Values = Annotated[Any, Admits(value_types.values, _either({"type": "array"}, _EXPRESSION))]
Each = Annotated[Any, Admits(value_types.each, _either(_COUNT, {"type": "array"}, _EXPRESSION))]
Outputs = Annotated[dict[str, Any], Admits(value_types.outputs, _either(_REFERENCES, _mapping(_REFERENCES)))]
Inputs = Annotated[Any, Admits(value_types.inputs, _either(_REFERENCES, _mapping(_REFERENCES)))]
Reference = Annotated[str, Admits(value_types.shared, _REFERENCE)]
SingleReference = Annotated[str | None, Admits(value_types.single_reference, _REFERENCE)]
Operation = Annotated[str, Admits(value_types.operation, _either(_APPLIED, _EXPRESSION))]
NodePath = Annotated[str, Admits(value_types.path, _either(TEXT_SCHEMA, {"type": "number", "minimum": 0}))]
Shape = Annotated[tuple[Any, ...], Admits(value_types.shape, SHAPE_SCHEMA)]
ElementType = Annotated[str, Admits(value_types.dtype, _either({"enum": list(value_types.DTYPES)}, _EXPRESSION))]
Bounds = Annotated[tuple[str, ...], Admits(value_types.bounds, _either(TEXT_SCHEMA, _list(TEXT_SCHEMA)))]
Claims = Annotated[Asserted, Admits(asserted, _ASSERT)]
Version = Annotated[int, Admits(value_types.version, {"const": value_types.VERSION})]
Parameter = Annotated[ParameterType, Admits(parse_type, _ANYTHING)]
Stacks = list[Annotated[str, Admits(value_types.named(names.stack_name), _NAME)]]
Push = Annotated[str, Admits(value_types.named(names.stack_name), _NAME)]
Title = Annotated[str, Admits(value_types.named(names.block_name), _NAME)]
Operations = Annotated[list[str], Admits(value_types.operations, _list(_NAME))]
PresetOfBlock = Annotated[str, Admits(value_types.named(names.preset_name), TEXT_SCHEMA)]
NodeName = Annotated[str, Admits(names.node_name, {"type": "string"})]
InputName = Annotated[str, Admits(names.input_name, {"type": "string"})]
ParameterName = Annotated[str, Admits(names.parameter_name, {"type": "string"})]
ExpressionName = Annotated[str, Admits(names.expression_name, {"type": "string"})]
Alias = Annotated[str, Admits(value_types.named(names.expression_name), _NAME)]
BlockName = Annotated[str, Admits(names.definition_name, {"type": "string"})]
PresetName = Annotated[str, Admits(names.preset_name, {"type": "string"})]
ChangedPath = Annotated[str, Admits(change_types.changed_path, {"type": "string"})]
ChangedKeys = Annotated[dict[str, Any], Admits(change_types.changed_keys, {"type": "object", "minProperties": 1})]
Replacement = Annotated[Any, Admits(change_types.replacement, _either(TEXT_SCHEMA, {"type": "object"}))]
Wrapper = Annotated[Any, Admits(change_types.wrapper, _either(TEXT_SCHEMA, {"type": "object", "required": ["op"]}))]
Inserted = Annotated[dict[str, Any], Admits(change_types.inserted, {"type": "object", "minProperties": 1})]
Removed = Annotated[list[str], Admits(change_types.removed_paths, _either(TEXT_SCHEMA, _list(TEXT_SCHEMA, 1)))]
Let = dict[ExpressionName, Value]
Meta = dict[str, Value]
