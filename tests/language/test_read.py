"""Reading: YAML 1.2 core rules, JSON, places, limits, and the whole message of each refusal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from archgraph.errors import ArchgraphError, ReadError
from archgraph.language.reading import composer
from archgraph.language.reading import document as read
from archgraph.language.reading.document import from_mapping, read_file, read_text


def data(text: str) -> Any:
    return read_text(text, "m.yaml").data


def message(text: str, format: Any = "yaml") -> str:
    with pytest.raises(ReadError) as caught:
        read_text(text, "m.yaml", format)
    return str(caught.value)


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


# --- what is refused ------------------------------------------------------------------------------------------------


def test_anchors_aliases_merges_tags_and_duplicates_are_refused_all_at_once() -> None:
    text = "a: &x 1\nb: *x\nc: {<<: {q: 1}, d: 2, d: 3}\ne: !!str 5\nf: !mine {g: 1}\n"
    assert (
        message(text)
        == """m.yaml:1:4: error: '&x' is an anchor; a spec has none
    1 | a: &x 1
           ^^^^
  hint: write it out, or make it a block
m.yaml:2:4: error: '*x' is an alias; a spec has none
    2 | b: *x
           ^^
  hint: write it out, or make it a block
m.yaml:3:5: error: '<<' merges mappings; a spec has no merges
    3 | c: {<<: {q: 1}, d: 2, d: 3}
            ^^
  hint: write the keys out
m.yaml:3:23: error: the key 'd' stands here twice
    3 | c: {<<: {q: 1}, d: 2, d: 3}
                              ^
  hint: rename or remove one of them
m.yaml:4:4: error: '!!str' is a tag; a spec has none
    4 | e: !!str 5
           ^^^^^^^
  hint: remove it: types follow from the values
