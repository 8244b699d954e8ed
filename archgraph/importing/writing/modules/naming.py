"""Names that the language admits, made of those that a module's author chose."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from archgraph.errors import SchemaError
from archgraph.language.schema import names
from archgraph.ops.contract import REGISTRY
from archgraph.structure.naming import free

_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])")
_FOREIGN = re.compile(r"[^A-Za-z0-9_]")
_STEM = 3
"""Most letters of a word's start that ends in capitals: Vi of ViT, Swi of SwiGLU."""
_NUMBER = "num_"
_MEASURE = re.compile(r"(?<=[a-z])_(chs|channels|dims?|sizes?|features|widths?)\Z")
"""What a size is counted in."""
_NETWORK = re.compile(r"Net(?![a-z])")
"""What ends the name of a network: ResNet, SENet."""
_ENDS_OF_WORDS = re.compile(r"(T|G?LU\d*|Xt)\Z")
"""Ends of words whose starts are short: ViT, NesT, ReLU, SwiGLU, NeXt."""


def block_name(class_name: str) -> str:
    """`BasicBlock` → basic_block, `LayerNorm2D` → layer_norm2d, `SEResNeXtBottleneck` → se_resnext_bottleneck."""
    parts = _FOREIGN.sub("_", class_name).split("_")
    plain = "_".join(word for part in parts for word in _words(part)).lower().strip("_") or "block"
    try:
        return names.block_name(plain)
    except SchemaError:
        return f"{plain}_block" if plain[0].isalpha() else f"block_{plain}"


def _words(name: str) -> list[str]:
    """The words of a name in camel case; the name of a network is one word, whatever capitals it has inside."""
    found: list[str] = []
    for word in _CAPITAL.sub("_", name).split("_"):
        short = bool(found) and len(found[-1]) <= _STEM
        if short and found[-1][:1].isupper() and _ENDS_OF_WORDS.match(word):
            found[-1] += word
            if len(found) > 1 and (word == "Xt" or len(found[-2]) == 1):
                found[-2:] = ["".join(found[-2:])]
        elif found and _NETWORK.match(word):
            start = found.pop()
            if len(start) == 1 and found and len(found[-1]) < _STEM:
                start = found.pop() + start
            found.append(start + word)
        else:
            found.append(word)
    return found


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


def name_of_entry(argument: str, taken: Collection[str]) -> str:
    """What copies call their entry of a list that is an argument of theirs: where the list itself is called so, the
    number of heads is the heads of one copy, and of the numbers of middle channels one is the middle."""
    shorter = (argument.removeprefix(_NUMBER), _MEASURE.sub("", argument))
    plain = next((word for word in shorter if word not in taken and is_parameter(word)), argument)
    word = plain if argument in taken else argument
    return free(word if is_parameter(word) else f"{word}_", taken)


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
