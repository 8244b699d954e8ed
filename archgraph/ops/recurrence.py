"""Recurrent layers over a sequence, and their cells over one step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from archgraph.dims import Cause, Dim, Facts, product
from archgraph.errors import ShapeError
from archgraph.ops.attributes import Natural, Positive, Probability
from archgraph.ops.contract import Example, Init, Inputs, Operation, Port, TensorType, Weight, operation
from archgraph.ops.requirements import channels_of, require_same_dtype
from archgraph.ops.traits import Traits

_SEQUENCE = TensorType((4, 2, 3))
_BATCH_FIRST = TensorType((2, 4, 3))
_UNBATCHED = TensorType((4, 3))


def _require_rank(kind: TensorType, name: str, ranks: tuple[int, int], shapes: str) -> None:
    if kind.rank not in ranks:
        raise ShapeError(f"{name} reads {shapes}", expected=shapes, received=f"{kind} ({kind.rank} dimensions)")


def _require_states(inputs: Inputs, shapes: Mapping[str, tuple[Dim, ...]], facts: Facts) -> None:
    """Raises ShapeError unless all states are given or none, each in its shape."""
    given = [name for name in shapes if name in inputs]
    if given and len(given) < len(shapes):
        missing = next(name for name in shapes if name not in inputs)
        raise ShapeError(f"{given[0]} is given and {missing} is not", expected="both states, or none", subject=given[0])
    require_same_dtype((inputs["input"], *(inputs[name] for name in given)))
    for name in given:
        kind, shape = inputs[name], shapes[name]
        wanted = TensorType(shape, inputs["input"].dtype)
        cause = Cause(f"{name} must have the shape of the state, {wanted}", subject=name)
        if kind.rank != len(shape):
            raise ShapeError(cause.reason, expected=str(wanted), received=str(kind), subject=name)
        for have, want in zip(kind.shape, shape, strict=True):
            facts.require_equal(want, have, cause)


class Recurrent(Operation):
    """Base of the layers: weights of each layer and direction, `gates` rows for each number of the state."""

    gates: ClassVar[int] = 1
    states: ClassVar[tuple[str, ...]] = ("h_0",)

    hidden_size: Positive
    num_layers: Positive = 1
    bias: bool = True
    batch_first: bool = False
    dropout: Probability = 0.0
    bidirectional: bool = False

    @property
    def directions(self) -> int:
        """2 where it also reads the sequence from its end."""
        return 2 if self.bidirectional else 1

    @property
    def results(self) -> tuple[str, ...]:
        return ("output", *(name.replace("_0", "_n") for name in self.states))

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        shapes = "[N, L, C] or [L, C]" if self.batch_first else "[L, N, C] or [L, C]"
        _require_rank(kind, self.name, (2, 3), shapes)
        channels_of(kind, -1)
        leading = (self.directions * self.num_layers, *self.batch(kind))
        states = {name: (*leading, self.width(name)) for name in self.states}
        _require_states(inputs, states, facts)
        output = TensorType((*kind.shape[:-1], self.directions * self.shown), kind.dtype)
        return (output, *(TensorType(shape, kind.dtype) for shape in states.values()))

    @property
    def shown(self) -> int:
        """How many numbers of each step and direction a layer hands on."""
        return self.hidden_size

    def width(self, state: str) -> int:
        """How many numbers a state holds."""
        return self.shown if state == "h_0" else self.hidden_size

    def batch(self, kind: TensorType) -> tuple[Dim, ...]:
        """The size of the batch, or nothing where there is none."""
        return (kind.shape[0 if self.batch_first else 1],) if kind.rank == 3 else ()

    def suffixes(self) -> Iterator[str]:
        """The ends of the names of weights, layer by layer: `l0`, `l0_reverse`, `l1` …"""
        for layer in range(self.num_layers):
            yield from (f"l{layer}", f"l{layer}_reverse")[: self.directions]

    def suffixes_of(self, layer: int) -> tuple[str, ...]:
        """Those of one layer, by direction."""
        return tuple(self.suffixes())[layer * self.directions : (layer + 1) * self.directions]

    def features(self, layer: int, channels: int) -> int:
        """How many numbers of each step a layer reads."""
        return self.directions * self.shown if layer else channels

    def weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        channels = channels_of(inputs["input"], -1)
        made: list[Weight] = []
        for place, suffix in enumerate(self.suffixes()):
            made += self.layer_weights(suffix, self.features(place // self.directions, channels))
        return tuple(made)

    def layer_weights(self, suffix: str, read: int) -> list[Weight]:
        """The weights of one layer and direction that reads so many numbers."""
        return _weights(suffix, (self.gates, read, self.shown, self.hidden_size), self.bias)

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        kind = inputs["input"]
        channels, steps = channels_of(kind, -1), kind.shape[0]
        for size in kind.shape[1:-1]:
            steps = steps * size
        read = sum(self.features(layer, channels) + self.shown for layer in range(self.num_layers))
        return steps * (self.directions * self.gates * self.hidden_size * read)

    def mixes_batch(self, inputs: Inputs) -> bool:
        """Whether dimension 0 is that of the steps."""
        return not self.batch_first or inputs["input"].rank == 2


def _weights(suffix: str, sizes: tuple[int, int, int, int], bias: bool) -> list[Weight]:
    """The weights of one cell, in torch's order; the bound of all of them is the root of 1 / hidden_size."""
    gates, read, held, hidden = sizes
    rows, init = gates * hidden, Init("uniform", hidden**-0.5)
    end = f"_{suffix}" if suffix else ""
    shapes = {"weight_ih": (rows, read), "weight_hh": (rows, held), "bias_ih": (rows,), "bias_hh": (rows,)}
    return [Weight(name + end, shape, init) for name, shape in shapes.items() if bias or len(shape) > 1]


