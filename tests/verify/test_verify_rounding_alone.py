"""Results that are rounding alone: variances of equal numbers, and powers of what a norm leaves of such."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import numpy_helper
from tiny_network import altered

import archgraph
from archgraph.errors import VerificationError
from archgraph.export import export
from archgraph.ops import REGISTRY
from archgraph.ops.nonlinearity import TABLE as ACTIVATIONS
from archgraph.ops.unary import TABLE as UNARY
from archgraph.verify import export_verified, verify
from archgraph.verify.onnx_sessions import run_session, session_of
from archgraph.verify.perturbation import perturbed
from archgraph.verify.reference_values import in_dtype, run_module
from archgraph.verify.rounding_reach import reach

STEP = 2.0**-24
TOKENS = ["N", 4, "L"]
LEVEL = {"level": {"op": "clamp", "min": 0.7, "max": 0.7}}
"""The same number everywhere: ONNX Runtime's mean of 432 of them is off by more than each of them."""


def net(nodes: dict[str, Any], shape: list[Any], **outputs: Any) -> Any:
    return archgraph.load({"archgraph": 1, "name": "net", "inputs": {"x": shape}, "nodes": nodes, **outputs})


SPREADS: list[dict[str, Any]] = [
    *({"op": op, "dim": dim} for op in ("var", "std") for dim in (None, [0, 2])),
    *({"op": op, "dim": [1], "correction": 0, "keepdim": True} for op in ("var_mean", "std_mean")),
]


@pytest.mark.parametrize("op", SPREADS, ids=str)
def test_a_variance_of_equal_numbers_is_verified(op: dict[str, Any], tmp_path: Path) -> None:
    """0 in torch, which is exact here; in a file it is the square of what its mean is off. The smallest sizes leave
    more numbers than the correction, of which there would be no variance."""
    outputs = {"spread": f"y.{op['op'].removesuffix('_mean')}", "mean": "y.mean"} if "mean" in op["op"] else {"y": "y"}
    graph = net({**LEVEL, "y": op}, TOKENS, outputs=outputs)
    certificate = export_verified(archgraph.to_torch(graph, seed=1), tmp_path / "m.onnx").certificate
    assert certificate is not None
    assert certificate.equal


NEAR = {"dead": {"op": "mul", "value": 1e-3}, "level": {"op": "add", "value": 0.7}}
"""A variance of 1e-6, and 0.7 is 700 standard deviations."""


def test_a_variance_of_nearly_equal_numbers_hides_no_other_correction(tmp_path: Path) -> None:
    """A division by n in the place of n - 1, which 432 numbers show as one part in 432."""
    graph = net({**NEAR, "y": {"op": "var"}}, TOKENS)
    module = archgraph.to_torch(graph, seed=1)
    export(graph, module, tmp_path / "m.onnx")
    assert verify(module, tmp_path / "m.onnx").equal
    export(net({**NEAR, "y": {"op": "var", "correction": 0}}, TOKENS), module, tmp_path / "m.onnx")
    with pytest.raises(VerificationError, match=r"departs|y: var is the first node"):
        verify(module, tmp_path / "m.onnx")


def test_rounding_reaches_the_square_of_what_a_mean_is_off() -> None:
    """Of 16,384 times 3 the mean may be off by 512 roundings; draws are 0.5 to 1.5 times as large, up or down."""
    module = in_dtype(archgraph.to_torch(net({"y": {"op": "var", "correction": 0}}, ["N"])), "float64")
    x = {"x": np.full(16384, 3.0, np.float32)}
    found = [float(perturbed(module, ["y"], x, seed=seed)["y"]) for seed in range(20)]
    roots = np.sqrt(found) / (512 * STEP * 3)
    assert 0.45 < roots.min() < 0.8
    assert 1.2 < roots.max() < 1.55


