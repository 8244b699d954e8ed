"""Proofs against counting: what facts allow is exactly what works for concrete sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from archgraph.dims import Cause, Dim, Facts, Size, evaluate, parse_dim, symbol
from archgraph.dims.constraint import Domain
from archgraph.dims.prove import degree, polynomials
from archgraph.dims.size import values_of
from archgraph.errors import ShapeError

H, W = symbol("H"), symbol("W")
TO = 99
WHY = Cause("test")
STEADY = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True)
class Window:
    """A convolution or pooling along one dimension."""

    kernel: int
    stride: int
    padding: int
    dilation: int = 1


@dataclass(frozen=True)
class Scale:
    """Upsampling by a factor, then padding (or cropping, below 0)."""

    factor: int
    padding: int


Step = Window | Scale
windows = st.builds(Window, st.integers(1, 7), st.integers(1, 3), st.integers(0, 3), st.integers(1, 2))
scales = st.builds(Scale, st.integers(1, 3), st.integers(-2, 2))
chains = st.lists(windows | windows | scales, max_size=4)


def symbolic(chain: Sequence[Step], facts: Facts, size: Dim = H) -> Dim:
    for step in chain:
        if isinstance(step, Scale):
            size = step.factor * size + step.padding
            facts.require_at_least(size, 1, WHY)
        else:
            span = size + 2 * step.padding - step.dilation * (step.kernel - 1) - 1
            facts.require_at_least(span, 0, WHY)
            size = span // step.stride + 1
    return size


def concrete(chain: Sequence[Step], size: int) -> int | None:
    """The size at the end, counted place by place; None where a window does not fit or nothing is left."""
    for step in chain:
        if isinstance(step, Scale):
            size = step.factor * size + step.padding
        else:
            reach = step.dilation * (step.kernel - 1)
            size = len(range(0, size + 2 * step.padding - reach, step.stride))
        if size < 1:
            return None
    return size


def agreeing(one: Sequence[Step], other: Sequence[Step], values: range) -> list[int]:
    ends = [(value, concrete(one, value), concrete(other, value)) for value in values]
    return [value for value, a, b in ends if a is not None and a == b]


@given(chains, chains, chains)
@settings(STEADY, max_examples=125)
def test_joined_branches_allow_exactly_the_sizes_that_agree(
    stem: list[Step], left: list[Step], right: list[Step]
) -> None:
    check_join([*stem, *left], [*stem, *right])


@given(st.lists(st.builds(Window, st.sampled_from([2, 3, 4]), st.just(2), st.integers(0, 2)), min_size=1, max_size=4))
@settings(STEADY, max_examples=75)
def test_u_nets_allow_exactly_the_sizes_that_return(down: list[Step]) -> None:
    check_join([], [*down, *(Scale(2, 0) for _ in down)])


def check_join(one: list[Step], other: list[Step]) -> None:
    facts = Facts()
    ends = symbolic(one, facts), symbolic(other, facts)
    try:
        facts.require_equal(*ends, WHY)
    except ShapeError:
        assert not agreeing(one, other, range(2_000, 2_400)), "refused, yet it holds for arbitrarily large sizes"
        assert facts.is_equal(*ends) is not True
        return
    assert [value for value in range(1, TO + 1) if facts.allows({"H": value})] == agreeing(one, other, range(1, TO + 1))
    assert facts.is_equal(*ends) is True
    assert facts.simplify(ends[0] - ends[1]) == 0 or facts.is_equal(facts.simplify(ends[0] - ends[1]), 0)


@st.composite
def formulas(draw: st.DrawFn, *names: str) -> Dim:
    text = draw(st.sampled_from(names))
    for _ in range(draw(st.integers(0, 4))):
        number = draw(st.integers(2, 6))
        pick = draw(
            st.sampled_from(["+ {n}", "- {n}", "* {n}", "// {n}", "// {n}", "% {n}", "+ {s}", "- {s}", "* {s}"])
        )
        text = f"(({text}) {pick.format(n=number, s=draw(st.sampled_from(names)))})"
    return parse_dim(text)


def known(draw: st.DrawFn) -> Facts:
    """Facts with bounds and residues of H and W."""
    facts = Facts()
    for name in ("H", "W"):
        low = draw(st.integers(1, 9))
        facts.declare(name, low, draw(st.none() | st.integers(low + 9, 60)))
        facts.require_multiple(symbol(name) + draw(st.integers(0, 3)), draw(st.sampled_from([1, 1, 2, 3, 4])), WHY)
    return facts


def allowed(facts: Facts) -> list[Mapping[str, int]]:
    """All pairs of sizes in a box. What is allowed of one size does not depend on the other: see `Facts.allows`."""
    heights = [height for height in range(1, 61) if facts.allows({"H": height})]
    widths = [width for width in range(1, 31) if facts.allows({"W": width})]
    return [{"H": height, "W": width} for height in heights for width in widths]


@given(st.data())
@settings(STEADY, max_examples=75)
def test_answers_hold_for_every_allowed_size(data: st.DataObject) -> None:
    facts = known(data.draw)  # type: ignore[arg-type]
    a, b = data.draw(formulas("H", "W")), data.draw(formulas("H", "W"))
    values = allowed(facts)
    assume(values)
    pairs = [(evaluate(a, value), evaluate(b, value)) for value in values]
    answers = {
        "==": (facts.is_equal(a, b), [x == y for x, y in pairs]),
        "<": (facts.compare(a, "<", b), [x < y for x, y in pairs]),
        "<=": (facts.compare(a, "<=", b), [x <= y for x, y in pairs]),
        ">": (facts.compare(a, ">", b), [x > y for x, y in pairs]),
        ">=": (facts.compare(a, ">=", b), [x >= y for x, y in pairs]),
    }
    for operator, (answer, truth) in answers.items():
        assert answer is None or set(truth) == {answer}, operator
    simple = facts.simplify(a)
    assert [evaluate(simple, value) for value in values] == [x for x, _ in pairs]


@given(st.data())
@settings(STEADY, max_examples=100)
def test_what_is_required_holds_for_what_is_left(data: st.DataObject) -> None:
    facts = known(data.draw)  # type: ignore[arg-type]
    before = allowed(facts)
    a, b = data.draw(formulas("H", "W")), data.draw(formulas("H", "W"))
    least, factor = data.draw(st.integers(-5, 20)), data.draw(st.integers(2, 5))
    for require, holds in (
        (lambda: facts.require_at_least(a, least, WHY), lambda value: evaluate(a, value) >= least),
        (lambda: facts.require_multiple(b, factor, WHY), lambda value: evaluate(b, value) % factor == 0),
        (lambda: facts.require_equal(a, b, WHY), lambda value: evaluate(a, value) == evaluate(b, value)),
    ):
        try:
            require()
        except ShapeError:
            assert allowed(facts) == before, "a refusal leaves the facts as they were"
            continue
        left = allowed(facts)
        assert all(holds(value) for value in left)
        before = left


@given(formulas("H"), st.integers(-5, 20))
@settings(STEADY, max_examples=100)
def test_least_sizes_are_the_smallest(size: Dim, least: int) -> None:
    assume(isinstance(size, int) or degree(size, "H") <= 1)  # curves may be refused as too hard
    facts = Facts()
    try:
        facts.require_at_least(size, least, WHY)
    except ShapeError:
        tail = [evaluate(size, {"H": value}) >= least for value in range(3_000, 3_300)]
        assert not all(tail) or evaluate(size, {"H": 1}) < least
        return
    (found, *_) = [*facts.constraints(), None]
    if found is not None and found.maximum is None and found.minimum > 1:
        assert evaluate(size, {"H": found.minimum - 1}) < least


@given(st.lists(st.tuples(st.sampled_from("HW"), st.integers(2, 6), st.booleans()), min_size=1, max_size=3))
@settings(STEADY, max_examples=50)
def test_splitting_dimensions_allows_exactly_the_sizes_that_divide(splits: list[tuple[str, int, bool]]) -> None:
    facts, wanted = Facts(), {"H": H, "W": W}
    rest: list[Dim] = [3]
    for name, number, _ in splits:
        wanted[name] = wanted[name] // number  # type: ignore[assignment]
        rest.append(number)
    facts.require_same_product([*wanted.values(), *rest], [H, 3, W], WHY)
    for height in range(1, 61):
        for width in range(1, 61):
            values = {"H": height, "W": width}
            count = 3 * height * width
            left = evaluate(wanted["H"], values) * evaluate(wanted["W"], values)
            for part in rest:
                left *= evaluate(part, values)
            assert facts.allows(values) == (left == count)


@given(chains, st.sampled_from([Domain(), Domain(2), Domain(1, None, 4, (0, 3))]))
@settings(STEADY, max_examples=75)
def test_residue_classes_are_the_polynomials_that_substitution_gives(chain: list[Step], domain: Domain) -> None:
    """Of the size, and of its square and cube: coefficients of several degrees."""
    try:
        end = symbolic(chain, Facts())
    except ShapeError:
        assume(False)
    for size in (end, end * end, end * end * end - 5 * end):
        if not isinstance(size, Size):
            continue
        place = symbol("q")
        for residue, step, coefficients in polynomials(size, "H", domain):
            whole = sum((c * place**power for power, c in enumerate(coefficients[1:], 1)), coefficients[0])
            assert whole == size.substitute({"H": residue + step * place})
            assert coefficients[-1] != 0 or len(coefficients) == 1


@STEADY
@given(formulas("H"), st.lists(st.integers(1, 99), max_size=9))
def test_values_at_once_are_those_one_by_one(size: Dim, numbers: list[int]) -> None:
    assume(isinstance(size, Size))
    assert isinstance(size, Size)
    assert values_of(size, numbers) == [evaluate(size, {"H": number}) for number in numbers]
