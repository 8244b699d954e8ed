"""Faults planted into a file: each is found, at the node where it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from tiny_network import SPEC, altered, attribute, certificate, network

import archgraph
from archgraph.errors import VerificationError
from archgraph.export import export
from archgraph.verify import verify

Change = Callable[[Any, dict[str, Any]], None]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[torch.nn.Module, bytes]:
    """A module and its exported file."""
    folder = tmp_path_factory.mktemp("made")
    module = archgraph.to_torch(network(folder), seed=3)
    export(network(folder), module, folder / "m.onnx")
    return module, (folder / "m.onnx").read_bytes()


def line_of(node: str) -> int:
    """Where a node stands in the spec; the file has the text as it is."""
    return next(i for i, line in enumerate(SPEC.splitlines(), 1) if line.strip().startswith(f"{node}:"))


def wrong_epsilon(graph: Any, nodes: dict[str, Any]) -> None:
    attribute(nodes["norm/InstanceNormalization"], "epsilon").f = 1e-5


def dropped_bias(graph: Any, nodes: dict[str, Any]) -> None:
    del nodes["final"].input[2]


def wrong_rounding(graph: Any, nodes: dict[str, Any]) -> None:
    attribute(nodes["grow"], "nearest_mode").s = b"round_prefer_ceil"


def shifted_places(graph: Any, nodes: dict[str, Any]) -> None:
    attribute(nodes["grow"], "coordinate_transformation_mode").s = b"align_corners"


def exchanged_skip(graph: Any, nodes: dict[str, Any]) -> None:
    first, second = nodes["join"].input
    nodes["join"].input[:] = [second, first]


def exchanged_waves(graph: Any, nodes: dict[str, Any]) -> None:
    first, second = nodes["waves"].input
    nodes["waves"].input[:] = [second, first]


def exchanged_query_and_key(graph: Any, nodes: dict[str, Any]) -> None:
    for node in graph.node:
        node.input[:] = [{"mid.q": "mid.k", "mid.k": "mid.q"}.get(name, name) for name in node.input]


def other_activation(graph: Any, nodes: dict[str, Any]) -> None:
    nodes["act/Sigmoid"].op_type = "HardSigmoid"


def shifted_padding(graph: Any, nodes: dict[str, Any]) -> None:
    attribute(nodes["down"], "pads").ints[:] = [0, 0, 2, 2]


def no_scale(graph: Any, nodes: dict[str, Any]) -> None:
    (scaled,) = (node for node in graph.node if node.name == "mid.mix/Mul")
    scaled.op_type, scaled.input[:] = "Identity", [scaled.input[0]]


FAULTS: list[tuple[Change, str]] = [
    (wrong_epsilon, "norm"),
    (dropped_bias, "final"),
    (wrong_rounding, "grow"),
    (shifted_places, "grow"),
    (exchanged_skip, "join"),
    (exchanged_waves, "waves"),
    (exchanged_query_and_key, "mid.mix"),
    (other_activation, "act"),
    (shifted_padding, "bn"),  # the norm is folded into `down`, so its result is the first that is there
    (no_scale, "mid.mix"),
]


@pytest.mark.parametrize(("change", "node"), FAULTS, ids=[change.__name__ for change, _ in FAULTS])
def test_a_fault_is_found_at_its_node(
    change: Change, node: str, made: tuple[torch.nn.Module, bytes], tmp_path: Path
) -> None:
    module, content = made
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    altered(path, change)
    with pytest.raises(VerificationError) as raised:
        verify(module, path)
    head, *_, cause = raised.value.problems
    assert head.message == f"{path} does not compute what tiny computes"
    assert cause.path == node
    assert cause.message.endswith("is the first node whose result in the file is wrong")
    assert cause.where is not None
    assert (Path(cause.where.file).name, cause.where.line) == ("tiny.yaml", line_of(node.rpartition(".")[2]))
    assert path.exists()
    assert certificate(path)["equal"] is False


def test_the_file_as_it_was_exported_passes(made: tuple[torch.nn.Module, bytes], tmp_path: Path) -> None:
    """Otherwise the tests above would show nothing."""
    path = tmp_path / "m.onnx"
    path.write_bytes(made[1])
    assert verify(made[0], path).equal
    assert certificate(path)["equal"] is True


def swapped(graph: Any, nodes: dict[str, Any]) -> None:
    """Two tensors of one shape exchange their values."""
    held = {tensor.name: tensor for tensor in graph.initializer}
    first, second = held["mid.q.bias"], held["mid.v.bias"]
    first.raw_data, second.raw_data = second.raw_data, first.raw_data


def one_bit(graph: Any, nodes: dict[str, Any]) -> None:
    (tensor,) = (item for item in graph.initializer if item.name == "final.weight")
    tensor.raw_data = bytes([tensor.raw_data[0] ^ 1]) + tensor.raw_data[1:]


def folded_scale(graph: Any, nodes: dict[str, Any]) -> None:
    (tensor,) = (item for item in graph.initializer if item.name == "down.weight/folded")
    values = onnx.numpy_helper.to_array(tensor) * (1 + 1e-5)
    tensor.raw_data = values.astype("float32").tobytes()


@pytest.mark.parametrize(
    ("change", "keys"),
    [
        (swapped, ["mid.q.bias", "mid.v.bias"]),
        (one_bit, ["final.weight"]),
        (folded_scale, ["down.weight"]),
    ],
)
def test_weights_that_differ_are_named(
    change: Change, keys: list[str], made: tuple[torch.nn.Module, bytes], tmp_path: Path
) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(made[1])
    altered(path, change)
    with pytest.raises(VerificationError, match="has other values than the module's") as raised:
        verify(made[0], path)
    assert [problem.path for problem in raised.value.problems[1:]] == keys


def missing_weight(graph: Any, nodes: dict[str, Any]) -> None:
    index = next(i for i, tensor in enumerate(graph.initializer) if tensor.name == "final.bias")
    del graph.initializer[index]


def other_shape(graph: Any, nodes: dict[str, Any]) -> None:
    attribute(nodes["final"], "pads").ints[:] = [1, 1, 1, 1]


def unknown_operator(graph: Any, nodes: dict[str, Any]) -> None:
    nodes["act"].op_type = "NoSuchOperator"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (missing_weight, "the file lacks the weight final.bias"),
        (other_shape, r"another shape or element type[\s\S]*expected: \[1, 4, 2, 2\] float32[\s\S]*\[1, 4, 4, 4\]"),
        (unknown_operator, "ONNX Runtime refuses the file"),
    ],
)
def test_files_that_do_not_even_run(
    change: Change, problem: str, made: tuple[torch.nn.Module, bytes], tmp_path: Path
) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(made[1])
    altered(path, change)
    with pytest.raises(VerificationError, match=problem):
        verify(made[0], path)


def test_a_file_that_is_no_model_is_refused(made: tuple[torch.nn.Module, bytes], tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(made[1][:1000])
    with pytest.raises(VerificationError, match="is no ONNX file"):
        verify(made[0], tmp_path / "m.onnx")


def test_a_module_that_is_not_its_graph_is_told_apart(made: tuple[torch.nn.Module, bytes], tmp_path: Path) -> None:
    """Someone changed the module after it was compiled: no node of the file is at fault."""
    path = tmp_path / "m.onnx"
    path.write_bytes(made[1])
    module = archgraph.to_torch(network(tmp_path), seed=3)
    module.get_submodule("norm").eps = 1e-2  # type: ignore[assignment]
    with pytest.raises(VerificationError, match="the compiled module computes something else"):
        verify(module, path)
