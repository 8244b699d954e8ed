"""Making a network from a configuration: classes of transformers and diffusers, or any other by its arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from archgraph.errors import ImportingError, nearest


def configured(made: Any, config: Mapping[str, Any] | None, arguments: Mapping[str, Any]) -> Callable[[], Any]:
    """What calls a class or factory with a configuration, of which single values are replaced.

    `text_config.hidden_size` is a value of a nested configuration. Raises ImportingError for a configuration of another
    class, and for names that the class does not know.
    """
    values = _replaced(config or {}, arguments)
    kind = getattr(made, "config_class", None)
    if isinstance(kind, type):
        return partial(_with_config_object, made, kind, values, arguments)
    if not isinstance(made, type):
        _require_known(made, arguments)
        return partial(made, **_known_to(made, values, arguments))
    declared = values.get("_class_name")
    if declared not in (None, made.__name__):
        raise _another(made.__name__, declared)
    _require_known(made, arguments)
    plain = {name: value for name, value in values.items() if not name.startswith("_")}
    if config is not None and hasattr(made, "from_config"):
        _require_known(made, plain)
    return partial(made, **_known_to(made, plain, arguments))


def _with_config_object(made: Any, kind: Any, values: Mapping[str, Any], arguments: Mapping[str, Any]) -> Any:
    """A class of transformers is made from the object that holds its configuration."""
    declared = values.get("model_type")
    if declared not in (None, getattr(kind, "model_type", declared)):
        raise _another(f"{made.__name__}, {kind.model_type}", declared)
    plain = {name: value for name, value in values.items() if name != "model_type"}
    known = kind() if arguments else None
    for name in (argument.partition(".")[0] for argument in arguments):
        if not hasattr(known, name):
            raise ImportingError(f"{kind.__name__} has no '{name}'", hint=nearest(name, list(vars(known))))
    return made(kind(**plain))


def _replaced(config: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with other values; a dotted name leads into a nested one."""
    values = dict(config)
    for name, value in arguments.items():
        first, dot, rest = name.partition(".")
        if dot:
            values[first] = _replaced(values.get(first) or {}, {rest: value})
        else:
            values[first] = value
    return values


def _known_to(made: Any, values: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The values that the signature names; arguments that were given by name stay in any case."""
    names = _names(made)
    return {name: value for name, value in values.items() if names is None or name in names or name in arguments}


def _require_known(made: Any, values: Collection[str]) -> None:
    names = _names(made)
    unknown = [name for name in values if names is not None and name not in names]
    if unknown:
        title = getattr(made, "__name__", "the factory")
        raise ImportingError(f"{title} has no argument '{unknown[0]}'", hint=nearest(unknown[0], names or []))


def _names(made: Any) -> list[str] | None:
    """The names of its arguments; None where it takes any."""
    try:
        parameters = inspect.signature(made).parameters
    except (TypeError, ValueError):
        return None
    if any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        return None
    return list(parameters)


def _another(expected: str, received: Any) -> ImportingError:
    return ImportingError("the configuration is that of another network", expected=expected, received=str(received))
