"""Types of parameters: what a declaration states, what it accepts, and the whole message where it does not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archgraph.dims import symbol
from archgraph.errors import SchemaError
from archgraph.language.schema.parameter_types import TYPE_WORDS, parse_type

NO = "no default"


@pytest.mark.parametrize(
    ("declaration", "text", "default"),
    [
        (3, "int", 3),
        (1e-6, "float", 1e-6),
        (True, "bool", True),
        ("basic", "str", "basic"),
        (None, "any", None),
        ("=4 * dim", "any", "=4 * dim"),
        ([64, 128], "[int]", [64, 128]),
        ([1, 0.5], "[float]", [1, 0.5]),
        ([False], "[bool]", [False]),
        ([[1], [2, 3]], "[[int]]", [[1], [2, 3]]),
        ([], "list", []),
        ([1, "a"], "list", [1, "a"]),
        (["zeros", "reflect"], "one of zeros, reflect", "zeros"),
        ("int", "int", NO),
        ("int?", "int?", None),
        ("[int]", "[int]", NO),
        (["int"], "[int]", NO),
        ([["float"]], "[[float]]", NO),
        ("int | [int]", "int | [int]", NO),
        ("int|str?", "int | str | null", None),
        ("[int | float]", "[int | float]", NO),
        ("list", "list", NO),
        ("node", "node", NO),
    ],
)
def test_what_a_declaration_states(declaration: Any, text: str, default: Any) -> None:
    found = parse_type(declaration)
    assert found.text == text
    assert found.required == (default is NO)
    if default is not NO:
        assert found.default == default


@pytest.mark.parametrize(
    "declaration", [3, 0.5, True, "basic", [1, 2], [1, 0.5], [True], [[1]], ["zeros", "reflect"], [], None]
)
def test_a_default_is_of_its_own_type(declaration: Any) -> None:
    found = parse_type(declaration)
    assert found.check(found.default) == found.default


H = symbol("H")


@pytest.mark.parametrize(
    ("declaration", "given_value", "kept"),
    [
        ("int", 3, 3),
        ("int", H, H),
        ("int?", None, None),
        (1.0, 2, 2.0),
        ("[float]", [1, 2.5], [1.0, 2.5]),
        ("int | [int]", (1, 2), [1, 2]),
        ("float | [float]", 3, 3.0),
        ("str", "attend", "attend"),
        (["zeros", "reflect"], "reflect", "reflect"),
        ("=C", [1, "anything", None], [1, "anything", None]),
        ("list", [1, "a"], [1, "a"]),
        ("node", "attention", "attention"),
        ("node", {"op": "prenorm"}, {"op": "prenorm"}),
    ],
)
def test_what_is_accepted_and_how_it_is_kept(declaration: Any, given_value: Any, kept: Any) -> None:
    found = parse_type(declaration).check(given_value)
    assert found == kept
    assert type(found) is type(kept)


@pytest.mark.parametrize(
    ("declaration", "given_value", "expected", "received", "hint"),
    [
        ("int", True, "a whole number", "true (a truth value)", "a truth value is not a number"),
        ("float", False, "a number", "false (a truth value)", "a truth value is not a number"),
        ("int", 2.5, "a whole number", "2.5 (a number)", ""),
        ("int", None, "a whole number", "nothing (null)", ""),
        ("int?", "a b", "a whole number or null", "'a b' (text)", ""),
        (3, "width", "a whole number", "'width' (text)", "write =width"),
        ("bool", "attend", "true or false", "'attend' (text)", "write =attend"),
        ("bool", "yes", "true or false", "'yes' (text)", "write true"),
        ("bool", 1, "true or false", "1 (a whole number)", ""),
        ("str", "int", "text", "'int' (text)", "'int' is a word for a type, and no value"),
        ("str", 3, "text", "3 (a whole number)", ""),
        ([1, 2], [1, True], "a list of whole numbers", "[1, true] (a list)", ""),
        ("int | [int]", "x y", "a whole number or a list of whole numbers", "'x y' (text)", ""),
        ("[[int]]", 3, "a list of lists of whole numbers", "3 (a whole number)", ""),
        ("[int?]", 3, "a list of whole numbers or null", "3 (a whole number)", ""),
        (["zeros", "reflect"], "zero", "one of zeros, reflect", "'zero' (text)", "did you mean 'zeros'?"),
        ("node", 3, "an operation or a block", "3 (a whole number)", ""),
        ("list", {"a": 1}, "a list", "a mapping", ""),
    ],
)
def test_what_is_refused(declaration: Any, given_value: Any, expected: str, received: str, hint: str) -> None:
    with pytest.raises(SchemaError) as caught:
        parse_type(declaration).check(given_value)
    lines = ["error: a value of another type is wanted", f"  expected: {expected}", f"  received: {received}"]
    assert str(caught.value) == "\n".join([*lines, *([f"  hint: {hint}"] if hint else [])])


WORDS = "int, float, bool, str, list, node, lists such as [int], alternatives such as int | [int], ? for null"


@pytest.mark.parametrize(
    ("declaration", "expected"),
    [
        ("integer", "error: 'integer' is not a type of the language\n  hint: write int"),
        ("int | foo", f"error: 'int | foo' is not a type\n  expected: {WORDS}\n  received: 'foo'"),
        (
            "int | floot",
            f"error: 'int | floot' is not a type\n  expected: {WORDS}\n  received: 'floot'\n"
            "  hint: did you mean 'float'?",
        ),
        ("[int", f"error: '[int' is not a type\n  expected: {WORDS}\n  received: the end of the text"),
        ("int int", f"error: 'int int' is not a type\n  expected: {WORDS}\n  received: 'int'"),
        (["int", "float"], "error: a list of types\n  expected: one type, such as [int]\n  received: [int, float]"),
        (
            {"kind": "int"},
            "error: a parameter that is a mapping has a type and a default\n  expected: a default value, "
            "a type such as int or [int], or {type: int | [int], default: 3}\n  received: a mapping",
        ),
        (
            ["=C", 1],
            'error: a default list holds an expression\n  hint: make the whole list one expression: "=[C, 2 * C]"',
        ),
    ],
)
def test_declarations_that_make_no_sense(declaration: Any, expected: str) -> None:
    with pytest.raises(SchemaError) as caught:
        parse_type(declaration)
    assert str(caught.value) == expected


@given(st.text("int float|[]? strbolx", max_size=14))
def test_a_text_is_a_type_or_a_default_or_refused(text: str) -> None:
    try:
        found = parse_type(text)
    except SchemaError:
        return
    if found.required or found.default is None:
        assert parse_type(found.text.replace(" | null", "?")) == found
    else:
        assert found.check(text) == text
        assert text not in TYPE_WORDS
