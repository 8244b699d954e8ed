"""Random applications of recurrent layers and their cells."""

from __future__ import annotations

from random import Random

from operation_drawers.sampling import Draw, Drawer


def recurrent(rng: Random) -> Draw:
    batched, batch_first, both = rng.random() < 0.8, rng.random() < 0.5, rng.random() < 0.5
    steps, batch, channels, hidden, layers = (rng.randint(1, 4) for _ in range(5))
    attributes = {
        "hidden_size": hidden,
        "num_layers": layers,
        "bias": rng.random() < 0.5,
        "batch_first": batch_first,
        "dropout": rng.choice([0.0, 0.5]),
        "bidirectional": both,
    }
    shape = ((batch, steps) if batch_first else (steps, batch)) if batched else (steps,)
    state = (layers * (1 + both), *((batch + (rng.random() < 0.2),) if batched else ()), hidden)
    if rng.random() < 0.1:
        shape = (*shape, 2, 2)
    return attributes, {"input": (*shape, channels), **({"h_0": state} if rng.random() < 0.5 else {})}


def lstm(rng: Random) -> Draw:
    attributes, shapes = recurrent(rng)
    shapes |= {"c_0": shapes["h_0"]} if "h_0" in shapes else {}
    if rng.random() < 0.3 and attributes["hidden_size"] > 1:
        attributes["proj_size"] = rng.randint(1, attributes["hidden_size"] - 1)
        shapes |= {"h_0": (*shapes["h_0"][:-1], attributes["proj_size"])} if "h_0" in shapes else {}
    return attributes, shapes


def rnn(rng: Random) -> Draw:
    attributes, shapes = recurrent(rng)
    return {**attributes, "nonlinearity": rng.choice(["tanh", "relu"])}, shapes


def cell(rng: Random) -> Draw:
    rows = tuple(rng.randint(1, 3) for _ in range(rng.choice([0, 1, 1, 1, 2])))
    hidden = rng.randint(1, 4)
    shapes = {"input": (*rows, rng.randint(1, 4))}
    if rng.random() < 0.6:
        shapes["hidden"] = (*rows, hidden + (rng.random() < 0.2))
    return {"hidden_size": hidden, "bias": rng.random() < 0.5}, shapes


def lstm_cell(rng: Random) -> Draw:
    attributes, shapes = cell(rng)
    state = shapes.pop("hidden", None)
    return attributes, {**shapes, **({} if state is None else {"h_0": state, "c_0": state})}


DRAWERS: dict[str, Drawer] = {
    "lstm": lstm,
    "gru": recurrent,
    "rnn": rnn,
    "lstm_cell": lstm_cell,
    "gru_cell": cell,
    "rnn_cell": cell,
}
