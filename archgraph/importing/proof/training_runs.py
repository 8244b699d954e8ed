"""Forwards in training without chance: batch statistics are taken, nothing is dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from archgraph.importing.tracing.stochastic_depth import without_stochastic_depth
from archgraph.importing.tracing.training_mode import set_training

_RECURRENT = frozenset({"lstm", "gru", "rnn_tanh", "rnn_relu"})
"""Their only number with a point is the probability of dropout."""
_BY_CHANCE = {"scaled_dot_product_attention": ("dropout_p", 4, 0.0), "rrelu": ("training", 3, False)}
"""An argument with its place, and the value with which nothing happens by chance."""


class _NothingDropped(TorchFunctionMode):
    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        options = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if "dropout" in name and args and isinstance(args[0], torch.Tensor):
            return args[0]
        if name in _RECURRENT:
            args = tuple(0.0 if isinstance(value, float) else value for value in args)
        word, place, value = _BY_CHANCE.get(name.rstrip("_"), ("", 0, None))
        if word in options:
            options[word] = value
        elif word and len(args) > place:
            args = (*args[:place], value, *args[place + 1 :])
        return func(*args, **options)


@contextmanager
def training_without_chance(module: torch.nn.Module) -> Iterator[None]:
    """Inside, the module is in training, without dropout and stochastic depth."""
    set_training(module, norms=True)
    try:
        with _NothingDropped(), without_stochastic_depth(module):
            yield
    finally:
        module.eval()
