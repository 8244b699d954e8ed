"""Recurrent layers by ONNX's operators, cells by their equations.

The operators read [L, N, C] and write [L, directions, N, hidden_size], one layer each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from archgraph.dims import Dim
from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.export.lowering.program import Attribute
from archgraph.export.lowering.projected_lstm import projected_layer
from archgraph.export.profiles import rule
from archgraph.ops import recurrence as ops

_LSTM, _GRU, _RNN = (0, 3, 1, 2), (1, 0, 2), (0,)
"""torch's gates in ONNX's order: i, o, f, c of i, f, g, o; z, r, h of r, z, n."""


@dataclass(frozen=True, slots=True)
class _Operator:
    """One of ONNX's operators, its order of gates and its attributes."""

    kind: str
    order: tuple[int, ...]
    attributes: dict[str, Attribute]


@rule(ops.LSTM)
def lstm(at: OnnxRuleContext, op: ops.LSTM) -> tuple[str, ...]:
    """ONNX's operator has no projection: with one, each layer and direction is a Scan over the steps."""
    if op.proj_size:
        return _layers(at, op, partial(projected_layer, at, op))
    return _layers(at, op, partial(_layer, at, op, _Operator("LSTM", _LSTM, {})))


@rule(ops.GRU)
def gru(at: OnnxRuleContext, op: ops.GRU) -> tuple[str, ...]:
    """torch multiplies with the reset gate behind the matrix: linear_before_reset."""
    return _layers(at, op, partial(_layer, at, op, _Operator("GRU", _GRU, {"linear_before_reset": 1})))


@rule(ops.RNN)
def rnn(at: OnnxRuleContext, op: ops.RNN) -> tuple[str, ...]:
    given: dict[str, Attribute] = {}
    if op.nonlinearity != "tanh":
        given["activations"] = (op.nonlinearity.capitalize(),) * op.directions
    return _layers(at, op, partial(_layer, at, op, _Operator("RNN", _RNN, given)))


Layer = Callable[[str, int, Sequence[str]], tuple[str, ...]]
"""What a layer of that number makes of its input and its first states: [L, directions, N, …], and its last states."""


def _layers(at: OnnxRuleContext, op: ops.Recurrent, apply: Layer) -> tuple[str, ...]:
    """One layer after the other: the output, and the last states of all layers."""
    batched, (batch,) = len(at.shape) == 3, op.batch(at.type) or (1,)
    steps = at.shape[1 if batched and op.batch_first else 0]
    x = at["input"] if batched else at.emit("Unsqueeze", at["input"], at.constant([1]))
    x = at.transpose(x, (1, 0, 2)) if batched and op.batch_first else x
    starts = [_by_layer(at, op, name, batched) for name in op.states if name in at.inputs]
    last: list[tuple[str, ...]] = []
    for layer in range(op.num_layers):
        values, *states = apply(x, layer, [parts[layer] for parts in starts])
        last.append(tuple(states))
        final = layer == op.num_layers - 1
        x = _steps(at, op, values, (steps, batch), final and batched and op.batch_first)
    output = x if batched else at.emit("Squeeze", x, at.constant([1]))
    return output, *(_stacked(at, parts, batched) for parts in zip(*last, strict=True))


def _by_layer(at: OnnxRuleContext, op: ops.Recurrent, name: str, batched: bool) -> tuple[str, ...]:
    """The first states of each layer: [directions, N, …]."""
    whole = at[name] if batched else at.emit("Unsqueeze", at[name], at.constant([1]))
    if op.num_layers == 1:
        return (whole,)
    return at.emit_many("Split", op.num_layers, whole, axis=0, num_outputs=op.num_layers)


def _layer(
    at: OnnxRuleContext, op: ops.Recurrent, operator: _Operator, x: str, layer: int, states: Sequence[str]
) -> tuple[str, ...]:
    """One layer in all directions, as ONNX's operator."""
    ends = op.suffixes_of(layer)
    matrices = [
        at.gates(tuple((f"{name}_{end}",) for end in ends), operator.order) for name in ("weight_ih", "weight_hh")
    ]
    pairs = tuple((f"bias_ih_{end}", f"bias_hh_{end}") for end in ends)
    bias = at.gates(pairs, operator.order) if op.bias else ""
    inputs = [x, *matrices, *([bias] if bias or states else []), *(["", *states] if states else [])]
    direction: dict[str, Attribute] = {"direction": "bidirectional"} if op.bidirectional else {}
    given = {"hidden_size": op.hidden_size, **direction, **operator.attributes}
    return at.emit_many(operator.kind, 1 + len(op.states), *inputs, **given)


