"""Expressions: values as Python computes them, sizes through the facts, and the whole message of each refusal."""

from __future__ import annotations

import math

import pytest
from expression_samples import SCOPE, H, W, message, value

from archgraph.dims import Facts
from archgraph.errors import ExpressionError
from archgraph.language.expressions.expression import compile_expression, compile_template, is_expression

OF_PYTHON = [
    "ch * 2",
    "7 // 2 - 7 % 3 + 2 ** 3",
    "-7 // 2",
    "-7 % 3",
    "2 ** -1",
    "7 / 2",
    "+ch - -ch",
    "1 + 2 * 3",
    "(1 + 2) * 3",
    "depths[0]",
    "depths[-1]",
    "depths[1:]",
    "depths[:i]",
    "depths[::-1]",
    "[ch, ch // 2, [1]]",
    "[1] + depths",
    "[0] * 3",
    "2 * [i, ch]",
    "'a' + kind",
    "1 < ch <= 64 != 65",
    "3 in depths",
    "5 not in depths",
    "kind == 'basic'",
    "kind == 3",
    "nothing == None",
    "depths == [2, 3, 4]",
    "True and not last",
    "last or ch == 64",
    "2 if last else 1",
    "len(depths)",
    "range(3) == [0, 1, 2] and True",
    "min(depths)",
    "max(1, C // 4)",
    "int(-2.7)",
    "round(2.567, 2)",
    "round(3.5)",
    "sum(depths[:2])",
    "sum([])",
    "any([last, True])",
    "all([last, True])",
    "drop * (1 + i) / (sum(depths) - 1)",
    "1e-6",
]


@pytest.mark.parametrize("text", OF_PYTHON)
def test_values_are_those_of_python(text: str) -> None:
    names = {"range": lambda *bounds: list(range(*bounds)), "__builtins__": __builtins__}
    expected = eval(text, names, dict(SCOPE))  # the reference
    found = value(f"={text}")
    assert found == expected
    assert type(found) is type(expected)


def test_functions_that_python_lacks_or_that_give_lists_here() -> None:
    assert value("ceil(2.1) + floor(-2.1)") == math.ceil(2.1) + math.floor(-2.1)
    assert value("reversed(depths)") == [4, 3, 2]
    assert value("zip(depths, [7, 8, 9])") == [[2, 7], [3, 8], [4, 9]]
    assert value("enumerate(depths, 1)") == [[1, 2], [2, 3], [3, 4]]
    assert value("range(5, 0, -2)") == [5, 3, 1]
    assert [value(text) for text in ("true", "false", "null")] == [True, False, None]


def test_what_is_not_needed_is_not_computed() -> None:
    assert value("1 if true else depths[9]") == 1
    assert value("last and depths[9]") is False
    assert value("true or depths[9]") is True


def test_an_expression_knows_its_text_and_the_names_it_reads() -> None:
    expression = compile_expression("= max(ch, depths[i]) if first else sum(true)")
    assert expression.names == {"ch", "depths", "i", "first"}
    assert str(expression) == "=max(ch, depths[i]) if first else sum(true)"
    assert compile_expression("=ch\n  + 1").evaluate(SCOPE, Facts()) == 65
    assert compile_expression("groups == 1").names == {"groups"}
    assert [is_expression(text) for text in ("=a", "a", 3, None)] == [True, False, False, False]


def test_sizes_are_counted_with_as_polynomials() -> None:
    assert str(value("(H + 1) // 2 * W")) == str((H + 1) // 2 * W)
    assert value("H * W // W") == H
    assert value("H - H + 3") == 3
    assert value("int(H) + ceil(W) - W") == H
    assert value("sum([H, W, 1])") == H + W + 1
    assert value("H ** 2 - H * H") == 0


def test_comparing_sizes_asks_the_facts() -> None:
    facts = Facts()
    assert value("H == H and H != H + 1 and H + 1 > H and H >= 1", facts) is True
    assert value("[H, 1] == [H, 2]", facts) is False
    assert value("H in [1, H]", facts) is True
    assert value("max(H, H + 2)", facts) == H + 2
    assert value("H == 'same'", facts) is False
    facts.declare("H", minimum=8)
    assert value("min(H, 7)", facts) == 7
    assert value("1 if H > 7 else 2", facts) == 1


@pytest.mark.parametrize(
    ("text", "what", "sizes"),
    [
        ("H == 8", "H == 8", "the size H"),
        ("W < H", "W < H", "the sizes H and W"),
        ("[H] == [3]", "[H] == [3]", "the size H"),
        ("3 in [H]", "3 in [H]", "the size H"),
        ("min(H, 7)", "H <= 7", "the size H"),
        ("depths[H]", "[H]", "the size H"),
        ("depths[:H]", "[H]", "the size H"),
    ],
)
def test_a_structure_may_not_depend_on_a_size(text: str, what: str, sizes: str) -> None:
    assert message(text) == (
        f"error: '{what}' depends on {sizes}; a structure may not depend on a symbolic size\n"
        f"  hint: give that size a number in 'inputs', or bound it there with 'where'\n"
        f"  note: in ={text}"
    )


def test_paths_hold_expressions_in_braces() -> None:
    template = compile_template("features.{2 * i + 1}.{kind}")
    assert template.evaluate(SCOPE, Facts()) == "features.3.basic"
    assert not template.literal
    assert compile_template("layer.0").literal
    with pytest.raises(ExpressionError, match="must be a whole number or text"):
        compile_template("a.{drop}").evaluate(SCOPE, Facts())
    with pytest.raises(ExpressionError) as caught:
        compile_template("a.{i")
    assert str(caught.value) == "error: a brace in the path 'a.{i' has no partner\n  hint: write \"layers.{i}\""
