"""What torch logs and prints while it traces: errors of what is tried in vain, which are answered for elsewhere."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

_LOGGERS = ("torch._subclasses.fake_tensor", "torch.fx.experimental.symbolic_shapes")


@contextmanager
def without_tracing_logs() -> Iterator[None]:
    """Inside, torch prints no tracebacks and no programs of what it raises anyhow."""
    found = [logging.getLogger(name) for name in _LOGGERS]
    before = [logger.disabled for logger in found]
    for logger in found:
        logger.disabled = True
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        for logger, disabled in zip(found, before, strict=True):
            logger.disabled = disabled
