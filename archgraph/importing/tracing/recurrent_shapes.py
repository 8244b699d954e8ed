"""What recurrent layers make, by its shape: torch would go through a sequence step by step, which for an image's rows
takes as long as all else of a trace.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

RECURRENT = frozenset({"lstm", "gru", "rnn_tanh", "rnn_relu"})
"""torch's functions of recurrent layers."""
_DECOMPOSED = (torch._C.DispatchKey.CompositeImplicitAutograd, torch._C.DispatchKey.Autograd)
"""Where torch has the steps of these functions in Python."""
_PARAMETERS, _BIDIRECTIONAL = 2, 7
"""Places of arguments, which are input, states, parameters, has_biases, layers, dropout, train, bidirectional."""


def is_recurrent(name: str, args: Sequence[Any]) -> bool:
    """Whether a function is a recurrent layer over a padded sequence: a packed one has its batch sizes before the
    states."""
    return name in RECURRENT and len(args) > _BIDIRECTIONAL and isinstance(args[_PARAMETERS], (list, tuple))


def recurrent_result(*args: Any) -> tuple[torch.Tensor, ...]:
    """A sequence and the last states, [N, L, D·H] and [D·layers, N, H], without contents."""
    value, states, directions = args[0], args[1], 2 if args[_BIDIRECTIONAL] else 1
    held = states if isinstance(states, (list, tuple)) else (states,)
    out = value.new_empty((*value.shape[:-1], directions * held[0].shape[-1]))
    return out, *(one.new_empty(one.shape) for one in held)


@contextmanager
def whole_recurrences() -> Iterator[None]:
    """Inside, traces take recurrent layers whole."""
    operators = [getattr(torch.ops.aten, name).input for name in sorted(RECURRENT)]
    kept = [dict(one.py_kernels) for one in operators]
    try:
        for one in operators:
            one.py_kernels.update({key: recurrent_result for key in _DECOMPOSED if key in one.py_kernels})
            one._dispatch_cache.clear()
        yield
    finally:
        for one, kernels in zip(operators, kept, strict=True):
            one.py_kernels.update(kernels)
            one._dispatch_cache.clear()
