"""How long torch may compare symbolic sizes with one another before a module is traced with fewer of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import process_time

import torch
from torch.nn.modules.module import register_module_forward_pre_hook

MOST_SECONDS = 60.0
"""CPU time of one trace; torchvision's densenet161, whose sizes stay free, takes about 30."""
SLOW = "since a trace with these sizes free takes more than"
"""How the reason begins."""


class SlowTraceError(RuntimeError):
    """A trace whose symbolic sizes take too long."""


@contextmanager
def limited_trace(module: torch.nn.Module) -> Iterator[None]:
    """Inside, the next module that is called raises SlowTraceError once the time is over.

    Within an operation nothing may be raised: torch's C++ code would end the process.
    """
    end = process_time() + MOST_SECONDS

    inside = set(map(id, module.modules()))

    def check(called: torch.nn.Module, given: object) -> None:
        if id(called) in inside and process_time() > end:
            raise SlowTraceError(f"{SLOW} {MOST_SECONDS:g} seconds")

    hook = register_module_forward_pre_hook(check)
    try:
        yield
    finally:
        hook.remove()
