"""`archgraph plugins`: the plugins that are installed, and whether one keeps what it declares."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archgraph.cli import completion
from archgraph.cli.options import JsonOption
from archgraph.cli.output import echo, print_json, print_table, warn

if TYPE_CHECKING:
    from archgraph.plugins import Plugin

PluginArgument = Annotated[
    str | None,
    typer.Argument(metavar="[NAME]", help="Enable this one, and try all it has.", autocompletion=completion.plugins),
]


def run(name: PluginArgument = None, json: JsonOption = False) -> None:
    """Lists the installed plugins, of which none is imported; or enables one and tries its operations.

    An operation is tried on its examples, and on what its drawer draws: its shape rule, its torch code, its reference,
    its traits, and its ONNX form, which is proved.

    Example: archgraph plugins gates
    """
    if name is not None:
        _try(name, json)
        return
    from archgraph.plugins.installed import installed
    from archgraph.plugins.plugin import ENABLED

    found = [plugin for plugins in installed().values() for plugin in plugins]
    if json:
        print_json([{**_plain(plugin), "enabled": ENABLED.get(plugin.name) == plugin} for plugin in found])
    elif not found:
        echo("no plugin is installed; docs/plugins.md says how one is made")
    else:
        rows = [
            (plugin.name, plugin.package, plugin.version, _offer(plugin), "yes" * (ENABLED.get(plugin.name) == plugin))
            for plugin in found
        ]
        print_table(("plugin", "package", "version", "offers", "enabled"), rows)


def _plain(plugin: Plugin) -> dict[str, Any]:
    from archgraph.plugins import GROUPS

    found = {"name": plugin.name, "package": plugin.package, "version": plugin.version}
    return found | {kind: getattr(plugin, kind) for kind in GROUPS if getattr(plugin, kind)}


def _offer(plugin: Plugin) -> str:
    from archgraph.plugins import GROUPS

    return ", ".join(kind for kind in GROUPS if getattr(plugin, kind))


def _try(name: str, as_json: bool) -> None:
    import archgraph

    trial = archgraph.try_plugin(name)
    if as_json:
        print_json(trial.to_json())
    else:
        echo(trial.text())
    warn(trial.problems)
    if trial.problems:
        sys.exit(1)
