"""`scan`: a block over the slices of a sequence equals the loop that somebody would write in torch."""

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
from archgraph.graph.cost import cost
from archgraph.graph.index_ranges import input_ranges
from archgraph.verify import verify, verify_again

BLOCKS: dict[str, Any] = {
    "selective": {  # Gu and Dao 2023, Mamba, https://arxiv.org/abs/2312.00752, equation 2
        "inputs": {"h": ["N", "D", "S"], "a": ["N", "D", "S"], "bx": ["N", "D", "S"], "c": ["N", "S"]},
        "nodes": {
            "kept": {"op": "mul", "in": ["a", "h"]},
            "next": {"op": "add", "in": ["kept", "bx"]},
            "column": {"op": "unsqueeze", "in": "c", "dim": 2},
            "rows": {"op": "matmul", "in": ["next", "column"]},
            "y": {"op": "squeeze", "dim": -1},
        },
        "outputs": {"y": "y", "h": "next"},
    },
    "elman": {
        "inputs": {"x": ["N", "C"], "h": ["N", "D"]},
        "nodes": {
            "wx": {"op": "linear", "in": "x", "out_features": "=D"},
            "wh": {"op": "linear", "in": "h", "out_features": "=D", "bias": False},
            "sum": {"op": "add", "in": ["wx", "wh"]},
            "new": "tanh",
        },
        "outputs": {"y": "new", "h": "new"},
    },
    "running": {
        "inputs": {"x": ["N", "C"], "peak": ["N", "C"]},
        "nodes": {"new": {"op": "maximum", "in": ["x", "peak"]}},
        "outputs": {"y": "new", "peak": "new"},
    },
}


def network(inputs: dict[str, Any], nodes: dict[str, Any], outputs: Any, blocks: dict[str, Any] = BLOCKS) -> ag.Graph:
    used = {name: block for name, block in blocks.items() if f"'{name}'" in str(nodes) + str(blocks)}
    spec = {"archgraph": 1, "name": "it", "inputs": inputs, "nodes": nodes, "outputs": outputs, "blocks": used}
    return ag.load(spec)


def selective() -> ag.Graph:
    sequence = ["N", "L", 4, 5]
    step = {"op": "selective", "scan": {"a": 1, "bx": 1, "c": 1}, "chain": ["h"]}
    return network(
        {"a": sequence, "bx": sequence, "c": ["N", "L", 5], "start": ["N", 4, 5]},
        {"ssm": {**step, "in": {"h": "start", "a": "a", "bx": "bx", "c": "c"}}},
        {"y": "ssm.y", "h": "ssm.h"},
    )


def test_what_a_scan_hands_out_is_a_tuple() -> None:
    found = ag.to_torch(selective())(
        torch.ones(2, 3, 4, 5), torch.ones(2, 3, 4, 5), torch.ones(2, 3, 5), torch.ones(2, 4, 5)
    )
    assert isinstance(found, tuple)
    assert [tuple(value.shape) for value in found] == [(2, 3, 4), (2, 4, 5)]


def selective_loop(module: nn.Module, a: Tensor, bx: Tensor, c: Tensor, h: Tensor) -> list[Tensor]:
    found = []
    for t in range(a.shape[1]):
        h = a[:, t] * h + bx[:, t]
        found.append(torch.einsum("nds,ns->nd", h, c[:, t]))
    return [torch.stack(found, 1), h]


def elman() -> ag.Graph:
    return network(
        {"x": ["L", "N", 3], "start": ["N", 6]},
        {"rnn": {"op": "elman", "scan": {"x": 0}, "chain": ["h"], "in": {"x": "x", "h": "start"}}},
        {"y": "rnn.y", "h": "rnn.h"},
    )


def elman_loop(module: nn.Module, x: Tensor, h: Tensor) -> list[Tensor]:
    rnn = nn.RNNCell(3, 6)
    state = {key.removeprefix("rnn."): value for key, value in module.named_parameters()}
    del rnn.weight_ih, rnn.weight_hh, rnn.bias_ih, rnn.bias_hh
    rnn.weight_ih, rnn.bias_ih, rnn.weight_hh = state["wx.weight"], state["wx.bias"], state["wh.weight"]
    rnn.bias_hh = nn.Parameter(torch.zeros(6))
    found = []
    for row in x:
        h = rnn(row, h)
        found.append(h)
    return [torch.stack(found), h]


