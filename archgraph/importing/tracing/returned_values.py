"""The tensors that a forward returns, by what leads to them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import torch

Leaf = TypeVar("Leaf")


def named_values(path: str, value: Any, kind: type[Leaf]) -> Iterator[tuple[str, Leaf]]:
    """All values of a kind below one, by keys, fields and numbers. What is None or a number is left out."""
    if isinstance(value, kind):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from named_values(f"{path}_{key}" if path else str(key), item, kind)
    elif dataclasses.is_dataclass(value):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        yield from named_values(path, fields, kind)
    elif isinstance(value, (list, tuple)):
        names = getattr(value, "_fields", range(len(value)))
        yield from named_values(path, dict(zip(names, value, strict=True)), kind)


def output_names(paths: list[str]) -> list[str]:
    """The names of outputs: a single one has none, and one that is a number says what it is."""
    if len(paths) == 1:
        return [""]
    return [f"output_{path}" if path[:1].isdecimal() else path or "output" for path in paths]


def make_known_to_torch(value: Any) -> None:
    """Tells torch of the dataclasses in what a forward returns: it takes them for one value each otherwise."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        if type(value) not in torch.utils._pytree.SUPPORTED_NODES:
            torch.export.register_dataclass(type(value))
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            make_known_to_torch(item)
