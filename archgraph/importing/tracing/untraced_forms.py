"""Libraries compute some things in another way while a tracer watches; here they take the way of plain evaluation."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch.nn import functional
from torch.nn.modules import transformer

_MASKS = "transformers.masking_utils"


@contextmanager
def untraced_forms(inputs: Collection[str], checked: bool = False) -> Iterator[None]:
    """Inside, the masks of transformers come as `is_causal` or not at all, as outside of a tracer, and not in steps.

    Positions that are no input ascend by one, so that they mark no sequences that are packed into one; where they are
    an input, the search for such sequences stays. The layers of torch.nn.Transformer do not ask whether a mask is the
    causal one, which decides by its values: what they compute with the mask is the same. They hand masks of truth
    values to their attention, which makes numbers of them, and not these numbers.
    Scripted functions run as the functions of Python that they were made of.

    A module whose plain forward runs on shapes alone is `checked`: it may do whatever it leaves out while it is
    compiled, such as the question whether its pictures are a multiple of 32 wide.
    """
    masks = sys.modules.get(_MASKS)
    replaced: dict[str, Callable[..., Any]] = {"is_torchdynamo_exporting": lambda: False}
    if "position_ids" not in inputs:
        replaced["find_packed_sequence_indices"] = lambda position_ids: None
    with ExitStack() as stack:
        stack.enter_context(patch.object(transformer, "_detect_is_causal_mask", _is_causal))
        stack.enter_context(patch.object(transformer, "F", _Functions()))
        stack.enter_context(patch.object(torch.jit.ScriptFunction, "__call__", _unscripted(torch.jit.ScriptFunction)))
        for name, function in replaced.items():
            if hasattr(masks, name):
                stack.enter_context(patch.object(masks, name, function))
        if checked:
            uncompiled = _uncompiled(torch.compiler.is_compiling)
            stack.enter_context(patch.object(torch.compiler, "is_compiling", uncompiled))
            stack.enter_context(patch.object(importlib.import_module("torch._dynamo"), "is_compiling", uncompiled))
        yield


class _Functions:
    """torch.nn.functional as the layers of torch.nn.Transformer read it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(functional, name)

    @staticmethod
    def _canonical_mask(mask: Any, **options: Any) -> Any:
        return mask


def _uncompiled(plain: Callable[[], bool]) -> Callable[[], bool]:
    """torch's answer for its own code, and False for all other code."""

    def is_compiling() -> bool:
        asking = str(sys._getframe(1).f_globals.get("__name__", ""))
        return asking.partition(".")[0] == "torch" and plain()

    return is_compiling


def _is_causal(mask: Any, is_causal: bool | None = None, size: int | None = None) -> bool:
    """Whether the caller says so."""
    return is_causal is True


def _unscripted(kind: Any) -> Callable[..., Any]:
    plain = kind.__call__

    def called(function: Any, *args: Any, **options: Any) -> Any:
        source = getattr(function, "_torchdynamo_inline", None)
        return plain(function, *args, **options) if source is None else source(*args, **options)

    return called
