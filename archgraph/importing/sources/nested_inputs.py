"""Inputs that are lists, tuples or dicts of tensors: each tensor is an input of its own while a module is imported."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from types import MethodType
from typing import Any

import torch

from archgraph.errors import ImportingError
from archgraph.importing.sources.forward_signature import is_taken_by_stars, require_parameter
from archgraph.importing.sources.input_descriptions import described

_MANY = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def flat_inputs(inputs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tensors and descriptions under names without dots, and for each argument that holds several the lists and dicts
    with these names in the places of the tensors.

    `{"x": (a, b)}` and `{"x.0": a, "x.1": b}` are `x_0` and `x_1`. Raises ImportingError for names that are taken.
    """
    flat: dict[str, Any] = {}
    forms: dict[str, Any] = {}
    for name, value in _gathered(inputs).items():
        form = _form(name, value, flat)
        if form != name:
            forms[name] = form
    return flat, forms


def _gathered(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What stands under `x.0` and `x.1` as the dict of x."""
    found: dict[str, Any] = {}
    for name, value in inputs.items():
        first, *rest = name.split(".")
        if not rest:
            found[first] = value
            continue
        around = found.setdefault(first, {})
        for part in rest[:-1]:
            around = around.setdefault(part, {}) if isinstance(around, dict) else None
        if not isinstance(around, dict) or rest[-1] in around:
            raise ImportingError(f"the input '{name}' stands inside of another one", expected="a tensor at each name")
        around[rest[-1]] = value
    return found


def _form(name: str, value: Any, flat: dict[str, Any]) -> Any:
    """The form of a value: a name for each tensor, which is put into `flat`."""
    if isinstance(value, Mapping) and value:
        parts = {key: _form(f"{name}_{key}", item, flat) for key, item in value.items()}
        places = [str(place) for place in range(len(parts))]
        return [parts[place] for place in places] if set(places) == parts.keys() else parts
    if isinstance(value, (list, tuple)) and value:
        made = [_form(f"{name}_{place}", item, flat) for place, item in enumerate(value)]
        return type(value)(*made) if hasattr(value, "_fields") else type(value)(made)
    if name in flat or not name.isidentifier():
        raise ImportingError(f"an input cannot be called '{name}'", expected="keys of letters, digits and _, each once")
    flat[name] = described(f"{name}={value}")[1] if isinstance(value, str) else value
    return name


@contextmanager
def flat_forward(module: torch.nn.Module, inputs: Collection[str], forms: Mapping[str, Any]) -> Iterator[None]:
    """Inside, the forward has a parameter for each tensor of the arguments that hold several, and for each of `inputs`
    that it takes by `**`.

    Raises ImportingError for an argument that the forward does not have.
    """
    for name in forms:
        require_parameter(module, name)
    forms = {**forms, **{name: name for name in inputs if is_taken_by_stars(module, name) and name not in _all(forms)}}
    if not forms:
        yield
        return
    before = vars(module).get("forward")
    module.forward = MethodType(_flat(module.forward, forms, before), module)
    try:
        yield
    finally:
        del module.forward
        if before is not None:
            module.forward = before


def _flat(bound: Any, forms: Mapping[str, Any], own: Any) -> Any:
    """A method with a parameter for each tensor. `own` is a forward of the module itself, else its class has one: then
    the forward of a copy is the copy's."""
    signature = inspect.signature(bound)

    def forward(self: torch.nn.Module, **given: Any) -> Any:
        values = {name: _filled(form, given) for name, form in forms.items()}
        values |= {name: value for name, value in given.items() if name in signature.parameters}
        starred = {name: value for name, value in values.items() if name not in signature.parameters}
        values |= {one.name: starred for one in signature.parameters.values() if one.kind is one.VAR_KEYWORD}
        ordered = {name: values[name] for name in signature.parameters if name in values}
        arguments = inspect.BoundArguments(signature, ordered)
        arguments.apply_defaults()
        plain = own or MethodType(type(self).forward, self)
        return plain(*arguments.args, **arguments.kwargs)

    names = list(_all(forms))
    others = [one for one in signature.parameters.values() if one.name not in forms and one.kind not in _MANY]
    shown = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names]
    shown += [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in others]
    me = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    forward.__dict__["__signature__"] = inspect.Signature([me, *shown])
    return forward


def _filled(form: Any, given: Mapping[str, Any]) -> Any:
    """A form with the tensors in the places of their names."""
    if isinstance(form, dict):
        return {key: _filled(item, given) for key, item in form.items()}
    if isinstance(form, (list, tuple)):
        made = [_filled(item, given) for item in form]
        return type(form)(*made) if hasattr(form, "_fields") else type(form)(made)
    return given[form]


def _all(forms: Mapping[str, Any]) -> Iterator[str]:
    """The names in all forms."""
    for form in forms.values():
        yield from _names(form)


def _names(form: Any) -> Iterator[str]:
    if isinstance(form, str):
        yield form
        return
    for item in form.values() if isinstance(form, dict) else form:
        yield from _names(item)
