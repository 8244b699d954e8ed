"""The order of a network's parameters: as they are read, from the image to the classes."""

from __future__ import annotations

from typing import Any

from archgraph.importing.writing.plain_data.written_nodes import BODY, names_of, texts


def with_parameters_in_order(spec: dict[str, Any]) -> dict[str, Any]:
    """The spec with its parameters, and what presets set, in the order in which its body first reads them; those that
    only presets or other parameters read stand behind."""
    params = spec.get("params", {})
    if len(params) < 2 or any(isinstance(one, str) and one.startswith("=") for one in params.values()):
        return spec
    read = dict.fromkeys(word for key in BODY for text in texts(spec.get(key)) for word in names_of(text))
    names = [*(one for one in read if one in params), *(one for one in params if one not in read)]
    order = {name: place for place, name in enumerate(names)}
    presets = {word: _ordered(given, order) for word, given in spec.get("presets", {}).items()}
    return {**spec, "params": _ordered(params, order), **({"presets": presets} if presets else {})}


def _ordered(given: dict[str, Any], order: dict[str, int]) -> dict[str, Any]:
    return dict(sorted(given.items(), key=lambda one: order[one[0]]))
