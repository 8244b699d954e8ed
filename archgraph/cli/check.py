"""`archgraph check`: are these specs right, and what do they prove?"""

from __future__ import annotations

from typing import Annotated

import typer

from archgraph.cli import completion
from archgraph.cli.check_results import Format
from archgraph.cli.module_source import takes_modules
from archgraph.cli.options import JsonOption, SetOption
from archgraph.cli.spec_checks import check_specs
from archgraph.errors import InputError

SpecsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="SPEC",
        help="Files, folders of files, file@preset, shipped models or presets; any number.",
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

    Example: archgraph check specs
    """
    if json and format not in (Format.TEXT, Format.JSON):
        raise InputError(f"--json and --format {format} contradict each other", hint="keep one of them")
    form = Format.JSON if json else format
    check_specs(specs, set_, form, watch=watch)