m.yaml:5:4: error: '!mine' is a tag; a spec has none
    5 | f: !mine {g: 1}
           ^^^^^^^
  hint: remove it: types follow from the values"""
    )


QUOTES = "inside {…} and […] an expression with , [ ] { } needs quotes"


@pytest.mark.parametrize(
    ("text", "expression", "seen", "written"),
    [
        ("a: {out: =max(1, 2)}", "=max(1, 2)", "=max(1", '"=max(1, 2)"'),
        ("a: {out: =c[0], b: 1}", "=c[0]", "=c", '"=c[0]"'),
        ("a: [=x[0]]", "=x[0]", "=x", '"=x[0]"'),
        ('a: [=f("a,b", [1, 2])]', '=f("a,b", [1, 2])', '=f("a', "'=f(\"a,b\", [1, 2])'"),
    ],
)
def test_an_expression_without_its_quotes_is_named_as_such(text: str, expression: str, seen: str, written: str) -> None:
    column = text.index("=") + 1
    first = message(text).splitlines()
    assert first[0] == (
        f"m.yaml:1:{column}: error: the expression '{expression}' must be quoted here: YAML ends it after '{seen}'"
    )
    assert first[3] == f"  hint: write {written}; {QUOTES}"
    assert len(first) == 4


def test_an_expression_that_needs_no_quotes_is_left_alone() -> None:
    assert data("a: =max(1, 2)\nb: {c: =(x + 1) // 2, d: =x}") == {
        "a": "=max(1, 2)",
        "b": {"c": "=(x + 1) // 2", "d": "=x"},
    }
    assert data("a: =foo(")["a"] == "=foo("  # its own fault, not YAML's


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "m.yaml:1:1: error: the file is empty"),
        ("# only\n", "m.yaml:1:1: error: the file is empty\n    1 | # only\n        ^"),
        (
            "a: 1\n---\nb: 2",
            "m.yaml:2:1: error: a second document starts here\n    2 | ---\n        ^^^\n"
            "  hint: one file holds one spec: remove the '---'",
        ),
        (
            "? [a]\n: b",
            "m.yaml:1:3: error: a key must be a name\n    1 | ? [a]\n          ^\n"
            "  hint: quote text that starts with [ or {",
        ),
        ("{? , a: 1}", "m.yaml:1:4: error: there is no key before ':'\n    1 | {? , a: 1}\n           ^"),
        (
            "a: 1e999",
            "m.yaml:1:4: error: the number is too large\n    1 | a: 1e999\n           ^^^^^\n"
            "  expected: a float64, at most 1.8e308\n  received: 1e999",
        ),
        (
            "a: 9223372036854775808",
            "m.yaml:1:4: error: the number is too large\n    1 | a: 9223372036854775808\n"
            "           ^^^^^^^^^^^^^^^^^^^\n"
            "  expected: whole numbers below 2**63\n  received: 9223372036854775808",
        ),
        (
            "a: .nan",
            "m.yaml:1:4: error: '.nan' is not a value of the language\n    1 | a: .nan\n           ^^^^\n"
            "  hint: nothing can be compared with it; leave it out",
        ),
        (
            'a: "\\e[31m"',
            "m.yaml:1:4: error: the text holds the control character '\\x1b'\n"
            '    1 | a: "\\e[31m"\n           ^^^^^^^^\n'
            "  hint: remove it",
        ),
        (
            "a: b: c",
            "m.yaml:1:5: error: the text is not valid YAML: mapping values are not allowed in this context\n"
            "    1 | a: b: c\n            ^\n"
            "  hint: text that holds ': ' must be quoted; otherwise the indentation is not what it should be",
        ),
        (
            "a:\n\t- b",
            "m.yaml:2:1: error: the text is not valid YAML: found character that cannot start any token while scanning "
            "for the next token\n    2 |     - b\n        ^\n  hint: indent with spaces, not with tabs",
        ),
        (
            "a: @b",
            "m.yaml:1:4: error: the text is not valid YAML: found character that cannot start any token while scanning "
            "for the next token\n    1 | a: @b\n           ^\n  hint: text that starts with @ must be quoted",
        ),
        (
            "a:\n  b: c\n   d: e",
            "m.yaml:3:5: error: the text is not valid YAML: mapping values are not allowed in this context\n"
            "    3 |    d: e\n            ^\n"
            "  hint: text that holds ': ' must be quoted; otherwise the indentation is not what it should be",
        ),
        (
            "a:\n  b: {c: d}\n   e: f",
            "m.yaml:3:4: error: the text is not valid YAML: did not find expected key while parsing a block mapping\n"
            "    3 |    e: f\n           ^\n"
            "  hint: the line is not indented as its neighbours are: what belongs together starts in one column",
        ),
        (
            "a:\n  b: {c: d\n  e: {f: g}",
            "m.yaml:3:4: error: the text is not valid YAML: did not find expected ',' or '}' while parsing a flow "
            "mapping\n    3 |   e: {f: g}\n           ^\n  hint: the { of line 2 is not closed",
        ),
        (
            "x: {path: layer{i}}",
            "m.yaml:1:16: error: the text is not valid YAML: did not find expected ',' or '}' while parsing a flow "
            "mapping\n    1 | x: {path: layer{i}}\n                       ^\n"
            "  hint: text with , [ ] { } must be quoted inside {…} and […], and wherever it starts with a bracket",
        ),
    ],
)
def test_whole_messages(text: str, expected: str) -> None:
    assert message(text) == expected


def test_limits_of_depth_length_text_and_number_of_values(monkeypatch: pytest.MonkeyPatch) -> None:
    assert data("[" * 64 + "]" * 64)
    assert "m.yaml:1:65: error: the text is nested too deeply" in message("[" * 65 + "]" * 65)
    assert len(data(f"a: [{'1,' * 10_000}]")["a"]) == 10_000
    assert "error: the list is too long" in message(f"a: [{'1,' * 10_001}]")
    assert "error: the mapping is too long" in message("\n".join(f"k{i}: 1" for i in range(10_001)))
    assert "error: the text is too long\n  expected: at most 65536 characters\n  received: 65537" in message(
        "a: " + "x" * 65_537
    )
    monkeypatch.setattr(composer, "MAX_VALUES", 100)
    text = f"a: [{'1,' * 99}]"
    assert message(text) == (
        f"m.yaml:1:199: error: the text holds too much\n    1 | {text}\n{' ' * 206}^\n  expected: at most 100 values"
    )


def test_reading_stops_after_many_problems() -> None:
    lines = message("\n".join(["a: 1"] * 1000)).splitlines()
    assert lines.count("  hint: rename or remove one of them") == 50
    assert "there may be more problems; reading stops here" in lines[-3]


def test_a_very_long_line_is_not_shown() -> None:
    assert message("{" + "a: 1, " * 200 + "}").startswith("m.yaml:1:8: error: the key 'a' stands here twice\n  hint:")


# --- JSON -----------------------------------------------------------------------------------------------------------


def test_json_is_the_same_language() -> None:
    text = (
        '{"a": [1, 2.5e3, "\\ud83d\\ude00", null],\n\t"nodes": {"0": {"in": 0.10, "path": "x\\/y"}}, "e": {}, "l": []}'
    )
    document = read_text(text, "m.json", "json")
    assert document.data == {
        "a": [1, 2500.0, "😀", None],
        "nodes": {"0": {"in": "0.10", "path": "x/y"}},
        "e": {},
        "l": [],
    }
    assert str(document.marks.value("nodes", "0", "in")) == "m.json:2:24"
    assert str(document.marks.key("e")) == "m.json:2:48"


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ('{"a": 1,}', 9, 'expected a key in double quotes, such as "name"'),
        ('{"a" 1}', 6, "expected ':' after the key"),
        ("[1 2]", 4, "expected ',' or ']'"),
        ("[1", 3, "expected ',' or ']'"),
        ('{"a": x}', 7, "expected a value: a text in double quotes, a number, true, false, null, {…} or […]"),
        ("[01]", 3, "expected ',' or ']'"),
        ('["a', 2, "the text in quotes is not valid: unterminated string starting at"),
        ("{} x", 4, "there is more text after the end of the JSON value"),
    ],
)
def test_what_is_not_json(text: str, column: int, reason: str) -> None:
    assert message(text, "json").splitlines()[0] == f"m.yaml:1:{column}: error: the text is not valid JSON: {reason}"


def test_json_refuses_duplicates_and_lone_surrogates() -> None:
    assert message('{"a": 1, "a": 2}', "json").startswith("m.yaml:1:10: error: the key 'a' stands here twice")
    assert message('["\\ud800"]', "json").startswith(
        "m.yaml:1:2: error: the text holds the control character '\\ud800'"
    )
    assert message("", "json") == "m.yaml:1:1: error: the file is empty"
    for form in ("yaml", "json"):
        assert message('["é\ud800"]', form).startswith("m.yaml:1:4: error: the text is not valid Unicode")


def test_a_document_without_a_path_stands_where_it_begins() -> None:
    marks = read_text("# the first line\na: {b: 1}").marks
    assert [str(mark).partition(":")[2] for mark in (marks.key(), marks.value(), marks.key("a", "b"))] == [
        "2:1",
        "2:1",
        "2:5",
    ]


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False)
    | st.text("ab =:#'\"é,[]{}-", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("xyz .:-", min_size=1, max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.text("klm", min_size=1, max_size=3), plain, min_size=1, max_size=4))
def test_what_json_and_yaml_write_is_read_back(value: dict[str, Any]) -> None:
    assert read_text(json.dumps(value).replace("Infinity", "1e308"), format="json").data == json.loads(
        json.dumps(value).replace("Infinity", "1e308")
    )
    quoted = yaml.dump(value, default_style='"', allow_unicode=True)
    if "!!" not in quoted:  # only texts
        assert read_text(quoted).data == value


@settings(max_examples=300, deadline=None)
@given(st.text("ab:-[]{},&*!|>'\"%@`#=?. \n\t0~<\\", max_size=40), st.sampled_from(["yaml", "json"]))
def test_no_text_raises_anything_but_our_errors(text: str, format: Any) -> None:
    try:
        read_text(text, format=format)
    except ArchgraphError as error:
        str(error)  # printing must not fail either


# --- files and mappings ---------------------------------------------------------------------------------------------


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
        from_mapping({"a": "x" * 65_537})
