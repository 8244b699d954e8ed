"""What torch logs while it traces: errors of sizes that are tried in vain, which are answered for elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = ("torch._subclasses.fake_tensor", "torch.fx.experimental.symbolic_shapes")


@contextmanager
def without_tracing_logs() -> Iterator[None]:
    """Inside, torch prints no tracebacks of what it raises anyhow."""
    found = [logging.getLogger(name) for name in _LOGGERS]
    before = [logger.disabled for logger in found]
    for logger in found:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, disabled in zip(found, before, strict=True):
            logger.disabled = disabled
