"""What torch computes for each operation without weights: FUNCTIONS, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from archgraph.ops import REGISTRY
from archgraph.ops.tables import TABLES, OperationTable

Layer = Callable[..., Any]


def _attend(op: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    """torch's fused kernel for the CPU ignores surplus values; the contract refuses them."""
    if key.shape[-2] != value.shape[-2]:
        raise IndexError("key and value differ in tokens")
    if query.ndim == 4:
        if op.num_heads > 1 or len({part.shape[:2] for part in (query, key, value)}) > 1:
            raise IndexError("heads are apart already, as many for each")
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=op.is_causal, scale=op.scale)
    heads = [part.unflatten(-1, (op.num_heads, -1)).transpose(1, 2) for part in (query, key, value)]
    mixed = F.scaled_dot_product_attention(*heads, attn_mask=mask, is_causal=op.is_causal, scale=op.scale)
    return mixed.transpose(1, 2).flatten(2)


def _sinusoid(op: Any, t: Tensor) -> Tensor:
    from diffusers.models.embeddings import get_timestep_embedding

    return get_timestep_embedding(t, op.dim, op.flip_sin_to_cos, op.freq_shift, max_period=op.max_period)


def _unsqueeze(op: Any, x: Tensor) -> Tensor:
    for dim in op.dim:
        x = x.unsqueeze(dim)
    return x


def _squeeze(op: Any, x: Tensor) -> Tensor:
    """torch leaves sizes other than 1 alone; the contract refuses them."""
    if any(x.shape[dim] != 1 for dim in op.dim):
        raise IndexError("not of size 1")
    return x.squeeze(op.dim)


def _chunk(op: Any, x: Tensor) -> tuple[Tensor, ...]:
    """torch makes the last part smaller, or returns fewer; the contract refuses that."""
    if x.shape[op.dim] % op.chunks:
        raise IndexError("unequal parts")
    return x.chunk(op.chunks, op.dim)


def _slice(op: Any, x: Tensor) -> Tensor:
    """Python clips a slice to the value, even to nothing; the contract refuses that."""
    size = x.shape[op.dim]
    places = range(size)[op.start : op.end : op.step]
    end = size if op.end is None else op.end
    if not len(places) or not -size <= op.start < size or not -size <= end <= size:
        raise IndexError("the slice is empty or sticks out")
    return x.transpose(0, op.dim)[op.start : op.end : op.step].transpose(0, op.dim)


def _max_pool(axes: int) -> Layer:
    """torch takes the maximum of nothing where a dilated window steps over the whole input; the contract refuses it."""

    def layer(op: Any, x: Tensor) -> Any:
        pool = getattr(F, f"max_pool{axes}d")
        found = pool(x, op.kernel_size, op.stride, op.padding, op.dilation, op.ceil_mode, op.return_indices)
        if torch.isinf(found[0] if op.return_indices else found).any():
            raise IndexError("a window without a place of the input")
        return found

    return layer


def _avg_pool(axes: int) -> Layer:
    pool = getattr(F, f"avg_pool{axes}d")
    return lambda op, x: pool(x, op.kernel_size, op.stride, op.padding, op.ceil_mode, op.count_include_pad)


def _lp_pool(axes: int) -> Layer:
    pool = getattr(F, f"lp_pool{axes}d")
    return lambda op, x: pool(
        x, op.norm_type, op.kernel_size[0] if axes == 1 else op.kernel_size, op.stride, op.ceil_mode
    )


def _max_unpool(axes: int) -> Layer:
    pool = getattr(F, f"max_unpool{axes}d")
    return lambda op, x, places: pool(x, places, op.kernel_size, op.stride, op.padding, op.output_size)


def _adaptive_pool(name: str) -> Callable[[int], Layer]:
    return lambda axes: (
        lambda op, x: getattr(F, f"{name}{axes}d")(x, op.output_size[0] if axes == 1 else op.output_size)
    )


