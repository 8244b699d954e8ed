"""`archgraph diff`: what differs between two networks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archgraph.cli import completion
from archgraph.cli.module_source import takes_modules
from archgraph.cli.options import DepthOption, JsonOption, SpecArgument, load
from archgraph.cli.output import Stopwatch, echo, print_json, write_text
from archgraph.cli.output_paths import require_writable, target
from archgraph.errors import SpecError

if TYPE_CHECKING:
    from archgraph.graph.diff import Difference
    from archgraph.graph.types import Graph

OtherArgument = Annotated[
    str, typer.Argument(metavar="SPEC", help="What to compare it with.", autocompletion=completion.specs)
]
PictureOption = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="PATH", help="Draw the second one with the changes in colour: .svg, .png, .pdf, .dot."
    ),
]
RulesOption = Annotated[
    Path | None,
    typer.Option("--rules", metavar="FILE", help="Write the renames of tensors that moved, as --rename reads them."),
]


@takes_modules
def run(
    before: SpecArgument,
    after: OtherArgument,
    output: PictureOption = None,
    depth: DepthOption = None,
    rules: RulesOption = None,
    json: JsonOption = False,
) -> None:
    """Lists what was removed, added and changed: operations, attributes, shapes, weights, who reads what; and what
    becomes of a checkpoint of the first network in the second: keys that fit, change shape, moved, are new or gone.

    `-o` draws the second network with what is added, changed and removed in colour.

    Example: archgraph diff resnet50 wide_resnet50_2
    """
    import archgraph

    watch = Stopwatch()
    first, second = load(before), load(after)
    reads = (first.info.file, second.info.file)
    require_writable(rules, (), *reads)
    picture = None if output is None else target(output, "diff.svg", *reads, any_suffix=True)
    found = archgraph.diff(first, second)
    if json:
        print_json(found.to_json())
    elif not found:
        echo(f"{found.before} and {found.after} are equal")
    else:
        echo(f"{found.text()}{found.checkpoint.text()}", end="")
    if rules is not None:
        _write_rules(rules, found, first)
    if picture is not None:
        _draw(first, second, picture, depth)
        if not json:
            echo(watch.wrote(picture))


def _draw(before: Graph, after: Graph, path: Path, depth: int | None) -> None:
    from archgraph.verbs.inspection import render_diff

    render_diff(before, after, path, depth)


def _write_rules(path: Path, found: Difference, before: Graph) -> None:
    """The renames as a file of rules. Raises SpecError where nothing moved."""
    from archgraph.graph import weights
    from archgraph.weights.rename_rules import rename_rules, rules_text

    renames = found.checkpoint.renames
    if not renames:
        raise SpecError(f"no tensor of {found.before} has moved in {found.after}, so there are no renames to write")
    write_text(path, rules_text(rename_rules(renames, [item.key for item in weights(before)])))
