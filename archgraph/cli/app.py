"""Finds the command on the command line. Only its file is imported; all of them for `--help`."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from importlib import import_module
from keyword import iskeyword
from types import ModuleType
from typing import Annotated, Any

import typer

from archgraph import __version__
from archgraph.cli.plugin_option import takes_plugins

COMMANDS = (
    "init",
    "import",
    "check",
    "show",
    "summary",
    "render",
    "build",
    "code",
    "export",
    "verify",
    "infer",
    "bench",
    "profile",
    "sample",
    "noise",
    "train",
    "weights",
    "demo",
    "diff",
    "ops",
    "blocks",
    "models",
    "plugins",
    "schema",
)


def command_for(arguments: Sequence[str]) -> Any:
    """A command-line application with the given command; with all commands where it names none of them."""
    app = typer.Typer(
        name="archgraph",
        callback=_archgraph,
        help=_paragraphs(_archgraph),
        no_args_is_help=True,
        invoke_without_command=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    asked = next((argument for argument in arguments if not argument.startswith("-")), "")
    for name in [asked] if asked in COMMANDS else COMMANDS:
        file = f"{name}_" if iskeyword(name) else name
        _add(app, name, import_module(f"archgraph.cli.{file}"))
    return app


def _add(app: typer.Typer, name: str, file: ModuleType) -> None:
    """Adds the command of a file; one with commands of its own is a group of them."""
    if not hasattr(file, "SUBCOMMANDS"):
        app.command(name, help=_paragraphs(file.run))(takes_plugins(file.run))
        return
    group = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")
    for word, run in file.SUBCOMMANDS.items():
        group.command(word, help=_paragraphs(run))(takes_plugins(run))
    app.add_typer(group, name=name, help=_paragraphs(file))


def _paragraphs(run: object) -> str:
    """A docstring with one line for each paragraph: the terminal breaks them, wherever the source does."""
    parts = inspect.cleandoc(run.__doc__ or "").split("\n\n")
    return "\n\n".join(" ".join(part.split()) for part in parts)


def _archgraph(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    """Neural networks as YAML graphs: proved shapes, diagrams, PyTorch source, verified ONNX, inference, sampling.

    SPEC is a file (net.yaml), one of its presets (net.yaml@small), a shipped model (ddpm@cifar10) or a shipped
    preset (resnet50).
    """
    if version:
        print(f"archgraph {__version__}")
        raise typer.Exit
