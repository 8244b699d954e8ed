"""What a right file may be off: sigmoids that saturate, late times, kernels that are no worse than torch's."""

from __future__ import annotations

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
from archgraph.verify import export_verified, verify
from archgraph.verify.onnx_sessions import run_session, session_of
from archgraph.verify.perturbation import DRAWS, KERNELS, Perturbing, perturbed, spread
from archgraph.verify.reference_values import in_dtype, run_module
from archgraph.verify.rounding_reach import reach
from archgraph.verify.tolerance import errors_of

STEP = 2.0**-24
"""Half a unit in the last place of a float32 number from 1 to 2."""


def net(nodes: dict[str, Any], **inputs: Any) -> Any:
    return archgraph.load({"archgraph": 1, "name": "net", "inputs": inputs, "nodes": nodes})


SATURATED = {
    "fc": {"op": "linear", "out_features": 360},
    "low": {"op": "add", "value": -7.0},
    "p": "sigmoid",
}
WAVES = {
    "e": {"op": "sinusoidal_embedding", "in": "t", "dim": 256, "flip_sin_to_cos": True, "freq_shift": 0},
    "up": {"op": "linear", "out_features": 64},
    "act": "silu",
    "out": {"op": "linear", "out_features": 64},
}
TIMES = {"shape": ["N"], "dtype": "int64"}


def test_a_sigmoid_near_0_is_verified(tmp_path: Path) -> None:
    """ONNX Runtime's sigmoid is off by about 3e-8 wherever it is; torch's error shrinks with the result."""
    found = export_verified(net(SATURATED, x=["N", 64]), tmp_path / "m.onnx").certificate
    assert found is not None
    assert found.equal
    # What rounding reaches is asked where torch's own error is exceeded, which depends on the processor's kernels.
    for item in found.measured:
        assert item.errors.mean <= 4 * max(item.errors.torch_mean, STEP)
        assert not item.errors.reach_mean or item.errors.reach_mean == pytest.approx(STEP, rel=0.3)


@pytest.mark.parametrize("bias", [-12.0, -7.0, 7.0])
def test_a_head_with_a_trained_prior_is_verified(bias: float, tmp_path: Path) -> None:
    module = archgraph.to_torch(net({k: SATURATED[k] for k in ("fc", "p")}, x=["N", 64]), seed=0)
    with torch.no_grad():
        module.get_submodule("fc").bias.add_(bias)  # type: ignore[operator, union-attr]
    certificate = export_verified(module, tmp_path / "m.onnx").certificate
    assert certificate is not None
    assert certificate.equal


def test_a_wrong_bias_behind_a_saturated_sigmoid_is_found(tmp_path: Path) -> None:
    """1e-5 of the sum moves the probabilities by less than their rounding may; the node itself is off by more."""
    module = archgraph.to_torch(net(SATURATED, x=["N", 64]), seed=0)
    export(net(SATURATED, x=["N", 64]), module, tmp_path / "m.onnx")

    def nudge(graph: Any, nodes: dict[str, Any]) -> None:
        constant = next(item for item in graph.initializer if numpy_helper.to_array(item).tolist() == -7.0)
        constant.CopyFrom(numpy_helper.from_array(np.float32(-6.99999), constant.name))

    altered(tmp_path / "m.onnx", nudge)
    with pytest.raises(
        VerificationError, match="low: add is the first node whose result in the file is wrong"
    ) as raised:
        verify(module, tmp_path / "m.onnx")
    assert len(raised.value.problems) == 2, "that the file is wrong, and one node where"


def test_late_times_behind_amplifying_weights_are_verified(tmp_path: Path) -> None:
    module = archgraph.to_torch(net(WAVES, t=TIMES), seed=0)
    with torch.no_grad():
        for value in module.parameters():
            value.mul_(20)
    certificate = export_verified(module, tmp_path / "m.onnx").certificate
    assert certificate is not None
    assert certificate.equal


def test_sines_of_times_are_exact_in_float64() -> None:
    """sin(900 · 10000 ** (-k / 4)), though a module computes them in float32 whatever its type."""
    module = archgraph.to_torch(net({"e": {**WAVES["e"], "dim": 8, "flip_sin_to_cos": False}}, t=TIMES))
    t = np.array([900])
    (found,) = run_module(in_dtype(module, "float64"), ["y"], {"t": t}, "float64").values()
    angles = 900 * 10000.0 ** (-np.arange(4) / 4)
    np.testing.assert_allclose(found[0], [*np.sin(angles), *np.cos(angles)], rtol=0, atol=1e-11)