def running() -> ag.Graph:
    return network(
        {"x": ["N", 3, "L"]},
        {
            "lowest": {"op": "full", "shape": ["=N", 3], "fill_value": -1000.0},
            "peak": {"op": "running", "scan": {"x": -1}, "chain": ["peak"], "in": {"x": "x", "peak": "lowest"}},
        },
        {"y": "peak.y", "last_peak": "peak.peak"},
    )


def running_loop(module: nn.Module, x: Tensor) -> list[Tensor]:
    found = x.cummax(-1).values
    return [found, x.amax(-1)]


RECURRENCES = [
    pytest.param(selective, selective_loop, id="selective"),
    pytest.param(elman, elman_loop, id="elman"),
    pytest.param(running, running_loop, id="running-maximum"),
]


def drawn(graph: ag.Graph, length: int, batch: int = 2) -> list[Tensor]:
    torch.manual_seed(0)
    sizes = {"L": length, "N": batch}
    shapes = [[sizes.get(str(size), size) for size in value.shape] for value in graph.inputs]
    return [torch.randn(shape, requires_grad=True) for shape in shapes]  # type: ignore[arg-type]


@pytest.mark.parametrize("length", [1, 2, 7])
@pytest.mark.parametrize(("made", "loop"), RECURRENCES)
def test_outputs_and_gradients_are_those_of_the_loop(made: Any, loop: Any, length: int) -> None:
    module = ag.to_torch(made(), seed=1)
    given = drawn(made(), length)
    ours, theirs = module(*given), loop(module, *given)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-6, atol=1e-6)
    gradients = [torch.autograd.grad(sum(part.square().sum() for part in found), given) for found in (ours, theirs)]
    for mine, other in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("made", "loop"), RECURRENCES)
