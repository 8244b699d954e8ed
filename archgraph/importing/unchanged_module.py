"""A module's attributes and buffers as they were: its forward may keep tables of the sizes that it saw."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def unchanged(module: torch.nn.Module) -> Iterator[None]:
    """Afterwards a module and all inside it hold what they held before, and their modes are what they were."""
    held = [(inner, dict(inner.__dict__), dict(inner._buffers)) for inner in module.modules()]
    try:
        yield
    finally:
        for inner, attributes, buffers in held:
            inner.__dict__.clear()
            inner.__dict__.update(attributes)
            inner._buffers.clear()
            inner._buffers.update(buffers)
