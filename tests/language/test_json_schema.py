"""The JSON Schema: admits what the language admits, refuses what editors should underline."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from json_schema import Schema

from archgraph.errors import SpecError
from archgraph.language.reading.document import from_mapping, read_file
from archgraph.language.schema.change_types import CHANGE_KEYS
from archgraph.language.schema.json_schema import EXPLAINED, json_schema
from archgraph.language.schema.models import BLOCK_KEYS, INPUT_KEYS, SPEC_KEYS
from archgraph.language.schema.names import NODE_KEYS
from archgraph.language.schema.validation import validate

ROOT = Path(__file__).parents[2]
SHIPPED = sorted([*ROOT.glob("specs/*.yaml"), *ROOT.glob("archgraph/blocks/*.yaml")])
SCHEMA = json_schema()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_what_is_shipped_is_admitted(path: Path) -> None:
    assert Schema(SCHEMA).admits(read_file(path).data)


def model(**keys: Any) -> dict[str, Any]:
    return {"archgraph": 1, "name": "m", **keys}


ADMITTED = [
    model(),
    model(inputs={"x": ["...", "C", 3, "=C // 2"], "t": {"shape": [], "dtype": "int64", "where": "N <= 3"}}),
    model(nodes={"a": "relu", "0": {"op": "=block", "in": ["prev", "s.pop"], "repeat": 2, "anything": [{"a": None}]}}),
    model(
        nodes={"g": {"nodes": {"a": "relu"}, "outputs": {"x": "a"}, "for": {"c": "=cs"}, "when": "=c > 1", "path": "."}}
    ),
    model(use={"file": "resnet"}, nodes={"a": {"op": "file.block", "tie": {"weight": "b.weight"}}, "b": "file.block"}),
    model(presets={"a": {}})
    | {"assert": {"parameters": {"a": 3}, "that": ["a == 1", {"that": "=b", "message": "no"}]}},
    model(
        params={"a": "int?", "b": ["zeros"], "c": None}, presets={"p": {"a": "=1"}}, meta={"x": [1]}, use=["./b.yaml"]
    ),
]
REFUSED = [
    {"name": "m"},
    model(node={}),
    model(nodes={}),
    model(nodes={"a": 3}),
    model(nodes={"a": {"op": "batch-norm"}}),
    model(nodes={"a": {"op": "file.block.inner"}}),
    model(nodes={"a": {"op": "x", "tie": {"": "b.weight"}}}),
    model(nodes={"a": {"op": "x", "in": "=y"}}),
    model(nodes={"a": {"op": "x", "when": "attend"}}),
    model(nodes={"a": {"op": "x", "repeat": -1}}),
    model(nodes={"a": {"op": None}}),
    model(inputs={"x": {"dtype": "int64"}}),
    model(inputs={"x": ["N", 0]}),
    model(inputs={"x": {"shape": ["N"], "dtype": "float3"}}),
    model(blocks={"b": {"use": []}}),
    model(stacks="skips"),
    model(outputs=[]),
    {**model(), "archgraph": 2},
]


@pytest.mark.parametrize("data", ADMITTED)
def test_what_the_language_admits_the_schema_admits(data: dict[str, Any]) -> None:
    validate(from_mapping(data))
    assert Schema(SCHEMA).admits(data)


@pytest.mark.parametrize("data", REFUSED)
def test_what_the_schema_refuses_the_language_refuses(data: dict[str, Any]) -> None:
    assert not Schema(SCHEMA).admits(data)
    with pytest.raises(SpecError):
        validate(from_mapping(data))


def properties(name: str) -> dict[str, Any]:
    found: dict[str, Any] = SCHEMA["$defs"][name]["properties"] if name else SCHEMA["properties"]
    return found


def test_it_has_every_key_of_the_language_and_explains_it() -> None:
    assert set(properties("")) == {*SPEC_KEYS, *CHANGE_KEYS}
    assert set(properties("BlockModel")) == {*BLOCK_KEYS, *CHANGE_KEYS}
    assert set(properties("InputModel")) == set(INPUT_KEYS)
    assert set(properties("NodeModel")) == set(NODE_KEYS)
    for name in ("", "BlockModel", "InputModel", "NodeModel"):
        for key, schema in properties(name).items():
            assert schema["description"] == EXPLAINED[key]


def test_it_holds_nothing_of_pydantic() -> None:
    def keys(schema: Any) -> Iterator[str]:
        for entry in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
            yield from keys(entry)
        if isinstance(schema, dict):
            yield from schema

    assert "default" not in keys(SCHEMA)
    assert list(keys(SCHEMA)).count("title") == 1
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
