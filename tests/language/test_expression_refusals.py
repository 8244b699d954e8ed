"""What is said of expressions that have no value or that the language does not have, and the bounds of their size."""

from __future__ import annotations

import pytest
from expression_samples import message, value

from archgraph.dims import Facts
from archgraph.errors import ArchgraphError, ExpressionError, UnknownNameError
from archgraph.language.expressions.expression import compile_expression
from archgraph.language.expressions.functions import FUNCTIONS

TOO_LARGE = "error: the number is too large\n  expected: whole numbers below 2**63, floats up to 1.8e308\n  received: "


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "1 and last",
            "error: what 'and' joins must be true or false\n  expected: true or false\n"
            "  received: 1 (a whole number)\n  hint: write … != 0\n  note: in =1 and last\n            ^",
        ),
        (
            "not depths",
            "error: what follows 'not' must be true or false\n  expected: true or false\n"
            "  received: [2, 3, 4] (a list)\n  hint: write len(…) > 0\n  note: in =not depths",
        ),
        (
            "1 if kind else 2",
            "error: the condition after 'if' must be true or false\n  expected: true or false\n"
            "  received: 'basic' (text)\n  hint: compare it: … == 'text', … != null\n"
            "  note: in =1 if kind else 2\n                 ^^^^",
        ),
        (
            "last + 1",
            "error: '+' cannot combine a truth value and a whole number\n  expected: numbers\n"
            "  received: false + 1\n  hint: a truth value is not a number; write (1 if … else 0)\n  note: in =last + 1",
        ),
        (
            "last == 0",
            "error: a truth value cannot be compared with a number\n  received: false and 0\n"
            "  hint: a condition stands by itself: 'x' and 'not x'\n  note: in =last == 0",
        ),
        (
            "kind < 3",
            "error: '<' cannot compare text and a whole number\n  expected: numbers\n"
            "  received: 'basic' < 3\n  note: in =kind < 3",
        ),
        (
            "3 in 5",
            "error: 'in' looks into a list\n  expected: a list\n  received: 5 (a whole number)\n  note: in =3 in 5",
        ),
        (
            "1 + ch // 0",
            "error: division by zero\n  received: 64 // 0\n  note: in =1 + ch // 0\n                ^^^^^^^",
        ),
        (
            "-depths",
            "error: '-' cannot turn a list around\n  expected: a number\n  received: [2, 3, 4] (a list)\n"
            "  note: in =-depths",
        ),
        (
            "depths[3]",
            "error: the index is out of range: the list has 3 entries\n  expected: -3 to 2\n  received: 3\n"
            "  note: in =depths[3]",
        ),
        (
            "[][0]",
            "error: the index is out of range: the list has 0 entries\n"
            "  expected: no index, for the list is empty\n  received: 0\n  note: in =[][0]",
        ),
        (
            "depths[0.5]",
            "error: an index must be a whole number\n  expected: a whole number\n  received: 0.5 (a number)\n"
            "  note: in =depths[0.5]",
        ),
        (
            "ch[0]",
            "error: only a list has entries\n  expected: a list\n  received: 64 (a whole number)\n  note: in =ch[0]",
        ),
        (
            "ch[:1]",
            "error: only a list has sections\n  expected: a list\n  received: 64 (a whole number)\n  note: in =ch[:1]",
        ),
        ("depths[::0]", "error: the step of a section must not be 0\n  received: 0\n  note: in =depths[::0]"),
        (
            "depths[last:]",
            "error: the bounds of a section must be whole numbers\n  expected: whole numbers\n"
            "  received: false (a truth value)\n  note: in =depths[last:]",
        ),
        (
            "H / 8",
            "error: '/' gives a fraction, which a size cannot be\n  received: H / 8\n"
            "  hint: write //, which rounds down; (a + b - 1) // b rounds up\n  note: in =H / 8",
        ),
        (
            "H * 0.5",
            "error: '*' cannot combine a size and a number\n  expected: whole numbers and sizes\n"
            "  received: H * 0.5\n  note: in =H * 0.5",
        ),
        (
            "2 ** H",
            "error: an exponent must be a number\n  expected: a whole number\n  received: 2 ** H\n  note: in =2 ** H",
        ),
        ("2 ** 63", f"{TOO_LARGE}2 ** 63\n  note: in =2 ** 63"),
        ("4611686018427387904 * 2", f"{TOO_LARGE}4611686018427387904 * 2\n  note: in =4611686018427387904 * 2"),
        (
            "H * 4611686018427387904 * 2",
            f"{TOO_LARGE}4611686018427387904*H * 2\n  note: in =H * 4611686018427387904 * 2",
        ),
        ("1e308 * 10", f"{TOO_LARGE}1e+308 * 10\n  note: in =1e308 * 10"),
        ("9223372036854775808", f"{TOO_LARGE}a number in the text\n  note: in =9223372036854775808"),
        (
            "(0 - 8) ** 0.5",
            "error: a negative number has no power with a fraction\n  received: -8 ** 0.5\n  note: in =(0 - 8) ** 0.5",
        ),
        (
            "[1] * 10001",
            "error: the list grows too long\n  expected: at most 10000 entries\n  received: 10001\n"
            "  note: in =[1] * 10001",
        ),
        (
            "range(10 ** 15)",
            "error: the list grows too long\n  expected: at most 10000 entries\n"
            "  received: 1000000000000000\n  note: in =range(10 ** 15)",
        ),
        (
            "[[0] * 100] * 101",
            "error: the list grows too long\n  expected: at most 10000 entries in all\n  note: in =[[0] * 100] * 101",
        ),
        (
            "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]",
            "error: the list is nested too deeply\n  expected: at most 16 levels\n"
            "  note: in =[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]",
        ),
        (
            "len(ch)",
            "error: len() takes a list\n  expected: a list\n  received: 64 (a whole number)\n  note: in =len(ch)",
        ),
        (
            "sum([last])",
            "error: sum() takes numbers\n  expected: a number\n  received: false (a truth value)\n"
            "  hint: a truth value is not a number; write (1 if … else 0)\n  note: in =sum([last])",
        ),
        (
            "range(H)",
            "error: range() takes whole numbers\n  expected: a whole number\n  received: H (a size)\n"
            "  hint: a structure may not depend on a symbolic size\n  note: in =range(H)",
        ),
        ("range(0, 3, 0)", "error: the step of range() must not be 0\n  received: 0\n  note: in =range(0, 3, 0)"),
        ("min([])", "error: min() of an empty list\n  expected: at least one number\n  note: in =min([])"),
        (
            "zip([1], depths)",
            "error: zip() takes lists of equal length\n  received: lengths 1, 3\n  note: in =zip([1], depths)",
        ),
        (
            "round(1.5, 99)",
            "error: round() takes few digits\n  expected: -20 to 20\n  received: 99\n  note: in =round(1.5, 99)",
        ),
        (
            "any([1])",
            "error: an entry of any() must be true or false\n  expected: true or false\n"
            "  received: 1 (a whole number)\n  hint: write … != 0\n  note: in =any([1])",
        ),
    ],
)
def test_what_has_no_value(text: str, expected: str) -> None:
    assert message(text) == expected


