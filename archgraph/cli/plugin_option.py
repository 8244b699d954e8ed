"""`--plugin`, which every command has."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from archgraph.cli import completion
from archgraph.cli.enabled_plugins import enable
from archgraph.garbage_collection import collected

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
