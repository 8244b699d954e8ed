"""Facts prove, narrow or refuse: hand-made cases of real networks, with their messages."""

from __future__ import annotations

import pytest

from archgraph.dims import Cause, Dim, Facts, product, symbol
from archgraph.dims.factors import factors
from archgraph.dims.size import Size
from archgraph.errors import Mark, ShapeError

H, W, N, L = symbol("H"), symbol("W"), symbol("N"), symbol("L")
WHY = Cause("the reason")


def window(facts: Facts, size: Dim, kernel: int, stride: int, padding: int) -> Dim:
    span = size + 2 * padding - kernel
    facts.require_at_least(span, 0, Cause(f"a window of {kernel} in {size}"))
    return span // stride + 1


def texts(facts: Facts) -> list[str]:
    return [found.text for found in facts.constraints()]


def climb(facts: Facts, sizes: list[Dim]) -> list[list[str]]:
    """Joins each level of a U-Net with the doubled level below; the constraints after each join."""
    steps, size = [], sizes[-1]
    for skip in reversed(sizes[:-1]):
        size = 2 * size
        facts.require_equal(skip, size, Cause(f"joins {skip} and {size}"))
        steps.append(texts(facts))
    return steps


def test_stable_diffusion_narrows_in_steps() -> None:
    facts, sizes = Facts(), [H]
    for _ in range(3):
        sizes.append(window(facts, sizes[-1], 3, 2, 1))
    assert climb(facts, sizes) == [
        ["H % 8 must be 0, 5, 6 or 7"],
        ["H % 8 must be 0 or 7"],
        ["H must be a multiple of 8"],
    ]
    assert [cause.reason for cause in facts.constraints()[0].causes] == [
        "joins (H + 3) // 4 and 2*((H + 7) // 8)",
        "joins (H + 1) // 2 and 4*((H + 7) // 8)",
        "joins H and 8*((H + 7) // 8)",
    ]
    assert facts.simplify(8 * sizes[-1]) == H


