"""The slips that people make who write an exporter or copy weights: each is found, at its node and its line.

Some are planted into the operators of the file, some into its weights; batch norm's with and without folding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from tiny_network import altered, attribute, certificate

import archgraph
from archgraph.errors import Problem, VerificationError
from archgraph.export import ExportOptions, export
from archgraph.verify import verify

SPEC = """
archgraph: 1
name: slips
inputs: {image: [N, 8, H, W]}
nodes:
  front:   {op: conv2d, out_channels: 8, kernel_size: 3, padding: 1}
  second:  {op: conv2d, out_channels: 8, kernel_size: 3, padding: 1}
  bn:      batch_norm2d
  act:     silu
  grouped: {op: conv2d, out_channels: 8, kernel_size: 1, groups: 2}
  gn:      {op: group_norm, num_groups: 4}
  rows:    {op: flatten, start_dim: 2}
  tokens:  {op: transpose, dim0: 1, dim1: 2}
  ln:      layer_norm
  square:  {op: linear, out_features: 8}
  weigh:   {op: softmax, dim: -1}
  head:    {op: linear, out_features: 4}
"""
Change = Callable[[Any, dict[str, Any]], None]


@dataclass(frozen=True)
class Made:
    module: torch.nn.Module
    whole: bytes
    folded: bytes


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A module whose statistics are those of a trained one, and its file with and without folding."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "slips.yaml").write_text(SPEC)
    graph = archgraph.load(folder / "slips.yaml")
    module = archgraph.to_torch(graph, seed=3)
    drawn = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in module.named_buffers():
            if name.startswith("bn.running"):
                value.copy_(torch.rand(value.shape, generator=drawn) + 0.5)
        module.get_submodule("bn").weight.copy_(torch.rand(8, generator=drawn) + 0.5)  # type: ignore[operator]
    for fold in (False, True):
        export(graph, module, folder / f"{fold}.onnx", ExportOptions(fold=fold))
    return Made(module, (folder / "False.onnx").read_bytes(), (folder / "True.onnx").read_bytes())


def line_of(node: str) -> int:
    return next(i for i, line in enumerate(SPEC.splitlines(), 1) if line.strip().startswith(f"{node}:"))


def complaints(made: Made, content: bytes, change: Change, folder: Path) -> tuple[Problem, ...]:
    """What is said of a file with that change, after the heading."""
    path = folder / "m.onnx"
    path.write_bytes(content)
    altered(path, change)
    with pytest.raises(VerificationError) as raised:
        verify(made.module, path)
    assert certificate(path)["equal"] is False
    assert path.exists()
    return raised.value.problems[1:]


def require_place(problem: Problem, node: str) -> None:
    assert problem.where is not None
    assert (Path(problem.where.file).name, problem.where.line) == ("slips.yaml", line_of(node))


def before(graph: Any, node: Any, kind: str, result: str, index: int, **attributes: Any) -> None:
    """Puts an operator before an input of a node."""
    made = helper.make_node(kind, [node.input[index], *attributes.pop("more", [])], [result], **attributes)
    graph.node.insert(list(graph.node).index(node), made)
    node.input[index] = result


def exchanged_kernels(graph: Any, nodes: dict[str, Any]) -> None:
    first, second = nodes["front"], nodes["second"]
    first.input[1], second.input[1] = second.input[1], first.input[1]


def transposed_linear(graph: Any, nodes: dict[str, Any]) -> None:
    (node,) = (node for node in graph.node if any(name.startswith("square.weight") for name in node.input))
    place = next(i for i, name in enumerate(node.input) if name.startswith("square.weight"))
    before(graph, node, "Transpose", "turned", place, perm=[1, 0])


def normalised_over_tokens(graph: Any, nodes: dict[str, Any]) -> None:
    attribute(nodes["weigh"], "axis").i = 1


def other_groups(graph: Any, nodes: dict[str, Any]) -> None:
    """Channels go to the groups in turn, as in a shuffle, not in blocks."""
    order = np.arange(8).reshape(2, 4).T.ravel()
    graph.initializer.append(numpy_helper.from_array(order, "order"))
    before(graph, nodes["grouped"], "Gather", "shuffled", 0, more=["order"], axis=1)


def other_normed_groups(graph: Any, nodes: dict[str, Any]) -> None:
    """Groups of every fourth channel instead of neighbours; the channels come back in their own order."""
    order = np.arange(8).reshape(2, 4).T.ravel()
    for name, indices in (("order", order), ("back", np.argsort(order))):
        graph.initializer.append(numpy_helper.from_array(indices, name))
    normed = nodes["gn/InstanceNormalization"]
    into = next(node for node in graph.node if node.output[0] == normed.input[0])
    out = next(node for node in graph.node if normed.output[0] in node.input)
    before(graph, into, "Gather", "shuffled", 0, more=["order"], axis=1)
    after = next(node for node in graph.node if out.output[0] in node.input)
    before(graph, after, "Gather", "unshuffled", list(after.input).index(out.output[0]), more=["back"], axis=1)


def epsilon_of_batch_norm(graph: Any, nodes: dict[str, Any]) -> None:
    attribute(nodes["bn"], "epsilon").f = 1e-3


def epsilon_of_layer_norm(graph: Any, nodes: dict[str, Any]) -> None:
    attribute(nodes["ln"], "epsilon").f = 1e-6


def scale_as_variance(graph: Any, nodes: dict[str, Any]) -> None:
    bn = nodes["bn"]
    bn.input[1], bn.input[4] = bn.input[4], bn.input[1]


def mean_as_bias(graph: Any, nodes: dict[str, Any]) -> None:
    bn = nodes["bn"]
    bn.input[2], bn.input[3] = bn.input[3], bn.input[2]


def no_bias(graph: Any, nodes: dict[str, Any]) -> None:
    del nodes["grouped"].input[2]


def padding_before(graph: Any, nodes: dict[str, Any]) -> None:
    """All of it at the top and on the left."""
    attribute(nodes["front"], "pads").ints[:] = [2, 2, 0, 0]


@pytest.mark.parametrize(
    ("change", "node"),
    [
        (exchanged_kernels, "front"),
        (transposed_linear, "square"),
        (normalised_over_tokens, "weigh"),
        (other_groups, "grouped"),
        (other_normed_groups, "gn"),
        (epsilon_of_batch_norm, "bn"),
        (epsilon_of_layer_norm, "ln"),
        (scale_as_variance, "bn"),
        (mean_as_bias, "bn"),
        (no_bias, "grouped"),
        (padding_before, "front"),
    ],
)
def test_slips_in_operators(change: Change, node: str, made: Made, tmp_path: Path) -> None:
    *_, cause = complaints(made, made.whole, change, tmp_path)
    assert cause.message.endswith("is the first node whose result in the file is wrong")
    assert cause.path == node
    require_place(cause, node)


def values_of(graph: Any, name: str) -> Any:
    return numpy_helper.to_array(tensor_of(graph, name))


def tensor_of(graph: Any, name: str) -> Any:
    return next(tensor for tensor in graph.initializer if tensor.name == name)


def exchanged_tensors(graph: Any, nodes: dict[str, Any]) -> None:
    """The weights of two convolutions of one shape, each under the other's name."""
    first, second = tensor_of(graph, "front.weight"), tensor_of(graph, "second.weight")
    first.raw_data, second.raw_data = second.raw_data, first.raw_data


