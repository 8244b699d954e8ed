"""Names that the language admits, made of those that a module's author chose."""

from __future__ import annotations

import re
from collections.abc import Iterable

from archgraph.errors import SchemaError
from archgraph.language.schema import names
from archgraph.ops.contract import REGISTRY

_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])")
_FOREIGN = re.compile(r"[^A-Za-z0-9_]")


def block_name(class_name: str) -> str:
    """`BasicBlock` → basic_block, `LayerNorm2D` → layer_norm2d, `BertSelfAttention` → bert_self_attention."""
    plain = _FOREIGN.sub("_", _CAPITAL.sub("_", class_name)).lower().strip("_") or "block"
    try:
        return names.block_name(plain)
    except SchemaError:
        return f"{plain}_block" if plain[0].isalpha() else f"block_{plain}"


def unhidden_name(class_name: str) -> str:
    """What a class or a function is called as a block: no operation of this name is hidden by it."""
    word = block_name(class_name)
    return f"{word}_block" if word in REGISTRY else word


def is_parameter(name: str) -> bool:
    """Whether the language takes a name for a parameter."""
    try:
        names.parameter_name(name)
    except SchemaError:
        return False
    return True


def is_node(name: str) -> bool:
    """Whether the language takes a name for a node."""
    try:
        names.node_name(name)
    except SchemaError:
        return False
    return True


def levels(path: str) -> list[str]:
    """The levels of the module tree that a path leads through: `a`, `a.b`, `a.b.c`."""
    parts = path.split(".")
    return [".".join(parts[:depth]) for depth in range(1, len(parts) + 1)]


def node_name(wanted: str, taken: Iterable[str]) -> str:
    """A name for a node, as near to what its author chose as the language and the names around it allow."""
    known = set(taken)
    plain = _FOREIGN.sub("_", wanted).strip("_") or "node"
    if plain[0].isdecimal():
        plain = f"n{plain}"
    if not is_node(plain):
        plain = f"{plain}_1"
    name, number = plain, 2
    while name in known:
        name = f"{plain}_{number}"
        number += 1
    return name
