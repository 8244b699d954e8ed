"""What an operation is to a reader: its role and colour, its word, and the grey line that says its sizes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from archgraph.graph.types import Node
from archgraph.ops.contract import Operation
from archgraph.ops.embedding import Arange
from archgraph.ops.parametrization import ParametrizedOperation
from archgraph.ops.resize import Pad
from archgraph.ops.shape import Concat

Role = Literal[
    "convolution", "residual", "attention", "resampling", "embedding", "norm", "activation", "port", "join", "move"
]


@dataclass(frozen=True, slots=True)
class Colour:
    """A pale fill and a strong border of the same hue."""

    fill: str
    border: str


_GREY = Colour("#F4F4F5", "#85858F")
COLOURS: dict[Role, Colour] = {
    "convolution": Colour("#E8F0FE", "#4C7BD9"),
    "residual": Colour("#E9F7EF", "#3E9B6A"),
    "attention": Colour("#F1E8FD", "#8B5FD0"),
    "resampling": Colour("#E6F7F8", "#3295A0"),
    "embedding": Colour("#FBEFF6", "#BF5A94"),
    "norm": Colour("#FFF4DE", "#C99A2E"),
    "activation": Colour("#FDECEC", "#D06A6A"),
    "port": _GREY,
    "join": _GREY,
    "move": _GREY,
}

BY_FAMILY: dict[str, Role] = {
    "convolution": "convolution",
    "linear": "convolution",
    "recurrence": "convolution",
    "attention": "attention",
    "normalization": "norm",
    "activation": "activation",
    "unary": "activation",
    "nonlinearity": "activation",
    "pooling": "resampling",
    "reduction": "resampling",
    "distance": "norm",
    "algebra": "convolution",
    "resize": "resampling",
    "resampling": "resampling",
    "grids": "resampling",
    "embedding": "embedding",
    "constant": "embedding",
    "creation": "embedding",
}
WITHOUT_COLOUR = (
    *("arithmetic", "binary", "conversion", "cumulative", "diagonals", "indexing"),
    *("rank", "rearranging", "regularization", "selection", "shape", "sorting"),
)
"""Families that move or join values, which is grey."""
_EXCEPTIONS: dict[type[Operation], Role] = {Pad: "move", Arange: "move", Concat: "join"}
"""Operations that are drawn otherwise than the rest of their family."""

WORDS = {
    "scaled_dot_product_attention": "attention",
    "sinusoidal_embedding": "sinusoids",
    "conv_transpose": "transposed conv",
    "adaptive_avg_pool": "average pool",
    "avg_pool": "average pool",
    "register_buffer": "stored value",
}


def role_of(node: Node) -> Role:
    """The role of one application of an operation; `move` where it has no work of its own to show."""
    return _role(type(node.op), len(node.inputs) > 1)


@cache
def _role(operation: type[Operation], joins: bool) -> Role:
    if operation.family in ("arithmetic", "binary"):
        return "join" if joins else "move"
    return _EXCEPTIONS.get(operation) or BY_FAMILY.get(operation.family, "move")


def word(op: Operation) -> str:
    """The operation in a reader's words: `conv2d` is a conv, whatever its dimensions; that of a plugin without its
    prefix."""
    name = re.sub(r"(?<=\D)[123]d$", "", op.name.rpartition(".")[2])
    return WORDS.get(name, name.replace("_", " "))


def work(node: Node) -> str:
    """What a node does, with its window: `conv 3×3 / 2, depthwise`, `max pool 3×3 / 2`, `nearest × 2`."""
    op = node.op
    if op.name.startswith(("upsample", "interpolate")):
        return _enlargement(op)
    text = " ".join(part for part in (word(op), _window(op)) if part)
    stride = _each(getattr(op, "stride", None), "×")
    if stride and stride != "1":
        text += f" / {stride}"
    extra = [_groups(node), _dilation(op), _heads(op), parametrization_word(op)]
    return ", ".join([text, *(part for part in extra if part)])


def _window(op: Operation) -> str:
    size = getattr(op, "kernel_size", None)
    if size is not None:
        dims = _pair(size) if "2d" in op.name else size
        return "×".join(map(str, dims)) if isinstance(dims, tuple) else str(dims)
    size = getattr(op, "output_size", None)
    return f"to {'×'.join(map(str, _pair(size)))}" if size is not None else ""


def _enlargement(op: Operation) -> str:
    factor = _each(getattr(op, "scale_factor", None), "×")
    mode = str(getattr(op, "mode", "") or "upsample").replace("_", " ")
    return f"{mode} × {factor}" if factor else mode


def _groups(node: Node) -> str:
    groups = getattr(node.op, "groups", 1)
    if not isinstance(groups, int) or groups == 1:
        return ""
    shape = node.types.main.shape
    return "depthwise" if len(shape) > 1 and shape[1] == groups else f"{groups} groups"


def _dilation(op: Operation) -> str:
    dilation = _each(getattr(op, "dilation", None), "×")
    return f"dilation {dilation}" if dilation not in ("", "1") else ""


def _heads(op: Operation) -> str:
    heads = getattr(op, "num_heads", 1)
    return f"{heads} heads" if isinstance(heads, int) and heads > 1 else ""


def parametrization_word(op: Operation) -> str:
    """By what its weight is computed."""
    made = op.parametrization if isinstance(op, ParametrizedOperation) else None
    return made.name.replace("_", " ") if made else ""


def _pair(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value, value)


def _each(value: Any, between: str) -> str:
    """`2` for 2 and for (2, 2); `2×1` for (2, 1); '' for nothing."""
    if value is None:
        return ""
    values = [f"{item:g}" if isinstance(item, float) else str(item) for item in _pair(value)]
    return values[0] if len(set(values)) == 1 else between.join(values)
