"""Sizes as code: whatever is expressed through the sizes at hand has the value that the size has."""

from __future__ import annotations

from random import Random

import pytest

from archgraph.codegen.analysis.scopes import Var
from archgraph.codegen.analysis.size_expressions import ReadableSize, Sources, express
from archgraph.codegen.analysis.sizes import AvailableValues
from archgraph.codegen.printing.term_text import CodeNames, line
from archgraph.dims import Dim, Size, evaluate, symbol
from archgraph.errors import ArchgraphError
from archgraph.ops.contract import TensorType

N, H, W = map(symbol, ("N", "H", "W"))


def code(dim: Dim, dims: list[Dim]) -> str | None:
    """The text for a size, where value 0 has these sizes, called a, b, c …"""
    sources = [ReadableSize(size, 0, axis) for axis, size in enumerate(dims) if isinstance(size, Size)]
    term = express(dim, Sources(sources))
    names = CodeNames({0: "x"}, {(0, axis): "abcdef"[axis] for axis in range(len(dims))})
    return None if term is None else line(term, names)


@pytest.mark.parametrize(
    ("dim", "dims", "expected"),
    [
        (H, [N, H], "b"),
        (7, [N, H], "7"),
        (H // 2, [N, H], "b // 2"),
        (H * 2, [N, H], "b * 2"),
        (H * W, [N, H, W], "b * c"),
        (N * H * W, [N, H * W], "a * b"),
        (H + 1, [H], "a + 1"),
        (H - W, [H, W], "a - b"),
        (H // 8, [N, H // 4], "b // 2"),
        ((H + 3) // 4, [(H + 1) // 2], "(a + 1) // 2"),
        (2 * (H // 2) * W, [H // 2, W], "a * b * 2"),
        ((H - 7) // 4 + 1, [H], "(a + 1) // 4 - 1"),
        (N * (H // 2) * (W // 2), [N, H, W], "a * (b // 2) * (c // 2)"),
        (7 * ((H // 4 + 6) // 7) - H // 4, [H // 4], "((a + 6) // 7) * 7 - a"),
        (H, [N, H // 2], None),
        (symbol("K"), [N, H], None),
        (H * W, [N, H], None),
    ],
)
def test_sizes_read_as_by_hand(dim: Dim, dims: list[Dim], expected: str | None) -> None:
    assert code(dim, dims) == expected


def test_sizes_that_are_there_again_change_nothing() -> None:
    rng = Random(5)
    for _ in range(40):
        shapes = [tuple(drawn(rng, rng.randint(0, 2)) for _ in range(rng.randint(1, 3))) for _ in range(4)]
        values = [rng.choice(shapes) for _ in range(8)]
        wanted = [*(drawn(rng, 2) for _ in range(4)), *(dim * dim for dim in shapes[0])]
        known, sources = AvailableValues(), []
        for value, shape in enumerate(values):
            known.add([[Var(TensorType(shape), "x")]])
            sources += [ReadableSize(dim, value, axis) for axis, dim in enumerate(shape) if isinstance(dim, Size)]
            for dim in wanted:
                assert known.expressed((dim,)) == express(dim, Sources(sources)), (dim, values[: value + 1])


def drawn(rng: Random, depth: int) -> Dim:
    """A size as networks have it: windows, strides, products, sums."""
    kind = rng.randint(0, 6) if depth else 0
    inner = [N, H, W][rng.randint(0, 2)] if kind == 0 else drawn(rng, depth - 1)
    other = drawn(rng, depth - 1) if kind in (5, 6) else 1
    changed: list[Dim] = [
        inner,
        inner * rng.randint(1, 4),
        inner // rng.choice([2, 3, 4]),
        (inner + rng.randint(-2, 3)) // 2,
        inner + rng.randint(1, 5),
        inner * other,
        inner + other,
    ]
    return changed[kind]


def test_drawn_sizes_have_their_values() -> None:
    rng = Random(0)
    expressed = 0
    for _ in range(600):
        dims: list[Dim] = [drawn(rng, rng.randint(0, 2)) for _ in range(rng.randint(1, 4))]
        try:
            dim = drawn(rng, 2) if rng.random() < 0.5 else _from(rng, dims)
        except ArchgraphError:
            continue
        text = code(dim, dims)
        if text is None:
            continue
        expressed += 1
        for _ in range(4):
            at = {name: rng.randint(1, 60) for name in "NHW"}
            values = dict(zip("abcdef", (evaluate(size, at) for size in dims), strict=False))
            assert eval(text, {"__builtins__": {}}, values) == evaluate(dim, at), (str(dim), text)
    assert expressed > 280


def _from(rng: Random, dims: list[Dim]) -> Dim:
    """A size that follows from those at hand, as those of a block's own reshapes do."""
    first, second = rng.choice(dims), rng.choice(dims)
    return rng.choice([first, first * second, first // 2, first * 3, (first + 1) // 2 * second, first + second])
