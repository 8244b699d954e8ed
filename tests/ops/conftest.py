"""Random applications of operations: attributes and input shapes, some of them wrong, from a seeded generator."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

Draw = tuple[dict[str, Any], dict[str, tuple[int, ...]]]
Drawer = Callable[[Random], Draw]


def image(rng: Random, channels: int = 0) -> tuple[int, ...]:
    return rng.randint(1, 3), channels or rng.randint(1, 6), rng.randint(3, 12), rng.randint(3, 12)


def box(rng: Random, low: int = 1, high: int = 5) -> tuple[int, ...]:
    return tuple(rng.randint(1, 4) for _ in range(rng.randint(low, high)))


def axis(rng: Random, rank: int) -> int:
    """Mostly a dimension of the value, now and then one out of range."""
    return rng.randint(-rank, rank - 1) if rng.random() < 0.9 else rng.choice([-rank - 1, rank])


def pair(rng: Random, low: int, high: int) -> Any:
    both = [rng.randint(low, high), rng.randint(low, high)]
    return both[0] if rng.random() < 0.5 else both


def conv2d(rng: Random) -> Draw:
    attributes = {
        "out_channels": rng.choice([2, 4, 6]),
        "kernel_size": pair(rng, 1, 4),
        "stride": pair(rng, 1, 3),
        "padding": pair(rng, 0, 3),
        "dilation": pair(rng, 1, 3),
        "groups": rng.choice([1, 1, 2, 3]),
        "bias": rng.random() < 0.5,
        "padding_mode": rng.choice(["zeros", "zeros", "reflect", "replicate", "circular"]),
    }
    return attributes, {"input": image(rng, rng.choice([2, 4, 6]))}


def conv1d(rng: Random) -> Draw:
    attributes = {
        "out_channels": rng.choice([2, 4, 6]),
        "kernel_size": rng.randint(1, 4),
        "stride": rng.randint(1, 3),
        "padding": rng.randint(0, 3),
        "dilation": rng.randint(1, 3),
        "groups": rng.choice([1, 2, 3]),
    }
    return attributes, {"input": (2, rng.choice([2, 4, 6]), rng.randint(2, 12))}


def conv_transpose2d(rng: Random) -> Draw:
    attributes = {
        "out_channels": rng.choice([2, 4, 6]),
        "kernel_size": pair(rng, 1, 4),
        "stride": pair(rng, 1, 3),
        "padding": pair(rng, 0, 2),
        "output_padding": pair(rng, 0, 2),
        "dilation": pair(rng, 1, 3),
        "groups": rng.choice([1, 1, 2, 3]),
        "bias": rng.random() < 0.5,
    }
    return attributes, {"input": image(rng, rng.choice([2, 4, 6]))}


def linear(rng: Random) -> Draw:
    return {"out_features": rng.randint(1, 9), "bias": rng.random() < 0.5}, {"input": box(rng)}


def matmul(rng: Random) -> Draw:
    rows, inner, columns = (rng.randint(1, 4) for _ in range(3))
    other = inner if rng.random() < 0.8 else inner + 1
    leading = [[rng.choice([1, 2, 3]) for _ in range(rng.randint(0, 2))] for _ in range(2)]
    return {}, {"input": (*leading[0], rows, inner), "other": (*leading[1], other, columns)}


def binary(rng: Random) -> Draw:
    if rng.random() < 0.2:
        return {"value": rng.choice([2, 0.5, -3])}, {"input": box(rng, 0)}
    return {}, {port: tuple(rng.choice([1, 1, 2, 3]) for _ in range(rng.randint(0, 3))) for port in ("input", "other")}


def attention(rng: Random) -> Draw:
    batch, length, source, heads = rng.randint(1, 3), rng.randint(1, 4), rng.randint(1, 4), rng.choice([1, 2, 3])
    channels, inner = rng.choice([4, 6, 12]), rng.choice([6, 12])
    shapes = {"query": (batch, length, channels), "key": (batch, source, channels), "value": (batch, source, inner)}
    if rng.random() < 0.1:
        shapes["value"] = batch, source + 4, inner
    if rng.random() < 0.4:
        scores = (batch, heads, length, source)
        wrong = rng.random() < 0.3
        mask = tuple(rng.choice([1, size]) + (wrong and size == length) for size in scores)
        shapes["mask"] = mask[rng.choice([0, 1, 2, 2, 3, 4]) :]
    return {"num_heads": heads, "is_causal": "mask" not in shapes and rng.random() < 0.5}, shapes


def batch_norm2d(rng: Random) -> Draw:
    return {key: rng.random() < 0.5 for key in ("affine", "track_running_stats")}, {"input": image(rng)}


def group_norm(rng: Random) -> Draw:
    return {"num_groups": rng.randint(1, 3), "affine": rng.random() < 0.5}, {
        "input": (1, rng.randint(1, 6), *box(rng, 0, 2))
    }


def layer_norm(rng: Random) -> Draw:
    shape = box(rng)
    last = list(shape[-rng.randint(1, len(shape)) :])
    last[0] += rng.random() < 0.2
    return {"normalized_shape": rng.choice([None, last])}, {"input": shape}


def instance_norm2d(rng: Random) -> Draw:
    return {"affine": rng.random() < 0.5}, {"input": (2, rng.randint(1, 4), rng.randint(1, 2), rng.randint(1, 2))}


def softmax(rng: Random) -> Draw:
    shape = box(rng)
    return {"dim": axis(rng, len(shape))}, {"input": shape}


def max_pool2d(rng: Random) -> Draw:
    attributes, shapes = avg_pool2d(rng)
    del attributes["count_include_pad"]
    return {**attributes, "dilation": pair(rng, 1, 2)}, shapes


def avg_pool2d(rng: Random) -> Draw:
    attributes = {
        "kernel_size": pair(rng, 1, 4),
        "padding": pair(rng, 0, 2),
        "ceil_mode": rng.random() < 0.5,
        "count_include_pad": rng.random() < 0.5,
    }
    if rng.random() < 0.7:
        attributes["stride"] = pair(rng, 1, 4)
    return attributes, {"input": (1, 2, rng.randint(1, 10), rng.randint(1, 10))}


def adaptive_avg_pool2d(rng: Random) -> Draw:
    return {"output_size": rng.choice([1, 3, [2, 5], [None, 1], [4, None]])}, {"input": image(rng)}


def interpolate(rng: Random) -> Draw:
    sizes = (
        {"size": pair(rng, 1, 9)}
        if rng.random() < 0.5
        else {"scale_factor": rng.choice([2, 0.5, 0.1, 1.05, 1.25, 1.3, [3, 0.25], [2.1, 2.25]])}
    )
    bilinear = rng.random() < 0.5
    mode = {"mode": "bilinear", "align_corners": rng.random() < 0.5} if bilinear else {}
    return {**sizes, **mode}, {"input": image(rng)}


def pixel_shuffle(rng: Random) -> Draw:
    return {"upscale_factor": rng.choice([1, 2, 3])}, {"input": image(rng, rng.choice([4, 9, 12, 36]))}


def pixel_unshuffle(rng: Random) -> Draw:
    return {"downscale_factor": rng.choice([1, 2, 3])}, {"input": image(rng)}


def pad(rng: Random) -> Draw:
    count, mode = rng.randint(1, 3), rng.choice(["constant", "reflect", "replicate", "circular"])
    rank = count + 2 if mode != "constant" else rng.randint(1, 4)
    sizes = tuple(rng.randint(2, 5) for _ in range(rank))
    return {"pad": [rng.randint(0, 3) for _ in range(2 * count)], "mode": mode}, {"input": sizes}


def concat(rng: Random) -> Draw:
    shape = box(rng)
    dim = axis(rng, len(shape))
    parts = {f"tensors.{i}": list(shape) for i in range(rng.randint(1, 4))}
    for part in parts.values():
        part[dim % len(shape)] = rng.randint(1, 4)
        if rng.random() < 0.1:
            part[0] += 1
    return {"dim": dim}, {name: tuple(part) for name, part in parts.items()}


def split(rng: Random) -> Draw:
    shape = box(rng)
    dim = axis(rng, len(shape))
    parts = [rng.randint(1, 3) for _ in range(rng.randint(1, 3))]
    total = sum(parts) + (rng.random() < 0.2)
    place = dim % len(shape)
    return {"split_size": parts, "dim": dim}, {"input": (*shape[:place], total, *shape[place + 1 :])}


def chunk(rng: Random) -> Draw:
    shape = tuple(rng.choice([2, 4, 6]) for _ in range(rng.randint(1, 4)))
    return {"chunks": rng.choice([1, 2, 2, 3]), "dim": axis(rng, len(shape))}, {"input": shape}


def reshape(rng: Random) -> Draw:
    shape = [rng.choice([2, 3, 4, 6]) for _ in range(rng.randint(1, 4))]
    target = list(shape)
    rng.shuffle(target)
    target = rng.choice([target, [target[0], -1], [*target, 1], [-1, 4], [-1]])
    if rng.random() < 0.1:
        target[0] += 1
    return {"shape": target}, {"input": tuple(shape)}


def permute(rng: Random) -> Draw:
    shape = box(rng)
    dims = [dim - len(shape) * (rng.random() < 0.3) for dim in rng.sample(range(len(shape)), len(shape))]
    if rng.random() < 0.2:
        dims[0] = axis(rng, len(shape))
    return {"dims": dims}, {"input": shape}


def transpose(rng: Random) -> Draw:
    shape = box(rng)
    return {"dim0": axis(rng, len(shape)), "dim1": axis(rng, len(shape))}, {"input": shape}


def roll(rng: Random) -> Draw:
    shape = box(rng)
    dims = rng.sample(range(len(shape)), rng.randint(1, len(shape)))
    shifts = [rng.randint(-3, 3) for _ in range(len(dims) + (rng.random() < 0.1))]
    return {"shifts": shifts, "dims": dims}, {"input": shape}


def flatten(rng: Random) -> Draw:
    shape = box(rng)
    return {"start_dim": axis(rng, len(shape)), "end_dim": axis(rng, len(shape))}, {"input": shape}


def unsqueeze(rng: Random) -> Draw:
    shape = box(rng, 0, 3)
    return {"dim": [axis(rng, len(shape) + 1 + i) for i in range(rng.randint(1, 3))]}, {"input": shape}


def squeeze(rng: Random) -> Draw:
    shape = tuple(rng.choice([1, 1, 2]) for _ in range(rng.randint(1, 4)))
    return {"dim": [axis(rng, len(shape)) for _ in range(rng.randint(1, 2))]}, {"input": shape}


def expand(rng: Random) -> Draw:
    shape = tuple(rng.choice([1, 1, 2]) for _ in range(rng.randint(1, 3)))
    wide = [rng.choice([size, -1, 3 if size == 1 else size, 2]) for size in shape]
    return {"shape": [rng.choice([2, 2, -1])] * rng.randint(0, 1) + wide}, {"input": shape}


def select(rng: Random) -> Draw:
    shape = box(rng)
    return {"dim": axis(rng, len(shape)), "index": rng.randint(-3, 3)}, {"input": shape}


def slices(rng: Random) -> Draw:
    shape = tuple(rng.randint(1, 7) for _ in range(rng.randint(1, 3)))
    end = rng.choice([None, rng.randint(-5, 7)])
    return {
        "dim": axis(rng, len(shape)),
        "start": rng.randint(-5, 5),
        "end": end,
        "step": rng.randint(1, 3),
    }, {"input": shape}


def reduction(rng: Random) -> Draw:
    shape = box(rng)
    dim = rng.choice([None, [], axis(rng, len(shape)), [axis(rng, len(shape)) for _ in range(2)]])
    return {"dim": dim, "keepdim": rng.random() < 0.5}, {"input": shape}


def topk(rng: Random) -> Draw:
    shape = box(rng)
    return {"k": rng.randint(1, 3), "dim": axis(rng, len(shape)), "largest": rng.random() < 0.5}, {"input": shape}


def ordered(rng: Random) -> Draw:
    shape = box(rng)
    return {"dim": axis(rng, len(shape)), "descending": rng.random() < 0.5}, {"input": shape}


def searched(rng: Random) -> Draw:
    shape = box(rng, 1, 3)
    row = rng.choice([shape[-1:], (*shape[:-1], 3), (2, 3)])
    return {"right": rng.random() < 0.5}, {"sorted_sequence": row, "input": shape}


def bucketized(rng: Random) -> Draw:
    return {"out_int32": rng.random() < 0.5}, {
        "input": box(rng, 0),
        "boundaries": box(rng, 1, 1) * rng.choice([1, 1, 2]),
    }


def vectors(rng: Random) -> Draw:
    shape = box(rng)
    return {"dim": axis(rng, len(shape))}, {"input": shape}


def two_vectors(rng: Random) -> Draw:
    shape = box(rng, 1, 3)
    other = tuple(rng.choice([size, size, 1, 2]) for size in shape[rng.randint(0, 1) :]) or (1,)
    return {"dim": axis(rng, len(shape))}, {"x1": shape, "x2": other}


def rows_and_rows(rng: Random) -> Draw:
    columns = rng.randint(1, 4)
    one, other = ((*box(rng, 0, 1), rng.choice([2, 30]), columns + (rng.random() < 0.1)) for _ in range(2))
    return {"p": rng.choice([0.0, 1.0, 2.0, 3.0])}, {"x1": one, "x2": other}


def distance(rng: Random) -> Draw:
    _, shapes = two_vectors(rng)
    return {"p": rng.choice([0.5, 2.0]), "keepdim": rng.random() < 0.5}, shapes


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
    **dict.fromkeys(("mean", "sum", "amax"), reduction),
    "topk": topk,
    **dict.fromkeys(("sort", "argsort"), ordered),
    "searchsorted": searched,
    "bucketize": bucketized,
    "normalize": vectors,
    "cosine_similarity": two_vectors,
    "pairwise_distance": distance,
    "cdist": rows_and_rows,
    "conv2d": conv2d,
    "conv1d": conv1d,
    "conv_transpose2d": conv_transpose2d,
    "linear": linear,
    "matmul": matmul,
    "scaled_dot_product_attention": attention,
    "batch_norm2d": batch_norm2d,
    "group_norm": group_norm,
    "layer_norm": layer_norm,
    "rms_norm": layer_norm,
    "instance_norm2d": instance_norm2d,
    "softmax": softmax,
    "max_pool2d": max_pool2d,
    "avg_pool2d": avg_pool2d,
    "adaptive_avg_pool2d": adaptive_avg_pool2d,
    "interpolate": interpolate,
    "pixel_shuffle": pixel_shuffle,
    "pixel_unshuffle": pixel_unshuffle,
    "pad": pad,
    "concat": concat,
    "split": split,
    "chunk": chunk,
    "reshape": reshape,
    "permute": permute,
    "transpose": transpose,
    "roll": roll,
    "flatten": flatten,
    "unsqueeze": unsqueeze,
    "squeeze": squeeze,
    "expand": expand,
    "select": select,
    "slice": slices,
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`drawn` runs a test once for each operation that has a drawer; it holds the name and the function."""
    if "drawn" in metafunc.fixturenames:
        metafunc.parametrize("drawn", sorted(DRAWERS.items()), ids=sorted(DRAWERS))