GRID = np.concatenate([np.linspace(-20, 20, 40001), np.geomspace(1e-8, 80, 20000), -np.geomspace(1e-8, 100, 20000)])


@pytest.mark.parametrize("optimised", [False, True])
@pytest.mark.parametrize(
    ("op", "more"),
    [("sigmoid", {}), ("silu", {}), ("gelu", {}), ("gelu", {"approximate": "tanh"}), ("elu", {}), ("tanh", {}),
     ("softplus", {}), ("exp", {}), ("hardswish", {}), ("hardsigmoid", {})],
)  # fmt: skip
def test_no_kernel_is_further_off_than_is_allowed(
    op: str, more: dict[str, Any], optimised: bool, tmp_path: Path
) -> None:
    """Four times a rounding of operand and result and of what a kernel adds to it, and 1e-6 of the result: at every
    number as if it were an output by itself."""
    graph = net({"y": {"op": op, **more}}, x=["N"])
    module = archgraph.to_torch(graph)
    export(graph, module, tmp_path / "m.onnx")
    x = GRID.astype(np.float32)
    (found,) = run_session(session_of(tmp_path / "m.onnx", optimised), {"x": x}).values()
    wide = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    exact = in_dtype(module, "float64")(wide)
    exact.sum().backward()
    assert wide.grad is not None
    roundings = (wide.grad * wide).abs() + exact.abs()
    kernel = KERNELS.get(op, torch.zeros_like)(wide)
    allowed = (4 * STEP * (roundings + kernel) + 1e-6 * exact.abs()).detach().numpy() + 2.0**-126
    gap = np.abs(found - exact.detach().numpy())
    finite = np.abs(exact.detach().numpy()) < np.finfo(np.float32).max
    assert (gap <= allowed)[finite].all(), x[finite][(gap / allowed)[finite].argmax()]


@pytest.mark.parametrize(
    "layer", [{"op": "rnn", "hidden_size": 1, "num_layers": 3}, {"op": "rnn_cell", "hidden_size": 2}]
)
def test_a_recurrence_whose_states_are_small_is_verified(layer: dict[str, Any], tmp_path: Path) -> None:
    """ONNX Runtime's RNN has a tanh that is off by up to 2.7 roundings near 1, however small its result is."""
    small = {"small": {"op": "mul", "in": "x", "value": 1e-3}}
    shape = ["N", 3, 4] if layer["op"] == "rnn" else ["N", 4]
    graph = net({**small, "layer": {**layer, "bias": False}}, x=shape)
    certificate = export_verified(archgraph.to_torch(graph, seed=1), tmp_path / "m.onnx").certificate
    assert certificate is not None
    assert certificate.equal


def test_rounding_reaches_what_is_known_of_a_sum() -> None:
    """Of a and b with a rounding each, and one of the sum: √(a² + b² + (a + b)²) of them."""
    module = archgraph.to_torch(net({"y": {"op": "add", "in": ["a", "b"]}}, a=["N"], b=["N"]))
    a, b = np.random.default_rng(0).standard_normal((2, 20000)).astype(np.float32)
    exact = run_module(in_dtype(module, "float64"), ["y"], {"a": a, "b": b}, "float64")
    (found,) = reach(in_dtype(module, "float64"), {"a": a, "b": b}, exact, "float32").values()
    assert np.sqrt(np.mean(found**2)) == pytest.approx(STEP * np.sqrt(np.mean(a**2 + b**2 + (a + b) ** 2)), rel=0.02)


@pytest.mark.parametrize("nodes", [{"y": {"op": "reshape", "shape": [2, "=N"]}}, {"y": "relu"}])
def test_what_only_moves_numbers_rounds_nothing(nodes: dict[str, Any]) -> None:
    module = in_dtype(archgraph.to_torch(net(nodes, x=["N", 2])), "float64")
    x = np.random.default_rng(0).standard_normal((5, 2)).astype(np.float32)
    exact = run_module(module, ["y"], {"x": x}, "float64")["y"]
    for seed in range(DRAWS):
        np.testing.assert_array_equal(perturbed(module, ["y"], {"x": x}, "float32", seed)["y"], exact)


