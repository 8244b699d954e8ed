"""Shapes inferred for symbols, evaluated at sizes, are the shapes inferred for those sizes."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
import torch

from archgraph.dims import Dim, Facts, evaluate, parse_dim, symbol
from archgraph.errors import ShapeError
from archgraph.ops import REGISTRY, Inputs, Operation, TensorType, lookup, make

DRAWS, SIZES = 15, 12
FIXED_AXES = {
    **{
        f"{name}{axes}d": (1,)
        for name in ("conv", "conv_transpose", "batch_norm", "instance_norm")
        for axes in (1, 2, 3)
    },
    **dict.fromkeys(("group_norm", "prelu"), (1,)),
    "pixel_shuffle": (-3,),
    "fold": (1, 2),
    "affine_grid": (0, 1, 2),
    "grid_sample": (-1,),
    **dict.fromkeys(("linear", "lstm_cell", "gru_cell", "rnn_cell"), (-1,)),
    **dict.fromkeys(("lstm", "gru", "rnn"), (0, -1)),
    "layer_norm": (-1, -2, -3, -4, -5),
    "rms_norm": (-1, -2, -3, -4, -5),
    "scaled_dot_product_attention": (2,),
}
HOLD_SIZES = {"reshape", "expand", "split", "squeeze", "cross", "unflatten", "unbind"}
"""Their attributes are themselves sizes, or the sizes must be 1; they have cases of their own below."""


def symbolic(name: str, shapes: dict[str, tuple[int, ...]]) -> dict[str, tuple[Dim, ...]]:
    """Equal sizes become the same symbol; 1 and what weights depend on stay numbers."""

    def lifted(port: str, shape: tuple[int, ...]) -> tuple[Dim, ...]:
        fixed = {axis % len(shape) for axis in FIXED_AXES.get(name, ()) if -len(shape) <= axis < len(shape)}
        if port == "mask":
            fixed = set(range(len(shape))) if len(shape) == 4 else set()
        return tuple(s if s == 1 or axis in fixed else symbol(f"S{s}") for axis, s in enumerate(shape))

    return {port: lifted(port, shape) for port, shape in shapes.items()}


def inferred(op: Operation, shapes: dict[str, tuple[Dim, ...]], facts: Facts) -> Any:
    """Result shapes and cost, or None where it is refused."""
    inputs = Inputs({port: TensorType(shape) for port, shape in shapes.items()})
    try:
        outputs = op.infer(inputs, facts)
    except ShapeError:
        return None
    return [kind.shape for kind in outputs], op.macs(inputs, outputs)


def at(shape: tuple[Dim, ...], values: dict[str, int]) -> tuple[int, ...]:
    return tuple(evaluate(size, values) for size in shape)


def test_symbols_give_what_sizes_give(drawn: tuple[str, Callable[[Random], Any]]) -> None:
    name, drawer = drawn
    compared = 0
    for seed in range(DRAWS):
        rng = Random(f"{name}-{seed}")
        attributes, sizes = drawer(rng)
        op, facts, shapes = make(REGISTRY[name], attributes), Facts(), symbolic(name, sizes)
        found = inferred(op, shapes, facts)
        if found is None:
            continue
        for _ in range(SIZES):
            values = {f"S{size}": rng.randint(2, 13) for shape in sizes.values() for size in shape}
            concrete = inferred(op, {port: at(shape, values) for port, shape in shapes.items()}, Facts())
            if not facts.allows(values):
                assert concrete is None, f"{attributes} of {shapes} at {values}: narrowed too far"
                continue
            expected = [at(shape, values) for shape in found[0]], evaluate(found[1], values)
            assert concrete == expected, f"{attributes} of {shapes} at {values}"
            compared += 1
    assert compared >= SIZES or name in HOLD_SIZES


def dims(*texts: str | int) -> list[Dim]:
    return [parse_dim(text) if isinstance(text, str) else text for text in texts]


@pytest.mark.parametrize(
    ("name", "attributes", "shape", "expected", "constraints"),
    [
        ("reshape", {"shape": dims("N", "C", "H*W")}, ("N", "C", "H", "W"), ["N,C,H*W"], []),
        ("reshape", {"shape": [*dims("N"), -1]}, ("N", 3, "H", "W"), ["N,3*H*W"], []),
        ("reshape", {"shape": [*dims("N"), -1, 8]}, ("N", "H", 4), ["N,H // 2,8"], ["H must be a multiple of 2"]),
        (
            "reshape",
            {"shape": dims("N", "H // 2", 2, "W")},
            ("N", "H", "W"),
            ["N,H // 2,2,W"],
            ["H must be a multiple of 2"],
        ),
        ("reshape", {"shape": [-1, *dims("C")]}, ("N", "H*C", 3), ["3*H*N,C"], []),
        ("expand", {"shape": [*dims("N"), -1, -1]}, (1, 1, 8), ["N,1,8"], []),
        ("expand", {"shape": dims("N", "L")}, ("L",), ["N,L"], []),
        ("split", {"split_size": dims("L", 3), "dim": 1}, ("N", "L + 3"), ["N,L", "N,3"], []),
        ("squeeze", {"dim": -1}, ("N", "C", 1), ["N,C"], []),
        ("unsqueeze", {"dim": [-1, -1]}, ("N", "C"), ["N,C,1,1"], []),
        ("chunk", {"chunks": 2, "dim": -1}, ("N", "L"), ["N,L // 2", "N,L // 2"], ["L must be a multiple of 2"]),
        ("chunk", {"chunks": 2, "dim": -1}, ("N", "2*L"), ["N,L", "N,L"], []),
        (
            "pixel_unshuffle",
            {"downscale_factor": 4},
            ("N", 3, "H", 8),
            ["N,48,H // 4,2"],
            ["H must be a multiple of 4"],
        ),
        ("adaptive_avg_pool2d", {"output_size": 1}, ("N", 3, "H", "W"), ["N,3,1,1"], []),
        (
            "adaptive_avg_pool2d",
            {"output_size": [7, None]},
            ("N", 3, "H", "W"),
            ["N,3,7,W"],
            [],
        ),
        ("interpolate", {"scale_factor": 2}, ("N", 3, "H", "W"), ["N,3,2*H,2*W"], []),
        ("interpolate", {"scale_factor": [0.5, 1]}, ("N", 3, "H", "W"), ["N,3,H // 2,W"], ["H must be at least 2"]),
        ("interpolate", {"size": dims("H", "W")}, ("N", 3, "K", "K"), ["N,3,H,W"], []),
        ("slice", {"dim": 1, "start": 2}, ("N", "L"), ["N,L - 2"], ["L must be at least 3"]),
        ("slice", {"dim": 1, "end": -1, "step": 2}, ("N", "L"), ["N,L // 2"], ["L must be at least 2"]),
        ("slice", {"dim": 1, "end": parse_dim("L")}, (1, "L + M"), ["1,L"], []),
        ("select", {"dim": 1, "index": -3}, ("N", "L"), ["N"], ["L must be at least 3"]),
        ("flatten", {"start_dim": 2}, ("N", 3, "H", "W"), ["N,3,H*W"], []),
        ("arange", {"end": parse_dim("T")}, None, ["T"], []),
        ("conv2d", {"out_channels": 4, "kernel_size": 3}, ("N", 3, "H", 9), ["N,4,H - 2,7"], ["H must be at least 3"]),
        (
            "conv2d",
            {"out_channels": 4, "kernel_size": 4, "stride": 4},
            ("N", 3, "H", 9),
            ["N,4,H // 4,2"],
            ["H must be at least 4"],
        ),
        ("max_pool2d", {"kernel_size": 2, "ceil_mode": True}, ("N", 3, "H", 9), ["N,3,(H + 1) // 2,5"], []),
        ("conv_transpose2d", {"out_channels": 4, "kernel_size": 2, "stride": 2}, ("N", 3, "H", 2), ["N,4,2*H,4"], []),
        ("pad", {"pad": [0, 1, 2, 0], "mode": "constant"}, ("N", 3, "H", "W"), ["N,3,H + 2,W + 1"], []),
        (
            "pad",
            {"pad": [3, 1, 0, 0], "mode": "reflect"},
            ("N", 3, "H", "W"),
            ["N,3,H,W + 4"],
            ["W must be at least 4"],
        ),
    ],
)
def test_symbolic_results_and_what_they_require(
    name: str, attributes: dict[str, Any], shape: Any, expected: list[str], constraints: list[str]
) -> None:
    facts = Facts()
    inputs = Inputs({} if shape is None else {"input": TensorType(tuple(dims(*shape)))})
    outputs = make(lookup(name), attributes).infer(inputs, facts)
    assert [tuple(map(str, dims(*text.split(",")))) for text in expected] == [tuple(map(str, o.shape)) for o in outputs]
    assert [constraint.text for constraint in facts.constraints()] == constraints


@pytest.mark.parametrize(
    ("left", "right", "expected", "constraints"),
    [
        (("N", 3, "H", "W"), (3, 1, 1), "N,3,H,W", []),
        (("N", 1, "H", 1), (1, 5, 1, "W"), "N,5,H,W", []),
        (("N", "H"), ("N", "2*(H // 2)"), "N,H", ["H must be a multiple of 2"]),
        (("N", "H // 8"), ("N", "((H + 1) // 2) // 4"), "N,H // 8", []),
    ],
)
def test_broadcasting_symbols(left: Any, right: Any, expected: str, constraints: list[str]) -> None:
    facts = Facts()
    inputs = Inputs({"input": TensorType(tuple(dims(*left))), "other": TensorType(tuple(dims(*right)))})
    if expected == "N,H // 8":  # (H + 1) // 8 differs from H // 8 where H leaves 7
        make(lookup("add"), {}).infer(inputs, facts)
        assert not facts.allows({"H": 15})
        assert facts.allows({"H": 14})
        return
    (output,) = make(lookup("add"), {}).infer(inputs, facts)
    assert list(output.shape) == dims(*expected.split(","))
    assert [constraint.text for constraint in facts.constraints()] == constraints


def test_a_symbol_is_never_taken_for_a_number_when_broadcasting() -> None:
    """N and 3 fit for N = 1 and N = 3 only; that is a mistake in the file, not a narrowing."""
    inputs = Inputs({"input": TensorType((symbol("N"), 4)), "other": TensorType((3, 4))})
    with pytest.raises(ShapeError, match=r"\[N, 4\] and \[3, 4\] do not fit together in dimension -2") as caught:
        make(lookup("add"), {}).infer(inputs, Facts())
    assert caught.value.problems[0].received == "N and 3"


def test_areas_of_an_adaptive_pool_cover_any_size() -> None:
    """torch takes areas that overlap, and more of them than there are places."""
    facts, inputs = Facts(), Inputs({"input": TensorType((1, 1, 2 * symbol("H") + 1, 2))})
    made = make(lookup("adaptive_avg_pool2d"), {"output_size": 7}).infer(inputs, facts)
    assert made[0].shape == (1, 1, 7, 7)
    assert all(facts.allows({"H": height}) for height in range(1, 20))


@pytest.mark.parametrize(
    ("padding", "dilation", "least"),
    [(0, 2, 5), (1, 2, 2), (2, 2, 1), (1, 3, 3), (2, 3, 2)],
)
def test_a_window_of_a_maximum_holds_a_place(padding: int, dilation: int, least: int) -> None:
    """torch's maximum of a window that a dilation leads past the whole input is -inf, which no runtime gives."""
    kernel = 5 if padding == 2 else 3
    facts = Facts()
    pool = make(lookup("max_pool2d"), {"kernel_size": kernel, "stride": 1, "padding": padding, "dilation": dilation})
    pool.infer(Inputs({"input": TensorType((1, 1, symbol("H"), 99))}), facts)
    (rule,) = facts.constraints()
    reach = dilation * (kernel - 1) + 1 - 2 * padding  # the window must fit as well
    assert rule.minimum == max(least, reach)
    if rule.minimum > reach:
        image = torch.zeros(1, 1, rule.minimum - 1, 99)
        assert torch.nn.functional.max_pool2d(image, kernel, 1, padding, dilation).isinf().any()
    image = torch.zeros(1, 1, rule.minimum, 99)
    assert torch.nn.functional.max_pool2d(image, kernel, 1, padding, dilation).isfinite().all()


def test_a_last_window_that_sticks_out_holds_a_place() -> None:
    facts = Facts()
    options = {"kernel_size": 3, "padding": 1, "dilation": 2, "ceil_mode": True}
    make(lookup("max_pool2d"), options).infer(Inputs({"input": TensorType((1, 1, symbol("H"), 99))}), facts)
    assert [rule.text for rule in facts.constraints()] == ["H must be at least 2"]
    with torch.no_grad():
        assert torch.nn.MaxPool2d(3, padding=1, dilation=2, ceil_mode=True)(torch.zeros(1, 1, 1, 99)).isinf().any()
