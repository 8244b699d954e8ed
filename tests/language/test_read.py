"""Reading: YAML 1.2 core rules, JSON, places, limits, and the whole message of each refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from read_samples import data, message

from archgraph.errors import ReadError
from archgraph.language.reading import document as read
from archgraph.language.reading.document import from_mapping, read_file, read_text

# The examples of chapter 10.3.2 ("Core Schema") of the YAML 1.2.2 specification, and what YAML 1.1 reads differently.
CORE = [
    ("null", None),
    ("~", None),
    ("", None),
    ("true", True),
    ("True", True),
    ("FALSE", False),
    ("0", 0),
    ("0o7", 7),
    ("0x3A", 58),
    ("-19", -19),
    ("+12", 12),
    ("010", 10),
    ("0.", 0.0),
    ("-0.0", 0.0),
    (".5", 0.5),
    ("+12e03", 12000.0),
    ("-2E+05", -200000.0),
    ("1e-3", 0.001),
    (".inf", float("inf")),
    ("-.Inf", float("-inf")),
    ("yes", "yes"),
    ("on", "on"),
    ("No", "No"),
    ("tRUE", "tRUE"),
    ("1_000", "1_000"),
    ("12:30:00", "12:30:00"),
    ("2024-01-01", "2024-01-01"),
    ("0b1", "0b1"),
    ("1e", "1e"),
    ("-", None),
    ("'1'", "1"),
    ('"true"', "true"),
]


@pytest.mark.parametrize(("text", "value"), CORE)
def test_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: Any) -> None:
    found = data(f"k: {text}")["k"] if text != "-" else data("k:\n  -")["k"][0]
    assert found == value
    assert type(found) is type(value)


def test_keys_and_names_stay_the_text_of_the_file() -> None:
    text = """
        nodes:
          0: {op: relu, p: 0.10, in: [0, 0.10, {a: 007}], path: 0.10, push: 1}
          0.10: {in: 1e3, order: [1.0], p: [0.10]}
        outputs: {a: 0.10}
        meta: {in: 0.10}
    """
    found = data(text)
    assert list(found["nodes"]) == ["0", "0.10"]
    assert found["nodes"]["0"]["in"] == ["0", "0.10", {"a": "007"}]
    assert (found["nodes"]["0"]["path"], found["nodes"]["0"]["push"], found["nodes"]["0"]["p"]) == ("0.10", "1", 0.1)
    assert found["nodes"]["0.10"] == {"in": "1e3", "order": ["1.0"], "p": [0.1]}
    assert found["outputs"] == {"a": "0.10"}
    assert found["meta"] == {"in": 0.1}


def test_places_of_keys_and_values_down_to_entries_of_lists() -> None:
    marks = read_text("a: 1\nblock:\n  inner: [x, {y: 'two words'}]\n", "f.yaml").marks
    value = marks.value("block", "inner", 1, "y")
    assert value is not None
    assert (str(value), value.length, value.text) == ("f.yaml:3:18", 11, "  inner: [x, {y: 'two words'}]")
    assert str(marks.value("block", "inner", 0)) == "f.yaml:3:11"
    assert str(marks.key("block", "inner")) == "f.yaml:3:3"
    assert str(marks.key("block", "inner", 1)) == "f.yaml:3:14"
    assert str(marks.value()) == "f.yaml:1:1"


def test_places_that_are_not_in_the_text_fall_back_to_the_nearest_around_them() -> None:
    marks = read_text("a: 1\nblock:\n  inner: relu\n", "f.yaml").marks
    assert str(marks.value("block", "inner", "op", 3)) == "f.yaml:3:10"
    assert str(marks.key("block", "inner", "op")) == "f.yaml:3:3"
    assert str(marks.key("nothing")) == "f.yaml:1:1"
    assert from_mapping({"a": 1}).marks.value("a") is None


def test_columns_count_characters_and_windows_line_ends_are_not_shown() -> None:
    document = read_text("á: é\r\nb: {é: '😀', c: 1}\r\n", "f.yaml")
    mark = document.marks.value("b", "c")
    assert mark is not None
    assert (mark.line, mark.column, mark.text) == (2, 16, "b: {é: '😀', c: 1}")


def test_files_are_read_by_their_suffix(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text('{"a": 1}')
    (tmp_path / "m.yaml").write_bytes("\ufeffa: é\n".encode())
    assert read_file(tmp_path / "m.json").data == {"a": 1}
    document = read_file(str(tmp_path / "m.yaml"))
    assert (document.data, document.file) == ({"a": "é"}, str(tmp_path / "m.yaml"))
    (tmp_path / "wrong.json").write_text("a: 1")
    with pytest.raises(ReadError, match="not valid JSON"):
        read_file(tmp_path / "wrong.json")


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def said(path: Path) -> str:
        with pytest.raises(ReadError) as caught:
            read_file(path)
        return str(caught.value)

    (tmp_path / "model.yaml").write_bytes(b"a: 1\nb: \xff\n")
    assert said(tmp_path / "modle.yaml") == (
        f"error: there is no file '{tmp_path}/modle.yaml'\n  hint: did you mean 'model.yaml'?"
    )
    assert said(tmp_path / "no" / "m.yaml") == (
        f"error: there is no file '{tmp_path}/no/m.yaml'\n  hint: there is no folder '{tmp_path}/no' either"
    )
    assert said(tmp_path) == f"error: '{tmp_path}' is a folder\n  expected: a .yaml or .json file"
    assert said(tmp_path / "model.yaml") == f"error: '{tmp_path}/model.yaml' is not UTF-8: line 2 holds the byte 0xff"
    monkeypatch.setattr(read, "MAX_BYTES", 5)
    assert said(tmp_path / "model.yaml") == f"error: '{tmp_path}/model.yaml' is too large\n  expected: at most 5 bytes"


def test_text_that_is_no_unicode_or_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "error: the text is not valid Unicode" in message("a: \ud800")
    monkeypatch.setattr(read, "MAX_BYTES", 5)
    assert message("a: 12345") == "error: 'm.yaml' is too large\n  expected: at most 5 bytes"


def test_a_mapping_is_copied_to_plain_data() -> None:
    given = {"nodes": {0: {"in": 0, "p": (1, 2)}}, "meta": {"in": 0}}
    document = from_mapping(given)
    assert document.data == {"nodes": {"0": {"in": "0", "p": [1, 2]}}, "meta": {"in": 0}}
    given["nodes"][0]["p"] = 3  # type: ignore[index]
    assert document.data["nodes"]["0"]["p"] == [1, 2]


def test_a_mapping_that_is_no_spec_is_refused_with_all_its_problems() -> None:
    given = {1.5: 1, "a": {1: 2, "1": 3}, "b": [{1, 2}], "c": 2**63, "d": float("nan"), "in": 0.1, "e": "\x1b"}
    with pytest.raises(ReadError) as caught:
        from_mapping(given)
    assert str(caught.value) == "\n".join(
        [
            "error: a key must be text\n  expected: text\n  received: 1.5 (float)",
            "error: a: the key '1' stands here twice, as text and as a number",
            "error: b.0: a value that the language does not know",
            "  expected: text, numbers, true, false, None, lists and mappings\n  received: {1, 2} (set)",
            "error: c: the number is too large\n  expected: whole numbers below 2**63",
            "error: d: 'nan' is not a value of the language",
            "error: in: a value that the language does not know\n  expected: text\n  received: 0.1 (float)",
            "error: e: the text holds the control character '\\x1b'\n  hint: remove it",
        ]
    )


def test_a_mapping_that_holds_itself_or_too_much_is_refused() -> None:
    endless: dict[str, Any] = {}
    endless["a"] = endless
    with pytest.raises(ReadError, match="the mapping is nested too deeply"):
        from_mapping(endless)
    with pytest.raises(ReadError, match="the list is too long"):
        from_mapping({"a": [1] * 10_001})
    with pytest.raises(ReadError, match="the mapping is too long"):
        from_mapping({"a": dict.fromkeys(map(str, range(10_001)))})
    with pytest.raises(ReadError, match="the text is too long"):
        from_mapping({"a": "x" * 262_145})


def test_a_document_without_a_path_stands_where_it_begins() -> None:
    marks = read_text("# the first line\na: {b: 1}").marks
    assert [str(mark).partition(":")[2] for mark in (marks.key(), marks.value(), marks.key("a", "b"))] == [
        "2:1",
        "2:1",
        "2:5",
    ]
