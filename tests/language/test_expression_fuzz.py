"""Any expression: nothing but our own errors, and Python's arithmetic wherever there is a value."""

from __future__ import annotations

from expression_samples import SCOPE, value
from hypothesis import given, settings
from hypothesis import strategies as st

from archgraph.errors import ArchgraphError, ExpressionError
from archgraph.language.expressions.functions import FUNCTIONS

atoms = st.sampled_from(
    ["ch", "i", "last", "depths", "drop", "kind", "nothing", "H", "W", "0", "-3", "2.5", "'q'", "[]"]
)


signs = st.sampled_from(["+", "-", "*", "/", "//", "%", "**", "==", "<", "in", "and", "or", ">=", "not in"])


trees = st.recursive(
    atoms,
    lambda part: st.one_of(
        st.tuples(part, signs, part).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(st.sampled_from(sorted(FUNCTIONS)), st.lists(part, max_size=3)).map(
            lambda t: f"{t[0]}({', '.join(t[1])})"
        ),
        st.tuples(part, part, part).map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"),
        st.tuples(part, part).map(lambda t: f"{t[0]}[{t[1]}:]"),
        st.tuples(part, part).map(lambda t: f"[{t[0]}, {t[1]}]"),
    ),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None)
@given(st.one_of(trees, st.text("ch1 +-*/%()[]<>=.,:'{}@&|~!\\\n#é", max_size=25)))
def test_no_expression_raises_anything_but_our_errors(text: str) -> None:
    try:
        value(text)
    except ArchgraphError as error:
        str(error)  # printing must not fail either


numbers = st.sampled_from(["ch", "i", "C", "3", "-2", "7", "0.5", "0"])


sums = st.recursive(
    numbers,
    lambda part: st.tuples(part, st.sampled_from(["+", "-", "*", "//", "%", "/", "<", "==", ">="]), part).map(
        lambda t: f"({t[0]} {t[1]} {t[2]})"
    ),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(sums)
def test_arithmetic_agrees_with_python_wherever_it_has_a_value(text: str) -> None:
    try:
        found = value(text)
    except ExpressionError:
        return  # a truth value as a number, a division by zero
    assert found == eval(text, {}, dict(SCOPE))
