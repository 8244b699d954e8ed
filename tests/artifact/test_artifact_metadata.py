"""Each entry of the metadata has one key, by which it is written and read."""

from __future__ import annotations

import ast
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import archgraph as ag
from archgraph.artifact import metadata_keys as keys
from archgraph.artifact.metadata import read_metadata
from archgraph.artifact.metadata_check import entries_of, misstatements
from archgraph.artifact.onnx_metadata import metadata_entries
from archgraph.dims import Cause, Constraint
from archgraph.errors import Mark, ModelFileError

PACKAGE = Path(ag.__file__).parent
PORTS = json.dumps({"x": {"shape": ["N", 3], "dtype": "float32"}})
WHOLE = {"archgraph.version": "1", "archgraph.inputs": PORTS, "archgraph.outputs": PORTS}


def test_no_other_file_spells_a_key() -> None:
    """Outside of the module of keys, and of the notes in pictures, which have keys of their own."""
    known = {entry.key for entry in keys.ENTRIES}
    texts = {path: path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    spelled = {
        (path.relative_to(PACKAGE).as_posix(), node.value)
        for path, text in texts.items()
        if any(key in text for key in known)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in known
    }
    modules = {place for place in spelled if (PACKAGE / f"{place[1].removeprefix('archgraph.')}").exists()}
    assert spelled - modules == set()


def test_keys_are_different_and_have_a_schema() -> None:
    assert len({entry.key for entry in keys.ENTRIES}) == len(keys.ENTRIES)
    assert all(entry.holds and entry.key.startswith("archgraph.") for entry in keys.ENTRIES)
    named = {value.key for value in vars(keys).values() if isinstance(value, keys.Entry)}
    assert named == {entry.key for entry in keys.ENTRIES}


@pytest.mark.parametrize("how", [{}, {"dtype": "float16"}, {"sizes": {"H": 16, "W": 16}}])
def test_all_that_is_exported_has_a_key_and_is_read_as_it_was(tmp_path: Path, how: dict[str, Any]) -> None:
    graph = ag.load("digits_resnet")
    ag.to_onnx(graph, tmp_path / "m.onnx", verify=False, **how)
    entries = metadata_entries(tmp_path / "m.onnx")
    assert entries.keys() <= {entry.key for entry in keys.ENTRIES}
    for entry in keys.ENTRIES:
        entry.of(entries)
    found = read_metadata(entries, "m.onnx")
    assert [(rule.symbol, rule.text) for rule in found.constraints] == [
        (rule.symbol, rule.text) for rule in graph.constraints if rule.symbol not in how.get("sizes", {})
    ]
    assert [str(cause) for rule in found.constraints for cause in rule.causes] == [
        str(cause) for rule in graph.constraints if rule.symbol not in how.get("sizes", {}) for cause in rule.causes
    ]
    assert keys.DTYPE.of(entries) == how.get("dtype", "float32")
    assert found.sizes == how.get("sizes", {})


@pytest.mark.parametrize(
    ("entry", "read"),
    [
        (
            {
                "symbol": "H",
                "modulus": 8,
                "residues": [0],
                "minimum": None,
                "maximum": None,
                "text": "",
                "causes": None,
            },
            Constraint("H", 8),
        ),
        ({"symbol": "H"}, Constraint("H")),
        ({"symbol": "H", "modulus": 10**12, "minimum": 3}, Constraint("H", minimum=3)),
        (
            {"symbol": "H", "residues": [1], "modulus": "2", "causes": [{"reason": "r", "where": "a:b.yaml:12:3"}]},
            Constraint("H", 2, (1,), causes=(Cause("r", Mark("a:b.yaml", 12, 3)),)),
        ),
        ({"symbol": "H", "causes": [{"reason": "r", "where": "there"}]}, Constraint("H", causes=(Cause("r"),))),
    ],
)
def test_constraints_of_older_files(entry: dict[str, Any], read: Constraint) -> None:
    (found,) = read_metadata({**WHOLE, "archgraph.constraints": json.dumps([entry])}, "m.onnx").constraints
    assert found == read


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("constraints", '[{"symbol": "H", "modulus": -1}]'),
        ("constraints", '[{"symbol": "H", "modulus": "many"}]'),
        ("constraints", '[{"symbol": "H", "minimum": "1"}]'),
        ("constraints", '[{"symbol": "H +"}]'),
        ("constraints", '[{"modulus": 8}]'),
        ("constraints", "[1]"),
        ("inputs", '{"x": {"shape": [true], "dtype": "float32"}}'),
        ("inputs", '{"x": {"shape": [null], "dtype": "float32"}}'),
        ("inputs", '{"x": {"shape": ["N"], "dtype": "float33"}}'),
        ("outputs", "["),
        ("sizes", '{"N": "x"}'),
        ("batch", "1"),
        ("meta", "[]"),
    ],
)
def test_damaged_entries_are_named(name: str, text: str) -> None:
    with pytest.raises(ModelFileError, match=rf"m.onnx is damaged: its .* 'archgraph.{name}' cannot be read"):
        read_metadata({**WHOLE, f"archgraph.{name}": text}, "m.onnx")