@pytest.mark.parametrize("sign", [1, -1])
def test_a_difference_of_several_symbols_is_compared_in_its_simpler_form(sign: int) -> None:
    facts = Facts()
    facts.require_multiple(H, 2, WHY)
    facts.require_multiple(W, 2, WHY)
    difference = sign * (4 * N * (H // 2) * (W // 2) - N * H * W)
    facts.require_at_least(difference, 0, WHY)
    assert facts.compare(difference, ">=", 0) is True
    assert facts.compare(difference, ">", 0) is False
    with pytest.raises(ShapeError, match="too small"):
        facts.require_at_least(difference, 1, WHY)


def test_the_asymmetric_padding_of_ddpm_needs_the_same_multiple() -> None:
    facts, sizes = Facts(), [H]
    for _ in range(3):
        padded = sizes[-1] + 1
        sizes.append((padded - 3) // 2 + 1)
    climb(facts, sizes)
    assert texts(facts) == ["H must be a multiple of 8"]
    assert facts.example() == {"H": 8}


def test_densenet_needs_no_modulus_but_a_least_size() -> None:
    facts = Facts()
    size = window(facts, window(facts, H, 7, 2, 3), 3, 2, 1)
    for block in range(4):
        for _ in range(3):
            facts.require_equal(size, window(facts, window(facts, size, 1, 1, 0), 3, 1, 1), WHY)
        if block < 3:
            size = window(facts, size, 2, 2, 0)
    assert texts(facts) == ["H must be at least 29"]


def test_a_stem_of_even_size() -> None:
    facts = Facts()
    facts.require_equal(2 * ((H + 1) // 2), H, WHY)
    assert texts(facts) == ["H must be a multiple of 2"]
    facts.require_equal(2 * (H // 2), H, WHY)
    assert facts.is_equal(2 * ((H + 1) // 2), H) is True
    assert facts.is_equal((H + 1) // 2 + H // 2, H) is True
    assert facts.is_equal(H, 2 * W + 1) is None


def test_an_identity_needs_no_narrowing() -> None:
    facts = Facts()
    facts.require_equal((H + 2) // 3 + (H + 1) // 3 + H // 3, H, WHY)
    assert facts.constraints() == ()


def test_several_symbols_narrow_each_other_only_where_they_separate() -> None:
    facts = Facts()
    facts.require_equal(4 * (H // 2) * (W // 2), H * W, WHY)
    assert texts(facts) == ["H must be a multiple of 2", "W must be a multiple of 2"]
    with pytest.raises(ShapeError, match="cannot be shown equal for all H and W"):
        Facts().require_equal(H % 2, W % 3, WHY)


def test_swin_windows_narrow_both_sides() -> None:
    facts = Facts()
    facts.require_same_product((N * (H // 7) * (W // 7), 7, 7, 96), (N, H, W, 96), Cause("windows of 7"))
    assert texts(facts) == ["H must be a multiple of 7", "W must be a multiple of 7"]
    facts.require_same_product((N, (H // 7) * (W // 7) * 49, 96), (N * H // 7, W, 7 * 96), WHY)
    assert texts(facts) == ["H must be a multiple of 7", "W must be a multiple of 7"]


def test_reshapes_that_hold_always() -> None:
    facts = Facts()
    facts.require_same_product((N, 320, (H // 8) * (W // 8)), (N, 320, H // 8, W // 8), WHY)
    facts.require_same_product((2 * N, 160, H * W), (N, 320, H, W), WHY)
    facts.require_same_product((N, H + 1, 4), (4 * N, H + 1), WHY)
    facts.require_same_product((12,), (3, 4), WHY)
    assert facts.constraints() == ()


@pytest.mark.parametrize(
    ("a", "b"),
    [((N, 10), (N, 5)), ((N, H), (N, W)), ((N, H // 2), (N, H)), ((12,), (5, 2)), ((N, H + 1), (N, H)), ((H,), (7,))],
)
def test_reshapes_that_do_not(a: tuple[Dim, ...], b: tuple[Dim, ...]) -> None:
    with pytest.raises(ShapeError, match=r"differs?|cannot be shown"):
        Facts().require_same_product(a, b, WHY)


def test_multiples() -> None:
    facts = Facts()
    facts.require_multiple(8 * H, 4, WHY)
    assert facts.constraints() == ()
    facts.require_multiple((H + 1) // 2, 2, WHY)
    assert texts(facts) == ["H % 4 must be 0 or 3"]
    facts.require_multiple(H, 32, WHY)
    assert texts(facts) == ["H must be a multiple of 32"]
    with pytest.raises(ShapeError) as caught:
        facts.require_multiple(H + 1, 2, Cause("pairs", Mark("a.yaml", 4, 9), "up.0"))
    assert str(caught.value).startswith(
        "a.yaml:4:9: error: up.0: the size is not a multiple of 2\n"
        "  expected: a multiple of 2\n  received: H + 1\n  hint: pairs"
    )


def test_multiples_of_products_are_not_guessed() -> None:
    with pytest.raises(ShapeError, match="the size cannot be shown to be a multiple of 4"):
        Facts().require_multiple(H * W, 4, WHY)


def test_windows_give_least_sizes() -> None:
    facts = Facts()
    assert str(window(facts, window(facts, H, 7, 2, 0), 3, 2, 0)) == "(H + 1) // 4 - 2"
    assert texts(facts) == ["H must be at least 11"]
    facts.require_multiple(H, 8, WHY)
    assert facts.example() == {"H": 16}
    assert facts.allows({"H": 16, "W": 1})
    assert not facts.allows({"H": 8})
    assert not facts.allows({"H": 18})
    assert not facts.allows({"W": 0})


def test_least_sizes_of_other_shapes() -> None:
    facts = Facts()
    facts.require_at_least((H // 8) * (W // 4), 1, WHY)
    facts.require_at_least(1024 - L, 0, WHY)
    facts.require_at_least(3 * N - 2 * (N // 2), 9, WHY)
    assert texts(facts) == [
        "H must be at least 8",
        "L must be at most 1024",
        "N must be at least 5",
        "W must be at least 4",
    ]
    assert all(3 * n - 2 * (n // 2) >= 9 for n in range(5, 99))
    square = Facts()
    square.require_at_least(H * H - 5 * H, 14, WHY)
    assert texts(square) == ["H must be at least 7"]


def test_the_least_size_of_a_quotient_of_several_symbols_is_that_of_its_numerator() -> None:
    """As the windows of MobileViT, of which there are H * W // 4."""
    facts = Facts()
    facts.declare("H", 4)
    facts.require_at_least(H * W // 4, 1, WHY)
    assert texts(facts) == ["H must be at least 4"]
    with pytest.raises(ShapeError, match="cannot be shown to be large enough"):
        facts.require_at_least(N * W // 4, 1, WHY)


def test_the_least_size_of_a_difference_of_products_counts_what_cancels() -> None:
    """As (a - 1) * (b + 1), whose terms by themselves have no lower bound."""
    facts = Facts()
    facts.declare("H", 3)
    facts.declare("W", maximum=9)
    facts.declare("N", maximum=9)
    rows, columns = (H + 1) // 2, (W + 1) // 2
    facts.require_at_least(rows * columns + rows - columns - 1, 2, WHY)
    assert facts.compare((H - 2) * (W + 1), ">=", 2)
    assert facts.compare((W + 1) * (N + 2) - 3 * W, "<=", 10 * 11 - 27)
    assert facts.compare((W + 1) * (N + 2) - 3 * W, "<=", 10 * 11 - 28) is None
    with pytest.raises(ShapeError, match="cannot be shown to be large enough"):
        facts.require_at_least(rows * columns + rows - columns - 1, 3, WHY)


def test_the_least_size_of_a_product_with_a_difference_is_that_of_its_factors() -> None:
    """As the windows of a fold, (a - 1) * b."""
    facts = Facts()
    columns = (W + 2) // 3
    facts.require_at_least((H + 1) // 2 * columns - columns, 1, WHY)
    facts.require_at_least(N * N * (W - 4), 1, WHY)
    assert texts(facts) == ["H must be at least 3", "W must be at least 5"]
    with pytest.raises(ShapeError, match="the size is too small"):
        facts.require_at_least(N * columns * (2 - H), 1, WHY)


def test_the_least_size_of_a_product_of_differences_is_that_of_its_factors() -> None:
    facts = Facts()
    facts.require_at_least(((H + 1) // 2 - 1) * ((N + 1) // 3 + 1), 1, WHY)
    facts.require_at_least((W - 3) * (L * N + 2 * L - N - 2) * L, 1, WHY)
    assert texts(facts) == ["H must be at least 3", "L must be at least 2", "W must be at least 4"]
    with pytest.raises(ShapeError, match="cannot be shown to be large enough"):
        Facts().require_at_least((H - 2) * (W - 2) - 1, 1, WHY)


@pytest.mark.parametrize(
    "parts",
    [
        (H, W),
        (H - 1, W + 1),
        (H, H - 1, W + N),
        (2, H - W, N + 1),
        (H * W - 1, N + 2),
        (H + W, H - W),
        (H // 2 + W, 3 * W - 2),
    ],
)
def test_factors_multiply_to_the_size(parts: tuple[Dim, ...]) -> None:
    size = product(parts)
    assert isinstance(size, Size)
    found = factors(size)
    assert product(found) == size
    if parts != (H + W, H - W):  # H stands twice in H*H - W*W
        assert len(found) >= sum(isinstance(part, Size) for part in parts)


def test_least_sizes_that_cannot_be() -> None:
    facts = Facts()
    facts.declare("H", maximum=8)
    for size in (H - 9, -H, H % 2, H - W, 4):
        with pytest.raises(ShapeError) as caught:
            facts.require_at_least(size, 5, WHY)
        assert caught.value.problems[0].expected == "at least 5"
        assert caught.value.problems[0].received == str(size)
    assert texts(facts) == ["H must be at most 8"]


def test_comparisons() -> None:
    facts = Facts()
    facts.declare("L", 1, 1024)
    assert facts.compare(L, "<=", 1024) is True
    assert facts.compare(L, ">", 1024) is False
    assert facts.compare(L, "<", 77) is None
    assert facts.compare(H // 2, "<=", H) is True
    assert facts.compare(H // 2, "<", H) is True
    assert facts.compare(H, "<", (H + 1) // 2) is False
    assert facts.compare(H, ">=", W) is None
    assert facts.compare(H * W, ">=", 1) is True
    assert facts.compare(3, "<", 4) is True
    with pytest.raises(ValueError, match="not a comparison"):
        facts.compare(3, "~", 4)


def test_questions_do_not_narrow() -> None:
    facts = Facts()
    assert facts.is_equal(2 * (H // 2), H) is None
    assert facts.is_equal(H, 224) is None
    assert facts.is_equal(H, H + 1) is False
    assert facts.is_equal(2 * H, 2 * W + 1) is False
    assert facts.is_equal(H * H, -W) is False
    assert facts.is_equal(H * H, 2) is False
    assert facts.constraints() == ()


def test_simplify_uses_what_is_known() -> None:
    facts = Facts()
    assert facts.simplify(8 * (H // 8)) == 8 * (H // 8)
    facts.require_multiple(H, 8, WHY)
    facts.require_multiple(W, 4, WHY)
    assert facts.simplify(8 * (H // 8)) == H
    assert facts.simplify((H + 7) // 8) == H // 8
    assert facts.simplify(2 * ((H + 3) // 4)) == H // 2
    assert facts.simplify(16 * (H // 8) * ((W + 3) // 4)) == (H // 2) * W
    assert facts.simplify(N + 5) == N + 5
    assert facts.simplify(7) == 7


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (64, 128, "sizes differ"),
        (H, H + 2, "sizes differ"),
        (H, 224, "sizes cannot be shown equal: they are so only for H = 224"),
        (H * H, 9, "sizes cannot be shown equal: they are so only for H = 3"),
        (2 * H, 3 * (H + 1), "sizes differ for every H"),
        (H, W, "sizes cannot be shown equal for all H and W"),
        (2 * H, 2 * W + 1, "sizes differ for every H and W"),
    ],
)
def test_refusals_say_for_which_sizes(a: Dim, b: Dim, message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        Facts().require_equal(a, b, Cause("add joins them", Mark("net.yaml", 2, 5), "up.1.add"))
    assert str(caught.value) == (
        f"net.yaml:2:5: error: up.1.add: {message}\n  expected: {a}\n  received: {b}\n  hint: add joins them"
    )


def test_a_refusal_tells_what_was_required_before() -> None:
    facts = Facts()
    facts.require_multiple(H, 2, Cause("halves", Mark("net.yaml", 7, 3), "down.0"))
    with pytest.raises(ShapeError) as caught:
        facts.require_equal(2 * ((H - 1) // 2) + 1, H, Cause("odd sizes only"))
    assert caught.value.problems[0].notes == (
        ("H must be a multiple of 2, because of down.0: halves", Mark("net.yaml", 7, 3)),
    )


def test_a_refusal_changes_nothing() -> None:
    facts = Facts()
    facts.declare("H", maximum=7)
    with pytest.raises(ShapeError, match="no size is left for H"):
        facts.require_multiple(H, 8, WHY)
    assert texts(facts) == ["H must be at most 7"]


def test_too_many_cases_are_refused_with_advice() -> None:
    with pytest.raises(ShapeError) as caught:
        Facts().require_equal(101 * (H // 101) + 211 * (H // 211), 2 * H, Cause("odd strides", None, "here"))
    assert "too many cases to decide" in str(caught.value)
    assert caught.value.problems[0].path == "here"


def test_hard_questions_are_left_open_at_once() -> None:
    facts = Facts()
    names = [symbol(name) for name in "ABCDEFGHIJ"]
    hard = product(name // 7 for name in names) ** 6
    assert facts.is_equal(hard, H) is None
    facts.require_multiple(H, 64, WHY)
    nested = H
    for _ in range(20):
        nested = (2 * nested + 1) // 3
    assert facts.simplify(nested) == nested
    assert facts.compare(nested * nested - 7 * H, ">", 0) is None
    facts.require_at_least(nested, 5, WHY)
    assert facts.example()["H"] % 64 == 0


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ((H % 2 + 1, W), (2, W), ["H must be odd"]),
        ((H % 2 + 1, W // 2, 2), (2, W), ["H must be odd", "W must be a multiple of 2"]),
        ((H % 2 + 1, W % 2 + 1), (2, 2), ["H must be odd", "W must be odd"]),
    ],
)
def test_products_whose_ratio_has_two_values_are_narrowed(
    a: tuple[Dim, ...], b: tuple[Dim, ...], said: list[str]
) -> None:
    """H % 2 + 1 is 2 for odd H, and 1 for even ones."""
    facts = Facts()
    facts.require_same_product(a, b, WHY)
    assert texts(facts) == said


def test_products_of_multiples_are_equal_whatever_their_form() -> None:
    """`H*W // 256` repeats after 65,536 cases; over counts of 16 it is a product."""
    facts = Facts()
    for size in (H, W):
        facts.require_multiple(size, 16, WHY)
    assert facts.is_equal(H * W // 256, (H // 16) * (W // 16))
    assert facts.simplify(H * W // 256) == (H // 16) * (W // 16)
    assert facts.is_equal(3 * (H // 8) + H // 16, 7 * (H // 16))
    assert facts.is_equal(H * W // 512, (H // 16) * (W // 16)) is not True


def test_quotients_that_bounds_make_a_number() -> None:
    facts = Facts()
    facts.declare("H", 32, 255)
    assert facts.simplify(((H + 192) // 224) * (H // 4)) == H // 4
    assert facts.is_equal((H + 192) // 224, 1)
    facts.require_equal(((H + 192) // 224) * W, W, WHY)
    assert texts(facts) == ["H must be at least 32 and at most 255"]