def _steps(at: OnnxRuleContext, op: ops.Recurrent, values: str, sizes: tuple[Dim, Dim], batch_first: bool) -> str:
    """[L, directions, N, shown] as [L, N, directions·shown], or with the batch first."""
    steps, batch = sizes
    if op.directions == 1:
        rows = at.emit("Squeeze", values, at.constant([1]))
        return at.transpose(rows, (1, 0, 2)) if batch_first else rows
    first = (batch, steps) if batch_first else (steps, batch)
    apart = at.transpose(values, (2, 0, 1, 3) if batch_first else (0, 2, 1, 3))
    return at.reshape(apart, (*first, op.directions, op.shown), (*first, op.directions * op.shown))


def _stacked(at: OnnxRuleContext, parts: Sequence[str], batched: bool) -> str:
    whole = parts[0] if len(parts) == 1 else at.emit("Concat", *parts, axis=0)
    return whole if batched else at.emit("Squeeze", whole, at.constant([1]))


# -- cells -------------------------------------------------------------------------------------------------------------


@rule(ops.LSTMCell)
def lstm_cell(at: OnnxRuleContext, op: ops.LSTMCell) -> tuple[str, str]:
    """c' = σ(f)·c + σ(i)·tanh(g), h' = σ(o)·tanh(c')."""
    read, held = _products(at, op)
    i, f, g, o = _parts(at, op, at.emit("Add", read, held) if held else read)
    new = at.emit("Mul", at.emit("Sigmoid", i), at.emit("Tanh", g))
    if "c_0" in at.inputs:
        kept = at.emit("Mul", at.emit("Sigmoid", f), _row(at, "c_0"))
        new = at.emit("Add", kept, new)
    shown = at.emit("Mul", at.emit("Sigmoid", o), at.emit("Tanh", new))
    return _as_given(at, shown), _as_given(at, new)


@rule(ops.GRUCell)
def gru_cell(at: OnnxRuleContext, op: ops.GRUCell) -> str:
    """h' = n + z·(h - n), n = tanh(W_in·x + b_in + r·(W_hn·h + b_hn))."""
    read, held = _products(at, op)
    ours = _parts(at, op, read)
    theirs = _parts(at, op, held) if held else ("",) * 3
    r, z = (at.emit("Sigmoid", at.emit("Add", a, b) if b else a) for a, b in zip(ours[:2], theirs[:2], strict=True))
    n = at.emit("Tanh", at.emit("Add", ours[2], at.emit("Mul", r, theirs[2])) if held else ours[2])
    apart = at.emit("Sub", _row(at, "hidden"), n) if "hidden" in at.inputs else at.emit("Neg", n)
    return _as_given(at, at.emit("Add", n, at.emit("Mul", z, apart)))


@rule(ops.RNNCell)
def rnn_cell(at: OnnxRuleContext, op: ops.RNNCell) -> str:
    read, held = _products(at, op)
    total = at.emit("Add", read, held) if held else read
    return _as_given(at, at.emit(op.nonlinearity.capitalize(), total))


def _products(at: OnnxRuleContext, op: ops.Cell) -> tuple[str, str]:
    """W_ih·x + b_ih and W_hh·h + b_hh; of states that are 0 the latter is b_hh, or ''."""
    first = op.states[0]
    read = _product(at, op, "input", "ih")
    if first in at.inputs:
        return read, _product(at, op, first, "hh")
    return read, at.weight("bias_hh", (1, op.gates * op.hidden_size)) if op.bias else ""


def _product(at: OnnxRuleContext, op: ops.Cell, port: str, end: str) -> str:
    bias = (at.weight(f"bias_{end}"),) if op.bias else ()
    return at.emit("Gemm", _row(at, port), at.weight(f"weight_{end}"), *bias, transB=1)


def _row(at: OnnxRuleContext, port: str) -> str:
    """What stands at a port, as rows."""
    return at[port] if len(at.shape) == 2 else at.emit("Unsqueeze", at[port], at.constant([0]))


def _parts(at: OnnxRuleContext, op: ops.Cell, rows: str) -> tuple[str, ...]:
    return at.emit_many("Split", op.gates, rows, axis=1, num_outputs=op.gates)


def _as_given(at: OnnxRuleContext, rows: str) -> str:
    return rows if len(at.shape) == 2 else at.emit("Squeeze", rows, at.constant([0]))