@pytest.mark.parametrize("text", ["{}", '{"calibration": {}, "errors": []}', '{"calibration": 1}', "x"])
def test_a_damaged_note_of_quantisation(text: str) -> None:
    with pytest.raises(ModelFileError, match=r"archgraph.quantized' cannot be read"):
        keys.QUANTIZED.of({keys.QUANTIZED.key: text})


def test_nearest_sizes_take_no_time_where_they_lie_far_apart() -> None:
    rule = Constraint("H", 10**12, (5,), 7, None)
    assert rule.closest(100) == [10**12 + 5]
    assert Constraint("H", 8, (0,), 9, 15).closest(12) == []
    assert rule.text == "H % 1000000000000 must be 5 and H must be at least 7"


def test_json_of_sizes_and_read_only_mappings() -> None:
    from types import MappingProxyType

    from archgraph.dims import symbol

    assert keys.json_text({"a": MappingProxyType({"b": symbol("H") // 8}), "ü": (1, np.float64(0.5))}) == (
        '{"a":{"b":"H // 8"},"ü":[1,0.5]}'
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sizes", '{"N": 1e999}'),
        ("constraints", '[{"symbol": "N", "modulus": 1e999, "residues": [0], "minimum": 1, "text": "", "causes": []}]'),
        ("inputs", '{"x": {"shape": ["N", -1], "dtype": "float32"}}'),
    ],
)
def test_numbers_that_are_none_are_damage(name: str, text: str) -> None:
    with pytest.raises(ModelFileError, match=rf"'archgraph.{name}' cannot be read"):
        read_metadata({**WHOLE, f"archgraph.{name}": text}, "m.onnx")


def test_an_error_without_end_is_one_that_a_file_may_state() -> None:
    told = {"calibration": {"source": "noise"}, "errors": [{"output": "y", "relative_error": None}]}
    found = keys.QUANTIZED.of(keys.QUANTIZED.with_value(told))
    assert found is not None
    assert keys.stated_errors(found) == {"y": math.inf}


def test_constraints_without_any_sense_are_not_those_of_the_network() -> None:
    rule = {"symbol": "N", "modulus": 1, "residues": [0], "minimum": 1, "maximum": 5}
    for damage in ({"symbol": ["N"]}, {"maximum": "many"}):
        wanted, found = (keys.CONSTRAINTS.with_value([each]) for each in (rule, {**rule, **damage}))
        assert len(list(misstatements(wanted, found))) == 1


def test_texts_that_are_none_are_read_as_far_as_they_go() -> None:
    """protobuf hands out bytes for them."""
    model = onnx.ModelProto()
    model.metadata_props.add(key="archgraph.name", value="net")
    damaged = onnx.ModelProto.FromString(model.SerializeToString().replace(b".name", b".\xc3ame"))
    assert entries_of(damaged) == {"archgraph.\ufffdame": "net"}
    with pytest.raises(ModelFileError, match="was not written by archgraph"):
        read_metadata(entries_of(damaged), "m.onnx")
