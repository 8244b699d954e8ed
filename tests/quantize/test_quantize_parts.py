"""Ranges, calibration data and the choice of layers, against what can be counted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image
from quantize_cases import DENOISER, LABELLED, exported

import archgraph
from archgraph.diffusion import Schedule
from archgraph.errors import InputError, VerificationError
from archgraph.quantize import from_path, from_pictures, read_float_file, synthetic
from archgraph.quantize.layer_selection import choose
from archgraph.quantize.layout_barriers import BARRIER, is_barrier
from archgraph.quantize.ranges import Observed, best_range
from archgraph.quantize.reverification import judge
from archgraph.quantize.sensitivity import Sensitivity, fewest
from archgraph.quantize.uses import ModelWiring


def test_even_numbers_keep_their_whole_range() -> None:
    seen = Observed()
    seen.add(np.linspace(-1, 3, 4001, dtype=np.float32)[None], 1, 1 << 16, np.random.default_rng(0))
    assert best_range(seen) == pytest.approx((-1, 3))


def test_a_lonely_large_value_is_clipped_where_that_loses_less() -> None:
    """100,000 numbers within ±1 and one of 8: rounding the many loses n·step²/12, clipping the one loses its square."""
    values = np.append(np.random.default_rng(0).uniform(-1, 1, 100_000), 8).astype(np.float32)
    seen = Observed()
    seen.add(values[None], 1, 1 << 20, np.random.default_rng(0))
    low, high = best_range(seen)
    whole, cut = (len(values) * ((top - low) / 255) ** 2 / 12 + (8 - top) ** 2 for top in (8, high))
    assert low < -0.9
    assert high < 8
    assert cut < whole


def test_the_fewest_layers_are_those_at_the_head_of_the_list() -> None:
    found = [Sensitivity("a", 0.03, 0.1), Sensitivity("b", 0.04, 0.5), Sensitivity("c", 0.0, 0.4)]
    assert fewest(found, 0.05, 0.06) == ()
    assert fewest(found, 0.05, 0.045) == ("a",)
    assert fewest(found, 0.05, 0.01) == ("a", "b")


def test_noise_covers_all_times(tmp_path: Path) -> None:
    about = read_float_file(exported(DENOISER, tmp_path / "float.onnx")).about
    made = from_pictures(about, np.zeros((100, 1, 8, 8), np.float32), None, "zeros", 100)
    times = np.sort(made.feeds["t"])
    assert np.array_equal(times // 10, np.arange(100))
    spread = np.sqrt(1 - Schedule("linear").alphas_cumprod[made.feeds["t"]])
    assert made.feeds["x"].std((1, 2, 3)) == pytest.approx(spread, rel=0.4, abs=0.02)


def test_images_of_a_folder_are_prepared_as_infer_prepares_them(tmp_path: Path) -> None:
    about = read_float_file(exported("digits_resnet", tmp_path / "float.onnx")).about
    for number in range(9):
        Image.fromarray(np.full((20, 20), 20 * number, np.uint8)).save(tmp_path / f"{number}.png")
    made = from_path(about, tmp_path, 16)
    assert made.feeds["image"].shape == (9, 1, 16, 16)
    values = sorted(made.feeds["image"].mean((1, 2, 3)))
    assert values == pytest.approx([(20 * number / 255 - 0.5) / 0.5 for number in range(9)], abs=1e-6)


def test_a_max_pool_in_front_stays_float(tmp_path: Path) -> None:
    spec = {
        "archgraph": 1,
        "name": "pooled",
        "inputs": {"x": ["N", 3, 16, 16]},
        "nodes": {
            "conv1": {"op": "conv2d", "out_channels": 8, "kernel_size": 3},
            "pool": {"op": "max_pool2d", "kernel_size": 2},
            "conv2": {"op": "conv2d", "out_channels": 8, "kernel_size": 3},
            "conv3": {"op": "conv2d", "out_channels": 8, "kernel_size": 3},
        },
        "outputs": {"y": "conv3"},
    }
    path = tmp_path / "int8.onnx"
    archgraph.to_int8(exported(spec, tmp_path / "float.onnx"), path, timed=False, samples=16)
    nodes = {node.name: node for node in onnx.load(path).graph.node}
    assert nodes[f"pool{BARRIER}"].op_type == "Max"
    assert archgraph.runtime.Session(path, "cpu").run(x=np.zeros((1, 3, 16, 16)))["y"].shape == (1, 8, 3, 3)


def test_means_between_layers_are_taken_of_bytes(tmp_path: Path) -> None:
    """ONNX Runtime has a kernel of bytes for GlobalAveragePool alone. What floats read stays a ReduceMean."""
    gated = {
        "conv1": {"op": "conv2d", "out_channels": 16, "kernel_size": 3, "in": "x"},
        "conv2": {"op": "conv_norm_activation", "out_channels": 16},
        "gate": {"op": "squeeze_excitation", "squeeze_channels": 8},
        "wide": {"op": "avg_pool2d", "kernel_size": 9},
        "conv3": {"op": "conv2d", "out_channels": 8, "kernel_size": 1},
        "mean": {"op": "adaptive_avg_pool2d", "output_size": 1},
        "flat": "flatten",
        "out": {"op": "linear", "out_features": 4},
    }
    spec = {"archgraph": 1, "name": "gated", "inputs": {"x": ["N", 3, "H", "W"]}, "nodes": gated}
    graph = archgraph.load(spec)
    path, state = tmp_path / "int8.onnx", archgraph.to_torch(graph, seed=0).state_dict()
    exact = tmp_path / "float.onnx"
    archgraph.to_onnx(graph, exact, weights=state, verify=False)
    archgraph.to_int8(exact, path, timed=False, samples=16, budget=0.9)
    model = onnx.load(path)
    widened = {value for node in model.graph.node if node.op_type == "DequantizeLinear" for value in node.output}
    means = {node.name: node for node in model.graph.node if node.op_type in ("GlobalAveragePool", "ReduceMean")}
    assert {name: node.op_type for name, node in means.items()} == {
        "gate.avgpool": "GlobalAveragePool",
        "mean": "ReduceMean",
    }
    assert means["gate.avgpool"].input[0] in widened
    assert not any(node.input[0] in widened for node in model.graph.node if node.op_type == "AveragePool")
    judge(path, exact, synthetic(read_float_file(exact).about, 16))
    means["gate.avgpool"].op_type = "GlobalMaxPool"
    onnx.save(model, path)
    with pytest.raises(VerificationError, match=r"gate\.avgpool"):
        judge(path, exact, synthetic(read_float_file(exact).about, 16))


def test_what_follows_a_convolution_in_float_reads_it_across_a_barrier(tmp_path: Path) -> None:
    """So the optimised file has no value that is widened, moved, rounded and widened again."""
    path = tmp_path / "int8.onnx"
    exact = exported(archgraph.load("ddpm@cifar10", channels=[32], attention=[False]), tmp_path / "float.onnx")
    archgraph.to_int8(exact, path, timed=False, samples=16, budget=0.9)
    readers = [node for node in onnx.load(path).graph.node if any(name.endswith(BARRIER) for name in node.input)]
    assert Counter(node.op_type for node in readers)["Add"] == 14  # of 7 units: time and residual
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    graph = onnx.load(tmp_path / "optimised.onnx").graph
    makers = {value: node.op_type for node in graph.node for value in node.output}
    moved = Counter(makers[node.input[0]] for node in graph.node if node.op_type == "Transpose")
    assert moved["QLinearConv"] == 17
    assert moved["DequantizeLinear"] == 0


@pytest.mark.parametrize(
    ("kind", "inputs", "shape", "holds"),
    [
        ("Reshape", ["x", "shape"], [0, 0, 0, -1], True),
        ("Reshape", ["x", "shape"], [0, 0, 5, -1], False),
        ("Reshape", ["x", "shape"], [0, 0, 0, 1], False),
        ("Reshape", ["x", "computed"], [0, 0, 0, -1], False),
        ("Max", ["x"], [], True),
        ("Max", ["x", "y"], [], False),
        ("Relu", ["x"], [], False),
    ],
)
def test_what_changes_its_input_is_no_barrier(kind: str, inputs: list[str], shape: list[int], holds: bool) -> None:
    node = onnx.helper.make_node(kind, inputs, ["y"], name=f"x{BARRIER}")
    weights = {"shape": onnx.numpy_helper.from_array(np.array(shape, np.int64))}
    assert is_barrier(node, weights) is holds


def test_sums_join_in_resnets_and_stay_float_before_norms(tmp_path: Path) -> None:
    wiring = ModelWiring(read_float_file(exported("digits_resnet", tmp_path / "a.onnx")).model)
    kinds = [wiring.nodes[name].op_type for name in choose(wiring).between]
    assert kinds.count("Add") == 3
    denoiser = ModelWiring(read_float_file(exported(DENOISER, tmp_path / "b.onnx")).model)
    assert choose(denoiser).between == ()


def test_a_time_after_the_label_is_the_time_all_the_same(tmp_path: Path) -> None:
    """By the rule that `sample` follows: what is called no time is the class."""
    inputs = {"x": LABELLED["inputs"]["x"], "klass": LABELLED["inputs"]["y"], "t": LABELLED["inputs"]["t"]}
    nodes = {**LABELLED["nodes"], "name": {**LABELLED["nodes"]["name"], "in": "klass"}}
    about = read_float_file(exported({**LABELLED, "inputs": inputs, "nodes": nodes}, tmp_path / "a.onnx")).about
    made = synthetic(about, 100)
    assert made.feeds["klass"].max() == 3
    assert made.feeds["t"].max() > 900


def test_random_whole_numbers_are_rows_that_the_table_has(tmp_path: Path) -> None:
    spec = {
        "archgraph": 1,
        "name": "one_row",
        "inputs": {"x": ["N", 3, 8, 8], "k": {"shape": ["N"], "dtype": "int64"}},
        "nodes": {
            "shift": {"op": "sub", "in": "k", "value": 5},
            "row": {"op": "embedding", "num_embeddings": 1, "embedding_dim": 3},
            "flat": {"op": "unsqueeze", "dim": [2, 3]},
            "sum": {"op": "add", "in": ["x", "flat"]},
        },
        "outputs": {"y": "sum"},
    }
    made = synthetic(read_float_file(exported(spec, tmp_path / "a.onnx")).about, 8)
    assert set(made.feeds["k"]) == {5}


def test_a_network_without_inputs_has_nothing_to_calibrate(tmp_path: Path) -> None:
    nodes = {"p": {"op": "parameter", "shape": [2, 3]}, "r": "relu"}
    path = exported({"archgraph": 1, "name": "own", "nodes": nodes}, tmp_path / "a.onnx")
    with pytest.raises(InputError, match="own has no inputs"):
        archgraph.to_int8(path, tmp_path / "b.onnx")


def test_values_are_counted_per_example_in_whatever_shape() -> None:
    """Tokens of two examples as the rows of one matrix."""
    seen = Observed()
    seen.add(np.zeros((2 * 100, 16), np.float32), 2, 1 << 16, np.random.default_rng(0))
    assert seen.per_example == 100 * 16