@pytest.mark.parametrize(
    ("name", "fewest", "most"),
    [
        *((name, 1, 1) for name in ("len", "reversed", "int", "ceil", "floor", "sum", "any", "all")),
        *((name, 1, 2) for name in ("round", "enumerate")),
        ("range", 1, 3),
        *((name, 1, 100) for name in ("min", "max", "zip")),
    ],
)
def test_numbers_of_arguments_are_those_of_python(name: str, fewest: int, most: int) -> None:
    """A hundred where Python takes any number; what the arguments are is looked at later."""
    for count in (0, fewest, most, most + 1):
        refused = "takes other arguments" in message_or_value(f"{name}({', '.join(['depths'] * count)})")
        assert refused is not (fewest <= count <= most), count


def message_or_value(text: str) -> str:
    try:
        return str(value(text))
    except ArchgraphError as error:
        return str(error)


KNOWN = ", ".join(FUNCTIONS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "error: the expression is empty\n  hint: write an expression after '='"),
        ("ch +", "error: the expression cannot be read: it ends too early\n  note: in =ch +\n                ^"),
        (
            "last && last",
            "error: the expression cannot be read: invalid syntax\n  hint: write and\n"
            "  note: in =last && last\n                  ^",
        ),
        ("foo(", "error: the expression cannot be read: '(' was never closed\n  note: in =foo(\n               ^"),
        (
            "a.b",
            "error: the expression language does not have a dot between names\n"
            "  hint: a value has no attributes\n  note: in =a.b",
        ),
        (
            "[x for x in depths]",
            "error: the expression language does not have a comprehension\n"
            "  hint: walk a list with 'for:' on a node\n  note: in =[x for x in depths]",
        ),
        ("lambda: 1", "error: the expression language does not have a lambda\n  note: in =lambda: 1"),
        (
            "f'{ch}'",
            "error: the expression language does not have formatted text\n"
            "  hint: only 'path' may hold expressions, in braces\n  note: in =f'{ch}'",
        ),
        (
            "(1, 2)",
            "error: the expression language does not have a list without brackets\n  hint: write [a, b]\n"
            "  note: in =(1, 2)",
        ),
        ("{1: 2}", "error: the expression language does not have a mapping\n  note: in ={1: 2}"),
        ("{1}", "error: the expression language does not have a set\n  hint: write a list: [a, b]\n  note: in ={1}"),
        (
            "[*depths]",
            "error: the expression language does not have unpacking with '*'\n  hint: join lists with +\n"
            "  note: in =[*depths]\n             ^^^^^^^",
        ),
        (
            "(x := 3)",
            "error: the expression language does not have ':='\n  hint: name a value with 'let:'\n"
            "  note: in =(x := 3)\n             ^^^^^^",
        ),
        ("ch is 3", "error: the expression language does not have 'is'\n  hint: write ==\n  note: in =ch is 3"),
        ("ch & 3", "error: the expression language does not have '&'\n  hint: write and\n  note: in =ch & 3"),
        ("~ch", "error: the expression language does not have '~'\n  hint: write not\n  note: in =~ch"),
        ("1j", "error: the expression language does not have this kind of value\n  note: in =1j"),
        ("len", "error: 'len' is a function\n  hint: write len(list)\n  note: in =len"),
        (
            "len(depths, 1)",
            "error: len() takes other arguments\n  expected: len(list)\n  received: 2 arguments\n"
            "  note: in =len(depths, 1)",
        ),
        (
            "round(1.5, digits=1)",
            "error: round() takes no named arguments\n"
            "  expected: round(number) or round(number, digits)\n  note: in =round(1.5, digits=1)",
        ),
        (
            "1 + abs(2)",
            f"error: there is no function 'abs'\n  expected: one of {KNOWN}\n"
            "  note: in =1 + abs(2)\n                ^^^",
        ),
        (
            "summ(depths)",
            f"error: there is no function 'summ'\n  expected: one of {KNOWN}\n  hint: did you mean 'sum'?\n"
            "  note: in =summ(depths)\n            ^^^^",
        ),
        (
            "depths[0](1)",
            f"error: only the functions of the language can be called\n  expected: one of {KNOWN}\n"
            "  note: in =depths[0](1)\n            ^^^^^^^^^",
        ),
        ("é + 1", "error: the name 'é' is not of ASCII letters, digits and _\n  note: in =é + 1\n            ^"),
    ],
)
def test_what_the_language_does_not_have(text: str, expected: str) -> None:
    assert message(text) == expected


