"""The algebra of sizes: normal forms keep the value, print readably and read back."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archgraph.dims import Dim, Size, evaluate, parse_dim, product, symbol, symbols_of
from archgraph.errors import ShapeError

H, W, N = symbol("H"), symbol("W"), symbol("N")
STEADY = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def formulas(draw: st.DrawFn) -> str:
    """A formula over H and W as Python text, so that Python itself is the reference."""
    text = draw(st.sampled_from(["H", "W", "H", "H*W", "2*H - 5"]))
    for _ in range(draw(st.integers(0, 5))):
        number = draw(st.integers(2, 9))
        step = draw(
            st.sampled_from(["+ {n}", "- {n}", "* {n}", "// {n}", "// {n}", "% {n}", "+ H", "- W", "* W // {n}"])
        )
        text = f"(({text}) {step.format(n=number)})"
    return text


@given(formulas(), st.integers(1, 200), st.integers(1, 200))
@settings(STEADY, max_examples=200)
def test_normal_forms_keep_the_value_and_read_back(text: str, height: int, width: int) -> None:
    values = {"H": height, "W": width}
    dim = eval(text, {"H": H, "W": W})
    expected = eval(text, dict(values))
    assert evaluate(dim, values) == expected
    assert eval(str(dim), dict(values)) == expected, "the printed text means the same in Python"
    assert parse_dim(str(dim)) == dim
    assert parse_dim(text) == dim
    assert isinstance(dim, int) or dim.symbols


@given(formulas(), formulas(), st.integers(1, 60), st.integers(1, 60))
@settings(STEADY, max_examples=100)
def test_substitution_commutes_with_evaluation(outer: str, inner: str, height: int, width: int) -> None:
    values = {"H": height, "W": width}
    replacement = parse_dim(inner)
    replaced = parse_dim(outer)
    if isinstance(replaced, Size):
        replaced = replaced.substitute({"H": replacement})
    assert evaluate(replaced, values) == eval(outer, {"H": eval(inner, dict(values)), "W": width})


@pytest.mark.parametrize(
    ("dim", "text"),
    [
        ((H + 2 - 3) // 2 + 1, "(H + 1) // 2"),
        ((H - 1) // 2 + 1, "(H + 1) // 2"),
        ((H // 2) // 2, "H // 4"),
        (((H + 1) // 2 + 1) // 2, "(H + 3) // 4"),
        ((4 * H + 6) // 8, "(H + 1) // 2"),
        ((8 * H + 3) // 4, "2*H"),
        ((H + 8 * W) // 8, "H // 8 + W"),
        (2 * (H // 2), "2*(H // 2)"),
        (H * W // 16, "H*W // 16"),
        ((H // 2) * (W // 2), "(H // 2)*(W // 2)"),
        (5 - H, "5 - H"),
        (-(H // 2), "-(H // 2)"),
        (H**2 // 3, "H**2 // 3"),
        ((H // 3) * W // 2, "(H // 3)*W // 2"),
        ((-H) // 2, "H // 2 - H"),
    ],
)
def test_text(dim: Dim, text: str) -> None:
    assert str(dim) == text
    assert parse_dim(text) == dim


def test_constants_are_plain_ints() -> None:
    results = [H - H, (H + 3) - H, 0 * H, 8 * H % 4, (4 * H + 3) // 4 - H, H**0, 0 // H, product([])]
    assert results == [0, 3, 0, 0, 0, 1, 0, 1]
    assert all(type(result) is int for result in results)


def test_a_size_never_equals_a_number() -> None:
    assert H != 1
    assert H + 1 == 1 + H
    assert hash(H + 1) == hash(1 + H)
    assert len({H // 2, (H - 2) // 2 + 1, H // 3}) == 2
    assert repr(H // 2) == "Size(H // 2)"


def test_exact_division_by_a_size() -> None:
    assert (H * W + 2 * W) // (H + 2) == W
    assert N * (H // 2) * 6 // (2 * (H // 2)) == 3 * N
    assert (H * W) % W == 0
    with pytest.raises(ShapeError, match=r"H\*W \+ 1 cannot be divided by W for all sizes"):
        (H * W + 1) // W
    with pytest.raises(ShapeError, match="6 cannot be divided by H"):
        6 // H


@pytest.mark.parametrize("divisor", [0, -2])
def test_divisors_must_be_positive(divisor: int) -> None:
    with pytest.raises(ShapeError) as caught:
        H // divisor
    assert str(caught.value) == (
        f"error: the size H is divided by {divisor}\n  expected: a positive divisor\n  received: {divisor}"
    )


def test_order_is_refused_with_advice() -> None:
    for compare in (lambda: H < 7, lambda: H >= W, lambda: max(H, W)):
        with pytest.raises(TypeError, match=r"cannot be decided for all sizes; ask Facts\.compare"):
            compare()


def test_fractions_have_no_sizes() -> None:
    for operation in (lambda: H + 0.5, lambda: H * 2.0, lambda: H / 2, lambda: H**W):  # type: ignore[operator]
        with pytest.raises(TypeError):
            operation()


def test_a_missing_value_is_named() -> None:
    with pytest.raises(ShapeError, match=r"the size H // 2 \+ W has no value without W"):
        evaluate(H // 2 + W, {"H": 4})


def test_symbols() -> None:
    assert symbols_of(H // 2 + W) == {"H", "W"}
    assert symbols_of(7) == frozenset()
    assert ((H + W) // 2 - W).symbols == {"H", "W"}
    with pytest.raises(ShapeError, match="cannot name a size"):
        symbol("H-1")


def test_sizes_are_immutable_values_that_travel() -> None:
    size = 2 * ((H + 1) // 2) + W
    assert pickle.loads(pickle.dumps(size)) == size
    assert copy.deepcopy(size) == size
    with pytest.raises(AttributeError):
        size.terms = ()  # type: ignore[misc, union-attr]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it ends too early"),
        ("H +", "it ends too early"),
        ("H W", "'W' is not expected"),
        ("(H + 1", r"'\(' is never closed"),
        ("H / 2", "'/' has no meaning here"),
        ("H // 0", "it divides by zero"),
        ("H % 0", "it divides by zero"),
        ("H ** 99", "a power must be a number up to 8"),
        ("H**W", "a power must be a number up to 8"),
        ("*H", r"a number or a name is missing before '\*'"),
        ("9" * 40, "a number in it is too large"),
        ("(" * 60 + "H" + ")" * 60, "parentheses are nested deeper than 50"),
        ("*".join(["9" * 30] * 9), "a number in it grows too large"),
        ("__import__('os')", "has no meaning here"),
        ("H + " * 9000 + "H", "it is longer than"),
    ],
)
def test_what_is_no_size(text: str, problem: str) -> None:
    with pytest.raises(ShapeError, match=problem):
        parse_dim(text)


def test_sizes_cannot_exhaust_the_machine() -> None:
    for text in ("((((H**8)**8)**8)**8)**8", "((A+B+C+D+E+F+G+H)**8)**8"):
        with pytest.raises(ShapeError, match="a size grows too large"):
            parse_dim(text)


@pytest.mark.parametrize("step", [lambda size: (2 * size + 1) // 3, lambda size: 10 * size, lambda size: size * size])
def test_endless_growth_ends_in_an_error(step: Callable[[Dim], Dim]) -> None:
    reached: list[Dim] = [H]
    with pytest.raises(ShapeError, match="a size grows too large"):
        reached.extend(step(reached[-1]) for _ in range(5_000))
    assert len(str(reached[-1])) < 2_000


def test_a_quotient_that_is_no_size() -> None:
    assert 6 * H * W // (3 * H) == 2 * W
    for dividend, divisor in ((W, H), (3 * W, H), (3 * H, 2 * H), (H * W + 1, H)):
        with pytest.raises(ShapeError, match="cannot be divided"):
            dividend // divisor


def test_division_by_one_is_allowed() -> None:
    assert parse_dim("H // 1") == H
    assert parse_dim("H % 1") == 0


def test_limits_are_included() -> None:
    assert parse_dim("H" + " " * 19_999) == H
    with pytest.raises(ShapeError, match="longer than 20000 characters"):
        parse_dim("H" + " " * 20_000)
    assert str(10**60 * H) == f"{10**60}*H"
    with pytest.raises(ShapeError, match="a size grows too large"):
        (10**60 + 1) * H


def test_a_long_text_is_shown_up_to_80_characters() -> None:
    for text, shown in (("H ? " * 20, "H ? " * 20), ("H ? " * 20 + "H", ("H ? " * 20)[:77] + "...")):
        with pytest.raises(ShapeError) as caught:
            parse_dim(text)
        assert caught.value.problems[0].received == repr(shown)
