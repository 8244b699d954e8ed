"""Recurrent layers and cells. torch returns the states of an LSTM as a pair; here each is a value of its own."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, item, keyword, listing, ref, text
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, define, function, module
from archgraph.codegen.rules.regularization import TRAINING
from archgraph.ops import recurrence as ops
from archgraph.structure.terms import Term, number

define(
    "LSTM",
    '''
class LSTM(nn.LSTM):
    """nn.LSTM with its two states as values of their own."""

    def forward(  # type: ignore[override]
        self, x: Tensor, h_0: Tensor | None = None, c_0: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        states = None if h_0 is None or c_0 is None else (h_0, c_0)
        output, (h_n, c_n) = super().forward(x, states)
        return output, h_n, c_n
''',
)
define(
    "LSTMCell",
    '''
class LSTMCell(nn.LSTMCell):
    """nn.LSTMCell with its two states as values of their own."""

    def forward(  # type: ignore[override]
        self, x: Tensor, h_0: Tensor | None = None, c_0: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        return super().forward(x, None if h_0 is None or c_0 is None else (h_0, c_0))
''',
)
define(
    "recurrence",
    '''
def recurrence(
    kind: str,
    x: Tensor,
    states: list[Tensor],
    weights: list[Tensor],
    hidden_size: int,
    training: bool,
    num_layers: int = 1,
    has_biases: bool = True,
    batch_first: bool = False,
    dropout: float = 0.0,
    bidirectional: bool = False,
    proj_size: int = 0,
) -> tuple[Tensor, ...]:
    """A recurrent layer over weights that stand elsewhere: the output and the last states."""
    batch = 0 if batch_first else 1
    batched = x.ndim == 3
    if not batched:
        x, states = x.unsqueeze(batch), [state.unsqueeze(1) for state in states]
    if not states:
        layers = num_layers * (2 if bidirectional else 1)
        widths = [proj_size or hidden_size, hidden_size][: 2 if kind == "lstm" else 1]
        states = [x.new_zeros(layers, x.shape[batch], width) for width in widths]
    start = states if kind == "lstm" else states[0]
    settings = (has_biases, num_layers, dropout, training, bidirectional, batch_first)
    output, *last = getattr(torch, kind)(x, start, weights, *settings)
    if not batched:
        output, last = output.squeeze(batch), [state.squeeze(1) for state in last]
    return output, *last
''',
)
define(
    "recurrent_cell",
    '''
def recurrent_cell(
    kind: str, x: Tensor, states: list[Tensor], weights: list[Tensor], hidden_size: int
) -> tuple[Tensor, ...]:
    """A recurrent cell over weights that stand elsewhere: the states after one step."""
    if not states:
        states = [x.new_zeros(*x.shape[:-1], hidden_size)] * (2 if kind == "lstm_cell" else 1)
    row, *rows = [value.reshape(-1, value.shape[-1]) for value in (x, *states)]
    found = getattr(torch, kind)(row, rows if kind == "lstm_cell" else rows[0], *weights)
    after = found if kind == "lstm_cell" else (found,)
    return tuple(value.view_as(state) for value, state in zip(after, states))
''',
)


def _settings(op: ops.Recurrent, *others: str) -> tuple[Term, ...]:
    """The attributes that have torch's defaults. Of a single layer, torch warns that it drops nothing out."""
    dropout = {} if op.num_layers > 1 else {"dropout": 0.0}
    return attributes(op, "num_layers", *others, "batch_first", "dropout", "bidirectional", **dropout)


def _sizes(site: TorchRuleContext, op: ops.Recurrent | ops.Cell) -> tuple[Term, ...]:
    return number("input_size", site.channels(-1)), number("hidden_size", op.hidden_size)


def _over_weights(site: TorchRuleContext, op: ops.Recurrent, kind: str) -> Term:
    """The layer as a function of its weights, which stand elsewhere."""
    states = listing(*(ref(name) for name in op.states if site.has(name)))
    names = (weight.name for weight in op.weights(site.node.types))
    weights = listing(*map(site.weight, names))
    given = (ref("input"), states, weights, number("hidden_size", op.hidden_size), TRAINING)
    others = (*_settings(op), *_projection(op), keyword("has_biases", number("bias", op.bias), True))
    return call("recurrence", text(f'"{kind}"'), *given, *others)


def _projection(op: ops.Recurrent) -> tuple[Term, ...]:
    return attributes(op, "proj_size") if isinstance(op, ops.LSTM) else ()


@module(ops.LSTM)
def lstm_module(site: TorchRuleContext, op: ops.LSTM) -> Term:
    return call("LSTM", *_sizes(site, op), *_settings(op, "bias"), *_projection(op))


@function(ops.LSTM)
def lstm(site: TorchRuleContext, op: ops.LSTM) -> Term:
    return _over_weights(site, op, "lstm")


@module(ops.GRU)
def gru_module(site: TorchRuleContext, op: ops.GRU) -> Term:
    return call("nn.GRU", *_sizes(site, op), *_settings(op, "bias"))


@function(ops.GRU)
def gru(site: TorchRuleContext, op: ops.GRU) -> Term:
    return _over_weights(site, op, "gru")


@module(ops.RNN)
def rnn_module(site: TorchRuleContext, op: ops.RNN) -> Term:
    return call("nn.RNN", *_sizes(site, op), *_settings(op, "bias"), *attributes(op, "nonlinearity"))


@function(ops.RNN)
def rnn(site: TorchRuleContext, op: ops.RNN) -> Term:
    return _over_weights(site, op, f"rnn_{op.nonlinearity}")


_CELL_WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def _cell(site: TorchRuleContext, op: ops.Cell, kind: str) -> Term:
    """The cell as a function of its weights, which stand elsewhere: its states."""
    states = listing(*(ref(name) for name in op.states if site.has(name)))
    weights = listing(*map(site.weight, _CELL_WEIGHTS if op.bias else _CELL_WEIGHTS[:2]))
    size = number("hidden_size", op.hidden_size)
    return call("recurrent_cell", text(f'"{kind}"'), ref("input"), states, weights, size)


@module(ops.LSTMCell)
def lstm_cell_module(site: TorchRuleContext, op: ops.LSTMCell) -> Term:
    return call("LSTMCell", *_sizes(site, op), *attributes(op, "bias"))


@function(ops.LSTMCell)
def lstm_cell(site: TorchRuleContext, op: ops.LSTMCell) -> Term:
    return _cell(site, op, "lstm_cell")


@module(ops.GRUCell)
def gru_cell_module(site: TorchRuleContext, op: ops.GRUCell) -> Term:
    return call("nn.GRUCell", *_sizes(site, op), *attributes(op, "bias"))


@function(ops.GRUCell)
def gru_cell(site: TorchRuleContext, op: ops.GRUCell) -> Term:
    return item(_cell(site, op, "gru_cell"), text("0"))


@module(ops.RNNCell)
def rnn_cell_module(site: TorchRuleContext, op: ops.RNNCell) -> Term:
    return call("nn.RNNCell", *_sizes(site, op), *attributes(op, "bias", "nonlinearity"))


@function(ops.RNNCell)
def rnn_cell(site: TorchRuleContext, op: ops.RNNCell) -> Term:
    return item(_cell(site, op, f"rnn_{op.nonlinearity}_cell"), text("0"))
