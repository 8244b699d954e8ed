"""Tensors that a module holds and its forward reads as values: parameters, buffers, constants."""

from __future__ import annotations

import math
import re
from itertools import chain
from typing import TYPE_CHECKING, Any

import torch

from archgraph import ops
from archgraph.errors import ImportingError
from archgraph.graph.types import Value
from archgraph.importing.conversion.constant_folding import MOST_NUMBERS
from archgraph.importing.conversion.counted_tables import numbers_of_places, offsets_between_places
from archgraph.importing.conversion.distance_tables import distance_tables
from archgraph.importing.conversion.triangular_tables import triangle
from archgraph.importing.conversion.wave_tables import wave_tables
from archgraph.importing.conversion.written_tables import table_graph, unrounded_table, written_table
from archgraph.importing.proof.rounded_tables import RoundedTable, holders
from archgraph.ops.contract import lookup, make

_WHOLE = (torch.int32, torch.uint8, torch.int16, torch.int8)
_STORED = (torch.float32, torch.int64, torch.bool, *_WHOLE)
"""The element types of constants that a spec can hold, the others of whole numbers as int64."""
_HINT_OF_FLOATS = "module.float(); the precision of a file is chosen when it is exported"
LEAST_COMPACT = 64
"""Smaller constants stand in the file as they are."""

if TYPE_CHECKING:
    from archgraph.importing.conversion.body_translation import BodyTranslation

MOST_ENTRIES = 10_000
"""Of one list in a spec."""


def stored_tensor(body: BodyTranslation, name: str, tensor: torch.Tensor, key: str | None) -> Value:
    """A node that makes the tensor: a parameter or a buffer under its key, or a constant where it has none. The numbers
    of a constant in float32 may be held in float64, so that they are rounded once.

    Raises ImportingError for contents that a spec cannot hold.
    """
    if key is not None and isinstance(tensor, torch.nn.Parameter):
        return body.note(body.builder.apply(name, _parameter(tensor), ties=_ties(body, tensor, key))).output
    dtype = str(tensor.dtype).removeprefix("torch.")
    if key is not None and (made := _computed_buffer(body, name, tensor)) is not None:
        return made
    if key is not None and dtype in ("float32", "int64"):
        attributes: dict[str, Any] = {"shape": list(tensor.shape), "dtype": dtype, **_filling(tensor)}
        return body.note(body.builder.apply(name, make(lookup("buffer"), attributes))).output
    if key is not None:
        remedy = (
            _HINT_OF_FLOATS
            if tensor.is_floating_point()
            else f"hold it as int64: module.{_attribute(key)} = module.{_attribute(key)}.long()"
        )
        raise ImportingError(
            f"the buffer {key} has the element type {dtype}", expected="float32, int64 or bool", hint=remedy
        )
    if tensor.numel() > LEAST_COMPACT and not tensor.is_meta:
        with torch.device("cpu"):  # the module may be made where tensors have no contents
            found = compact(body, name, tensor)
        if found is not None:
            return found
    return plain_constant(body, name, tensor)


def _computed_buffer(body: BodyTranslation, name: str, tensor: torch.Tensor) -> Value | None:
    """A buffer as the steps that make it: one of truth values, and a triangle, as the masks of the tokens before are.
    None for another one, whose contents come with the weights."""
    if tensor.is_meta or not (tensor.dtype == torch.bool or (tensor.numel() > LEAST_COMPACT and triangle(tensor))):
        return None
    with torch.device("cpu"):
        table = body.free_name(f"{name.rpartition('.')[2]}_table")
        made = compact(body, table, tensor) if tensor.numel() > LEAST_COMPACT else None
        made = made or plain_constant(body, table, tensor)
    return _applied(body, name, "register_buffer", made)


def _attribute(key: str) -> str:
    """A key as Python reads it: `flows[0].ready`."""
    return re.sub(r"\.(\d+)(?=\.|\Z)", r"[\1]", key)


def can_be_stored(tensor: torch.Tensor) -> bool:
    """Whether a spec can hold constants of a tensor's element type."""
    return tensor.dtype in _STORED


def require_storable(name: str, tensor: torch.Tensor) -> None:
    """Raises ImportingError for a constant of an element type that a spec cannot hold."""
    if not can_be_stored(tensor):
        dtype = str(tensor.dtype).removeprefix("torch.")
        remedy = "make it in float32: tensor.float()" if tensor.is_floating_point() else ""
        raise ImportingError(
            f"the constant {name} has the element type {dtype}", expected="float32, int64 or bool", hint=remedy
        )


