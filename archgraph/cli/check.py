"""`archgraph check`: are these specs right, and what do they prove?"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from archgraph.cli import completion
from archgraph.cli.check_results import Format, Result, print_results
from archgraph.cli.module_source import names_module, takes_modules
from archgraph.cli.options import JsonOption, SetOption, load, parameters
from archgraph.errors import ArchgraphError, InputError

SpecsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="SPEC",
        help="Files, file@preset, shipped models or presets; any number.",
        autocompletion=completion.specs,
    ),
]
FormatOption = Annotated[
    Format,
    typer.Option(
        "--format",
        help="text for people; json; github for annotations in a GitHub workflow; sarif for code scanning.",
    ),
]
WatchOption = Annotated[bool, typer.Option("--watch", help="Check again after each change, until Ctrl-C.")]


@takes_modules
def run(
    specs: SpecsArgument,
    set_: SetOption = [],  # noqa: B006 - typer copies it
    json: JsonOption = False,
    format: FormatOption = Format.TEXT,
    watch: WatchOption = False,
) -> None:
    """Reads, validates and proves the shapes of specs, every preset of each; lists every error.

    Example: archgraph check specs/*.yaml
    """
    if json and format not in (Format.TEXT, Format.JSON):
        raise InputError(f"--json and --format {format} contradict each other", hint="keep one of them")
    form = Format.JSON if json else format
    if watch:
        from archgraph.cli.watch import watch_specs  # it goes on, so a few more imports do not matter

        watch_specs(specs, lambda spec: _checked(spec, set_), form)
        return
    results = [_checked(spec, set_) for spec in specs]
    print_results(results, form)
    if any(result.error for result in results):
        sys.exit(1)


def _checked(spec: str, settings: list[str]) -> Result:
    import archgraph

    try:
        if names_module(spec):
            return Result(spec, [load(spec, settings)])
        if settings:
            return Result(spec, [archgraph.load(spec, **parameters(settings))])
        return Result(spec, archgraph.check(spec))
    except ArchgraphError as error:
        return Result(spec, [], error)
