"""The plugins that a command enables: those that it names, and those of the user's configuration file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from archgraph.errors import PluginError
from archgraph.plugins.configuration import configuration_file, configured_plugins


def enable(names: Sequence[str] = ()) -> None:
    """Enables these plugins, and those of the configuration file. Raises PluginError."""
    configured = configured_plugins()
    if not names and not configured:
        return
    from archgraph.language.plugins import use_plugin  # few use some

    for name in configured:
        try:
            use_plugin(name)
        except PluginError as error:
            enabling = (f"{configuration_file()} enables '{name}' for every command", None)
            raise PluginError(*(replace(one, notes=(*one.notes, enabling)) for one in error.problems)) from None
    for name in names:
        use_plugin(name)
