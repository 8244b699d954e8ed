"""Example inputs to trace a module on: from a description by the user, or from what its library is known to read."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from archgraph.errors import ImportingError
from archgraph.importing.sources import ModuleSource

BATCH = 2
"""torch takes a size of 1 for a fixed one."""
SIDES = ((64, 96), (224, 224), (256, 256), (299, 299), (384, 384), (240, 240), (32, 32))
"""Heights and widths to try, unequal ones first: a module that takes them says nothing of squares."""
_LENGTHS = (24, 16, 64)


@dataclass(frozen=True, slots=True)
class InputDescription:
    """`N,3,H,W:int64`: numbers are fixed sizes, names free ones."""

    sizes: tuple[str | int, ...]
    dtype: str = "float32"


def described(text: str) -> tuple[str, InputDescription]:
    """`x=N,3,H,W` or `ids=N,L:int64`. Raises ImportingError."""
    name, equals, rest = text.partition("=")
    shape, _, dtype = rest.partition(":")
    sizes = [size.strip() for size in shape.split(",")] if shape.strip() else []
    if not equals or not name.isidentifier() or not all(size.isdecimal() or size.isidentifier() for size in sizes):
        raise ImportingError("an input is NAME=SIZES", expected="x=N,3,H,W or ids=N,L:int64", received=text)
    if not isinstance(getattr(torch, dtype or "float32", None), torch.dtype):
        raise ImportingError(f"'{dtype}' is no element type", expected="float32, int64, bool, …")
    return name, InputDescription(tuple(int(s) if s.isdecimal() else s for s in sizes), dtype or "float32")


def descriptions(
    module: torch.nn.Module, source: ModuleSource | None, given: Mapping[str, InputDescription]
) -> Mapping[str, InputDescription]:
    """What the module reads: as the user says, or as its library does. Raises ImportingError with what it asks for."""
    required = required_inputs(module)
    if given:
        missing = [name for name in required if name not in given]
        if missing:
            raise ImportingError(
                f"{type(module).__name__} reads more inputs",
                expected=", ".join(required),
                received=", ".join(given),
                hint=f"--input {missing[0]}=N,L",
            )
        return given
    if source is not None and source.library in ("timm", "torchvision") and len(required) == 1:
        return {required[0]: _image(module)}
    known = {name: _KNOWN[name] for name in required if name in _KNOWN}
    if len(known) == len(required) and known:
        return known
    raise ImportingError(
        f"what does {type(module).__name__} read? It asks for {', '.join(required) or 'nothing'}",
        expected=" ".join(f"--input {name}=N,…" for name in required),
        hint="numbers are fixed sizes, names free ones: --input x=N,3,H,W --input t=N:int64",
    )


_KNOWN = {
    "input_ids": InputDescription(("N", "L"), "int64"),
    "pixel_values": InputDescription(("N", 3, "H", "W")),
}


def _image(module: torch.nn.Module) -> InputDescription:
    config = getattr(module, "default_cfg", None) or {}
    channels = (config.get("input_size") or (3, 0, 0))[0]
    return InputDescription(("N", channels, "H", "W"))


def required_inputs(module: torch.nn.Module) -> list[str]:
    """The parameters of its forward that have no default."""
    parameters = list(inspect.signature(module.forward).parameters.values())
    plain = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [one.name for one in parameters if one.default is one.empty and one.kind in plain]


def examples(wanted: Mapping[str, InputDescription], module: torch.nn.Module) -> Iterator[dict[str, torch.Tensor]]:
    """Inputs of several sizes, to be tried in this order."""
    device = next((tensor.device for tensor in module.parameters()), torch.device("cpu"))
    seen: set[tuple[tuple[str, int], ...]] = set()
    for numbers in _numbers(wanted, module):
        key = tuple(sorted(numbers.items()))
        if key not in seen:
            seen.add(key)
            yield {name: _tensor(one, numbers, device) for name, one in wanted.items()}


def _numbers(wanted: Mapping[str, InputDescription], module: torch.nn.Module) -> Iterator[dict[str, int]]:
    names = list(dict.fromkeys(size for one in wanted.values() for size in one.sizes if isinstance(size, str)))
    others = [name for name in names if name not in ("N", "H", "W")]
    lengths = {name: _LENGTHS[place % len(_LENGTHS)] for place, name in enumerate(others)}
    sides = [*_usual_side(module), *SIDES]
    for height, width in sides:
        yield {name: {"N": BATCH, "H": height, "W": width}.get(name, lengths.get(name, BATCH)) for name in names}


def _usual_side(module: torch.nn.Module) -> Sequence[tuple[int, int]]:
    """The size that a network of timm is made for, where it takes no other."""
    config: Mapping[str, Any] = getattr(module, "default_cfg", None) or {}
    size = config.get("input_size")
    return [(size[1], size[2])] if size and config.get("fixed_input_size") else []


def _tensor(one: InputDescription, numbers: Mapping[str, int], device: torch.device) -> torch.Tensor:
    shape = [numbers[size] if isinstance(size, str) else size for size in one.sizes]
    dtype = getattr(torch, one.dtype)
    if dtype.is_floating_point:
        return torch.randn(shape, dtype=dtype, device=device)
    return torch.ones(shape, dtype=dtype, device=device)
