"""`--plugin`, which every command has, and the plugins that the user's configuration file enables."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import typer

from archgraph.cli import completion
from archgraph.errors import PluginError
from archgraph.garbage_collection import collected
from archgraph.plugins.configuration import configuration_file, configured_plugins

PluginOption = Annotated[
    list[str],
    typer.Option(
        "--plugin",
        metavar="NAME",
        help="Enables an installed plugin, whose code then runs; may be given again.",
        autocompletion=completion.plugins,
    ),
]
_OPTION = inspect.Parameter("plugin", inspect.Parameter.KEYWORD_ONLY, default=[], annotation=PluginOption)


def takes_plugins(run: Callable[..., None]) -> Callable[..., None]:
    """A command that enables plugins before it runs, with the garbage collector that was kept away from its start."""

    @functools.wraps(run)
    def command(**given: Any) -> None:
        with collected():
            enable(given.pop(_OPTION.name))
            run(**given)

    own = inspect.signature(run, eval_str=True).parameters.values()
    command.__dict__["__signature__"] = inspect.Signature(
        [*(one.replace(kind=one.KEYWORD_ONLY) for one in own), _OPTION]
    )
    return command


def enable(names: list[str]) -> None:
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
