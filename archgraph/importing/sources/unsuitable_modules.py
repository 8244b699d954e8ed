"""Modules that have to be changed before they are imported, each with what to do."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import chain

import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from archgraph.errors import ImportingError, SchemaError
from archgraph.importing.sources.normed_weights import has_norm_hook
from archgraph.language.schema.names import module_path

_WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)


def unsuitable(module: nn.Module) -> Iterator[ImportingError]:
    """What is wrong with it, the most thorough fault first."""
    circle = _circle(module, (), [], set())
    if circle is not None:
        yield circle
    for path, inner in module.named_modules():
        title = path or type(module).__name__
        if isinstance(inner, _WRAPPERS):
            inside = f"{path}.module" if path else "module"
            yield ImportingError(f"{title} spreads batches over devices", hint=f"bring in what it holds, .{inside}")
        if isinstance(inner, torch.jit.ScriptModule):
            yield ImportingError(
                f"{title} is scripted", hint="bring in the module from which it was scripted or traced"
            )
        yield from _recomputed(title, inner)
        yield from _derived(path, inner)
        yield from _names(path, inner)
    yield from _shared_statistics(module)


def _circle(
    module: nn.Module, path: tuple[str, ...], around: list[nn.Module], seen: set[nn.Module]
) -> ImportingError | None:
    """The first module that stands inside itself; `seen` are those in which there is none."""
    if any(module is one for one in around):
        return ImportingError(
            f"the module {'.'.join(path)} holds itself",
            expected="modules in a tree",
            hint="keep what stands further up in a list, which registers nothing: self.parent = [parent]",
        )
    inner = [(name, one) for name, one in module._modules.items() if one is not None and one not in seen]
    found = (_circle(one, (*path, name), [*around, module], seen) for name, one in inner)
    circle = next((circle for circle in found if circle is not None), None)
    seen.add(module)
    return circle


def _recomputed(title: str, module: nn.Module) -> Iterator[ImportingError]:
    """Weights that hooks of the old kind compute before each call, and leave in the module."""
    for hook in () if has_norm_hook(module) else module._forward_pre_hooks.values():
        if isinstance(hook, WeightNorm):
            yield _hooked(title, "weight_norm", "use torch.nn.utils.parametrizations.weight_norm")
        elif isinstance(hook, SpectralNorm):
            yield _hooked(title, "spectral_norm", "use torch.nn.utils.parametrizations.spectral_norm")
        elif isinstance(hook, BasePruningMethod):
            yield _hooked(title, "prune", f"torch.nn.utils.prune.remove({title}, '{hook._tensor_name}')")


def _derived(path: str, module: nn.Module) -> Iterator[ImportingError]:
    """Tensors that follow from parameters, and are computed when the module is made and not in its forward."""
    for name, value in vars(module).items() if not has_norm_hook(module) else ():
        if isinstance(value, torch.Tensor) and value.grad_fn is not None:
            inside = f"{path}.{name}" if path else name
            yield ImportingError(
                f"the tensor {inside} is computed from parameters when the module is made",
                hint="compute it in the forward, where it follows when they are trained; or store it .detach()ed",
            )


def _shared_statistics(module: nn.Module) -> Iterator[ImportingError]:
    """Running statistics that several norms update, each after the other."""
    owners: dict[int, str] = {}
    for path, inner in module.named_modules():
        mean = getattr(inner, "running_mean", None)
        if isinstance(inner, nn.modules.batchnorm._NormBase) and mean is not None:
            first = owners.setdefault(id(mean), path)
            if first != path:
                yield ImportingError(
                    f"{path} and {first} update the same running statistics",
                    hint="give each norm its own, or use one norm in both places",
                )


def _hooked(title: str, name: str, hint: str) -> ImportingError:
    remove = "" if name == "prune" else f", or torch.nn.utils.remove_{name}({title}) for plain weights"
    return ImportingError(
        f"{title} has the hook of torch.nn.utils.{name}, which replaces its weight", hint=hint + remove
    )


def _names(path: str, module: nn.Module) -> Iterator[ImportingError]:
    stateful = (name for name, inner in module._modules.items() if inner is not None and _has_state(inner))
    for name in (*stateful, *module._parameters, *module._buffers):
        inside = f"{path}.{name}" if path else name
        try:
            module_path(name)
        except SchemaError as error:
            (problem,) = error.problems
            message = f"the name {inside}: {problem.message}"
            yield ImportingError(replace(problem, message=message, hint="rename it in the module"))
    for name, tensor in module._parameters.items():
        if isinstance(tensor, UninitializedParameter):
            inside = f"{path}.{name}" if path else name
            yield ImportingError(f"the weight {inside} has no size yet", hint="call the module once on an example")


def _has_state(module: nn.Module) -> bool:
    return next(chain(module.parameters(), module.buffers()), None) is not None


def require_registered(module: nn.Module, constants: Mapping[str, torch.Tensor]) -> None:
    """Raises ImportingError where the forward reads weights of modules that stand in a plain list or dict."""
    dense = (tensor for tensor in constants.values() if tensor.layout is torch.strided and not tensor.is_meta)
    read = {tensor.data_ptr() for tensor in dense}
    known = set(module.modules()) if read else set()
    for path, inner in module.named_modules() if read else ():
        for name, value in vars(inner).items():
            held = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
            if not name.startswith("_") and any(_is_read(one, known, read) for one in held):
                raise ImportingError(
                    f"the modules in {path + '.' if path else ''}{name} are no part of the network's state",
                    received=f"a {type(value).__name__} of modules",
                    hint="nn.ModuleList or nn.ModuleDict registers them",
                )


def _is_read(one: object, known: Collection[nn.Module], read: Collection[int]) -> bool:
    hidden = isinstance(one, nn.Module) and one not in known
    return hidden and any(weight.data_ptr() in read for weight in one.parameters())  # type: ignore[attr-defined]