def test_low_types_round_more() -> None:
    module = in_dtype(archgraph.to_torch(net({"y": {"op": "linear", "out_features": 64}}, x=["N", 64])), "float64")
    x = np.random.default_rng(0).standard_normal((50, 64)).astype(np.float32)
    exact = run_module(module, ["y"], {"x": x}, "float64")
    single, half = (reach(module, {"x": x}, exact, dtype)["y"] for dtype in ("float32", "float16"))
    assert np.mean(half) / np.mean(single) == pytest.approx(2**13, rel=0.1)


def test_each_channel_of_a_picture_rounds_by_itself() -> None:
    """A sum of 64 products at 256 x 256 places: the squares of the roundings of both factors add up, and the sum's own.

    Signs that come back after 65,536 numbers would be the same in each channel, and their sum 64 of them.
    """
    graph = net({"y": {"op": "conv2d", "out_channels": 1, "kernel_size": 1, "bias": False}}, x=["N", 64, "H", "W"])
    module = archgraph.to_torch(graph)
    draw = np.random.default_rng(0).standard_normal
    x, weight = draw((1, 64, 256, 256)).astype(np.float32), draw((1, 64, 1, 1)).astype(np.float32)
    module.y.weight.data = torch.tensor(weight)
    double = in_dtype(module, "float64")
    exact = run_module(double, ["y"], {"x": x}, "float64")
    (found,) = reach(double, {"x": x}, exact, "float32").values()
    products = x * weight
    squares = 2 * (products**2).sum(1) + products.sum(1) ** 2
    assert np.sqrt(np.mean(found**2)) == pytest.approx(STEP * np.sqrt(squares.mean()), rel=0.05)


def test_equal_numbers_round_alike() -> None:
    """So the mean of a thousand equal ones is off by as much as each of them; unlike ones go up and down."""
    alike = torch.full((1000,), 0.3, dtype=torch.float64)
    unlike = torch.linspace(0.3, 0.4, 1000, dtype=torch.float64)
    with Perturbing("float32", 0):
        first, second = alike * 0.7, unlike * 0.7
    assert first.unique().numel() == 1
    assert first[0] != alike[0] * 0.7
    roundings = (second / (unlike * 0.7) - 1) / STEP
    assert abs(float(roundings.mean())) < 0.2
    assert roundings.std() > 1


@pytest.mark.parametrize("name", ["silu_", "elu_", "hardswish_", "add_"])
def test_what_is_changed_in_place_is_rounded_as_what_is_made_anew(name: str) -> None:
    x = torch.linspace(-8, 8, 1000, dtype=torch.float64)
    more = (x.sin(),) if name == "add_" else ()
    overwriting, anew = (getattr(torch.ops.aten, word) for word in (name, name[:-1]))
    with Perturbing("float32", 0):
        expected = anew(x, *more)
    changed = x.clone()
    with Perturbing("float32", 0):
        assert overwriting(changed, *more) is changed
    assert torch.equal(changed, expected)
    assert not torch.equal(changed, anew(x, *more))


def test_what_only_moves_numbers_in_place_is_exact() -> None:
    x, index = torch.rand(8, dtype=torch.float64), torch.tensor([1, 2])
    with Perturbing("float32", 0):
        made = torch.empty_like(x).copy_(x)
        made.relu_().index_put_((index,), x[:2])
    assert made.tolist() == [x[0], x[0], x[1], *x[3:]]


@pytest.mark.parametrize("before", [1.0, 16.0])
def test_a_mean_of_roots_of_sigmoids_is_verified(before: float, tmp_path: Path) -> None:
    """The polynomial of a sigmoid errs to one side over a stretch of numbers; a root of a small one amplifies that."""
    nodes = {"far": {"op": "mul", "value": before}, "gate": "sigmoid", "root": "sqrt", "all": "mean"}
    graph = net(nodes, x=["N", 4, "H", "W"])
    certificate = export_verified(archgraph.to_torch(graph), tmp_path / "m.onnx").certificate
    assert certificate is not None
    assert certificate.equal


def test_reach_widens_both_bounds() -> None:
    """4 · 1e-3 on average and 10 · 2e-3 anywhere, of a torch that was exact."""
    exact, away = np.array([1.0, -1.0, 0.0, 0.0]), np.array([0.0, 0.0, 2e-3, 0.0])
    single = exact.astype(np.float32)
    errors = errors_of(exact, single, single, away)
    assert errors.mean_bound == pytest.approx(4 * 1e-3 + 1e-6 * np.sqrt(0.5))
    assert errors.largest_bound == pytest.approx(10 * 2e-3 + 1e-5)
    assert not errors.sharp
    assert errors_of(exact, single, single).sharp


