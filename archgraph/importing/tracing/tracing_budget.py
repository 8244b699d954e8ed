"""How long torch may compare symbolic sizes with one another before a module is traced with fewer of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from torch._subclasses.fake_tensor import FakeTensorMode

MOST_SECONDS = 120.0
"""CPU time of one trace; torchvision's densenet161, whose sizes stay free, takes about 30."""


class SlowTraceError(RuntimeError):
    """A trace whose symbolic sizes take too long."""


@contextmanager
def limited_trace() -> Iterator[None]:
    """Inside, an operation on symbolic sizes raises SlowTraceError once the time is over."""
    end = time.process_time() + MOST_SECONDS
    plain = FakeTensorMode.dispatch

    def dispatch(self: FakeTensorMode, *args: Any, **options: Any) -> Any:
        if self.shape_env is not None and self.shape_env.guards and time.process_time() > end:
            raise SlowTraceError(f"tracing with these sizes free takes more than {MOST_SECONDS:g} seconds")
        return plain(self, *args, **options)

    with patch.object(FakeTensorMode, "dispatch", dispatch):
        yield
