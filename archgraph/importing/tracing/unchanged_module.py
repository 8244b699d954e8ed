"""A module's attributes, weights and mode as they were: its forward may keep tables of the sizes that it saw."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def unchanged(module: torch.nn.Module) -> Iterator[None]:
    """Afterwards a module and all inside it hold what they held before, and their modes are what they were."""
    tensors = ("_parameters", "_buffers")
    held = [
        (inner, dict(inner.__dict__), {name: dict(inner.__dict__[name]) for name in tensors})
        for inner in module.modules()
    ]
    try:
        yield
    finally:
        for inner, attributes, inside in held:
            inner.__dict__.clear()
            inner.__dict__.update(attributes)
            for name, before in inside.items():
                inner.__dict__[name].clear()
                inner.__dict__[name].update(before)
