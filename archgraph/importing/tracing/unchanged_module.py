"""A module's attributes, weights and mode as they were: its forward may keep tables of the sizes that it saw."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy

import torch

from archgraph.importing.tracing.cached_functions import caches_without_traces


@contextmanager
def unchanged(module: torch.nn.Module) -> Iterator[None]:
    """Afterwards a module and all inside it hold what they held before, and their modes are what they were. Cached
    functions of its source have forgotten what they computed in between."""
    held = [(inner, dict(inner.__dict__)) for inner in module.modules()]
    containers = [(value, copy(value)) for _, attributes in held for value in attributes.values() if _holds(value)]
    try:
        with caches_without_traces(module):
            yield
    finally:
        for inner, attributes in held:
            inner.__dict__.clear()
            inner.__dict__.update(attributes)
        for value, before in containers:
            value.clear()
            if isinstance(value, list):
                value.extend(before)
            else:
                value.update(before)


def _holds(value: object) -> bool:
    """Whether an attribute is a plain container, whose contents a forward may change: a table of what it computed."""
    return type(value) in (dict, list, set, OrderedDict)
