"""Random applications of single operations: arguments that fit the type of a value, or None where none do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from archgraph.dims import Dim
from archgraph.ops import TensorType

Arguments = dict[str, Any]
Write = Callable[[Dim], Any]
"""How a size is written where the operation stands: a number, an expression, or None where it cannot be named."""
Drawer = Callable[[Random, TensorType, Write], Arguments | None]
MODES = ("zeros", "zeros", "reflect", "replicate", "circular")
PRESERVING = ("relu", "silu", "gelu", "sigmoid", "tanh", "hardswish", "hardsigmoid", "relu6", "leaky_relu", "elu")
"""Activations that need no argument."""


def numbers(shape: tuple[Dim, ...]) -> list[int]:
    """The axes whose sizes are numbers."""
    return [axis for axis, size in enumerate(shape) if isinstance(size, int)]


def axis_of(rng: Random, kind: TensorType) -> int:
    return rng.randint(-kind.rank, kind.rank - 1)


def pair(rng: Random, *choices: int) -> Any:
    return rng.choice(choices) if rng.random() < 0.6 else [rng.choice(choices), rng.choice(choices)]


def written(kind: TensorType, write: Write) -> list[Any] | None:
    """The whole shape, where all of it can be named."""
    shape = [write(size) for size in kind.shape]
    return None if None in shape else shape


# -- element by element ------------------------------------------------------------------------------------------------


def activation(rng: Random, kind: TensorType, write: Write) -> Arguments:
    name = rng.choice([*PRESERVING, "clamp", "softplus", "dropout", "stochastic_depth", "identity", "gelu_tanh"])
    extra: Mapping[str, Arguments] = {
        "leaky_relu": {"negative_slope": rng.choice([0.25, 0.125])},
        "elu": {"alpha": rng.choice([1.0, 0.5])},
        "clamp": rng.choice([{"min": -0.5}, {"max": 0.75}, {"min": -1.0, "max": 0.25}]),
        "softplus": {"beta": rng.choice([1.0, 2.0]), "threshold": rng.choice([20.0, 1.0])},
        "dropout": {"p": 0.25},
        "stochastic_depth": {"p": 0.25, "mode": rng.choice(["row", "batch"])},
        "gelu_tanh": {"op": "gelu", "approximate": "tanh"},
    }
    return {"op": name, **extra.get(name, {})}


def arithmetic(rng: Random, kind: TensorType, write: Write) -> Arguments:
    return {"op": rng.choice(["add", "sub", "mul", "div"]), "value": rng.choice([2, 0.5, -1.25, 3.0])}


def softmax(rng: Random, kind: TensorType, write: Write) -> Arguments | None:
    return {"op": "softmax", "dim": axis_of(rng, kind)} if kind.rank else None


# -- shapes ------------------------------------------------------------------------------------------------------------


def reshape(rng: Random, kind: TensorType, write: Write) -> Arguments | None:
    shape = written(kind, write)
    if shape is None:
        return {"op": "reshape", "shape": [-1]}
    way = rng.choice(["merge", "merge", "part", "order", "infer", "one", "merged"])
    target = list(shape)
    if way == "merge" and kind.rank > 1:
        at = rng.randrange(kind.rank - 1)
        target[at : at + 2] = [-1]
    elif way == "part" and numbers(kind.shape):
        at = rng.choice(numbers(kind.shape))
        size = int(kind.shape[at])  # type: ignore[call-overload]
        factor = rng.choice([each for each in (1, 2, 3, 4) if size % each == 0])
        target[at : at + 1] = [factor, size // factor]
    elif way == "order":
        rng.shuffle(target)
    elif way == "infer" and kind.rank:
        target[rng.randrange(kind.rank)] = -1
    elif way == "one":
        target.insert(rng.randint(0, kind.rank), 1)
    elif way == "merged" and kind.rank > 1:
        at = rng.randrange(kind.rank - 1)
        merged = write(kind.shape[at] * kind.shape[at + 1])
        if merged is None:
            return None
        target[at : at + 2] = [merged]
    return {"op": "reshape", "shape": target}


def permute(rng: Random, kind: TensorType, write: Write) -> Arguments | None:
    if not kind.rank:
        return None
    if rng.random() < 0.5:
        return {"op": "transpose", "dim0": axis_of(rng, kind), "dim1": axis_of(rng, kind)}
    return {"op": "permute", "dims": rng.sample(range(kind.rank), kind.rank)}


def roll(rng: Random, kind: TensorType, write: Write) -> Arguments | None:
    if not kind.rank:
        return None
    dims = rng.sample(range(kind.rank), rng.randint(1, min(2, kind.rank)))
    return {"op": "roll", "shifts": [rng.randint(-3, 3) for _ in dims], "dims": dims}


def rank(rng: Random, kind: TensorType, write: Write) -> Arguments | None:
    """What adds, drops or stretches dimensions."""
    way = rng.choice(["flatten", "unsqueeze", "squeeze", "expand"])
    ones = [axis for axis, size in enumerate(kind.shape) if size == 1]
    if way == "flatten" and kind.rank:
        start = rng.randrange(kind.rank)
        end = rng.randint(start, kind.rank - 1)
        return {"op": "flatten", "start_dim": start, "end_dim": end - kind.rank * (rng.random() < 0.5)}
    if way == "unsqueeze" and kind.rank < 5:
        return {"op": "unsqueeze", "dim": rng.randint(-kind.rank - 1, kind.rank)}
    if way == "squeeze" and ones:
        return {"op": "squeeze", "dim": rng.choice(ones)}
    if way == "expand":
        stretched = [rng.choice([2, 3, -1]) if axis in ones else -1 for axis in range(kind.rank)]
        return {"op": "expand", "shape": [rng.choice([1, 2])] * (rng.random() < 0.3 and kind.rank < 5) + stretched}
    return None


def part(rng: Random, kind: TensorType, write: Write) -> Arguments | None:
    """What takes one place, or some, of a dimension."""
    if not kind.rank:
        return None
    axis = axis_of(rng, kind)
    if rng.random() < 0.4:
        return {"op": "select", "dim": axis, "index": rng.choice([0, 0, 1, -1, -2])}
    size = kind.shape[axis]
    end = rng.choice([None, None, -1, 2, write(size), write(size - 1)])
    return {
        "op": "slice",
        "dim": axis,
        **({"start": start} if (start := rng.choice([0, 0, 1, -2])) else {}),
        **({} if end is None else {"end": end}),
        **({"step": 2} if rng.random() < 0.3 else {}),
    }


def parts(rng: Random, kind: TensorType, write: Write) -> Arguments | None:
    if not kind.rank:
        return None
    axis = axis_of(rng, kind)
    size = kind.shape[axis]
    if isinstance(size, int) and size > 1 and rng.random() < 0.6:
        first = rng.randint(1, size - 1)
        return {"op": "split", "split_size": [first, size - first], "dim": axis}
    return {"op": "chunk", "chunks": 2, "dim": axis} if not isinstance(size, int) or size % 2 == 0 else None


def pad(rng: Random, kind: TensorType, write: Write) -> Arguments | None:
    if not kind.rank:
        return None
    if kind.rank >= 3 and rng.random() < 0.6:
        count, mode = kind.rank - 2, rng.choice(["reflect", "replicate", "circular"])
        return {"op": "pad", "pad": [rng.randint(0, 2) for _ in range(2 * count)], "mode": mode} if count < 4 else None
    count = rng.randint(1, min(2, kind.rank))
    padding = {"op": "pad", "pad": [rng.randint(0, 2) for _ in range(2 * count)]}
    return {**padding, "value": 0.5} if rng.random() < 0.4 else padding


def reduction(rng: Random, kind: TensorType, write: Write) -> Arguments:
    ways: list[Any] = [{}, {"dim": []}]
    if kind.rank:
        ways += 4 * [{"dim": axis_of(rng, kind)}, {"dim": rng.sample(range(kind.rank), rng.randint(1, kind.rank))}]
    return {"op": rng.choice(["mean", "sum", "amax"]), **rng.choice(ways), "keepdim": rng.random() < 0.5}


# -- layers with weights -----------------------------------------------------------------------------------------------


def linear(rng: Random, kind: TensorType, write: Write) -> Arguments | None:
    if not kind.rank or not isinstance(kind.shape[-1], int):
        return None
    return {"op": "linear", "out_features": rng.choice([4, 6, 8]), **({"bias": False} if rng.random() < 0.3 else {})}


def norm(rng: Random, kind: TensorType, write: Write) -> Arguments | None:
    ways: list[Arguments] = []
    if kind.rank and isinstance(kind.shape[-1], int) and kind.shape[-1] > 1:
        ways += [{"op": "layer_norm"}, {"op": "rms_norm"}, {"op": "rms_norm", "eps": 1e-3}]
        ways += [{"op": "layer_norm", "bias": False}, {"op": "layer_norm", "elementwise_affine": False}]
    if kind.rank > 1 and isinstance(kind.shape[-1], int) and isinstance(kind.shape[-2], int):
        ways.append({"op": "layer_norm", "normalized_shape": list(kind.shape[-2:])})
    if kind.rank > 1 and isinstance(channels := kind.shape[1], int):
        groups = rng.choice([each for each in (1, 2, 3) if channels % each == 0])
        ways.append({"op": "group_norm", "num_groups": groups, "affine": rng.random() < 0.7})
        if kind.rank == 4:
            ways += [{"op": "batch_norm2d"}, {"op": "batch_norm2d", "affine": False, "eps": 1e-3}]
            ways += [{"op": "batch_norm2d", "track_running_stats": False}]
            ways += [{"op": "instance_norm2d"}, {"op": "instance_norm2d", "affine": True}]
    return rng.choice(ways) if ways else None


def window(rng: Random, sizes: tuple[int, ...] = (1, 2, 3)) -> Arguments:
    return {"kernel_size": pair(rng, *sizes), "stride": pair(rng, 1, 1, 2)}


def convolution(rng: Random, kind: TensorType, write: Write) -> Arguments | None:
    if kind.rank not in (3, 4) or not isinstance(channels := kind.shape[1], int):
        return None
    groups = rng.choice([each for each in (1, 1, 2) if channels % each == 0])
    common: Arguments = {"out_channels": rng.choice([4, 6, 8]), "groups": groups, "bias": rng.random() < 0.7}
    if kind.rank == 3:
        size = rng.choice([1, 2, 3])
        mode = rng.choice(MODES)
        return {"op": "conv1d", **common, "kernel_size": size, "padding": size // 2, "padding_mode": mode}
    if rng.random() < 0.25:
        extra = {"padding": rng.choice([0, 1])}
        return {"op": "conv_transpose2d", **common, **window(rng, (2, 3, 4)), **extra}
    drawn = {**window(rng), "padding": pair(rng, 0, 1, 1), "dilation": rng.choice([1, 1, 1, 2])}
    return {"op": "conv2d", **common, **drawn, "padding_mode": rng.choice(MODES)}


def image(rng: Random, kind: TensorType, write: Write) -> Arguments | None:
    """Pooling, resizing, and rearranging of images."""
    if kind.rank != 4:
        return None
    pool = {"kernel_size": pair(rng, 2, 3), **({"stride": pair(rng, 1, 2, 3)} if rng.random() < 0.6 else {})}
    pool |= {"padding": rng.choice([0, 1]), "ceil_mode": rng.random() < 0.4}
    bilinear = {"mode": "bilinear", "align_corners": rng.random() < 0.5} if rng.random() < 0.5 else {}
    sizes = [write(kind.shape[2]), write(kind.shape[3])]
    ways: list[Arguments] = [
        {"op": "max_pool2d", **pool, "dilation": rng.choice([1, 1, 2])},
        {"op": "avg_pool2d", **pool, "count_include_pad": rng.random() < 0.5},
        {"op": "adaptive_avg_pool2d", "output_size": rng.choice([1, 2, [1, None], [None, 2], [3, 2]])},
        {"op": "interpolate", "scale_factor": rng.choice([2, 0.5, 1.5, [2, 1]]), **bilinear},
        {"op": "interpolate", "size": rng.choice([5, [4, 3], [7, 7]]), **bilinear},
        {"op": "pixel_unshuffle", "downscale_factor": 2},
    ]
    if None not in sizes:
        ways += 2 * [{"op": "interpolate", "size": sizes, **bilinear}]
    if isinstance(kind.shape[1], int) and kind.shape[1] % 4 == 0:
        ways += 2 * [{"op": "pixel_shuffle", "upscale_factor": 2}]
    return rng.choice(ways)


DRAWERS: tuple[Drawer, ...] = (
    *(activation, activation, activation, arithmetic, softmax, reshape, permute, roll, rank, rank, part, parts, pad),
    *(reduction, linear, linear, norm, norm, norm, convolution, convolution, convolution, image, image, image),
)
