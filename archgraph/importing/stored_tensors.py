"""Tensors that a module holds and its forward reads as values: parameters, buffers, constants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from archgraph import ops
from archgraph.errors import ImportingError
from archgraph.graph.types import Value
from archgraph.ops.contract import lookup, make

if TYPE_CHECKING:
    from archgraph.importing.translation import Body

MOST_NUMBERS = 10_000
"""A list of a spec holds no more."""


def stored_tensor(body: Body, name: str, tensor: torch.Tensor, key: str | None) -> Value:
    """A node that makes the tensor: a parameter or a buffer under its key, or a constant where it has none.

    Raises ImportingError for contents that a spec cannot hold.
    """
    return body.builder.apply(name, stored_operation(name, tensor, key)).output


def stored_operation(name: str, tensor: torch.Tensor, key: str | None) -> ops.Operation:
    """The operation that makes a tensor. Raises ImportingError for contents that a spec cannot hold."""
    if key is not None and isinstance(tensor, torch.nn.Parameter):
        return _parameter(tensor)
    dtype = str(tensor.dtype).removeprefix("torch.")
    if key is not None and dtype in ("float32", "int64"):
        attributes: dict[str, Any] = {"shape": list(tensor.shape), "dtype": dtype, **_filling(tensor)}
        return make(lookup("buffer"), attributes)
    if key is not None:
        raise ImportingError(f"the buffer {key} has the element type {dtype}", expected="float32 or int64")
    return make(lookup("constant"), _contents(name, tensor))


def unread_tensor(body: Body, name: str, tensor: torch.Tensor) -> None:
    """A weight that evaluation never reads: it is there under its key, in training only.

    Raises ImportingError for a buffer of an element type that a spec has no word for.
    """
    body.builder.training = True
    try:
        stored_tensor(body, name, tensor, name)
    finally:
        body.builder.training = False


def _parameter(tensor: torch.Tensor) -> ops.Operation:
    attributes: dict[str, Any] = {"shape": list(tensor.shape)}
    if tensor.device.type != "meta" and tensor.numel():
        low, high = tensor.min().item(), tensor.max().item()
        if low == high and low != 0:
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
    if first and bool((flat == first).all()):
        return {"init": "ones" if first == 1 else float(first)}
    return {}


def _contents(name: str, tensor: torch.Tensor) -> dict[str, Any]:
    if tensor.numel() > MOST_NUMBERS or tensor.device.type == "meta":
        raise ImportingError(
            f"the constant {name} holds {tensor.numel():,} numbers that the module computes when it is made",
            expected=f"at most {MOST_NUMBERS:,}",
            hint="register it as a persistent buffer, so that it comes with the weights",
        )
    values = tensor.tolist()
    dtype = str(tensor.dtype).removeprefix("torch.")
    if dtype == "float32":
        return {"value": values, "dtype": "float32"}
    if dtype in ("int64", "bool"):
        return {"value": values}
    raise ImportingError(f"the constant {name} has the element type {dtype}", expected="float32, int64 or bool")
