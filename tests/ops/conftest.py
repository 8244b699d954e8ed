"""Random applications of operations: attributes and input shapes, some of them wrong, from a seeded generator."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
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


def each(rng: Random, axes: int, low: int, high: int) -> Any:
    """One number for all dimensions, or one for each."""
    several = [rng.randint(low, high) for _ in range(axes)]
    return several[0] if rng.random() < 0.5 else several


def space(rng: Random, axes: int, low: int, high: int) -> tuple[int, ...]:
    return tuple(rng.randint(low, high if axes < 3 else max(low, high // 2 + 1)) for _ in range(axes))


def over_axes(name: str, make: Callable[[Random, int], Draw]) -> dict[str, Drawer]:
    """The drawers of a family, for one, two and three dimensions."""
    return {f"{name}{axes}d": partial(_drawn, make, axes) for axes in (1, 2, 3)}


def _drawn(make: Callable[[Random, int], Draw], axes: int, rng: Random) -> Draw:
    return make(rng, axes)


def parametrization(rng: Random, rank: int) -> dict[str, Any]:
    """Now and then a weight norm or a spectral norm, along a dimension of the weight or one beyond."""
    if rng.random() < 0.7:
        return {}
    options = {"dim": rng.choice([None, *range(rank), rank]), "parametrize": rng.random() < 0.5}
    return {rng.choice(["weight_norm", "spectral_norm"]): options if rng.random() < 0.8 else True}


def convolution(rng: Random, axes: int) -> Draw:
    attributes = {
        "out_channels": rng.choice([2, 4, 6]),
        "kernel_size": each(rng, axes, 1, 4),
        "stride": each(rng, axes, 1, 3),
        "padding": each(rng, axes, 0, 3),
        "dilation": each(rng, axes, 1, 3),
        "groups": rng.choice([1, 1, 2, 3]),
        "bias": rng.random() < 0.5,
        "padding_mode": rng.choice(["zeros", "zeros", "reflect", "replicate", "circular"]),
    }
    if rng.random() < 0.3:
        attributes |= {"padding": rng.choice(["same", "same", "valid"]), "stride": 1}
        if attributes["padding_mode"] == "zeros":
            attributes["dilation"] = 2  # torch warns where it has to copy the input
    shapes = {"input": (rng.randint(1, 2), rng.choice([2, 4, 6]), *space(rng, axes, 3, 12))}
    return attributes | parametrization(rng, axes + 2), shapes


def transposed(rng: Random, axes: int) -> Draw:
    attributes = {
        "out_channels": rng.choice([2, 4, 6]),
        "kernel_size": each(rng, axes, 1, 4),
        "stride": each(rng, axes, 1, 3),
        "padding": each(rng, axes, 0, 2),
        "output_padding": each(rng, axes, 0, 2),
        "dilation": each(rng, axes, 1, 3),
        "groups": rng.choice([1, 1, 2, 3]),
        "bias": rng.random() < 0.5,
    }
    shapes = {"input": (rng.randint(1, 2), rng.choice([2, 4, 6]), *space(rng, axes, 3, 12))}
    return attributes | parametrization(rng, axes + 2), shapes


def linear(rng: Random) -> Draw:
    attributes, shapes = {"out_features": rng.randint(1, 9), "bias": rng.random() < 0.5}, {"input": box(rng)}
    return attributes | parametrization(rng, 2), shapes


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


def batch_norm(rng: Random, axes: int) -> Draw:
    shape = (rng.randint(1, 3), rng.randint(1, 6), *space(rng, axes - (axes == 1 and rng.random() < 0.3), 3, 12))
    return {key: rng.random() < 0.5 for key in ("affine", "track_running_stats")}, {"input": shape}


def group_norm(rng: Random) -> Draw:
    return {"num_groups": rng.randint(1, 3), "affine": rng.random() < 0.5}, {
        "input": (1, rng.randint(1, 6), *box(rng, 0, 2))
    }


def layer_norm(rng: Random) -> Draw:
    shape = box(rng)
    last = list(shape[-rng.randint(1, len(shape)) :])
    last[0] += rng.random() < 0.2
    return {"normalized_shape": rng.choice([None, last])}, {"input": shape}


def instance_norm(rng: Random, axes: int) -> Draw:
    return {"affine": rng.random() < 0.5}, {"input": (2, rng.randint(1, 4), *space(rng, axes, 1, 2))}


def local_response_norm(rng: Random) -> Draw:
    numbers = {"alpha": rng.choice([1e-4, 0.5]), "beta": rng.choice([0.75, 0.5]), "k": rng.choice([1.0, 2.0])}
    return {"size": rng.randint(1, 6), **numbers}, {"input": (2, rng.randint(1, 4), *box(rng, 0, 3))}


def softmax(rng: Random) -> Draw:
    shape = box(rng)
    return {"dim": axis(rng, len(shape))}, {"input": shape}


def window_pool(rng: Random, axes: int) -> Draw:
    attributes = {"kernel_size": each(rng, axes, 1, 4), "ceil_mode": rng.random() < 0.5}
    if rng.random() < 0.7:
        attributes["stride"] = each(rng, axes, 1, 4)
    return attributes, {"input": (1, 2, *space(rng, axes, 2 * axes - 1, 10))}


def max_pool(rng: Random, axes: int) -> Draw:
    attributes, shapes = window_pool(rng, axes)
    padding, dilation = each(rng, axes, 0, 2) if axes < 3 else rng.choice([0, 1]), each(rng, axes, 1, 2)
    return {**attributes, "padding": padding, "dilation": dilation, "return_indices": rng.random() < 0.3}, shapes


def avg_pool(rng: Random, axes: int) -> Draw:
    attributes, shapes = window_pool(rng, axes)
    padding = each(rng, axes, 0, 2) if axes < 3 else rng.choice([0, 0, 1])
    return {**attributes, "padding": padding, "count_include_pad": rng.random() < 0.5}, shapes


def lp_pool(rng: Random, axes: int) -> Draw:
    attributes, shapes = window_pool(rng, axes)
    return {**attributes, "norm_type": rng.choice([1.0, 2.0, 3.0, 1.5])}, shapes


def adaptive_pool(rng: Random, axes: int) -> Draw:
    wanted = rng.choice([1, 3, [rng.choice([1, 2, 5, 14, None] if axes > 1 else [2, 5, 14]) for _ in range(axes)]])
    return {"output_size": wanted}, {"input": (2, 3, *space(rng, axes, 1, 12))}


def interpolate(rng: Random) -> Draw:
    mode = rng.choice(["nearest", "bilinear", "nearest-exact", "linear", "bicubic", "trilinear", "area"])
    axes = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}.get(mode, rng.randint(1, 3))
    attributes: dict[str, Any] = {"mode": mode}
    if rng.random() < 0.5:
        attributes["size"] = each(rng, axes, 1, 9)
    else:
        scales = [rng.choice([2, 0.5, 0.4, 1.05, 1.25, 1.3, 3, 0.25, 2.1]) for _ in range(axes)]
        attributes["scale_factor"] = rng.choice([scales[0], scales])
        attributes["recompute_scale_factor"] = rng.random() < 0.3
    if mode in ("linear", "bilinear", "bicubic", "trilinear"):
        attributes["align_corners"] = rng.random() < 0.4
    if mode in ("bilinear", "bicubic"):
        attributes["antialias"] = rng.random() < 0.4
    return attributes, {"input": (rng.randint(1, 2), rng.randint(1, 3), *space(rng, axes, 3, 12))}


def grid_sample(rng: Random) -> Draw:
    attributes = {
        "mode": rng.choice(["bilinear", "nearest", "bicubic"]),
        "padding_mode": rng.choice(["zeros", "border", "reflection"]),
        "align_corners": rng.random() < 0.5,
    }
    axes = rng.choice([2, 2, 3])
    shape = (2, 3, *space(rng, axes, 2, 8))
    batch = 2 if rng.random() < 0.8 else 3
    return attributes, {"input": shape, "grid": (batch, *space(rng, axes, 1, 5), axes)}


def affine_grid(rng: Random) -> Draw:
    axes = rng.choice([2, 3])
    sizes = [rng.randint(1, 3), 3, *(rng.randint(1, 5) for _ in range(axes))]
    theta = (sizes[0] + (rng.random() < 0.1), axes, axes + 1)
    return {"size": sizes, "align_corners": 1 not in sizes[2:] and rng.random() < 0.5}, {"theta": theta}


def pixel_shuffle(rng: Random) -> Draw:
    leading = [rng.randint(1, 2) for _ in range(rng.randint(0, 2))]
    return {"upscale_factor": rng.choice([1, 2, 3])}, {"input": (*leading, *image(rng, rng.choice([4, 9, 12, 36]))[1:])}


def pixel_unshuffle(rng: Random) -> Draw:
    leading = [rng.randint(1, 2) for _ in range(rng.randint(0, 2))]
    return {"downscale_factor": rng.choice([1, 2, 3])}, {"input": (*leading, *image(rng)[1:])}


def channel_shuffle(rng: Random) -> Draw:
    return {"groups": rng.choice([1, 2, 3])}, {"input": (2, rng.choice([2, 4, 6, 12]), *box(rng, 1, 3))}


def pad(rng: Random) -> Draw:
    count, mode = rng.randint(1, 3), rng.choice(["constant", "reflect", "replicate", "circular"])
    rank = count + 2 if mode != "constant" else rng.randint(1, 4)
    sizes = tuple(rng.randint(2, 5) for _ in range(rank))
    return {"pad": [rng.randint(-1, 3) for _ in range(2 * count)], "mode": mode}, {"input": sizes}


def windows(rng: Random) -> dict[str, Any]:
    return {
        "kernel_size": pair(rng, 1, 3),
        "dilation": pair(rng, 1, 2),
        "padding": pair(rng, 0, 2),
        "stride": pair(rng, 1, 3),
    }


def unfold(rng: Random) -> Draw:
    return windows(rng), {"input": image(rng)}


def fold(rng: Random) -> Draw:
    """Mostly as many columns as there are windows."""
    attributes = windows(rng)
    size = [rng.randint(4, 9), rng.randint(4, 9)]
    two = {key: value if isinstance(value, list) else [value] * 2 for key, value in attributes.items()}
    reach = [two["dilation"][i] * (two["kernel_size"][i] - 1) + 1 for i in range(2)]
    counts = [(size[i] + 2 * two["padding"][i] - reach[i]) // two["stride"][i] + 1 for i in range(2)]
    columns = max(1, counts[0] * counts[1] + (rng.random() < 0.1))
    rows = two["kernel_size"][0] * two["kernel_size"][1] * rng.randint(1, 2) + (rng.random() < 0.1)
    return {"output_size": size, **attributes}, {"input": (2, rows, columns)}


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


EQUATIONS = (
    *("ij,jk->ik", "bij,bjk->bik", "bij,bkj->bik", "i,j->ij", "ij,ij->ij", "ij,ij->", "ii->i", "ij->ji", "bi,bi->b"),
    *("...ij,...jk->...ik", "ij,jk", "bhid,bhjd->bhij", "i...,...j->i...j", "ij->", "iij->j", "i,ij,j->"),
)


def einsum(rng: Random) -> Draw:
    """Sizes of letters, 1 or another one now and then."""
    text = rng.choice(EQUATIONS)
    sizes: dict[str, int] = {}
    shapes = {}
    for i, side in enumerate(text.partition("->")[0].split(",")):
        letters = side.replace("...", "x" * rng.randint(1, 2) if rng.random() < 0.8 else "")
        drawn = [sizes.setdefault(letter, rng.randint(1, 4)) for letter in letters]
        shapes[f"operands.{i}"] = tuple(rng.choice([size] * 8 + [1, 5]) for size in drawn)
    return {"equation": text}, shapes


def tensordot(rng: Random) -> Draw:
    shape = tuple(rng.randint(1, 3) for _ in range(3))
    if rng.random() < 0.5:
        return {"dims": rng.randint(0, 3)}, {"a": shape, "b": (*shape[1:], 2)}
    return {"dims": [[0, -1], [rng.choice([2, 1]), 0]]}, {"a": shape, "b": (shape[2], 4, shape[0])}


def with_sum(leading: int) -> Drawer:
    def draw(rng: Random) -> Draw:
        n, a, b, c = (rng.randint(1, 3) for _ in range(4))
        names = ("batch1", "batch2") if leading else ("mat1", "mat2")
        added = tuple(rng.choice([size, size, 1]) for size in ((n,) * leading + (a, c)))[rng.randint(0, 2) :]
        shapes = {names[0]: (n,) * leading + (a, b), names[1]: (n,) * leading + (b + (rng.random() < 0.1), c)}
        return {"beta": rng.choice([1, 0.5]), "alpha": rng.choice([1, -2])}, {"input": added, **shapes}

    return draw


def bilinear(rng: Random) -> Draw:
    leading = box(rng, 0, 2)
    wrong = (*leading[:-1], 5) if leading and rng.random() < 0.1 else leading
    shapes = {"input1": (*leading, rng.randint(1, 3)), "input2": (*wrong, rng.randint(1, 3))}
    return {"out_features": rng.randint(1, 3), "bias": rng.random() < 0.5}, shapes


def cross(rng: Random) -> Draw:
    shape = tuple(rng.choice([1, 3, 3, 3]) for _ in range(rng.randint(1, 3)))
    other = tuple(rng.choice([1, 3, 3, 3]) if size == 3 else size for size in shape)
    return {"dim": axis(rng, len(shape))}, {"input": shape, "other": other}


def stack(rng: Random) -> Draw:
    shape = box(rng, 0, 3)
    parts = {
        f"tensors.{i}": (*shape[:-1], 9) if shape and rng.random() < 0.1 else shape for i in range(rng.randint(1, 3))
    }
    return {"dim": axis(rng, len(shape) + 1)}, parts


def tile(rng: Random) -> Draw:
    return {"dims": [rng.randint(1, 3) for _ in range(rng.randint(1, 4))]}, {"input": box(rng, 0, 3)}


def repeat(rng: Random) -> Draw:
    return {"repeats": [rng.randint(1, 3) for _ in range(rng.randint(1, 4))]}, {"input": box(rng, 1, 3)}


def repeat_interleave(rng: Random) -> Draw:
    shape = box(rng, 1, 3)
    return {"repeats": rng.randint(1, 3), "dim": rng.choice([None, axis(rng, len(shape))])}, {"input": shape}


def flip(rng: Random) -> Draw:
    shape = box(rng)
    return {"dims": [axis(rng, len(shape)) for _ in range(rng.randint(1, 2))]}, {"input": shape}


def meshgrid(rng: Random) -> Draw:
    parts = {f"tensors.{i}": (rng.randint(1, 4),) * rng.choice([0, 1, 1, 1]) for i in range(rng.randint(1, 3))}
    return {"indexing": rng.choice(["ij", "xy"])}, parts


def triangle(rng: Random) -> Draw:
    return {"diagonal": rng.randint(-3, 3)}, {"input": box(rng, 1, 3)}


def diagonal(rng: Random) -> Draw:
    shape = box(rng, 2, 4)
    dims = {f"dim{i}": axis(rng, len(shape)) for i in (1, 2)}
    return {"offset": rng.randint(-2, 2), **dims}, {"input": shape}


def diag_embed(rng: Random) -> Draw:
    shape = box(rng, 1, 3)
    dims = {f"dim{i}": axis(rng, len(shape) + 1) for i in (1, 2)}
    return {"offset": rng.randint(-2, 2), **dims}, {"input": shape}


def movedim(rng: Random) -> Draw:
    shape = box(rng)
    both = ([axis(rng, len(shape)) for _ in range(rng.randint(1, min(2, len(shape))))] for _ in range(2))
    return dict(zip(("source", "destination"), both, strict=True)), {"input": shape}


def unflatten(rng: Random) -> Draw:
    shape = tuple(rng.choice([2, 4, 6]) for _ in range(rng.randint(1, 3)))
    return {"dim": axis(rng, len(shape)), "sizes": rng.choice([[2, -1], [-1, 2, 1], [2, 2], [-1]])}, {"input": shape}


def broadcast_tensors(rng: Random) -> Draw:
    shape = box(rng, 1, 3)
    parts = ([rng.choice([1, size]) for size in shape[rng.randint(0, 1) :]] for _ in range(rng.randint(1, 3)))
    return {}, {f"tensors.{i}": tuple(part) for i, part in enumerate(parts)}


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
    "einsum": einsum,
    "tensordot": tensordot,
    "addmm": with_sum(0),
    "baddbmm": with_sum(1),
    "bilinear": bilinear,
    "cross": cross,
    "stack": stack,
    "tile": tile,
    "repeat": repeat,
    "repeat_interleave": repeat_interleave,
    "flip": flip,
    "meshgrid": meshgrid,
    **dict.fromkeys(("tril", "triu"), triangle),
    "diagonal": diagonal,
    "diag_embed": diag_embed,
    "movedim": movedim,
    "unflatten": unflatten,
    "broadcast_tensors": broadcast_tensors,
    "unbind": vectors,
    "topk": topk,
    **dict.fromkeys(("sort", "argsort"), ordered),
    "searchsorted": searched,
    "bucketize": bucketized,
    "normalize": vectors,
    "cosine_similarity": two_vectors,
    "pairwise_distance": distance,
    "cdist": rows_and_rows,
    **over_axes("conv", convolution),
    **over_axes("conv_transpose", transposed),
    **over_axes("batch_norm", batch_norm),
    **over_axes("instance_norm", instance_norm),
    **over_axes("max_pool", max_pool),
    **over_axes("avg_pool", avg_pool),
    **over_axes("lp_pool", lp_pool),
    **over_axes("adaptive_avg_pool", adaptive_pool),
    **over_axes("adaptive_max_pool", adaptive_pool),
    "local_response_norm": local_response_norm,
    "linear": linear,
    "lstm": lstm,
    "gru": recurrent,
    "rnn": rnn,
    "lstm_cell": lstm_cell,
    "gru_cell": cell,
    "rnn_cell": cell,
    "matmul": matmul,
    "scaled_dot_product_attention": attention,
    "group_norm": group_norm,
    "layer_norm": layer_norm,
    "rms_norm": layer_norm,
    "softmax": softmax,
    "interpolate": interpolate,
    "pixel_shuffle": pixel_shuffle,
    "pixel_unshuffle": pixel_unshuffle,
    "channel_shuffle": channel_shuffle,
    "grid_sample": grid_sample,
    "affine_grid": affine_grid,
    "unfold": unfold,
    "fold": fold,
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
