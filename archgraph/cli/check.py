"""`archgraph check`: are these specs right, and what do they prove?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from archgraph.artifact.file_kinds import is_folder
from archgraph.cli import completion
from archgraph.cli.check_results import Format, Result, print_results
from archgraph.cli.module_source import names_module, takes_modules
from archgraph.cli.options import JsonOption, SetOption, load, parameters
from archgraph.errors import ArchgraphError, InputError, UnknownNameError

SpecsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="SPEC",
        help="Files, folders of files, file@preset, shipped models or presets; any number.",
        autocompletion=completion.specs,
    ),
]
SUFFIXES = (".yaml", ".yml")
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
    specs = [path for spec in specs for path in _files(spec)]
    if watch:
        from archgraph.cli.watch import watch_specs  # it goes on, so a few more imports do not matter

        watch_specs(specs, lambda spec: _checked(spec, set_), form)
        return
    results = [_checked(spec, set_) for spec in specs]
    print_results(results, form)
    if any(result.error for result in results):
        sys.exit(1)


def _files(spec: str) -> list[str]:
    """The specs of a folder, by name; anything else as it is. Raises InputError where it holds none."""
    folder = Path(spec)
    if not is_folder(folder) or _ships(spec):
        return [spec]
    found = sorted(str(path) for path in folder.iterdir() if path.suffix in SUFFIXES)
    if not found:
        raise InputError(f"{spec} holds no spec", expected=f"files that end in {' or '.join(SUFFIXES)}")
    return found


def _ships(name: str) -> bool:
    """Whether a model or a preset of the collection has this name, which then counts more than a folder's."""
    from archgraph.language.library import find_shipped

    try:
        find_shipped(name)
    except UnknownNameError:
        return False
    return True


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
