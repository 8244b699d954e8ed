"""Modules on the meta device, where tensors have no numbers: none are drawn or filled in either.

`torch.device("meta")` places tensors there too, but asks for each function once more and computes the bounds of draws
that nobody makes: two fifths of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import init
from torch.overrides import TorchFunctionMode

from archgraph.codegen.meta_results import MetaResults

_META = torch.device("meta")
_FILLS = frozenset(
    (
        *(init.uniform_, init.normal_, init.constant_, init.kaiming_uniform_),
        *(Tensor.uniform_, Tensor.normal_, Tensor.fill_, Tensor.zero_),
    )
)
"""What changes nothing but the numbers of its first argument, and returns it."""
_NAMES = """
    arange as_tensor asarray bartlett_window blackman_window empty empty_permuted empty_quantized empty_strided eye full
    hamming_window hann_window kaiser_window linspace logspace ones rand randint randn randperm range scalar_tensor
    sparse_bsc_tensor sparse_bsr_tensor sparse_compressed_tensor sparse_coo_tensor sparse_csc_tensor sparse_csr_tensor
    tensor tril_indices triu_indices zeros
"""
MAKERS = frozenset(
    (
        *(getattr(torch, name) for name in _NAMES.split()),
        *(torch.fft.fftfreq, torch.fft.rfftfreq, torch.nested.nested_tensor),
    )
)
"""The functions of torch that make a tensor on the default device."""


_UNFILLED: Mapping[Any, Callable[..., Any]] = dict.fromkeys(
    (torch.empty, torch.zeros, torch.ones, torch.randn), torch.empty
)
"""What is quicker and the same without numbers: filled tensors are made there by Python functions of torch's."""


class on_meta(TorchFunctionMode):  # noqa: N801 - a context, as torch.no_grad is
    """Within the block, new tensors lie on the meta device where no other is asked for, and stay unfilled."""

    def __init__(self) -> None:
        super().__init__()
        self._results = MetaResults()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func in _FILLS:
            filled: Tensor = args[0] if args else (kwargs or {})["tensor"]
            if filled.is_meta:
                return filled
        elif func in MAKERS and (kwargs is None or kwargs.get("device") is None):
            unfilled = _UNFILLED.get(func)
            if unfilled is not None and (kwargs is None or "generator" not in kwargs):
                return unfilled(*args, **{**(kwargs or {}), "device": _META})
            kwargs = {**(kwargs or {}), "device": _META}
        return self._results.of(func, args, kwargs or {})


def is_on_meta(module: nn.Module) -> bool:
    """Whether all tensors of a module lie on the meta device: a constant keeps its numbers where it was made."""
    waiting: list[nn.Module | None] = [module]
    while waiting:  # a module that stands in two places is looked at twice, which is quicker than to know it
        part = waiting.pop()
        if part is None:
            continue
        for held in (part._parameters, part._buffers):
            for tensor in held.values() if held else ():
                if tensor is not None and not tensor.is_meta:
                    return False
        if part._modules:
            waiting += part._modules.values()
    return True
