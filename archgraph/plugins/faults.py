"""What a plugin does wrong, as errors that name it: code of others raises what it likes."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import TypeVar

from archgraph.errors import ArchgraphError, PluginError, Problem
from archgraph.plugins.plugin import ENABLED, Plugin
from archgraph.plugins.registration import all_or_nothing

T = TypeVar("T")
LONGEST_REASON = 300


def imported(plugin: Plugin, module: str, *, optional: bool = False) -> ModuleType | None:
    """A module of a plugin; None where it is `optional` and missing. Raises PluginError for whatever it raises;
    nothing that it has registered stays then."""
    try:
        with all_or_nothing(plugin):
            return import_module(module)
    except ArchgraphError as error:
        raise _failed(plugin, f"{module} cannot be imported", error, error.problems[0]) from error
    except ModuleNotFoundError as error:
        if optional and error.name == module:
            return None
        raise _failed(plugin, f"{module} cannot be imported", error) from error
    except (Exception, SystemExit) as error:
        raise _failed(plugin, f"{module} cannot be imported", error) from error


def guarded(plugin: Plugin | str, doing: str, call: Callable[[], T]) -> T:
    """What a call of a plugin's code returns. Errors of archgraph are handed on; any other becomes a PluginError."""
    try:
        return call()
    except ArchgraphError:
        raise
    except Exception as error:
        named = ENABLED[plugin] if isinstance(plugin, str) else plugin
        raise _failed(named, f"{doing} failed", error) from error


def blamed(error: BaseException) -> PluginError | None:
    """The error for one that code of an enabled plugin raised; None where it comes from elsewhere."""
    import traceback  # only where something is wrong

    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        module = str(frame.f_globals.get("__name__", ""))
        for plugin in ENABLED.values():
            if plugin.owns(module):
                return _failed(plugin, f"{module} failed", error)
    return None


def _failed(plugin: Plugin, what: str, error: BaseException, problem: Problem | None = None) -> PluginError:
    """The error with its reason, and the line of the plugin where it came up."""
    import traceback

    reason = problem.message if problem else f"{type(error).__name__}: {' '.join(str(error).split())[:LONGEST_REASON]}"
    places = [each for each in traceback.extract_tb(error.__traceback__) if not each.filename.startswith("<frozen")]
    place = f"at {places[-1].filename}:{places[-1].lineno}" if places else ""
    return PluginError(
        f"the plugin {plugin.name}: {what}",
        received=reason.rstrip(": "),
        hint=f"this is a fault of {plugin.package} {plugin.version}, {place}".rstrip(", "),
    )
