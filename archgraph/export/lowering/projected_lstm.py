"""A layer of an LSTM whose state is projected, which ONNX's operator does not know: for each direction a Scan.

Sak et al. 2014, Long Short-Term Memory Recurrent Neural Network Architectures for Large Scale Acoustic Modeling.
"""

from __future__ import annotations

from collections.abc import Sequence

from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.lowering.program import Attribute, OnnxNode, Subgraph
from archgraph.export.lowering.scan_body import split_by_step
from archgraph.ops.contract import TensorType
from archgraph.ops.recurrence import LSTM


def projected_layer(at: OnnxRuleContext, op: LSTM, x: str, layer: int, states: Sequence[str]) -> tuple[str, ...]:
    """Of x [L, N, C] the output [L, directions, N, proj_size], and the last states [directions, N, …]."""
    starts = [_by_direction(at, op, state) for state in states] or [_zeros(at, op, name) for name in op.states]
    made = [
        _direction(at, op, x, suffix, start)
        for suffix, start in zip(op.suffixes_of(layer), zip(*starts, strict=True), strict=True)
    ]
    hidden, cell, output = (tuple(parts) for parts in zip(*made, strict=True))
    return _stacked(at, output, 1), _stacked(at, hidden, 0), _stacked(at, cell, 0)


def _by_direction(at: OnnxRuleContext, op: LSTM, state: str) -> list[str]:
    """A state [directions, N, …] as one [N, …] for each direction."""
    parts = at.emit_many("Split", 2, state, axis=0, num_outputs=2) if op.bidirectional else (state,)
    return [at.emit("Squeeze", part, at.constant([0])) for part in parts]


def _zeros(at: OnnxRuleContext, op: LSTM, name: str) -> list[str]:
    return [at.emit("ConstantOfShape", at.dims(_state(at, op, name).shape))] * op.directions


def _state(at: OnnxRuleContext, op: LSTM, name: str) -> TensorType:
    (batch,) = op.batch(at.type) or (1,)
    return TensorType((batch, op.width(name)), at.type.dtype)


def _stacked(at: OnnxRuleContext, parts: Sequence[str], axis: int) -> str:
    apart = [at.emit("Unsqueeze", part, at.constant([axis])) for part in parts]
    return apart[0] if len(apart) == 1 else at.emit("Concat", *apart, axis=axis)


def _direction(at: OnnxRuleContext, op: LSTM, x: str, suffix: str, start: Sequence[str]) -> tuple[str, ...]:
    """The last state, the last cell and all states of one direction. What the gates read of x is the same product in
    all steps, and stands before the Scan."""
    read = at.emit("MatMul", x, at.transposed(f"weight_ih_{suffix}"))
    for name in ("bias_ih", "bias_hh") if op.bias else ():
        read = at.emit("Add", read, at.weight(f"{name}_{suffix}"))
    back = int(suffix.endswith("reverse"))
    given: dict[str, Attribute] = {"num_scan_inputs": 1, "scan_input_axes": (0,), "scan_output_axes": (0,)}
    if back:
        given |= {"scan_input_directions": (back,), "scan_output_directions": (back,)}
    body = _body(at, op, suffix)
    results = tuple(at.emission.names.take(f"{at.path}/Scan.{place}") for place in range(3))
    at.emission.program.nodes.append(OnnxNode("Scan", (*start, read), results, given, path=at.path, body=body))
    return results


def _body(at: OnnxRuleContext, op: LSTM, suffix: str) -> Subgraph:
    """One step: the states and the row that the gates read → the states, and the state once more, to be stacked."""
    kinds = {name: _state(at, op, name) for name in op.states}
    row = TensorType((kinds["c_0"].shape[0], op.gates * op.hidden_size), at.type.dtype)
    names = [at.emission.names.take(f"{at.path}/{name}") for name in ("h", "c", "gates")]
    program = at.emission.program
    first = len(program.nodes)
    made = _step(at, op, suffix, names)
    shared, inside = split_by_step(program.nodes[first:], set(names))
    program.nodes[first:] = shared
    for node in inside:
        node.name = node.outputs[0]
    types = (*kinds.values(), kinds["h_0"])
    inputs = dict(zip(names, (*kinds.values(), row), strict=True))
    return Subgraph(inputs, dict(zip(made, types, strict=True)), inside)


def _step(at: OnnxRuleContext, op: LSTM, suffix: str, names: Sequence[str]) -> tuple[str, str, str]:
    """c' = σ(f)·c + σ(i)·tanh(g), h' = W_hr·(σ(o)·tanh(c'))."""
    h, c, read = names
    held = at.emit("MatMul", h, at.transposed(f"weight_hh_{suffix}"))
    i, f, g, o = at.emit_many("Split", op.gates, at.emit("Add", read, held), axis=1, num_outputs=op.gates)
    new = at.emit("Mul", at.emit("Sigmoid", i), at.emit("Tanh", g))
    cell = at.emit("Add", at.emit("Mul", at.emit("Sigmoid", f), c), new)
    shown = at.emit("Mul", at.emit("Sigmoid", o), at.emit("Tanh", cell))
    state = at.emit("MatMul", shown, at.transposed(f"weight_hr_{suffix}"))
    return state, cell, at.emit("Identity", state)