@pytest.mark.filterwarnings("ignore:.*degrees of freedom:UserWarning")
@pytest.mark.parametrize("correction", [0, 1, 2.5, 7])
@pytest.mark.parametrize("op", ["var", "std", "var_mean", "std_mean"])
@pytest.mark.parametrize("dim", [None, [0], [-1, 0], [0, 1, 2]])
def test_a_variance_is_perturbed_around_itself(op: str, dim: list[int] | None, correction: float) -> None:
    """The steps in its place compute what torch does, also where a correction leaves nothing."""
    nodes = {"y": {"op": op, "dim": dim, "correction": correction}}
    outputs = {"a": "y.mean", "b": f"y.{op[:3]}"} if "mean" in op else {"a": "y"}
    module = in_dtype(archgraph.to_torch(net(nodes, [2, 3, 5], outputs=outputs)), "float64")
    x = {"x": np.random.default_rng(0).standard_normal((2, 3, 5)).astype(np.float32)}
    moved = perturbed(module, list(outputs), x)
    for name, exact in run_module(module, list(outputs), x, "float64").items():
        np.testing.assert_allclose(moved[name], exact, rtol=1e-5, atol=1e-6)


# --- what is not linear in its roundings ------------------------------------------------------------------------------

SQUARED = {
    "quarter": {"op": "clamp", "min": 0.25, "max": 0.25},
    "gate": "sigmoid",
    "act": "selu",
    "norm": {"op": "group_norm", "num_groups": 2, "affine": False},
}
"""ONNX Runtime's mean of ten such numbers is off by 2.7 roundings, so the square by 7.5 times that of one."""


@pytest.mark.parametrize("power", [{"op": "mul", "in": ["norm", "norm"]}, {"op": "pow", "value": 4}], ids=["2", "4"])
def test_a_power_of_rounding_is_verified(power: dict[str, Any], tmp_path: Path) -> None:
    graph = net({**SQUARED, "y": power}, ["N", 4, 5])
    certificate = export_verified(archgraph.to_torch(graph, seed=1), tmp_path / "m.onnx").certificate
    assert certificate is not None
    assert certificate.equal


def test_four_roundings_reach_sixteen_times_a_square() -> None:
    """Of the difference of two numbers that are equal, for each of the four; of the difference itself just as far."""
    nodes = {"third": {"op": "div", "value": 3.0}, "back": {"op": "mul", "value": 3.0}}
    nodes |= {"d": {"op": "sub", "in": ["back", "x"]}, "y": {"op": "mul", "in": ["d", "d"]}}
    module = in_dtype(archgraph.to_torch(net(nodes, ["N"], outputs={"d": "d", "y": "y"})), "float64")
    x = {"x": np.linspace(1, 1.1, 2000, dtype=np.float32)}
    exact = run_module(module, ["d", "y"], x, "float64")
    one, four = (reach(module, x, exact, "float32", roundings) for roundings in (1, 4))
    assert np.mean(four["d"]) == pytest.approx(np.mean(one["d"]), rel=0.02)
    assert np.mean(four["y"]) == pytest.approx(4 * np.mean(one["y"]), rel=0.02)


def weight(name: str, factor: float) -> Callable[[Any, dict[str, Any]], None]:
    def change(graph: Any, nodes: dict[str, Any]) -> None:
        (tensor,) = (item for item in graph.initializer if item.name.startswith(name))
        made = numpy_helper.to_array(tensor) * np.float32(factor)
        graph.initializer.append(numpy_helper.from_array(made, "planted"))
        for node in graph.node:
            node.input[:] = ["planted" if given == tensor.name else given for given in node.input]

    return change


def test_a_fault_before_a_square_is_found(tmp_path: Path) -> None:
    """A scale that is a thousandth too large, behind a norm of nearly constant numbers: the square is off by two."""
    norm = {"op": "group_norm", "num_groups": 2}
    graph = net({**NEAR, "norm": norm, "y": {"op": "mul", "in": ["norm", "norm"]}}, ["N", 4, 5])
    module = archgraph.to_torch(graph, seed=1)
    export(graph, module, tmp_path / "m.onnx")
    assert verify(module, tmp_path / "m.onnx").equal
    altered(tmp_path / "m.onnx", weight("norm.weight", 1.001))
    with pytest.raises(VerificationError, match=r"departs|norm: group_norm is the first node"):
        verify(module, tmp_path / "m.onnx")


