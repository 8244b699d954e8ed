"""What reading refuses: anchors, aliases, tags, duplicates, forgotten quotes, and what is too large."""

from __future__ import annotations

import pytest
from read_samples import data, message

from archgraph.language.reading import composer


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
    assert "error: the text is too long\n  expected: at most 262144 characters\n  received: 262145" in message(
        "a: " + "x" * 262_145
    )
    monkeypatch.setattr(composer, "MAX_VALUES", 100)
    text = f"a: [{'1,' * 99}]"
    assert message(text) == (
        f"m.yaml:1:199: error: the text holds too much\n    1 | {text}\n{' ' * 206}^\n  expected: at most 100 values"
    )


def test_reading_stops_after_many_problems() -> None:
    lines = message("\n".join(f"a{i}: 1\na{i}: 1" for i in range(500))).splitlines()
    assert lines.count("  hint: rename or remove one of them") == 50
    assert "there may be more problems; reading stops here" in lines[-3]


def test_a_very_long_line_is_not_shown() -> None:
    assert message("{" + "a: 1, " * 200 + "}").startswith("m.yaml:1:8: error: the key 'a' stands here twice\n  hint:")