def _interpolate(op: Any, x: Tensor) -> Tensor:
    given = op.model_dump()
    for name in ("align_corners", "recompute_scale_factor"):
        given[name] = given[name] or None
    found = F.interpolate(x, **given)
    if not found.numel():  # the contract refuses it
        raise IndexError("nothing is left")
    return found


def _pad(op: Any, x: Tensor) -> Tensor:
    """torch pads out of nothing, and around out of what was not written; the contract refuses that."""
    for (before, after), size in zip(op.sides(x.ndim), x.shape, strict=True):
        left = size + min(before, 0) + min(after, 0)
        if left < 1 or (op.mode == "circular" and max(before, after) > left):
            raise IndexError("nothing is left, or less than what is repeated")
    return F.pad(x, op.pad, op.mode, op.value if op.mode == "constant" else None)


def over_axes(name: str, make: Callable[[int], Layer]) -> dict[str, Layer]:
    """The references of a family, for one, two and three dimensions."""
    return {f"{name}{axes}d": make(axes) for axes in (1, 2, 3)}


def _binary(function: Callable[..., Tensor]) -> Layer:
    return lambda op, x, y=None: function(x, op.value if y is None else y)


def _type(name: str | None) -> torch.dtype | None:
    return None if name is None else getattr(torch, name)  # type: ignore[no-any-return]


def _of_row(name: str, table: OperationTable) -> Layer:
    """A row of a table has the name of torch's function, with torch's arguments."""
    function = getattr(F, name, None) or getattr(torch, name, None) or getattr(torch.linalg, name)

    def layer(op: Any, *values: Tensor) -> Any:
        arguments = op.model_dump()
        number = arguments.pop("value", None) if table.meets else None
        return function(*values, *([] if number is None else [number]), **arguments)

    return layer


def _diagonal(op: Any, x: Tensor) -> Tensor:
    """torch gives a diagonal without elements too; the contract refuses it."""
    found = x.diagonal(op.offset, op.dim1, op.dim2)
    if not found.numel():
        raise IndexError("beyond the corner")
    return found


def _along(function: Layer, op: Any, x: Tensor) -> Any:
    return function(x) if op.dim is None else function(x, op.dim, op.keepdim)


def _reduce(function: Callable[..., Tensor]) -> Layer:
    return lambda op, x: function(x, dim=op.dim if op.dim is not None else tuple(range(x.ndim)), keepdim=op.keepdim)


EVERY = dict(REGISTRY)
"""All contracts, those included that are read on demand: `TABLES` is complete from here on."""