def plain_constant(body: BodyTranslation, name: str, tensor: torch.Tensor) -> Value:
    """A node with the numbers of a tensor in the file; infinity is put at its places: numbers of a list are finite.

    Raises ImportingError for numbers that a spec cannot hold.
    """
    if tensor.is_floating_point() and not tensor.is_meta and bool(tensor.isinf().any()):
        made = plain_constant(body, body.free_name(f"{name}_finite"), tensor.masked_fill(tensor.isinf(), 0.0))
        for number in (math.inf, -math.inf):
            if bool((tensor == number).any()):
                at = plain_constant(body, body.free_name(f"{name}_places"), tensor == number)
                made = _applied(body, body.free_name(name), "masked_fill", made, at, value=number)
        return made
    return body.note(body.builder.apply(name, make(lookup("constant"), _contents(name, tensor)))).output


def unread_tensor(body: BodyTranslation, name: str, tensor: torch.Tensor, key: str) -> None:
    """A weight that evaluation never reads: it is there under its key, in training only.

    Raises ImportingError for a buffer of an element type that a spec has no word for.
    """
    body.builder.training = True
    try:
        stored_tensor(body, name, tensor, key)
    finally:
        body.builder.training = False


def _ties(body: BodyTranslation, tensor: torch.Tensor, key: str) -> dict[str, str]:
    """For a parameter that the state dict holds under several keys: the first of them."""
    first = body.translation.firsts.get(id(tensor), key)
    if first == key:
        return {}
    body.translation.tied_to.add(first)
    return {"": first}


def _parameter(tensor: torch.Tensor) -> ops.Operation:
    attributes: dict[str, Any] = {"shape": list(tensor.shape)}
    if tensor.device.type != "meta" and tensor.numel():
        low, high = tensor.min().item(), tensor.max().item()
        if low == high and low != 0 and math.isfinite(low):
            attributes["init"] = "ones" if low == 1 else float(f"{low:.6g}")
    return make(lookup("parameter"), attributes)


def _filling(tensor: torch.Tensor) -> dict[str, Any]:
    """How a buffer starts, where its contents are a range or one number; else they come with the weights."""
    if tensor.device.type == "meta" or not tensor.numel():
        return {}
    flat = tensor.reshape(-1)
    if flat.numel() > 1 and torch.equal(flat, torch.arange(flat.numel(), dtype=flat.dtype)):
        return {"init": "arange"}
    first = flat[0].item()
    if first and math.isfinite(first) and bool((flat == first).all()):
        return {"init": "ones" if first == 1 else float(first)}
    return {}


def _contents(name: str, tensor: torch.Tensor) -> dict[str, Any]:
    if tensor.is_meta:
        raise ImportingError(
            f"the constant {name} has no contents: the module was made on the meta device",
            expected="the numbers that the module computes when it is made",
            hint="make the module on the CPU",
        )
    if tensor.numel() > MOST_NUMBERS or max(tensor.shape, default=0) > MOST_ENTRIES:
        raise ImportingError(
            f"the constant {name} holds {tensor.numel():,} numbers that the module computes when it is made",
            expected=f"at most {MOST_NUMBERS:,}",
            hint="register it as a persistent buffer, so that it comes with the weights",
        )
    tensor = tensor.long() if tensor.dtype in _WHOLE else tensor
    values = tensor.tolist()
    return {"value": values, "dtype": "float32"} if tensor.is_floating_point() else {"value": values}


def compact(body: BodyTranslation, name: str, tensor: torch.Tensor) -> Value | None:
    """A large constant as a few operations on small ones; None where it has no such form."""
    flat = tensor.reshape(-1)
    dtype = "float32" if tensor.is_floating_point() else str(tensor.dtype).removeprefix("torch.")
    found = _written(body, name, tensor)
    if found is not None:
        return found
    if bool((flat == flat[0]).all()):
        number = flat[0].item()
        return _applied(body, name, "full", shape=list(tensor.shape), dtype=dtype, fill_value=number)
    for axis, size in enumerate(tensor.shape):
        first = tensor.narrow(axis, 0, 1)
        if size > 1 and torch.equal(first.expand_as(tensor), tensor):
            held = stored_tensor(body, body.free_name(f"{name}_part"), first, None)
            return _applied(body, name, "expand", held, shape=list(tensor.shape))
    side = math.isqrt(tensor.numel())
    if tensor.ndim == 1 and dtype == "int64" and side**2 == tensor.numel():
        square = compact(body, body.free_name(f"{name}_square"), tensor.reshape(side, side))
        return None if square is None else _applied(body, name, "flatten", square, start_dim=0)
    if tensor.ndim == 2 and dtype == "int64":
        found = _table(body, name, tensor)
        return found if found is not None else _distances(body, name, tensor)
    if tensor.ndim >= 2 and tensor.shape[-1] == tensor.shape[-2] and dtype in ("float32", "bool"):
        return _mask(body, name, tensor)
    return None