_STATE = Port("h_0", optional=True)


@operation("lstm", Traits(keeps_float32=True))
class LSTM(Recurrent):
    meaning: ClassVar[str] = (
        "Long short-term memory: c' = σ(f)·c + σ(i)·tanh(g), h' = σ(o)·tanh(c') at each step, with "
        "i, f, g, o = W_ih·x + b_ih + W_hh·h + b_hh: [L, N, C] → output [L, N, directions·hidden_size], "
        "h_n and c_n [layers·directions, N, hidden_size]; with proj_size, h' is projected to as many numbers, W_hr·h'"
    )
    paper: ClassVar[str] = "Hochreiter and Schmidhuber 1997, Long Short-Term Memory"
    ports: ClassVar[tuple[Port, ...]] = (Port("input"), _STATE, Port("c_0", optional=True))
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"hidden_size": 5}, {"input": _SEQUENCE}),
        Example(
            {"hidden_size": 3, "num_layers": 2, "bidirectional": True, "batch_first": True}, {"input": _BATCH_FIRST}
        ),
        Example(
            {"hidden_size": 5, "bias": False, "bidirectional": True},
            {"input": _SEQUENCE, "h_0": TensorType((2, 2, 5)), "c_0": TensorType((2, 2, 5))},
        ),
        Example({"hidden_size": 2, "num_layers": 2, "dropout": 0.1}, {"input": _UNBATCHED}),
        Example(
            {"hidden_size": 5, "proj_size": 2, "num_layers": 2, "bidirectional": True},
            {"input": _SEQUENCE, "h_0": TensorType((4, 2, 2)), "c_0": TensorType((4, 2, 5))},
        ),
        Example({"hidden_size": 5, "proj_size": 4, "bias": False}, {"input": _UNBATCHED}),
    )
    gates: ClassVar[int] = 4
    states: ClassVar[tuple[str, ...]] = ("h_0", "c_0")

    proj_size: Natural = 0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.proj_size >= self.hidden_size:
            raise ValueError("proj_size must be smaller than hidden_size; 0 is no projection")
        return self

    @property
    def shown(self) -> int:
        return self.proj_size or self.hidden_size

    def layer_weights(self, suffix: str, read: int) -> list[Weight]:
        made = super().layer_weights(suffix, read)
        if self.proj_size:
            made.append(Weight(f"weight_hr_{suffix}", (self.proj_size, self.hidden_size), made[0].init))
        return made

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        per_step = self.directions * self.num_layers * self.proj_size * self.hidden_size
        return super().macs(inputs, outputs) + product(inputs["input"].shape[:-1]) * per_step


@operation("gru", Traits(keeps_float32=True))
class GRU(Recurrent):
    meaning: ClassVar[str] = (
        "Gated recurrent unit: h' = (1 - z)·n + z·h at each step, with r and z = σ(W_ih·x + b_ih + W_hh·h + b_hh) and "
        "n = tanh(W_in·x + b_in + r·(W_hn·h + b_hn)): [L, N, C] → output [L, N, directions·hidden_size], "
        "h_n [layers·directions, N, hidden_size]"
    )
    paper: ClassVar[str] = "Cho et al. 2014, Learning Phrase Representations using RNN Encoder-Decoder"
    ports: ClassVar[tuple[Port, ...]] = (Port("input"), _STATE)
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"hidden_size": 5}, {"input": _SEQUENCE}),
        Example(
            {"hidden_size": 3, "num_layers": 2, "bidirectional": True, "batch_first": True, "dropout": 0.1},
            {"input": _BATCH_FIRST, "h_0": TensorType((4, 2, 3))},
        ),
        Example({"hidden_size": 2, "bias": False}, {"input": _UNBATCHED, "h_0": TensorType((1, 2))}),
    )
    gates: ClassVar[int] = 3


