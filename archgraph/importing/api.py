"""A torch module → a graph whose spec is written: `from_torch`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from archgraph.graph.spec_text import spec_text
from archgraph.graph.types import Graph
from archgraph.importing.capture import capture
from archgraph.importing.constructor_arguments import attributes_as_arguments, noted_constructors
from archgraph.importing.translation import Dims, Translation
from archgraph.importing.writing.naming import block_name
from archgraph.importing.writing.spec_data import spec_data

Source = torch.nn.Module | Callable[[], torch.nn.Module]


def imported_spec(
    source: Source, inputs: Mapping[str, Any], *, name: str = "", symbols: Mapping[str, Dims] | None = None
) -> tuple[dict[str, Any], torch.nn.Module]:
    """The spec of a module as plain data, and the module. Raises ImportingError."""
    module, arguments = constructed(source)
    made = Translation(capture(module, inputs), symbols or {}, arguments).graph(name)
    return spec_data(made, name or block_name(type(module).__name__)), module


def constructed(source: Source) -> tuple[torch.nn.Module, Mapping[int, Mapping[str, Any]]]:
    """The module, made by the factory where it is one, with the arguments of all modules inside."""
    if isinstance(source, torch.nn.Module):
        return source, attributes_as_arguments(source)
    with noted_constructors() as arguments:
        module = source()
    return module, arguments


__all__ = ["Graph", "imported_spec", "spec_text"]
