"""Operations and blocks as JSON Schemas of the nodes that apply them: what each argument is for, may be, and is where
it is left out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError

from archgraph.language.editor.value_forms import EXPRESSION, Check, JsonSchema, admitted
from archgraph.language.library import block_file, known_blocks, read_spec
from archgraph.language.schema.parameter_types import ParameterType
from archgraph.language.schema.spec import BlockSpec
from archgraph.ops.contract import REGISTRY, Operation
from archgraph.ops.reference import AttributeDoc, attributes

OWN = "a block of this file"
"""What is said of a block that says nothing of itself."""


@dataclass(frozen=True, slots=True)
class Applied:
    """An operation or a block that nodes apply: its meaning, its arguments, and which of them must be given."""

    name: str
    meaning: str
    arguments: Mapping[str, JsonSchema]
    required: tuple[str, ...]

    def schema(self, node_keys: JsonSchema, meaning: JsonSchema) -> JsonSchema:
        """A node that applies it; `node_keys` are the keys that every node may have."""
        found: JsonSchema = {
            "allOf": [meaning],
            "properties": {"op": meaning, **self.arguments},
            "patternProperties": node_keys,
            "additionalProperties": False,
        }
        return found | ({"required": list(self.required)} if self.required else {})

    @property
    def lacking(self) -> str:
        """What a node that is its name alone lacks, in words."""
        given = ", ".join(f"{name}: …" for name in self.required)
        return f"{self.name} needs more than its name: {{op: {self.name}, {given}}}"


def operations() -> Iterable[Applied]:
    """Every operation, in alphabetical order."""
    return (_operation(REGISTRY[name]) for name in sorted(REGISTRY))


def standard(node: JsonSchema) -> Iterable[Applied]:
    """Every standard block, and those of enabled plugins; `node` is what a parameter that takes a node may be."""
    return (block(name, read_spec(block_file(name)).block, node) for name in known_blocks())


def block(name: str, spec: BlockSpec, node: JsonSchema) -> Applied:
    """A block under the name that nodes apply."""
    arguments = {key: _parameter(kind, node) for key, kind in spec.params.items()}
    required = tuple(key for key, kind in spec.params.items() if kind.required)
    return Applied(name, " ".join(spec.about.split()) or OWN, arguments, required)


# --- operations -------------------------------------------------------------------------------------------------------


def _operation(kind: type[Operation]) -> Applied:
    docs = attributes(kind)
    arguments = {doc.name: _attribute(kind, doc) for doc in docs}
    return Applied(kind.name, kind.meaning, arguments, tuple(doc.name for doc in docs if doc.required))


def _attribute(kind: type[Operation], doc: AttributeDoc) -> JsonSchema:
    field = kind.model_fields[doc.name]
    form = _attribute_form((str(field.annotation), tuple(map(str, field.metadata))), kind, doc.name)
    default = None if doc.required else doc.default_text
    return _explained(form, doc.meaning, doc.type, default)


_FORMS: dict[Any, JsonSchema] = {}


def _attribute_form(alike: Any, kind: type[Operation], key: str) -> JsonSchema:
    """What an attribute admits; those of one type are tried once."""
    if alike not in _FORMS:
        words = [word for word in _literals(kind.model_fields[key].annotation) if isinstance(word, str)]
        _FORMS[alike] = admitted(partial(_fits, kind, key), words)
    return _FORMS[alike]


def _fits(kind: type[Operation], key: str, value: Any) -> bool:
    try:
        kind(**{key: value})
    except ValidationError as error:
        return all(item["loc"][:1] != (key,) for item in error.errors())
    return True


def _literals(annotation: Any) -> Iterable[Any]:
    """The words that a type names, wherever in it they stand."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return chain.from_iterable(_literals(part) for part in get_args(annotation))


# --- blocks -----------------------------------------------------------------------------------------------------------


def _parameter(kind: ParameterType, node: JsonSchema) -> JsonSchema:
    words = {alternative.word for alternative in kind.kinds}
    default = None if kind.required else _default_text(kind.default)
    if "any" in words:
        return _explained({}, "", "", default)
    if "node" in words:
        form = {"anyOf": [node, {"type": "null"}]} if kind.optional else node
        return _explained(form, "", kind.words, default)
    choices = [word for alternative in kind.kinds for word in alternative.choices]
    return _explained(admitted(_typed(kind), choices), "", kind.words, default)


def _typed(kind: ParameterType) -> Check:
    """Whether a value is of the type. What starts like an expression is one, and no text."""
    return lambda value: kind.accepts(value) and not (isinstance(value, str) and value.startswith(EXPRESSION))


def _default_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# --- both -------------------------------------------------------------------------------------------------------------


def _explained(form: JsonSchema, meaning: str, type_text: str, default: str | None) -> JsonSchema:
    """The schema with what editors show of it, and with what they say of another value."""
    state = "required" if default is None else f"default `{default}`"
    sentence = f"{type_text[:1].upper()}{type_text[1:]}; {state}." if type_text else f"{state.capitalize()}."
    found = {"description": f"{meaning} {sentence}".strip(), **form}
    return _with_message(found, f"expected: {type_text}, or an =expression") if type_text else found


def _with_message(form: JsonSchema, message: str) -> JsonSchema:
    if "anyOf" in form:
        return form | {"anyOf": [_with_message(choice, message) for choice in form["anyOf"]]}
    return form if "$ref" in form else {**form, "errorMessage": message}
