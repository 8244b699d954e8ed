"""Metadata that a file states against those of its network; what is read without onnx against what onnx wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
import pytest

from archgraph.artifact import metadata_keys as keys
from archgraph.artifact.metadata import read_metadata
from archgraph.artifact.metadata_check import misstatements
from archgraph.artifact.onnx_metadata import metadata_entries, producer
from archgraph.artifact.tensor_specs import read_time_branch
from archgraph.errors import ModelFileError, Problem

EVEN = {"symbol": "H", "modulus": 2, "residues": [0], "minimum": 2, "maximum": 8, "text": "now", "causes": []}
FREE = {"symbol": "L", "modulus": 1, "residues": [0], "minimum": 1, "maximum": 7}


def problems(wanted: dict[str, str], found: dict[str, str]) -> list[Problem]:
    return list(misstatements(wanted, found))


def differs(wanted: list[Any], found: Any, *, older: bool = False) -> bool:
    """Whether constraints are said to differ, those of a file of before index ranges and maxima where it is older."""
    ranges = {} if older else keys.RANGES.with_value({})
    stated = keys.CONSTRAINTS.with_value(found) | ranges
    names = [problem.message for problem in problems(keys.CONSTRAINTS.with_value(wanted) | ranges, stated)]
    assert names in ([], ["the file's metadata entry 'archgraph.constraints' is not what the network says"])
    return bool(names)


def test_a_sentence_and_causes_are_for_people() -> None:
    assert not differs([EVEN], [EVEN | {"text": "before", "causes": [{"reason": "r"}]}])


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize(
    "change", [{"modulus": 4}, {"residues": [1]}, {"minimum": 4}, {"symbol": "W"}, {"maximum": 6}, {"maximum": 7}]
)
def test_a_size_that_is_stated_wrongly(older: bool, change: dict[str, Any]) -> None:
    assert differs([EVEN], [EVEN | change], older=older)
    assert differs([EVEN, FREE], [EVEN | change, FREE], older=older)
    assert differs([FREE, EVEN], [FREE, EVEN | change], older=older)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ([EVEN], [EVEN | {"maximum": None}]),
        ([EVEN], [EVEN | {"maximum": 10}]),
        ([EVEN, FREE], [EVEN]),  # that L is 7 at most follows from a table of 7 rows
        ([EVEN | {"maximum": None}, FREE], [EVEN | {"maximum": None}]),
    ],
)
def test_an_older_file_may_lack_largest_sizes_only(wanted: list[Any], found: list[Any]) -> None:
    assert not differs(wanted, found, older=True)
    assert differs(wanted, found)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ([FREE], [EVEN]),
        ([], [EVEN]),
        ([FREE], [FREE, EVEN]),
        ([EVEN], []),
        ([EVEN | {"maximum": None}], [EVEN]),  # smaller than none
        ([FREE], [{}]),
        ([FREE], None),
    ],
)
def test_what_an_older_file_does_not_lack(wanted: list[Any], found: Any) -> None:
    assert differs(wanted, found, older=True)


@pytest.mark.parametrize("entry", [keys.BATCH, keys.RANGES])
def test_what_older_files_do_not_state_is_not_compared(entry: keys.Entry[Any]) -> None:
    assert not problems({entry.key: '"N"'}, {})
    assert len(problems({entry.key: '"N"'}, {entry.key: '"M"'})) == 1
    assert len(problems({}, {entry.key: '"M"'})) == 1


def test_entries_of_more_than_200_characters_are_cut() -> None:
    for length, shown in ((200, '"' + "a" * 198 + '"'), (201, '"' + "a" * 199 + "…")):
        (problem,) = problems({keys.META.key: json.dumps("a" * (length - 2))}, {})
        assert (problem.expected, problem.received) == (shown, "null")


def model(**words: str) -> onnx.ModelProto:
    made = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], []), **words)
    onnx.helper.set_model_props(made, {"first": "1", "ü": "\N{SNOWMAN}" * 200, "empty": ""})
    return made


def test_entries_are_those_that_onnx_wrote(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    for words in ({}, {"producer_name": "pytorch", "producer_version": "2.13.0"}, {"producer_name": "tool"}):
        onnx.save(model(**words), path)
        assert metadata_entries(path) == {"first": "1", "ü": "\N{SNOWMAN}" * 200, "empty": ""}
        assert producer(path) == " ".join(words.values())


def test_fields_of_every_kind_are_stepped_over(tmp_path: Path) -> None:
    """Keys are field number << 3 | kind: protobuf's encoding page. 14 is `metadata_props`."""
    entry = b"\x72\x06\x0a\x01k\x12\x01v"
    others = (b"\x08\x0d", b"\x21" + b"\x72" * 8, b"\x25" + b"\x72" * 4, b"\x3a\x02\x72\x06")
    for other in others:
        (tmp_path / "m.onnx").write_bytes(other + entry)
        assert metadata_entries(tmp_path / "m.onnx") == {"k": "v"}


@pytest.mark.parametrize(
    "data",
    [
        b"\x72\x06\x0a\x01k\x12\x01",  # a byte is missing
        b"\x08",
        b"\x21" + b"\0" * 7,
        b"\x25" + b"\0" * 3,
        b"\x0b",  # groups are not used any more
        b"\xff" * 20,
        b"\x72\x05\x0a\x01\xff\x12\x00",  # no UTF-8
    ],
)
def test_what_is_no_onnx_file(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(data)
    with pytest.raises(ModelFileError, match=r"m.onnx is damaged, or not an ONNX file"):
        metadata_entries(tmp_path / "m.onnx")


def test_files_of_others_and_of_other_formats_are_named(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(model(producer_name="pytorch", producer_version="2.13.0"), path)
    with pytest.raises(ModelFileError) as raised:
        read_metadata({"a": "1", "b": "2"}, str(path))
    assert raised.value.problems[0].received == "an ONNX file by pytorch 2.13.0; metadata: a, b"
    onnx.save(model(), path)
    with pytest.raises(ModelFileError) as raised:
        read_metadata({}, str(path))
    assert raised.value.problems[0].received == "metadata: none"
    with pytest.raises(
        ModelFileError, match=r"a format that this archgraph does not know\n  expected: format 1\n  received: format 2"
    ):
        read_metadata({keys.VERSION.key: "2"}, str(path))


BRANCH = {
    "file": "m.time.onnx",
    "sha256": "0",
    "inputs": {"t": {"shape": ["N"], "dtype": "int64"}},
    "outputs": {"features": {"shape": ["N", 8], "dtype": "float32"}},
}


def test_a_time_branch_is_read_as_it_was_written() -> None:
    found = read_time_branch(BRANCH)
    assert found is not None
    assert (found.file, found.sha256) == ("m.time.onnx", "0")
    assert [str(spec) for spec in (*found.inputs, *found.outputs)] == ["t [N] int64", "features [N, 8] float32"]
    assert read_time_branch(None) is None


@pytest.mark.parametrize(
    "change",
    [
        *({"file": name} for name in ("", ".", "..", "a/b.onnx", "/b.onnx", "..\\b.onnx", "a/")),
        {"inputs": {}},
        {"outputs": {}},
        {"inputs": {"t": {"shape": ["N", 1], "dtype": "int64"}}},
        {"outputs": {"features": {"shape": ["N"], "dtype": "float32"}}},
        {"outputs": {"features": {"shape": ["N", "L"], "dtype": "float32"}}},
    ],
)
def test_a_time_branch_that_is_none(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"no file beside|no times and labels|no rows of features"):
        read_time_branch(BRANCH | change)
