"""Recurrent layers: torch's states, gradients and weights, and files whose weights stand in ONNX's order of gates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

import archgraph as ag
from archgraph.errors import ArchgraphError, VerificationError
from archgraph.graph.batch_independence import batch_symbol
from archgraph.verify import verify, verify_again

REFERENCES: dict[str, type[nn.RNNBase]] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
LAYERS = [
    pytest.param("lstm", {"num_layers": 2, "bidirectional": True, "batch_first": True}, True, id="lstm-both-ways"),
    pytest.param("lstm", {"bias": False}, True, id="lstm-without-bias"),
    pytest.param("lstm", {"num_layers": 2, "bidirectional": True, "proj_size": 2}, True, id="lstm-projected"),
    pytest.param("lstm", {"batch_first": True, "proj_size": 3, "bias": False}, False, id="lstm-projected-one-way"),
    pytest.param("gru", {"num_layers": 2, "bidirectional": True}, True, id="gru-both-ways"),
    pytest.param("gru", {"num_layers": 2, "batch_first": True, "bias": False}, False, id="gru-without-bias"),
    pytest.param("rnn", {"bidirectional": True, "nonlinearity": "relu"}, True, id="rnn-relu"),
    pytest.param("rnn", {"num_layers": 2}, False, id="rnn-tanh"),
]
WIDTH, HIDDEN = 3, 4


def layer(name: str, attributes: dict[str, Any], given: bool, settings: dict[str, Any] | None = None) -> ag.Graph:
    """A network of one layer over a free length, with its first states as inputs or without."""
    rows = attributes.get("num_layers", 1) * (2 if attributes.get("bidirectional") else 1)
    states = (["h_0", "c_0"] if name == "lstm" else ["h_0"]) if given else []
    widths = {"h_0": attributes.get("proj_size", HIDDEN), "c_0": HIDDEN}
    outputs = ["output", "h_n", *(["c_n"] if name == "lstm" else [])]
    return ag.load(
        {
            "archgraph": 1,
            "name": "sequence",
            "inputs": {
                "x": ["N", "L", WIDTH] if attributes.get("batch_first") else ["L", "N", WIDTH],
                **{state: [rows, "N", widths[state]] for state in states},
            },
            "nodes": {
                "layer": {
                    "op": name,
                    "in": {"input": "x", **{state: state for state in states}},
                    "hidden_size": HIDDEN,
                    **attributes,
                    **(settings or {}),
                }
            },
            "outputs": {output: f"layer.{output}" for output in outputs},
        }
    )


def flat(found: Any) -> list[Tensor]:
    return [found] if isinstance(found, Tensor) else [part for each in found for part in flat(each)]


def inputs(graph: ag.Graph, length: int, batch: int) -> list[Tensor]:
    torch.manual_seed(0)
    sizes = {"L": length, "N": batch}
    shapes = [[sizes.get(str(size), size) for size in value.shape] for value in graph.inputs]
    return [torch.randn(shape, requires_grad=True) for shape in shapes]  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "attributes", "given"), LAYERS)
@pytest.mark.parametrize("length", [1, 5])
def test_outputs_states_and_gradients_are_torchs(
    name: str, attributes: dict[str, Any], given: bool, length: int
) -> None:
    graph = layer(name, attributes, given)
    module = ag.to_torch(graph, seed=1)
    reference = REFERENCES[name](WIDTH, HIDDEN, **attributes)
    reference.load_state_dict({key.removeprefix("layer."): value for key, value in module.state_dict().items()})
    values = inputs(graph, length, 2)
    x, *states = values
    ours = flat(module(*values))
    theirs = flat(reference(x, None if not states else tuple(states) if name == "lstm" else states[0]))
    assert len(ours) == len(theirs)
    assert all(map(torch.equal, ours, theirs))
    gradients = [torch.autograd.grad(sum(map(torch.sum, found)), values) for found in (ours, theirs)]  # type: ignore[arg-type]
    assert all(map(torch.equal, *gradients))


@pytest.mark.parametrize(("name", "attributes", "given"), LAYERS)
def test_files_of_layers_are_proved(name: str, attributes: dict[str, Any], given: bool, tmp_path: Path) -> None:
    module = ag.to_torch(layer(name, attributes, given), seed=1)
    ag.to_onnx(module, tmp_path / "it.onnx")
    kinds = [node.op_type for node in onnx.load(tmp_path / "it.onnx").graph.node]
    layers = attributes.get("num_layers", 1)
    steps = layers * (1 + attributes.get("bidirectional", False)) if "proj_size" in attributes else 0
    assert (kinds.count(name.upper()), kinds.count("Scan")) == ((0, steps) if steps else (layers, 0))
    values = inputs(module._archgraph.graph, 7, 3)  # a length that no check has seen
    session = onnxruntime.InferenceSession(tmp_path / "it.onnx", providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    found = session.run(None, dict(zip(names, (value.detach().numpy() for value in values), strict=True)))
    for ours, theirs in zip(found, flat(module(*values)), strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("at", [0, 5, -1])
def test_a_gate_in_another_place_is_found(at: int, tmp_path: Path) -> None:
    """One number of the rearranged weights is another: of the first gate, of the second, of the last bias."""
    module = ag.to_torch(layer("lstm", {"bidirectional": True}, False), seed=1)
    ag.to_onnx(module, tmp_path / "it.onnx")
    model = onnx.load(tmp_path / "it.onnx")
    tensor = next(t for t in model.graph.initializer if t.name.endswith("bias_ih_l0/gates"))
    values = onnx.numpy_helper.to_array(tensor).copy()
    values[-1, at] += 0.01
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    onnx.save(model, tmp_path / "it.onnx")
    (tmp_path / "it.onnx.certificate.json").unlink()
    assert verify_again(tmp_path / "it.onnx").equal  # as a network of these weights it is right
    with pytest.raises(VerificationError, match="other values than the module's"):
        verify(module, tmp_path / "it.onnx")


@pytest.mark.parametrize(
    ("batch_first", "outputs", "symbol"), [(True, "output", "N"), (True, "h_n", None), (False, "output", None)]
)
def test_batch_elements_are_independent_where_only_the_output_is_read(
    batch_first: bool, outputs: str, symbol: str | None
) -> None:
    nodes = {"layer": {"op": "gru", "hidden_size": HIDDEN, "batch_first": batch_first}}
    shape = ["N", "L", WIDTH]
    graph = ag.load(
        {"archgraph": 1, "name": "it", "inputs": {"x": shape}, "nodes": nodes, "outputs": {"y": f"layer.{outputs}"}}
    )
    assert batch_symbol(graph) == symbol


TIED = {
    "archgraph": 1,
    "name": "tied",
    "inputs": {"x": ["L", "N", HIDDEN]},
    "nodes": {
        "one": {"op": "gru", "hidden_size": HIDDEN},
        "two": {"op": "gru", "in": "one.output", "hidden_size": HIDDEN, "tie": {"weight_hh_l0": "one.weight_hh_l0"}},
        "three": {"share": "two", "in": "two.output"},
        "matrix": {"op": "parameter", "shape": [4 * HIDDEN, HIDDEN]},
        "halved": {"op": "mul", "value": 0.5},
        "four": {"op": "lstm", "in": {"input": "three.output", "weight_ih_l0": "halved"}, "hidden_size": HIDDEN},
    },
    "outputs": {"y": "four.output", "c": "four.c_n"},
}


def test_tied_shared_and_computed_weights(tmp_path: Path) -> None:
    module = ag.to_torch(ag.load(TIED), seed=1)
    first, second, last = nn.GRU(HIDDEN, HIDDEN), nn.GRU(HIDDEN, HIDDEN), nn.LSTM(HIDDEN, HIDDEN)
    state = {**module.state_dict(), "four.weight_ih_l0": module.state_dict()["matrix"] / 2}
    for name, part in (("one", first), ("two", second), ("four", last)):
        part.load_state_dict({key.partition(".")[2]: v for key, v in state.items() if key.startswith(f"{name}.")})
    assert torch.equal(state["one.weight_hh_l0"], state["two.weight_hh_l0"])
    x = torch.randn(3, 2, HIDDEN)
    output, (_, c) = last(second(second(first(x)[0])[0])[0])
    ours = module(x)
    torch.testing.assert_close(ours[0], output)
    torch.testing.assert_close(ours[1], c)
    ag.to_onnx(module, tmp_path / "it.onnx")


STATES = {"h_0": "h", "c_0": "h"}


@pytest.mark.parametrize(
    ("inputs", "node", "message"),
    [
        ({"x": ["N", 3, 4, 5]}, {}, "lstm reads [L, N, C] or [L, C]"),
        ({"x": ["L", "N", "C"]}, {}, "dimension -1 must be a fixed number, because weights depend on it"),
        ({"x": ["L", 2, 3], "h": [1, 2, 5]}, {"h_0": "h"}, "h_0 is given and c_0 is not"),
        (
            {"x": ["L", 2, 3], "h": [1, 2, 4]},
            {"h_0": "h", "c_0": "h"},
            "h_0 must have the shape of the state, [1, 2, 5]",
        ),
    ],
)
def test_what_does_not_fit_is_refused(inputs: dict[str, Any], node: dict[str, str], message: str) -> None:
    nodes = {"layer": {"op": "lstm", "in": {"input": "x", **node}, "hidden_size": 5}}
    with pytest.raises(ArchgraphError) as caught:
        ag.load({"archgraph": 1, "name": "it", "inputs": inputs, "nodes": nodes, "outputs": {"y": "layer.output"}})
    assert message in str(caught.value)