FUNCTIONS: dict[str, Layer] = {
    "relu": lambda op, x: F.relu(x),
    "relu6": lambda op, x: F.relu6(x),
    "leaky_relu": lambda op, x: F.leaky_relu(x, op.negative_slope),
    "elu": lambda op, x: F.elu(x, op.alpha),
    "silu": lambda op, x: F.silu(x),
    "gelu": lambda op, x: F.gelu(x, approximate=op.approximate),
    "sigmoid": lambda op, x: x.sigmoid(),
    "tanh": lambda op, x: x.tanh(),
    "hardswish": lambda op, x: F.hardswish(x),
    "hardsigmoid": lambda op, x: F.hardsigmoid(x),
    "softplus": lambda op, x: F.softplus(x, op.beta, op.threshold),
    "softmax": lambda op, x: x.softmax(op.dim),
    "clamp": lambda op, x: x.clamp(op.min, op.max),
    "add": _binary(torch.add),
    "sub": _binary(torch.sub),
    "mul": _binary(torch.mul),
    "div": lambda op, x, y=None: torch.div(x, op.value if y is None else y, rounding_mode=op.rounding_mode),
    "matmul": lambda op, x, y: x @ y,
    "scaled_dot_product_attention": _attend,
    "sinusoidal_embedding": _sinusoid,
    "arange": lambda op: torch.arange(op.start, op.end, op.step),
    "constant": lambda op: torch.tensor(op.value, dtype=getattr(torch, op.dtype) if op.dtype else None),
    **over_axes("max_pool", _max_pool),
    **over_axes("avg_pool", _avg_pool),
    **over_axes("lp_pool", _lp_pool),
    **over_axes("max_unpool", _max_unpool),
    **over_axes("adaptive_avg_pool", _adaptive_pool("adaptive_avg_pool")),
    **over_axes("adaptive_max_pool", _adaptive_pool("adaptive_max_pool")),
    "local_response_norm": lambda op, x: F.local_response_norm(x, op.size, op.alpha, op.beta, op.k),
    "interpolate": _interpolate,
    "grid_sample": lambda op, x, grid: F.grid_sample(x, grid, op.mode, op.padding_mode, op.align_corners),
    "affine_grid": lambda op, theta: F.affine_grid(theta, list(op.size), op.align_corners),
    "pixel_shuffle": lambda op, x: F.pixel_shuffle(x, op.upscale_factor),
    "pixel_unshuffle": lambda op, x: F.pixel_unshuffle(x, op.downscale_factor),
    "channel_shuffle": lambda op, x: F.channel_shuffle(x, op.groups),
    "pad": _pad,
    "unfold": lambda op, x: F.unfold(x, op.kernel_size, op.dilation, op.padding, op.stride),
    "fold": lambda op, x: F.fold(x, op.output_size, op.kernel_size, op.dilation, op.padding, op.stride),
    "concat": lambda op, *x: torch.cat(x, op.dim),
    "split": lambda op, x: x.split(list(op.split_size), op.dim),
    "chunk": _chunk,
    "reshape": lambda op, x: x.reshape(op.shape),
    "permute": lambda op, x: x.permute(op.dims),
    "transpose": lambda op, x: x.transpose(op.dim0, op.dim1),
    "roll": lambda op, x: x.roll(op.shifts, op.dims),
    "flatten": lambda op, x: x.flatten(op.start_dim, op.end_dim),
    "unsqueeze": _unsqueeze,
    "squeeze": _squeeze,
    "expand": lambda op, x: x.expand(op.shape),
    "select": lambda op, x: x.select(op.dim, op.index),
    "slice": _slice,
    "mean": _reduce(torch.mean),
    "sum": _reduce(torch.sum),
    "amax": _reduce(torch.amax),
    "dropout": lambda op, x: F.dropout(x, op.p),
    **over_axes("dropout", lambda axes: lambda op, x: getattr(F, f"dropout{axes}d")(x, op.p)),
    "alpha_dropout": lambda op, x: F.alpha_dropout(x, op.p),
    "feature_alpha_dropout": lambda op, x: F.feature_alpha_dropout(x, op.p),
    "stochastic_depth": lambda op, x: x * torch.bernoulli(torch.full((len(x), 1, 1), 1 - op.p)),
    "identity": lambda op, x: x,
    "detach": lambda op, x: x.detach(),
    "to": lambda op, x: x.to(getattr(torch, op.dtype)),
    "where": lambda op, c, x, y=None: torch.where(c, x, op.value if y is None else y),
    "masked_fill": lambda op, x, mask: x.masked_fill(mask, op.value),
    "zeros": lambda op: torch.zeros(op.shape, dtype=_type(op.dtype)),
    "ones": lambda op: torch.ones(op.shape, dtype=_type(op.dtype)),
    "full": lambda op: torch.full(op.shape, op.fill_value, dtype=_type(op.dtype)),
    "zeros_like": lambda op, x: torch.zeros_like(x, dtype=_type(op.dtype)),
    "ones_like": lambda op, x: torch.ones_like(x, dtype=_type(op.dtype)),
    "full_like": lambda op, x: torch.full_like(x, op.fill_value, dtype=_type(op.dtype)),
    "linspace": lambda op: torch.linspace(op.start, op.end, op.steps),
    "eye": lambda op: torch.eye(op.n, op.n if op.m is None else op.m),
    "softmax2d": lambda op, x: nn.Softmax2d()(x),
    "hardtanh": lambda op, x: F.hardtanh(x, op.min_val, op.max_val),
    "rrelu": lambda op, x: F.rrelu(x, op.lower, op.upper),
    "glu": lambda op, x: F.glu(x, op.dim),
    "bmm": lambda op, x, y: torch.bmm(x, y),
    "mv": lambda op, x, y: torch.mv(x, y),
    "dot": lambda op, x, y: torch.dot(x, y),
    "outer": lambda op, x, y: torch.outer(x, y),
    "einsum": lambda op, *x: torch.einsum(op.equation, *x),
    "tensordot": lambda op, a, b: torch.tensordot(a, b, op.dims),
    "addmm": lambda op, x, a, b: torch.addmm(x, a, b, beta=op.beta, alpha=op.alpha),
    "baddbmm": lambda op, x, a, b: torch.baddbmm(x, a, b, beta=op.beta, alpha=op.alpha),
    "cross": lambda op, x, y: torch.linalg.cross(x, y, dim=op.dim),
    "stack": lambda op, *x: torch.stack(x, op.dim),
    "unbind": lambda op, x: x.unbind(op.dim),
    "tile": lambda op, x: x.tile(op.dims),
    "repeat": lambda op, x: x.repeat(op.repeats),
    "repeat_interleave": lambda op, x: x.repeat_interleave(op.repeats, op.dim),
    "flip": lambda op, x: x.flip(op.dims),
    "meshgrid": lambda op, *x: torch.meshgrid(*x, indexing=op.indexing),
    "tril": lambda op, x: x.tril(op.diagonal),
    "triu": lambda op, x: x.triu(op.diagonal),
    "diagonal": lambda op, x: _diagonal(op, x),
    "diag_embed": lambda op, x: torch.diag_embed(x, op.offset, op.dim1, op.dim2),
    "movedim": lambda op, x: x.movedim(op.source, op.destination),
    "unflatten": lambda op, x: x.unflatten(op.dim, op.sizes),
    "broadcast_tensors": lambda op, *x: torch.broadcast_tensors(*x),
    "gather": lambda op, x, index: x.gather(op.dim, index),
    "take_along_dim": lambda op, x, index: torch.take_along_dim(x, index, op.dim),
    "index_select": lambda op, x, index: x.index_select(op.dim, index),
    "index": lambda op, x, index: x[(slice(None),) * (op.dim % x.ndim) + (index,)],
    "scatter": lambda op, x, index, src=None: x.scatter(op.dim, index, op.value if src is None else src),
    "scatter_add": lambda op, x, index, src: x.scatter_add(op.dim, index, src),
    "scatter_reduce": lambda op, x, index, src: x.scatter_reduce(op.dim, index, src, op.reduce),
    "index_add": lambda op, x, index, source: x.index_add(op.dim, index, source, alpha=op.alpha),
    "index_copy": lambda op, x, index, source: x.index_copy(op.dim, index, source),
    "one_hot": lambda op, x: F.one_hot(x, op.num_classes),
    "topk": lambda op, x: x.topk(op.k, op.dim, op.largest, op.sorted),
    "sort": lambda op, x: x.sort(dim=op.dim, descending=op.descending, stable=op.stable),
    "argsort": lambda op, x: x.argsort(dim=op.dim, descending=op.descending, stable=op.stable),
    "searchsorted": lambda op, row, x: torch.searchsorted(row, x, right=op.right, out_int32=op.out_int32),
    "bucketize": lambda op, x, row: torch.bucketize(x, row, right=op.right, out_int32=op.out_int32),
    "normalize": lambda op, x: F.normalize(x, op.p, op.dim, op.eps),
    "cosine_similarity": lambda op, x, y: F.cosine_similarity(x, y, op.dim, op.eps),
    "pairwise_distance": lambda op, x, y: F.pairwise_distance(x, y, op.p, op.eps, op.keepdim),
    "cdist": lambda op, x, y: torch.cdist(x, y, op.p),
    **{name: _of_row(name, table) for table in TABLES for name in table.rows},
    "median": lambda op, x: torch.median(x) if op.dim is None else torch.median(x, op.dim, op.keepdim)[0],
    **dict.fromkeys(("prod", "max", "min"), lambda op, x: _along(getattr(torch, op.name), op, x)),
}
