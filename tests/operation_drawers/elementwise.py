"""Random applications of functions of each element, and of two values."""

from __future__ import annotations

from random import Random

from operation_drawers.sampling import Draw, Drawer, axis, box


def binary(rng: Random) -> Draw:
    if rng.random() < 0.2:
        return {"value": rng.choice([2, 0.5, -3])}, {"input": box(rng, 0)}
    return {}, {port: tuple(rng.choice([1, 1, 2, 3]) for _ in range(rng.randint(0, 3))) for port in ("input", "other")}


def leaky_relu(rng: Random) -> Draw:
    return {"negative_slope": rng.choice([0.01, 0.2, 1.0, -0.5])}, {"input": box(rng, 0)}


def elu(rng: Random) -> Draw:
    return {"alpha": rng.choice([1.0, 0.3, 2.5])}, {"input": box(rng, 0)}


def gelu(rng: Random) -> Draw:
    return {"approximate": rng.choice(["none", "tanh"])}, {"input": box(rng, 0)}


def clamp(rng: Random) -> Draw:
    bounds = rng.choice([{"min": -0.5}, {"max": 0.7}, {"min": -1.0, "max": 0.25}])
    return bounds, {"input": box(rng, 0)}


def softplus(rng: Random) -> Draw:
    return {"beta": rng.choice([1.0, 0.5, 3.0]), "threshold": rng.choice([20.0, 1.0])}, {"input": box(rng, 0)}


def glu(rng: Random) -> Draw:
    shape = tuple(rng.choice([2, 4, 6, 3]) for _ in range(rng.randint(1, 3)))
    return {"dim": axis(rng, len(shape))}, {"input": shape}


def prelu(rng: Random) -> Draw:
    return {"num_parameters": rng.choice([1, 2, 3]), "init": 0.1}, {"input": (2, rng.choice([2, 3]), *box(rng, 0, 2))}


def rrelu(rng: Random) -> Draw:
    return {"lower": rng.choice([0.1, 0.2]), "upper": rng.choice([0.3, 0.5])}, {"input": box(rng, 0)}


def hardtanh(rng: Random) -> Draw:
    return {"min_val": rng.choice([-1.0, -0.3]), "max_val": rng.choice([0.3, 2.0])}, {"input": box(rng, 0)}


def like(rng: Random) -> Draw:
    return {"dtype": rng.choice([None, "float64", "int32", "int64", "bool", "uint8"])}, {"input": box(rng, 0)}


def full_like(rng: Random) -> Draw:
    return {"fill_value": rng.choice([0, 3, 0.5])}, {"input": box(rng, 0)}


def to(rng: Random) -> Draw:
    return {"dtype": rng.choice(["float64", "float16", "uint8", "int32", "int64", "bool"])}, {"input": box(rng, 0)}


DRAWERS: dict[str, Drawer] = {
    "to": to,
    "glu": glu,
    "prelu": prelu,
    "rrelu": rrelu,
    "hardtanh": hardtanh,
    "zeros_like": like,
    "ones_like": like,
    "full_like": full_like,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "gelu": gelu,
    "clamp": clamp,
    "softplus": softplus,
    **dict.fromkeys(("add", "sub", "mul", "div"), binary),
}