# --- kernels that are off by a rounding near 1 ------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["silu", "sigmoid", "elu"])
@pytest.mark.parametrize("norm", [{"op": "instance_norm1d"}, {"op": "group_norm", "num_groups": 2}], ids=str)
def test_what_an_activation_leaves_is_normed(act: str, norm: dict[str, Any], tmp_path: Path) -> None:
    """Around -10 a sigmoid is 0.00005, off by a rounding of 0.5, which a norm amplifies by 1 / √eps = 316."""
    low = {"dead": {"op": "mul", "value": 0.1}, "level": {"op": "add", "value": -10.0}, "act": act}
    graph = net({**low, "norm": norm}, ["N", 4, 5])
    module = archgraph.to_torch(graph, seed=1)
    certificate = export_verified(module, tmp_path / "m.onnx").certificate
    assert certificate is not None
    assert certificate.equal
    export(net({**low, "level": {"op": "add", "value": -8.0}, "norm": norm}, ["N", 4, 5]), module, tmp_path / "m.onnx")
    with pytest.raises(VerificationError, match=r"departs|is the first node"):
        verify(module, tmp_path / "m.onnx")


# --- equal numbers that come out unequal ------------------------------------------------------------------------------

FLAT = (0.1, 0.25, 0.3, 0.5, 0.6, 0.75, 1.25, 1.7, 2.3, 5.0, -0.1, -0.3, -0.7, -1.7)


def functions() -> dict[str, dict[str, Any]]:
    """Every function of each element, with the attributes of its first example."""
    rows = [row for table in (UNARY, ACTIVATIONS) for row in table.rows.values()]
    found = [row.name for row in rows if "float32" in row.types.reads and row.types.gives("float32") == "float32"]
    found += ["sigmoid", "silu", "tanh", "elu", "gelu", "softplus", "hardswish", "hardsigmoid", "leaky_relu"]
    return {f"y_{name}": {"op": name, **REGISTRY[name].examples[0].attributes, "in": "x"} for name in found}


def test_kernels_that_round_equal_numbers_unlike_are_known(tmp_path: Path) -> None:
    """ONNX Runtime computes the numbers that do not fill a vector by another formula: what is perturbed does so too."""
    nodes = functions()
    graph = net(nodes, ["N"], outputs={f"out_{name}": name for name in nodes})
    module = archgraph.to_torch(graph)
    export(graph, module, tmp_path / "m.onnx")
    session, double = session_of(tmp_path / "m.onnx", False), in_dtype(module, "float64")
    apart, moved = set(), set()
    for number in FLAT:
        x = {"x": np.full(5, number, np.float32)}
        apart |= {name for name, found in run_session(session, x).items() if np.unique(found).size > 1}
        drawn = [perturbed(double, list(graph.outputs), x, seed=seed) for seed in range(3)]
        moved |= {name for each in drawn for name, found in each.items() if np.unique(found).size > 1}
    assert apart <= moved
    assert "out_y_relu" not in moved


UNLIKE_AT_THE_END: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "sin": ([2, 3], {"y": "sin"}),
    "logsigmoid": ([7, 3], {"y": "logsigmoid"}),
    **{name: ([2, 3, 5], {"y": name}) for name in ("asin", "acos", "mish", "log2")},
    "rsqrt": (
        [3, 4],
        {"s": {"op": "div", "value": -1.25}, "c": {"op": "clamp", "min": 0.25, "max": 0.75}, "y": "rsqrt"},
    ),
}