def test_a_bound_that_hides_a_quiet_channel_is_not_sharp() -> None:
    """1e-6 of 100 is 1e-2 of the second channel, whose fault the output as a whole does not show."""
    loud = np.stack([np.full(40, 100.0), np.full(40, 0.01)], axis=1)
    assert not errors_of(loud, loud.astype(np.float32), loud.astype(np.float32)).sharp
    assert errors_of(loud[:, :1], loud[:, :1].astype(np.float32), loud[:, :1].astype(np.float32)).sharp


def test_a_fault_in_a_quiet_part_of_an_output_is_found(tmp_path: Path) -> None:
    """Boxes in pixels and scores in one output: half of the scores' bias lies within the bound of the whole."""
    nodes = {
        "far": {"op": "mul", "in": "x", "value": 1e6},
        "near": {"op": "sigmoid", "in": "x"},
        "scaled": {"op": "mul", "value": 0.5},
        "all": {"op": "concat", "in": ["far", "scaled"]},
    }
    graph = net(nodes, x=["N", 8, "L"])
    module = archgraph.to_torch(graph)
    export(graph, module, tmp_path / "m.onnx")
    assert verify(module, tmp_path / "m.onnx").equal

    def harden(graph: Any, nodes: dict[str, Any]) -> None:
        nodes["near"].op_type = "HardSigmoid"

    altered(tmp_path / "m.onnx", harden)
    with pytest.raises(VerificationError, match="near: sigmoid is the first node"):
        verify(module, tmp_path / "m.onnx")


def test_the_spread_of_large_numbers_is_finite() -> None:
    exact = np.array([1e300, np.inf, 1.0])
    found = spread(exact, [exact + np.array([1e290, 0, 3.0]), exact - np.array([1e290, 0, 4.0])])
    np.testing.assert_allclose(found, [1e290, 0, np.sqrt(12.5)], rtol=1e-5)


def test_a_mean_of_a_mean_is_off_in_each_set_of_draws() -> None:
    """Both sums of 4,096 alike numbers are off by as much, up or down; three draws never say that nothing is off."""
    numbers = torch.linspace(1.0, 1.001, 4096, dtype=torch.float64)
    found = []
    for seed in range(90):
        with Perturbing("float32", seed):
            found.append(float((numbers - 1.0005 + numbers.mean()).mean() - 1.0005))
    one_sum = 2.0**-24 * 4096 / 32
    sets = np.sqrt(np.mean(np.square(found).reshape(30, 3), axis=1))
    assert sets.min() > 0.1 * one_sum
    assert sets.max() < 3 * one_sum


@pytest.mark.parametrize("op", [{"op": "mean"}, {"op": "sum"}, {"op": "adaptive_avg_pool2d", "output_size": 1}])
def test_a_sum_of_many_like_numbers_is_verified(op: dict[str, Any], tmp_path: Path) -> None:
    """A dead channel: one after the other, 50,176 roundings go the same way; torch adds in pairs."""
    nodes = {"dead": {"op": "mul", "value": 0.001}, "level": {"op": "add", "value": 0.7}, "all": op}
    certificate = export_verified(net(nodes, x=["N", 1, 224, 224]), tmp_path / "m.onnx").certificate
    assert certificate is not None
    assert certificate.equal
    assert max(item.errors.largest / item.errors.torch_largest for item in certificate.measured) > 10


def test_a_mean_over_one_number_too_few_is_found(tmp_path: Path) -> None:
    """The allowance for long sums hides no term: at the small sizes that are tried, one of n is far more than it."""
    nodes = {"dead": {"op": "mul", "value": 0.001}, "level": {"op": "add", "value": 0.7}, "all": {"op": "mean"}}
    module = archgraph.to_torch(net(nodes, x=["N", 1, "H", "H"]))
    export(net(nodes, x=["N", 1, "H", "H"]), module, tmp_path / "m.onnx")

    def scaled(graph: Any, nodes: dict[str, Any]) -> None:
        constant = next(
            item for item in graph.initializer if abs(float(numpy_helper.to_array(item).flat[0]) - 0.7) < 1e-6
        )
        constant.CopyFrom(numpy_helper.from_array(np.float32(0.7 * (1 + 1 / 1296)), constant.name))

    altered(tmp_path / "m.onnx", scaled)
    with pytest.raises(VerificationError, match="level"):
        verify(module, tmp_path / "m.onnx")
