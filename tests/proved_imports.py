"""Imports of modules that the proof has found equal to them in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn

from archgraph.importing.api import Imported, import_module
from archgraph.importing.sources.input_descriptions import InputDescription


def proved(module: Callable[[], nn.Module], inputs: Mapping[str, InputDescription]) -> Imported:
    """The import of what a function makes, no further from it than float64 rounds."""
    made = import_module(module, inputs)
    assert made.parity is not None
    assert max(made.parity.differences) < 1e-12
    return made
