"""Operations that join, divide and rearrange values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archgraph.dims import Dim, Size
from archgraph.graph.types import Value
from archgraph.importing.rules.attention import merged_heads
from archgraph.importing.rules.registry import rule
from archgraph.importing.rules.site import Site

_END = 2**62


@rule("cat", "concat", "concatenate")
def concat(site: Site) -> Value:
    return joined(site, site.tensors("tensors"))


def joined(site: Site, values: Sequence[Value]) -> Value:
    """Values behind one another; whole numbers among others become such, as torch makes them."""
    dtype = site.result_dtype
    alike = [value if value.dtype == dtype else site.emit("to", value, dtype=dtype) for value in values]
    return alike[0] if len(alike) == 1 else site.apply("concat", alike, {"dim": site.get("dim", 0)}).output


@rule("view", "reshape", "_unsafe_view", "flatten", "unflatten", "view_as", "reshape_as")
def reshape(site: Site) -> Value:
    """In the plainest words: flatten where dimensions are joined, unflatten where one is divided, else reshape."""
    value = site.tensor(next(iter(site.arguments)))
    if site.torch_name == "flatten":
        start, end = (axis % value.type.rank for axis in (site.get("start_dim", 0), site.get("end_dim", -1)))
        last = -1 if end == value.type.rank - 1 else end
        merged = merged_heads(site, value, site.result_shape)
        if merged is not None:
            return merged
        return value if start == end else site.emit("flatten", value, start_dim=start, end_dim=last)
    return reshaped(site, value, site.result_shape)


def reshaped(site: Site, value: Value, wanted: tuple[Dim, ...]) -> Value:
    """The value in another shape."""
    have = value.shape
    merged = merged_heads(site, value, wanted)
    if merged is not None:
        return merged
    if tuple(have) == tuple(wanted):
        return value
    front = _common(have, wanted)
    back = _common(tuple(reversed(have[front:])), tuple(reversed(wanted[front:])))
    old, new = have[front : len(have) - back], wanted[front : len(wanted) - back]
    if len(new) == 1 and len(old) > 1:
        end = len(have) - 1 - back
        return site.emit("flatten", value, start_dim=front, end_dim=-1 if not back else end)
    if len(old) == 1 and len(new) > 1:
        return site.emit("unflatten", value, dim=front, sizes=one_left_out(new))
    if not old and all(size == 1 for size in new):
        axes = list(range(front, front + len(new)))
        return site.emit("unsqueeze", value, dim=axes if len(axes) > 1 else axes[0])
    if not new and all(size == 1 for size in old):
        axes = list(range(front, front + len(old)))
        return site.emit("squeeze", value, dim=axes if len(axes) > 1 else axes[0])
    return site.emit("reshape", value, shape=one_left_out(wanted))


def one_left_out(sizes: tuple[Dim, ...]) -> list[Dim]:
    """The sizes, with -1 for the longest symbolic one, which follows from the others."""
    symbolic = [place for place, size in enumerate(sizes) if isinstance(size, Size)]
    left_out = max(symbolic, key=lambda place: len(str(sizes[place])), default=None)
    return [-1 if place == left_out else size for place, size in enumerate(sizes)]


def _common(a: tuple[Dim, ...], b: tuple[Dim, ...]) -> int:
    length = 0
    for left, right in zip(a, b, strict=False):
        if left != right:
            break
        length += 1
    return length


@rule("expand", "expand_as", "broadcast_to")
def expand(site: Site) -> Value:
    value = site.tensor("self")
    wanted = site.result_shape
    if wanted == value.shape:
        return value
    offset = len(wanted) - value.type.rank
    kept = [size if place < offset else None for place, size in enumerate(wanted)]
    sizes = [
        size if before is not None or value.shape[place - offset] != size else -1
        for place, (size, before) in enumerate(zip(wanted, kept, strict=True))
    ]
    return site.emit("expand", value, shape=sizes)


@rule("squeeze", "unsqueeze")
def one_dimension(site: Site) -> Value:
    value = site.tensor("self")
    if site.torch_name == "unsqueeze":
        return site.emit("unsqueeze", value, dim=site.get("dim"))
    if site.given("dim"):
        dims = site.get("dim")
        axes = [axis % value.type.rank for axis in (dims if isinstance(dims, list) else [dims])]
    else:
        axes = list(range(value.type.rank))
    axes = [axis for axis in axes if value.shape[axis] == 1]
    return site.emit("squeeze", value, dim=axes if len(axes) != 1 else axes[0]) if axes else value


@rule("slice")
def slice_(site: Site) -> Value:
    value = site.tensor("self")
    axis = site.get("dim", 0)
    start, end, step = site.get("start", 0), site.get("end"), site.get("step", 1)
    if isinstance(end, int) and end >= _END:
        end = None
    size = value.shape[axis]
    start, end = (_from_the_start(site, place, size) for place in (start, end))
    if start == 0 and step == 1 and (end is None or end == size or (_whole(end, size) and end >= size)):
        return value
    if isinstance(end, int) and isinstance(size, int) and end >= size:
        end = None
    return site.emit("slice", value, dim=axis, start=start, end=end, step=step)


def _from_the_start(site: Site, place: Any, size: Dim) -> Any:
    """A place that is counted from the end by a free size, as in `x[-length:]`, counted from the start."""
    facts = site.body.translation.facts
    counted = isinstance(place, Size) and facts.compare(place, "<", 0) and facts.compare(place + size, ">=", 0)
    return place + size if counted else place


def _whole(*sizes: object) -> bool:
    return all(isinstance(size, int) for size in sizes)


@rule("narrow")
def narrow(site: Site) -> Value:
    start, length = site.get("start"), site.get("length")
    return site.emit("slice", site.tensor("self"), dim=site.get("dim"), start=start, end=start + length)


@rule("select")
def select(site: Site) -> Value:
    return site.emit("select", site.tensor("self"), dim=site.get("dim"), index=site.get("index"))


@rule("chunk", "split", "split_with_sizes", "tensor_split")
def parts(site: Site) -> tuple[Value, ...]:
    """Equal parts are a chunk, others a split."""
    value = site.tensor("self")
    axis = site.get("dim", 0)
    sizes = [site.body.translation.sizes.shape(part)[axis] for part in site.node.meta["val"]]
    if len(sizes) == 1:
        return (value,)
    if all(size == sizes[0] for size in sizes):
        return site.apply("chunk", [value], {"chunks": len(sizes), "dim": axis}).outputs
    return site.apply("split", [value], {"split_size": sizes, "dim": axis}).outputs


@rule("t", "numpy_T", "mT")
def matrix_transpose(site: Site) -> Value:
    return site.emit("transpose", site.tensor("self"), dim0=-2, dim1=-1)


@rule("pad", "constant_pad_nd", "reflection_pad1d", "reflection_pad2d", "replication_pad1d", "replication_pad2d")
def pad(site: Site) -> Value:
    name = site.torch_name
    mode = "reflect" if name.startswith("reflection") else "replicate" if name.startswith("replication") else None
    mode = mode or site.get("mode", "constant")
    sizes = site.get("pad") or site.get("padding")
    value = site.get("value")
    if not any(size != 0 for size in sizes):
        return site.tensor("self")
    sizes = _to_even_sizes(site.tensor("self"), sizes)
    return site.emit("pad", site.tensor("self"), pad=sizes, mode=mode, value=None if value is None else float(value))


def _to_even_sizes(value: Value, widths: list[Dim]) -> list[Dim]:
    """`H % 2` as what is missing to `2 * ((H + 1) // 2)`, whose half is short."""
    sizes = [size for size in reversed(value.shape) for _ in range(2)]
    return [
        2 * ((size + 1) // 2) - size if isinstance(width, Size) and width == size % 2 else width
        for width, size in zip(widths, sizes, strict=False)
    ]


@rule("im2col")
def unfold(site: Site) -> Value:
    names = ("kernel_size", "dilation", "padding", "stride")
    return site.emit("unfold", site.tensor("self"), **{name: site.get(name) for name in names})


@rule("col2im")
def fold(site: Site) -> Value:
    names = ("output_size", "kernel_size", "dilation", "padding", "stride")
    return site.emit("fold", site.tensor("self"), **{name: site.get(name) for name in names})
