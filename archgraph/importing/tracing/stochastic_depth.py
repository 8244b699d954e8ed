"""Stochastic depth (Huang et al. 2016), which torch has no operation for: modules and functions are known by name, and
one operation marks their place in a trace, where evaluation alone would leave none."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import FunctionType
from typing import Any
from unittest.mock import patch

import torch

_FUNCTIONS = ("stochastic_depth", "drop_path")
"""What torchvision, timm and the modules that archgraph writes call the function."""
_PROBABILITIES = ("p", "drop_prob", "drop_path_rate")


@torch.library.custom_op("archgraph::stochastic_depth", mutates_args=())
def _marked(x: torch.Tensor, p: float, mode: str) -> torch.Tensor:
    return x.clone()


_marked.register_fake(lambda x, p, mode: torch.empty_like(x))


def is_stochastic_depth(module: torch.nn.Module) -> bool:
    """Whether a module leaves out samples in training, by its name: each library has its own."""
    return type(module).__name__.endswith(("DropPath", "StochasticDepth"))


@contextmanager
def marked_stochastic_depth(module: torch.nn.Module) -> Iterator[None]:
    """Inside, modules and functions that leave out samples are one operation of a trace, in both modes."""
    known = [inner for inner in module.modules() if is_stochastic_depth(inner)]
    handles = [inner.register_forward_hook(_after) for inner in known]
    try:
        with _exchanged(module, _marked):
            yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def without_stochastic_depth(module: torch.nn.Module) -> Iterator[None]:
    """Inside, functions that leave out samples hand on what they read, in both modes."""
    with _exchanged(module, lambda x, p, mode: x):
        yield


def _after(module: torch.nn.Module, args: Any, output: Any) -> Any:
    """Marks the place of a module that handed on what it read."""
    if isinstance(output, torch.Tensor) and args and output is args[0]:
        probability = getattr(module, "drop_prob", getattr(module, "p", 0.0))
        return _marked(output, float(probability or 0.0), str(getattr(module, "mode", "row")))
    return output


@contextmanager
def _exchanged(module: torch.nn.Module, instead: Callable[..., torch.Tensor]) -> Iterator[None]:
    with ExitStack() as stack:
        for names in _files(module):
            functions = {name: names[name] for name in _FUNCTIONS if isinstance(names.get(name), FunctionType)}
            changed = {name: partial(_called, made, instead) for name, made in functions.items()}
            stack.enter_context(patch.dict(names, changed))
        yield


def _files(module: torch.nn.Module) -> list[dict[str, Any]]:
    """The names of the files in which the forwards of all modules inside stand."""
    classes = {cls for inner in module.modules() for cls in type(inner).__mro__ if "forward" in vars(cls)}
    forwards = [inspect.unwrap(vars(cls)["forward"]) for cls in classes]
    found = {id(names): names for names in (getattr(forward, "__globals__", None) for forward in forwards) if names}
    return [names for names in found.values() if not str(names.get("__name__", "")).startswith("torch.")]


def _called(function: FunctionType, instead: Callable[..., torch.Tensor], *args: Any, **options: Any) -> Any:
    """What stands for a call of such a function; the call itself where it is none of those that are known."""
    try:
        bound = inspect.signature(function).bind(*args, **options)
    except TypeError:
        return function(*args, **options)
    bound.apply_defaults()
    given = dict(bound.arguments)
    value = next(iter(given.values()), None)
    probability = next((given[name] for name in _PROBABILITIES if name in given), None)
    mode = given.get("mode", "row")
    plain = type(probability) in (int, float) and mode in ("row", "batch") and given.get("scale_by_keep", True)
    if not isinstance(value, torch.Tensor) or not plain:
        return function(*args, **options)
    return instead(value, float(probability), mode)  # type: ignore[arg-type]