@operation("rnn", Traits(keeps_float32=True))
class RNN(Recurrent):
    meaning: ClassVar[str] = (
        "Elman's network: h' = tanh(W_ih·x + b_ih + W_hh·h + b_hh) at each step, or relu of it: "
        "[L, N, C] → output [L, N, directions·hidden_size], h_n [layers·directions, N, hidden_size]"
    )
    paper: ClassVar[str] = "Elman 1990, Finding Structure in Time"
    ports: ClassVar[tuple[Port, ...]] = (Port("input"), _STATE)
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"hidden_size": 5}, {"input": _SEQUENCE}),
        Example(
            {"hidden_size": 3, "nonlinearity": "relu", "num_layers": 2, "bidirectional": True, "batch_first": True},
            {"input": _BATCH_FIRST, "h_0": TensorType((4, 2, 3))},
        ),
        Example({"hidden_size": 2, "bias": False, "num_layers": 2, "dropout": 0.1}, {"input": _UNBATCHED}),
    )

    nonlinearity: Literal["tanh", "relu"] = "tanh"


class Cell(Operation):
    """Base of the cells: one step of a layer, for a batch or without one."""

    gates: ClassVar[int] = 1
    states: ClassVar[tuple[str, ...]] = ("hidden",)

    hidden_size: Positive
    bias: bool = True

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        kind = inputs["input"]
        _require_rank(kind, self.name, (1, 2), "[N, C] or [C]")
        channels_of(kind, -1)
        state = TensorType((*kind.shape[:-1], self.hidden_size), kind.dtype)
        _require_states(inputs, dict.fromkeys(self.states, state.shape), facts)
        return (state,) * len(self.states)

    def weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        sizes = (self.gates, channels_of(inputs["input"], -1), self.hidden_size, self.hidden_size)
        return tuple(_weights("", sizes, self.bias))

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        read = channels_of(inputs["input"], -1) + self.hidden_size
        return outputs[0].elements * (self.gates * read)

    def mixes_batch(self, inputs: Inputs) -> bool:
        """Whether it has none, and dimension 0 is that of the features."""
        return inputs["input"].rank == 1


_ROWS = {"input": TensorType((2, 3))}


@operation("lstm_cell")
class LSTMCell(Cell):
    meaning: ClassVar[str] = (
        "One step of a long short-term memory: x [N, C], states h_0 and c_0 → h_1 and c_1 [N, hidden_size]"
    )
    paper: ClassVar[str] = LSTM.paper
    ports: ClassVar[tuple[Port, ...]] = (Port("input"), _STATE, Port("c_0", optional=True))
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"hidden_size": 5}, {**_ROWS, "h_0": TensorType((2, 5)), "c_0": TensorType((2, 5))}),
        Example({"hidden_size": 5, "bias": False}, _ROWS),
        Example({"hidden_size": 4}, {"input": TensorType((3,)), "h_0": TensorType((4,)), "c_0": TensorType((4,))}),
    )
    gates: ClassVar[int] = 4
    states: ClassVar[tuple[str, ...]] = ("h_0", "c_0")

    @property
    def results(self) -> tuple[str, ...]:
        return ("h_1", "c_1")


@operation("gru_cell")
class GRUCell(Cell):
    meaning: ClassVar[str] = "One step of a gated recurrent unit: x [N, C], state h → [N, hidden_size]"
    paper: ClassVar[str] = GRU.paper
    ports: ClassVar[tuple[Port, ...]] = (Port("input"), Port("hidden", optional=True))
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"hidden_size": 5}, {**_ROWS, "hidden": TensorType((2, 5))}),
        Example({"hidden_size": 5}, _ROWS),
        Example({"hidden_size": 4, "bias": False}, {"input": TensorType((3,)), "hidden": TensorType((4,))}),
    )
    gates: ClassVar[int] = 3


@operation("rnn_cell")
class RNNCell(Cell):
    meaning: ClassVar[str] = "One step of Elman's network: x [N, C], state h → [N, hidden_size]"
    paper: ClassVar[str] = RNN.paper
    ports: ClassVar[tuple[Port, ...]] = (Port("input"), Port("hidden", optional=True))
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"hidden_size": 5}, {**_ROWS, "hidden": TensorType((2, 5))}),
        Example({"hidden_size": 5, "nonlinearity": "relu"}, _ROWS),
        Example({"hidden_size": 4, "bias": False}, {"input": TensorType((3,)), "hidden": TensorType((4,))}),
    )

    nonlinearity: Literal["tanh", "relu"] = "tanh"