def test_files_are_proved_and_take_any_length(made: Any, loop: Any, tmp_path: Path) -> None:
    module = ag.to_torch(made(), seed=1)
    ag.to_onnx(module, tmp_path / "it.onnx")
    model = onnx.load(tmp_path / "it.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node].count("Scan") == 1
    session = onnxruntime.InferenceSession(tmp_path / "it.onnx", providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    given = drawn(made(), 9, 3)
    found = session.run(None, dict(zip(names, (value.detach().numpy() for value in given), strict=True)))
    for ours, theirs in zip(found, loop(module, *given), strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-5, atol=1e-5)


SHIFTED = {"op": "shifted", "scan": {"x": 1}, "chain": ["h"]}
NESTED = {
    **BLOCKS,
    "layer": {
        "inputs": {"x": ["N", "L", "C"], "shift": ["C"]},
        "nodes": {
            "norm": "layer_norm",
            "zero": {"op": "zeros", "shape": ["=N", "=C"]},
            "rnn": {
                "op": "shifted",
                "scan": {"x": 1},
                "chain": ["h"],
                "in": {"x": "norm", "h": "zero", "shift": "shift"},
            },
            "add": {"op": "add", "in": ["rnn.y", "x"]},
        },
    },
    "shifted": {
        "inputs": {"x": ["N", "C"], "h": ["N", "C"], "shift": ["C"]},
        "nodes": {
            "cell": {"op": "elman", "in": {"x": "x", "h": "h"}},
            "moved": {"op": "add", "in": ["cell.y", "shift"]},
        },
        "outputs": {"h": "cell.h", "y": "moved"},
    },
}


def nested() -> ag.Graph:
    """A scan in a block that is repeated, a block in the block that is scanned, and a value that every step reads."""
    return network(
        {"x": ["N", "L", 4]},
        {
            "shift": {"op": "parameter", "shape": [4]},
            "layers": {"op": "layer", "repeat": 3, "in": {"x": "x", "shift": "shift"}},
            "head": {"op": "linear", "in": "layers", "out_features": 2},
        },
        {"y": "head"},
        NESTED,
    )


@pytest.mark.parametrize("profile", ["portable", "cpu", "cuda"])
def test_a_scan_in_a_repeated_block(profile: str, tmp_path: Path) -> None:
    module = ag.to_torch(nested(), seed=1)
    assert "layers.2.rnn.cell.wh.weight" in module.state_dict()
    ag.to_onnx(module, tmp_path / "it.onnx", profile=profile)
    model = onnx.load(tmp_path / "it.onnx")
    held = {tensor.name for tensor in model.graph.initializer}
    assert {"shift", "layers.0.rnn.cell.wh.weight"} <= held, "weights of the body stand in the graph around it"
    assert verify_again(tmp_path / "it.onnx").equal


def test_low_precision_computes_a_scan_in_float32(tmp_path: Path) -> None:
    ag.to_onnx(ag.to_torch(nested(), seed=1), tmp_path / "it.onnx", dtype="float16")
    model = onnx.load(tmp_path / "it.onnx")
    (first, *_) = [node for node in model.graph.node if node.op_type == "Scan"]
    body = first.attribute[-1].g
    kinds = {value.type.tensor_type.elem_type for value in (*body.input, *body.output)}
    assert kinds == {onnx.TensorProto.FLOAT}


def test_a_wrong_operator_in_the_body_is_found(tmp_path: Path) -> None:
    module = ag.to_torch(elman(), seed=1)
    ag.to_onnx(module, tmp_path / "it.onnx")
    model = onnx.load(tmp_path / "it.onnx")
    body = next(node for node in model.graph.node if node.op_type == "Scan").attribute[-1].g
    next(node for node in body.node if node.op_type == "Tanh").op_type = "Sigmoid"
    onnx.save(model, tmp_path / "it.onnx")
    with pytest.raises(VerificationError, match="scan is the first node whose result in the file is wrong"):
        verify(module, tmp_path / "it.onnx")


def test_costs_are_those_of_all_steps() -> None:
    found = cost(elman(), {"L": 5, "N": 2})
    assert found.macs == 5 * 2 * 6 * (3 + 6)
    assert found.parameters == 6 * 3 + 6 + 6 * 6


def test_batch_elements_are_independent_unless_steps_are_along_them() -> None:
    assert batch_symbol(selective()) == "N"
    assert batch_symbol(running()) == "N"
    assert batch_symbol(elman()) is None


def test_a_table_in_the_body_bounds_the_sequence(tmp_path: Path) -> None:
    table = {"inputs": {"t": ["N"]}, "nodes": {"row": {"op": "embedding", "num_embeddings": 7, "embedding_dim": 2}}}
    table["inputs"] = {"t": {"shape": ["N"], "dtype": "int64"}}
    graph = network(
        {"tokens": {"shape": ["N", "L"], "dtype": "int64"}},
        {"rows": {"op": "look", "scan": {"t": 1}, "in": {"t": "tokens"}}},
        {"y": "rows"},
        {"look": table},
    )
    assert str(input_ranges(graph)["tokens"].interval.high.flat[0]) == "6"
    module = ag.to_torch(graph, seed=1)
    tokens = torch.randint(0, 7, (2, 5))
    assert torch.equal(module(tokens), module.get_parameter("rows.row.weight")[tokens])
    ag.to_onnx(module, tmp_path / "it.onnx")


def test_a_norm_in_the_body_sees_more_than_one_value(tmp_path: Path) -> None:
    """torch refuses a norm over one value, so that a proof begins at wider slices."""
    unit = {
        "inputs": {"row": ["N", 4, "W"], "held": ["N", 4, "W"]},
        "nodes": {
            "norm": {"op": "group_norm", "in": "row", "num_groups": 4, "affine": False},
            "sum": {"op": "add", "in": ["norm", "held"]},
        },
        "outputs": {"all": "sum", "held": "sum"},
    }
    steps = {"op": "unit", "scan": {"row": 2}, "chain": ["held"], "in": {"row": "x", "held": "start"}}
    spec = {"archgraph": 1, "name": "net", "inputs": {"x": ["N", 4, "H", "W"], "start": ["N", 4, "W"]}}
    graph = ag.load({**spec, "nodes": {"steps": steps}, "outputs": {"y": "steps.all"}, "blocks": {"unit": unit}})
    certificate = ag.to_onnx(ag.to_torch(graph, seed=1), tmp_path / "m.onnx").certificate
    assert certificate is not None
    assert certificate.equal


def test_a_state_keeps_its_shape_where_its_size_is_written_in_two_ways(tmp_path: Path) -> None:
    """2*(W // 2), and W, which a sum asks to be even."""
    nodes = {
        "low": {"op": "avg_pool1d", "kernel_size": 2},
        "up": {"op": "interpolate", "scale_factor": 2},
        "start": {"op": "select", "in": "up", "dim": 0, "index": 0},
        "joined": {"op": "add", "in": ["x", "up"]},
        "run": {"op": "step", "scan": {"item": 0}, "chain": ["h"], "in": {"item": "joined", "h": "start"}},
    }
    step = {
        "inputs": {"item": [4, "S"], "h": [4, "S"]},
        "nodes": {
            "flat": {"op": "reshape", "in": "item", "shape": [4, -1]},
            "sum": {"op": "add", "in": ["flat", "h"]},
        },
        "outputs": {"all": "sum", "h": "sum"},
    }
    spec = {"archgraph": 1, "name": "net", "inputs": {"x": ["N", 4, "W"]}, "nodes": nodes, "blocks": {"step": step}}
    module = ag.to_torch(ag.load(spec))
    x = torch.randn(3, 4, 6)
    up = x.unfold(2, 2, 2).mean(-1).repeat_interleave(2, 2)
    torch.testing.assert_close(module(x)[0], up[0] + (x + up).cumsum(0))
    ag.to_onnx(module, tmp_path / "it.onnx")


STEP = {"op": "elman", "scan": {"x": 1}, "chain": ["h"], "in": {"x": "x", "h": "h"}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scan": {"y": 1}}, "elman has no input 'y'"),
        ({"chain": ["g"]}, "elman has no input 'g'"),
        ({"scan": {"x": 3}}, "is out of range for [N, L, 3]"),
        ({"scan": {"x": 1, "h": 1}}, "'h' is a state, and is not read slice by slice"),
        ({"scan": {"x": "one"}}, "'x' is read along a dimension"),
        ({"scan": {"x": "=true"}}, "a sequence is read along a dimension"),
        ({"repeat": 2}, "a node has copies, or it is applied step by step"),
        ({"path": "."}, "what is applied step by step has a level of its own"),
        ({"op": "growing"}, "the state 'h' does not keep its shape"),
        ({"op": "mute"}, "the state 'h' has no value after a step"),
        ({"op": "gru_cell", "hidden_size": 6}, "gru_cell is an operation, and 'scan' applies a block"),
        (
            {"op": "three", "scan": {"x": 1, "z": 1}, "in": {"x": "x", "z": "z", "h": "h"}},
            "reads all sequences at once",
        ),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], message: str) -> None:
    ports = {"x": ["N", "C"], "h": ["N", "D"]}
    blocks = {
        **BLOCKS,
        "growing": {
            "inputs": ports,
            "nodes": {"new": {"op": "concat", "in": ["x", "h"], "dim": 1}},
            "outputs": {"h": "new"},
        },
        "mute": {"inputs": ports, "nodes": {"new": {"op": "linear", "in": "x", "out_features": 2}}},
        "three": {
            "inputs": {**ports, "z": ["N", "C"]},
            "nodes": {"new": {"op": "add", "in": ["x", "z"]}},
            "outputs": {"y": "new", "h": "h"},
        },
    }
    inputs = {"x": ["N", "L", 3], "h": ["N", 6], "z": ["N", 4, 3]}
    with pytest.raises(ArchgraphError) as caught:
        network(inputs, {"it": {**STEP, **change}}, {"y": "it.y"}, blocks)
    assert message in str(caught.value)


def test_a_picture_says_what_is_applied_step_by_step_and_shows_whole_results(tmp_path: Path) -> None:
    text = ag.render(elman(), tmp_path / "it.dot", depth=3).read_text(encoding="utf-8")
    assert "for each of L" in text
    assert "[L, N, 6]" in text
