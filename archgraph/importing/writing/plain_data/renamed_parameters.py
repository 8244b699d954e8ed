"""Parameters of a family under names that the user chose in place of the authors'."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archgraph.errors import ImportingError, nearest
from archgraph.importing.writing.plain_data.written_nodes import BODY, all_nodes, with_names
from archgraph.language.schema import names


def with_renamed_parameters(spec: dict[str, Any], renamed: Mapping[str, str]) -> dict[str, Any]:
    """The spec with new names for some parameters of the network. Raises ImportingError for a name that no parameter
    has, or that something else has already."""
    if not renamed:
        return spec
    params = spec.get("params", {})
    walked = {word for _, node in all_nodes(spec["nodes"]) for key in ("for", "let") for word in node.get(key, {})}
    taken = {*params, *spec.get("let", {}), *walked} - {*renamed}
    for old, new in renamed.items():
        if old not in params:
            raise ImportingError(
                f"no parameter of the family is called {old}",
                expected=f"one of {', '.join(params)}" if params else "a family whose networks differ in a number",
                hint=nearest(old, [*params]),
            )
        names.parameter_name(new)
        if new in taken:
            raise ImportingError(f"{old} cannot be called {new}: something else is", expected="a name of its own")
        taken.add(new)
    presets = {word: _with_keys(given, renamed) for word, given in spec.get("presets", {}).items()}
    return {
        **spec,
        "params": _with_keys(params, renamed),
        **({"presets": presets} if presets else {}),
        **{key: with_names(spec[key], renamed) for key in BODY if key in spec},
    }


def _with_keys(given: Mapping[str, Any], renamed: Mapping[str, str]) -> dict[str, Any]:
    return {renamed.get(name, name): value for name, value in given.items()}
