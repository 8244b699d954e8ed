"""What a file of a plugin registers, all of it or nothing: a file that fails halfway leaves no rules behind."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from archgraph.plugins.plugin import Plugin

TakeBack = Callable[[], object]
_ENTRIES: ContextVar[list[tuple[str, TakeBack]] | None] = ContextVar("what is registered by an import", default=None)


def registered(module: str, take_back: TakeBack) -> None:
    """Tells how an entry of a table is taken back that a module has just added. Every table says it to which files of
    plugins add."""
    entries = _ENTRIES.get()
    if entries is not None:
        entries.append((module, take_back))


@contextmanager
def all_or_nothing(plugin: Plugin) -> Iterator[None]:
    """Whatever is raised within takes back what modules of the plugin have registered within.

    Those modules are forgotten too, so that they register again where they are imported again. What archgraph's own
    modules register stays, as they do: a plugin may be the first one that needs them.
    """
    entries: list[tuple[str, TakeBack]] = []
    around, known = _ENTRIES.set(entries), set(sys.modules)
    try:
        yield
    except BaseException:
        for module, take_back in reversed(entries):
            if plugin.owns(module):
                take_back()
        for name in [name for name in sys.modules if name not in known and plugin.owns(name)]:
            del sys.modules[name]
        raise
    finally:
        _ENTRIES.reset(around)
    for module, take_back in entries:  # an import around this one may fail yet
        registered(module, take_back)
