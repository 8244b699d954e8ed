"""What torch computes: in float64, which counts as the truth, and in the type of a file."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from archgraph.artifact.arrays import Array

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True, slots=True)
class Reference:
    """What torch computes: in float64, which counts as the truth, and in float32, which says what can be asked."""

    exact: Mapping[str, Array]
    single: Mapping[str, Array]
    reach: Mapping[str, Array] | None = None
    """How far a rounding can move each element; None where nobody asked."""
    roundings: float = 0.0
    """How many of them were tried at each operation, at most."""


def references(
    module: nn.Module, names: Sequence[str], inputs: Sequence[Mapping[str, Array]], dtype: str = "float32"
) -> list[Reference]:
    """The outputs of a module for each of the inputs, in float64 and in the type of the file.

    Where float16 overflows in torch, bfloat16 says what can be asked.
    """
    exact = in_dtype(module, "float64")
    exacts = [run_module(exact, names, each, "float64") for each in inputs]
    singles = [_in_low(module, names, each, dtype) for each in inputs]
    return [Reference(exact, single) for exact, single in zip(exacts, singles, strict=True)]


def _in_low(module: nn.Module, names: Sequence[str], inputs: Mapping[str, Array], dtype: str) -> dict[str, Array]:
    found = run_module(in_dtype(module, dtype), names, inputs, dtype)
    if dtype == "float16" and not all(np.isfinite(array).all() for array in found.values()):
        return _in_low(module, names, inputs, "bfloat16")
    return found


def in_dtype(module: nn.Module, dtype: str) -> nn.Module:
    """A copy of a module in an element type; itself in float32.

    What is computed in float32 on purpose, as times are, is converted where it meets weights.
    """
    import torch

    if dtype == "float32":
        return module
    kind = getattr(torch, dtype)

    def met(layer: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(_converted(value, kind) if hasattr(value, "is_floating_point") else value for value in given)

    made = copy.deepcopy(module).to(kind)
    for layer in made.modules():
        if next(layer.parameters(recurse=False), None) is not None:
            layer.register_forward_pre_hook(met)
    return made


def run_module(
    module: nn.Module, names: Sequence[str], inputs: Mapping[str, Array], dtype: str = "float32"
) -> dict[str, Array]:
    """A module's outputs by name, in evaluation mode; those in a low type as float32.

    For float32, inputs that are declared in another type stay in it, and so do the outputs that come of them.
    """
    import torch

    declared = dtype == "float32"
    tensors = [torch.from_numpy(array) for array in inputs.values()]
    if not declared:
        tensors = [_converted(tensor, getattr(torch, dtype)) for tensor in tensors]
    with torch.no_grad(), widening(dtype):
        found = module.eval()(*tensors)
    several = found if isinstance(found, (tuple, list)) else [found]
    named = found if isinstance(found, Mapping) else dict(zip(names, several, strict=True))
    outputs = {name: named[name].detach() for name in names}
    wide = torch.float64 if dtype == "float64" else torch.float32
    return {name: (each if declared else _converted(each, wide)).numpy() for name, each in outputs.items()}


@contextmanager
def widening(dtype: str) -> Iterator[None]:
    """What a module means in float32, whatever type it is converted to: an RMS norm's epsilon is float32's where none
    is named. In float64, what it computes in float32 on purpose, as the sines of times, is computed in float64 too, and
    so is what torch makes of numbers alone, such as a `linspace`."""
    import torch

    before = torch.get_default_dtype()
    if dtype == "float64":
        torch.set_default_dtype(torch.float64)
    try:
        with nullcontext() if dtype == "float32" else _widening_mode(dtype):
            yield
    finally:
        torch.set_default_dtype(before)


def _widening_mode(dtype: str) -> Any:
    import torch
    from torch.overrides import TorchFunctionMode

    single, double = torch.float32, torch.float64 if dtype == "float64" else torch.float32

    class Widening(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is torch.Tensor.float:
                return args[0].to(double)
            given = {name: double if value is single else value for name, value in (kwargs or {}).items()}
            if func is torch.nn.functional.rms_norm and given.get("eps") is None:
                given["eps"] = torch.finfo(single).eps
            arguments = [double if value is single else value for value in args]
            try:
                return func(*arguments, **given)
            except RuntimeError as error:
                if "not implemented for" not in str(error):
                    raise
                return _computed_wide(func, arguments, given)

    return Widening()


def _computed_wide(function: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """A function for which torch has no kernel of a low type on a CPU: in float32, and rounded to that type."""
    import torch

    low = next(value.dtype for value in arguments if isinstance(value, torch.Tensor) and value.is_floating_point())

    def wide(value: Any) -> Any:
        return _converted(value, torch.float32) if isinstance(value, torch.Tensor) else value

    found = function(*map(wide, arguments), **{name: wide(value) for name, value in keywords.items()})
    return tuple(_converted(each, low) for each in found) if isinstance(found, tuple) else _converted(found, low)


def _converted(tensor: Any, kind: torch.dtype) -> Any:
    return tensor.to(kind) if tensor.is_floating_point() else tensor
