"""Losses that enabled plugins bring: functions of a network's output and its target, in the module of their group."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from archgraph.errors import TrainingError, nearest
from archgraph.plugins import ENABLED
from archgraph.plugins.faults import imported
from archgraph.plugins.installed import hint_for

Loss = Callable[[Any, Any], Any]


def loss_named(name: str) -> Loss:
    """The loss `plugin.loss` of an enabled plugin. Raises TrainingError where there is none, PluginError where the
    plugin's code fails."""
    plugin, dot, inner = name.partition(".")
    if not dot or plugin not in ENABLED:
        known = [each for each in ENABLED if ENABLED[each].losses]
        raise TrainingError(
            f"there is no loss '{name:.100}'",
            expected="PLUGIN.LOSS, of a plugin that is enabled",
            received=f"enabled plugins with losses: {', '.join(known) or 'none'}",
            hint=hint_for(name) or "the task's own loss needs no name",
        )
    found = losses_of(plugin)
    if inner not in found:
        raise TrainingError(
            f"the plugin {plugin} has no loss '{inner:.100}'",
            expected=", ".join(f"{plugin}.{each}" for each in found) or "none: it has no losses",
            hint=nearest(name, [f"{plugin}.{each}" for each in found]),
        )
    return found[inner]


def losses_of(plugin: str) -> Mapping[str, Loss]:
    """The functions that the module of a plugin's losses defines itself, by name."""
    enabled = ENABLED[plugin]
    if not enabled.losses:
        return {}
    module = imported(enabled, enabled.losses)
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_") and inspect.isfunction(value) and value.__module__ == enabled.losses
    }