def transposed_tensor(graph: Any, nodes: dict[str, Any]) -> None:
    name = next(tensor.name for tensor in graph.initializer if tensor.name.startswith("square.weight"))
    tensor_of(graph, name).raw_data = np.ascontiguousarray(values_of(graph, name).T).tobytes()


def statistics_of_another_step(graph: Any, nodes: dict[str, Any]) -> None:
    """Running statistics after one more batch in training, of a mean of 0 and a variance of 1 (momentum 0.1)."""
    for name, batch in (("bn.running_mean", 0.0), ("bn.running_var", 1.0)):
        moved = 0.9 * values_of(graph, name) + 0.1 * np.float32(batch)
        tensor_of(graph, name).raw_data = moved.astype(np.float32).tobytes()


def momentum_taken_as_its_complement(graph: Any, nodes: dict[str, Any]) -> None:
    moved = 0.1 * values_of(graph, "bn.running_var") + np.float32(0.9)
    tensor_of(graph, "bn.running_var").raw_data = moved.astype(np.float32).tobytes()


@pytest.mark.parametrize(
    ("change", "keys"),
    [
        (exchanged_tensors, ["front.weight", "second.weight"]),
        (transposed_tensor, ["square.weight"]),
        (statistics_of_another_step, ["bn.running_mean", "bn.running_var"]),
        (momentum_taken_as_its_complement, ["bn.running_var"]),
    ],
)
def test_slips_in_weights(change: Change, keys: list[str], made: Made, tmp_path: Path) -> None:
    found = complaints(made, made.whole, change, tmp_path)
    assert [problem.path for problem in found] == keys
    for problem, key in zip(found, keys, strict=True):
        assert "has other values than the module's" in problem.message
        require_place(problem, key.partition(".")[0])


