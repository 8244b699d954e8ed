"""What `archgraph check` does, without its options: a check of mere names is done before typer could be imported."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from archgraph.artifact.file_kinds import is_folder
from archgraph.cli.check_results import Format, Result, print_results
from archgraph.cli.checked_networks import checked_network
from archgraph.errors import ArchgraphError, InputError, UnknownNameError
from archgraph.graph.types import Graph
from archgraph.importing.sources.saved_folders import is_saved
from archgraph.importing.sources.source_names import names_module
from archgraph.plugins.faults import blamed

MANY = 8
"""From so many specs on, further processes save more than they cost."""
SUFFIXES = (".yaml", ".yml")


def check_specs(
    given: Sequence[str], settings: Sequence[str] = (), form: Format = Format.TEXT, *, watch: bool = False
) -> None:
    """Checks specs, or all in a folder, and prints the results; exits with 1 where one is wrong. Raises InputError."""
    specs = [path for spec in given for path in _files(spec)]
    if watch:
        from archgraph.cli.watch import watch_specs  # it goes on, so a few more imports do not matter

        watch_specs(specs, lambda spec: _checked(spec, settings), form)
        return
    with closing(_each_checked(specs, settings)) as results:  # at once where nobody reads them any more
        if not print_results(results, form):
            sys.exit(1)


def _each_checked(specs: Sequence[str], settings: Sequence[str]) -> Generator[Result, None, None]:
    """What became of each spec, as soon as it is known."""
    check = partial(_checked, settings=settings)
    if len(specs) < MANY:
        yield from map(check, specs)
        return
    from archgraph.cli.parallel_checks import each_checked

    with closing(each_checked(specs, check)) as results:
        yield from results


def _files(spec: str) -> list[str]:
    """The specs of a folder, by name; anything else as it is, and the folder of a network that `save_pretrained` wrote.
    Raises InputError where it holds none."""
    folder = Path(spec)
    if not is_folder(folder) or _ships(spec):
        return [spec]
    found = sorted(str(path) for path in folder.iterdir() if path.suffix in SUFFIXES)
    if not found and is_saved(spec):
        return [spec]
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


def _checked(spec: str, settings: Sequence[str]) -> Result:
    try:
        return Result(spec, [checked_network(graph) for graph in _networks(spec, settings)])
    except ArchgraphError as error:
        return Result(spec, [], error)
    except Exception as error:
        found = blamed(error)  # here, where it came up: what is handed back by another process has lost its way
        if found is None:
            raise
        return Result(spec, [], found)


def _networks(spec: str, settings: Sequence[str]) -> Iterable[Graph]:
    """The networks of a spec or a module: all presets, or the one with these parameters. Raises ArchgraphError."""
    import archgraph

    if names_module(spec):
        from archgraph.cli.options import load

        return [load(spec, settings)]
    if settings:
        from archgraph.cli.options import parameters

        return [archgraph.load(spec, **parameters(settings))]
    return archgraph.check(spec)
