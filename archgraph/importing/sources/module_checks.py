"""Modules that no program can be traced of, or whose numbers a spec cannot hold, with the remedy."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from archgraph.errors import ImportingError
from archgraph.importing.sources.unsuitable_modules import unsuitable

_QUANTIZED = ("torch.ao.nn", "torchao", "bitsandbytes", "optimum.quanto", "auto_gptq", "torch.nn.quantized")
"""Packages of layers whose weights are no floating-point numbers."""
_FLOATS = (torch.float16, torch.bfloat16, torch.float64)


def require_importable(module: torch.nn.Module) -> None:
    """Raises ImportingError for a module that is compiled, scripted, quantised, in another precision or elsewhere."""
    problem = next(_problems(module), None)
    if problem is not None:
        raise problem


def _problems(module: torch.nn.Module) -> Iterator[ImportingError]:
    name = type(module).__name__
    if hasattr(module, "_orig_mod"):
        yield ImportingError(f"{name} is compiled", hint="bring in module._orig_mod, from which it was compiled")
    if isinstance(module, (torch.jit.ScriptModule, torch.jit.ScriptFunction)):
        yield ImportingError(f"{name} is scripted", hint="bring in the module from which it was scripted or traced")
    yield from unsuitable(module)
    for path, inner in module.named_modules():
        if type(inner).__module__.startswith(_QUANTIZED):
            yield _quantized(path or name, type(inner).__name__)
    for key, tensor in module.named_parameters():
        yield from _problems_of(key, tensor)
    for key, buffer in module.named_buffers():
        if buffer.dtype in (torch.float16, torch.bfloat16):
            yield _another_precision("buffer", key, buffer)
    devices = {str(tensor.device) for tensor in (*module.parameters(), *module.buffers())}
    if len(devices) > 1:
        yield ImportingError(
            f"{name} is spread over several devices", received=", ".join(sorted(devices)), hint="module.to('cpu')"
        )


def _problems_of(key: str, tensor: torch.Tensor) -> Iterator[ImportingError]:
    if tensor.dtype in _FLOATS:
        yield _another_precision("weight", key, tensor)
    elif tensor.is_complex():
        yield ImportingError(f"the weight {key} holds complex numbers", expected="float32", hint="torch.view_as_real")
    elif (
        tensor.dtype is not torch.float32
        or tensor.is_quantized
        or type(tensor) not in (torch.nn.Parameter, torch.Tensor)
    ):
        yield _quantized(key, f"{type(tensor).__name__} of {str(tensor.dtype).removeprefix('torch.')}")
    elif tensor.device.type not in ("cpu", "meta"):
        yield ImportingError(f"the weight {key} is elsewhere", received=str(tensor.device), hint="module.to('cpu')")


def _another_precision(kind: str, key: str, tensor: torch.Tensor) -> ImportingError:
    return ImportingError(
        f"the {kind} {key} is in another precision",
        expected="float32",
        received=str(tensor.dtype).removeprefix("torch."),
        hint="module.float(); the precision of a file is chosen when it is exported",
    )


def _quantized(place: str, received: str) -> ImportingError:
    return ImportingError(
        f"{place} is quantised",
        expected="parameters in float32",
        received=received,
        hint="bring in the network before quantisation, and quantise the exported file",
    )
