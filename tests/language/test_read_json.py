"""Specs as JSON, what is written is read back, and any text raises nothing but our own errors."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from read_samples import message

from archgraph.errors import ArchgraphError
from archgraph.language.reading.document import read_text


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