@pytest.mark.parametrize("name", UNLIKE_AT_THE_END)
def test_a_norm_of_equal_numbers_of_which_the_last_do_not_fill_a_vector(name: str, tmp_path: Path) -> None:
    """Six numbers are one vector of four and two more: these are computed otherwise than the first of their row, and a
    layer norm amplifies the difference to the one of a true spread."""
    shape, nodes = UNLIKE_AT_THE_END[name]
    graph = net({"level": {"op": "clamp", "min": 0.75, "max": 0.75}, **nodes, "norm": "layer_norm"}, shape)
    certificate = export_verified(archgraph.to_torch(graph, seed=1), tmp_path / "m.onnx").certificate
    assert certificate is not None
    assert certificate.equal


@pytest.mark.parametrize("length", [2, 3, 8])
@pytest.mark.parametrize("level", [0.3, 0.7, 5.0])
def test_a_layer_norm_of_nearly_equal_numbers_is_verified(length: int, level: float, tmp_path: Path) -> None:
    """ONNX Runtime and torch take away a mean that is rounded: of 5 that is 1e-7, and 1 / √eps makes 4e-5 of it."""
    nodes = {"dead": {"op": "mul", "value": 1e-6}, "level": {"op": "add", "value": level}, "norm": "layer_norm"}
    graph = net(nodes, ["N", length])
    certificate = export_verified(archgraph.to_torch(graph, seed=1), tmp_path / "m.onnx").certificate
    assert certificate is not None
    assert certificate.equal


def test_a_layer_norm_is_perturbed_around_itself() -> None:
    module = in_dtype(archgraph.to_torch(net({"y": "layer_norm"}, ["N", 6]), seed=1), "float64")
    x = {"x": np.random.default_rng(0).standard_normal((40, 6)).astype(np.float32)}
    exact, moved = run_module(module, ["y"], x, "float64")["y"], perturbed(module, ["y"], x)["y"]
    assert 0 < np.abs(moved - exact).max() < 8 * STEP * np.abs(exact).max()  # mean, difference, root and product
    near = {"x": (5 + 1e-6 * x["x"]).astype(np.float32)}
    gap = np.abs(perturbed(module, ["y"], near)["y"] - run_module(module, ["y"], near, "float64")["y"])
    assert STEP * 5 / 1e-5**0.5 / 4 < gap.mean() < 4 * STEP * 5 / 1e-5**0.5


# --- no numbers at all ------------------------------------------------------------------------------------------------

SCORES = {
    "none": {"op": "mul", "value": 0.0},
    "infinite": "reciprocal",
    "mix": {"op": "scaled_dot_product_attention", "in": ["infinite", "key", "key"], "num_heads": 1},
}


@pytest.mark.parametrize("tokens", [3, 8, 20])
def test_attention_over_scores_that_are_no_numbers_is_what_its_definition_says(tokens: int, tmp_path: Path) -> None:
    """torch's fused kernel gives 0 where all of a few scores are not a number; a softmax over them is none."""
    inputs = {"x": ["N", tokens, 6], "key": ["N", tokens, 6]}
    nodes = {**SCORES, "rows": {"op": "concat", "in": ["mix", "key"], "dim": 1}}
    graph = archgraph.load({"archgraph": 1, "name": "net", "inputs": inputs, "nodes": nodes})
    found = export_verified(archgraph.to_torch(graph), tmp_path / "m.onnx").certificate
    assert found is not None
    assert found.equal


def test_attention_that_is_never_a_number_proves_nothing(tmp_path: Path) -> None:
    inputs = {"x": ["N", 3, 6], "key": ["N", 3, 6]}
    graph = archgraph.load({"archgraph": 1, "name": "net", "inputs": inputs, "nodes": SCORES, "outputs": {"y": "mix"}})
    with torch.no_grad(), pytest.raises(VerificationError, match="nothing can be shown about the output 'y'"):
        export_verified(archgraph.to_torch(graph), tmp_path / "m.onnx")