def test_unknown_names_are_told_apart_from_misspelt_ones() -> None:
    known = "C, H, W, ch, depths, drop, i, kind, last, nothing"
    assert message("1 + dephts[0]", UnknownNameError) == (
        f"error: there is no 'dephts' here\n  expected: one of {known}\n  hint: did you mean 'depths'?\n"
        "  note: in =1 + dephts[0]\n                ^^^^^^"
    )
    with pytest.raises(UnknownNameError) as caught:
        compile_expression("x").evaluate({}, Facts())
    assert str(caught.value) == "error: there is no 'x' here\n  note: in =x"


def test_bounds_on_the_text_and_its_tree() -> None:
    assert message("1 + " * 600 + "1") == (
        "error: the expression is too long\n  expected: at most 2000 characters\n  received: 2401"
    )
    assert message("-" * 70 + "1").startswith(
        "error: the expression is nested too deeply\n  expected: at most 64 levels"
    )
    assert "cannot be read" in message("(" * 900 + "1" + ")" * 900)
    assert value(" + ".join(["1"] * 60)) == 60
    long = message("dephts + " + "1 + " * 55 + "1", UnknownNameError)
    assert long.splitlines()[-1].endswith("1 + 1 + 1 + 1 + …")  # no caret under what is not shown


def test_what_is_shown_of_a_value_is_short() -> None:
    scope = {"x": list(range(5000)), "y": "a" * 5000}
    for text in ("x + 1", "-y", "x[y]"):
        with pytest.raises(ExpressionError) as caught:
            compile_expression(text).evaluate(scope, Facts())
        assert len(str(caught.value)) < 300


def test_texts_are_bounded() -> None:
    with pytest.raises(ExpressionError, match="the text grows too long"):
        compile_expression("y + y").evaluate({"y": "a" * 6000}, Facts())
