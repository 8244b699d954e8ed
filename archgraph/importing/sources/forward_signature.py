"""Whether the inputs that a person names are those of a module's forward, with what it asks for."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from archgraph.errors import ImportingError, nearest
from archgraph.importing.sources.input_descriptions import InputDescription

_NO_TENSORS = {"int": int, "float": float, "bool": bool, "str": str}
_FORM = "numbers are fixed sizes, names free ones: --input x=N,3,H,W --input t=N:int64"


def required_inputs(module: torch.nn.Module) -> list[str]:
    """The parameters of its forward that have no default."""
    plain = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [one.name for one in _parameters(module) if one.default is one.empty and one.kind in plain]


def optional_inputs(module: torch.nn.Module) -> list[str]:
    """The parameters of its forward that are None unless a tensor is given."""
    return [one.name for one in _parameters(module) if one.default is None and _may_be_tensor(one)]


def _may_be_tensor(parameter: inspect.Parameter) -> bool:
    """Whether a parameter is annotated as a tensor, or not at all; lists and dicts of tensors are no single input."""
    if parameter.annotation is parameter.empty:
        return True
    kind = parameter.annotation
    text = kind if isinstance(kind, str) else getattr(kind, "__name__", "") if isinstance(kind, type) else str(kind)
    return "Tensor" in text and not any(word in text.lower() for word in ("tuple[", "list[", "dict[", "mapping["))


def require_named_inputs(module: torch.nn.Module, given: Mapping[str, Any]) -> None:
    """Raises ImportingError for names that the forward does not have, or needs, and for what is no tensor."""
    parameters = {one.name: one for one in _parameters(module)}
    named = [name for name, one in parameters.items() if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    title = type(module).__name__
    for name, value in given.items():
        if not isinstance(value, (torch.Tensor, InputDescription)):
            raise ImportingError(
                f"the input '{name}' is no tensor",
                expected=f"an example tensor, or a text of its sizes: {{'{name}': 'N,3,H,W'}}; a list or dict of these",
                received=type(value).__name__,
            )
        if name not in named and not any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
            raise _unknown(module, name, named)
    missing = [name for name in required_inputs(module) if name not in given]
    _require_tensors(module, missing)
    if given and missing:
        raise ImportingError(
            f"{title} reads more inputs",
            expected=" ".join(f"--input {name}=…" for name in missing),
            received=f"{', '.join(given)}, for {_signature(module)}",
            hint=_FORM,
        )


def require_parameter(module: torch.nn.Module, name: str) -> None:
    """Raises ImportingError for an argument that the forward does not have."""
    names = [one.name for one in _parameters(module)]
    if name not in names and not is_taken_by_stars(module, name):
        raise _unknown(module, name, names)


def is_taken_by_stars(module: torch.nn.Module, name: str) -> bool:
    """Whether the forward takes an argument that it does not name, by `**others`."""
    parameters = _parameters(module)
    return all(one.name != name for one in parameters) and any(one.kind is one.VAR_KEYWORD for one in parameters)


def unknown_inputs(module: torch.nn.Module, known: Sequence[str]) -> ImportingError:
    """The error for a module of which nobody knows what it reads, with its signature; `known` need no description."""
    title = type(module).__name__
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    asked = required_inputs(module) or [one.name for one in _parameters(module) if one.kind not in kinds]
    _require_tensors(module, asked)
    if _parameters(module) and not asked:
        return _unknown(module, "", [])
    if not asked:
        return ImportingError(f"{title} reads nothing", expected="a forward with an input", received="forward()")
    return ImportingError(
        f"what does {title} read? It asks for {', '.join(asked)}",
        expected=" ".join(f"--input {name}=N,…" for name in asked if name not in known),
        received=_signature(module),
        hint=_FORM,
    )


def _unknown(module: torch.nn.Module, name: str, named: Sequence[str]) -> ImportingError:
    title = type(module).__name__
    if type(module).forward is torch.nn.Module.forward and "forward" not in vars(module):
        return ImportingError(f"{title} has no forward", expected="a module that can be called")
    if not named:
        return ImportingError(
            f"{title} has no named inputs",
            expected="a forward with a parameter for each input",
            received=_signature(module),
            hint="bring in a module around it whose forward names them",
        )
    return ImportingError(
        f"{title} has no input '{name}'",
        expected=", ".join(named),
        received=_signature(module),
        hint=nearest(name, list(named)),
    )


def _require_tensors(module: torch.nn.Module, names: Sequence[str]) -> None:
    """Raises ImportingError for a parameter that is annotated as a number or a text."""
    for one in _parameters(module):
        if one.name in names and _plain_type(one):
            raise ImportingError(
                f"{type(module).__name__}'s forward needs '{one.name}', a {_plain_type(one)} and no tensor",
                received=_signature(module),
                hint=f"give {one.name} a default, or bring in a module around it whose forward passes it",
            )


def _plain_type(parameter: inspect.Parameter) -> str:
    """`float`, where that is what a parameter is annotated with."""
    annotation = parameter.annotation
    return next((word for word, kind in _NO_TENSORS.items() if annotation in (word, kind)), "")


def _signature(module: torch.nn.Module) -> str:
    return f"forward{inspect.signature(module.forward)}"


def _parameters(module: torch.nn.Module) -> list[inspect.Parameter]:
    return list(inspect.signature(module.forward).parameters.values())
