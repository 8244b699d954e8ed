"""`archgraph show`: the text of a spec."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archgraph.cli import completion
from archgraph.cli.options import RUN_SPEC, JsonOption
from archgraph.cli.output import echo, print_json
from archgraph.errors import SpecError
from archgraph.meta.papers import citation, papers_of

if TYPE_CHECKING:
    from archgraph.language.library import SpecRequest

ShownArgument = Annotated[
    str,
    typer.Argument(
        metavar="SPEC",
        help="A file, a shipped model or preset, an exported file, or the folder of a training run.",
        autocompletion=completion.specs,
    ),
]
ExpandedOption = Annotated[
    bool, typer.Option("--expanded", help="What the spec stands for: everything that it extends, written out.")
]
ResolvedOption = Annotated[
    bool, typer.Option("--resolved", help="The same, with the file and the line that each value is from.")
]


def run(
    spec: ShownArgument, expanded: ExpandedOption = False, resolved: ResolvedOption = False, json: JsonOption = False
) -> None:
    """Prints the text of a spec: as it stands in its file, or with everything that it extends written out.

    What `--expanded` prints is a spec of the same network. Its paths of other files start where those of SPEC do, so it
    belongs into the same folder. Papers, the reference and the picture of the gallery stand on stderr, so that what is
    on stdout stays a spec.

    Example: archgraph show se_resnet.yaml --expanded
    """
    from archgraph.graph.spec_text import spec_text
    from archgraph.language.extension.origins import origin_text, origin_values

    if expanded and resolved:
        raise SpecError("--expanded and --resolved are two forms of one text", hint="keep one of them")
    if spec.endswith(".onnx"):
        _exported(spec, expanded or resolved, json)
        return
    request = _found(spec)
    document = request.spec.document
    if resolved:
        if json:
            print_json(origin_values(document))
        else:
            echo(origin_text(document), end="")
    elif json:
        print_json(document.data)
    else:
        echo(spec_text(document.data) if expanded else document.text, end="")
        for line in _origin(document.data, request.preset):
            echo(line, file=sys.stderr)


def _origin(data: Mapping[str, Any], preset: str | None) -> Iterator[str]:
    """Where the network is published, whose names it has, and where its picture is."""
    from archgraph.artifact.shipped_files import gallery

    meta = data.get("meta") or {}
    yield from (f"paper: {citation(paper)}" for paper in papers_of(meta, preset))
    if meta.get("reference"):
        yield f"reference: {meta['reference']}"
    picture = gallery() / f"{data.get('name')}.svg"
    if picture.is_file():
        yield f"picture: {picture}"


def _found(spec: str) -> SpecRequest:
    """The spec that is asked for. Raises SpecError, also for a preset that it lacks."""
    from archgraph.language.library import find
    from archgraph.language.load import preset_values

    run = Path(spec) / RUN_SPEC
    found = find(run if run.is_file() else spec)
    preset_values(found.spec, found.preset)
    return found


def _exported(file: str, forms: bool, json: bool) -> None:
    """The spec that is embedded in an exported file. Raises SpecError: it extends nothing."""
    import archgraph

    if forms:
        raise SpecError(f"{file} is exported: its spec is written out already", hint=f"archgraph show {file}")
    graph = archgraph.load(file)
    if json:
        print_json(graph.info.spec)
    else:
        echo(graph.spec(), end="")