def _written(body: BodyTranslation, name: str, tensor: torch.Tensor) -> Value | None:
    """A table as the steps that make it; one that the module holds in float32 is noted, since these make it without
    rounding."""
    nodes = triangle(tensor)
    if nodes is None and tensor.dtype == torch.int64:
        nodes = offsets_between_places(tensor) or numbers_of_places(tensor)
    if nodes is not None:
        return written_table(body, name, table_graph(nodes))
    for found in chain(wave_tables(tensor), distance_tables(tensor)):
        graph = table_graph(found.nodes)
        exact = unrounded_table(graph)
        if exact.shape != tensor.shape or not bool(((exact - tensor.double()).abs() <= found.bound).all()):
            continue
        if tensor.dtype == torch.float32:
            _, _, place = next(holders(body.translation.capture.module, tensor), (None, "", ""))
            if not place:
                return None
            body.translation.tables.setdefault(place, RoundedTable(place, tensor, exact))
        return written_table(body, name, graph)
    return None


def _table(body: BodyTranslation, name: str, tensor: torch.Tensor) -> Value | None:
    """`rows[i] + columns[j]`, as tables of relative positions are; with a first row and column of other numbers, where
    these are a token that has no position."""
    if _is_sum(tensor):
        rows = plain_constant(body, body.free_name(f"{name}_rows"), tensor[:, :1] - tensor[:1, :1])
        columns = plain_constant(body, body.free_name(f"{name}_columns"), tensor[0])
        return _applied(body, name, "add", rows, columns)
    if min(tensor.shape) > 2 and _is_sum(tensor[1:, 1:]):
        inner = _table(body, body.free_name(f"{name}_inner"), tensor[1:, 1:])
        column = plain_constant(body, body.free_name(f"{name}_column"), tensor[1:, :1])
        row = plain_constant(body, body.free_name(f"{name}_row"), tensor[:1])
        assert inner is not None
        below = _applied(body, body.free_name(f"{name}_below"), "concat", column, inner, dim=1)
        return _applied(body, name, "concat", row, below, dim=0)
    return None


def _distances(body: BodyTranslation, name: str, tensor: torch.Tensor) -> Value | None:
    """`|i - i'| · width + |j - j'|` of each pair of places in two grids, of which the first may have every second
    row and column: the tables of LeViT's attention biases."""
    coarse, fine = (math.isqrt(size) for size in tensor.shape)
    if coarse**2 != tensor.shape[0] or fine**2 != tensor.shape[1]:
        return None
    columns = torch.arange(fine)
    rows = torch.arange(0, fine, -(-fine // coarse))
    if rows.numel() != coarse:
        return None
    apart = (rows[:, None] - columns[None, :]).abs()
    expected = apart[:, None, :, None] * fine + apart[None, :, None, :]
    if not torch.equal(expected.reshape(tensor.shape), tensor):
        return None
    held = plain_constant(body, body.free_name(f"{name}_apart"), apart)
    scaled = _applied(body, body.free_name(f"{name}_scaled"), "mul", held, value=fine)
    high = _applied(body, body.free_name(f"{name}_rows"), "unsqueeze", scaled, dim=[1, 3])
    low = _applied(body, body.free_name(f"{name}_columns"), "unsqueeze", held, dim=[0, 2])
    both = _applied(body, body.free_name(f"{name}_sum"), "add", high, low)
    return _applied(body, name, "reshape", both, shape=list(tensor.shape))


def _is_sum(tensor: torch.Tensor) -> bool:
    return torch.equal(tensor[:, :1] + tensor[:1] - tensor[:1, :1], tensor)


def _mask(body: BodyTranslation, name: str, tensor: torch.Tensor) -> Value | None:
    """One number where two places are of one region, another one where they are not: the masks of shifted windows."""
    inside = tensor.diagonal(dim1=-2, dim2=-1)
    same = tensor == inside.reshape(-1)[0]
    if not bool(same.diagonal(dim1=-2, dim2=-1).all()):
        return None
    regions = same.int().argmax(-1)
    if not torch.equal(regions.unsqueeze(-1) == regions.unsqueeze(-2), same):
        return None
    others = tensor[~same]
    if not bool((others == others[0]).all()):
        return None
    held = stored_tensor(body, body.free_name(f"{name}_regions"), regions, None)
    rows = _applied(body, body.free_name(f"{name}_rows"), "unsqueeze", held, dim=[-1])
    columns = _applied(body, body.free_name(f"{name}_columns"), "unsqueeze", held, dim=[-2])
    if tensor.dtype == torch.bool:
        return _applied(body, name, "eq" if bool(inside.reshape(-1)[0]) else "ne", rows, columns)
    apart = _applied(body, body.free_name(f"{name}_apart"), "ne", rows, columns)
    filled = {"dtype": "float32", "fill_value": inside.reshape(-1)[0].item()}
    start = _applied(body, body.free_name(f"{name}_start"), "full", shape=list(tensor.shape), **filled)
    return _applied(body, name, "masked_fill", start, apart, value=others[0].item())


def _applied(body: BodyTranslation, name: str, operation: str, *inputs: Value, **attributes: Any) -> Value:
    return body.note(body.builder.apply(name, make(lookup(operation), attributes), inputs)).output