Parts = dict[str, Any]


def folded_with(parts: Parts) -> tuple[Any, Any]:
    """Kernel and bias of a convolution into which a batch norm is multiplied, by the definition of either."""
    factor = parts["weight"] / np.sqrt(parts["running_var"] + 1e-5)
    return parts["kernel"] * factor[:, None, None, None], (parts["own"] - parts["running_mean"]) * factor + parts[
        "bias"
    ]


def exchanged(first: str, second: str) -> Callable[[Parts], Parts]:
    return lambda parts: {**parts, first: parts[second], second: parts[first]}


def one_more_step(parts: Parts) -> Parts:
    return {**parts, "running_mean": 0.9 * parts["running_mean"], "running_var": 0.9 * parts["running_var"] + 0.1}


@pytest.mark.parametrize(
    ("slip", "right"),
    [
        (lambda parts: parts, True),  # otherwise the others would show nothing
        (exchanged("weight", "running_var"), False),
        (exchanged("bias", "running_mean"), False),
        (one_more_step, False),
    ],
    ids=["none", "scale and variance", "bias and mean", "one more step"],
)
def test_slips_in_folding(slip: Callable[[Parts], Parts], right: bool, made: Made, tmp_path: Path) -> None:
    state = {key: value.numpy().astype(np.float64) for key, value in made.module.state_dict().items()}
    parts = {name: state[f"bn.{name}"] for name in ("weight", "bias", "running_mean", "running_var")}
    kernel, bias = folded_with(slip(parts | {"kernel": state["second.weight"], "own": state["second.bias"]}))

    def change(graph: Any, nodes: dict[str, Any]) -> None:
        tensor_of(graph, "second.weight/folded").raw_data = kernel.astype(np.float32).tobytes()
        tensor_of(graph, "second.bias/folded").raw_data = bias.astype(np.float32).tobytes()

    if right:
        (tmp_path / "m.onnx").write_bytes(made.folded)
        altered(tmp_path / "m.onnx", change)
        assert verify(made.module, tmp_path / "m.onnx").equal
        return
    found = complaints(made, made.folded, change, tmp_path)
    assert found[-1].path == "second.weight"
    assert found[-1].notes == (("the batch norm bn is multiplied into it", None),)
    for problem in found:
        require_place(problem, "second")


@pytest.mark.parametrize("folded", [False, True])
def test_both_files_as_they_were_exported_pass(folded: bool, made: Made, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(made.folded if folded else made.whole)
    found = verify(made.module, tmp_path / "m.onnx")
    assert found.equal
    assert (found.folded == {"bn": "second"}) == folded
    assert {run.run.optimised for run in found.measured} == {False, True}
    assert {run.run.sizes["N"] for run in found.measured} == {1, 3}
    held = {tensor.name for tensor in onnx.load(tmp_path / "m.onnx").graph.initializer}
    assert found.weights == len([name for name in held if not name.startswith("const/")])
