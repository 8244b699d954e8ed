"""`archgraph import`: a PyTorch module as a spec, proved equal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archgraph.cli.module_source import imported, takes_modules
from archgraph.cli.options import JsonOption, OutputOption
from archgraph.cli.output import Stopwatch, echo, print_json
from archgraph.cli.output_paths import require_writable, target

if TYPE_CHECKING:
    from archgraph.importing.api import Imported

STDOUT = Path("-")

SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="torchvision:NAME, timm:NAME, diffusers:CLASS, transformers:CLASS, or package.module:FACTORY.",
    ),
]
NameOption = Annotated[str, typer.Option("--name", help="The name of the network.")]
WeightsOutOption = Annotated[
    Path | None, typer.Option("--weights", metavar="FILE", help="Writes the module's weights to a safetensors file.")
]
VerifyOption = Annotated[bool, typer.Option("--verify/--no-verify", help="Prove that both compute the same.")]


@takes_modules
def run(
    source: SourceArgument,
    output: OutputOption = None,
    name: NameOption = "",
    weights: WeightsOutOption = None,
    verify: VerifyOption = True,
    json: JsonOption = False,
) -> None:
    """Turns a PyTorch module into a spec, and proves that both compute the same. Runs the code that SOURCE names.

    SOURCE is a network of a library that is installed, or a function or class in a Python file of the current folder
    or of a package: net.py with a class Net is net:Net. `-o -` prints the spec. Next to a file, its certificate says
    what was proved: `archgraph verify net.yaml` compares them.

    Example: archgraph import net:Net --arg width=64 --input x=N,3,H,W -o net.yaml --weights net.safetensors
    """
    from archgraph.graph.spec_text import spec_text
    from archgraph.importing.publication import publish
    from archgraph.importing.reports import report, report_lines

    watch = Stopwatch()
    to_file = None if output == STDOUT else output
    require_writable(to_file, (".yaml",), weights)
    require_writable(weights, (".safetensors",))
    found = imported(source, name=name, verify=verify)
    text = spec_text(found.spec)
    if output == STDOUT:
        _print(found, text, weights, watch, json)
        return
    path = target(output, f"{found.graph.name}.yaml", weights)
    publish(found, path, text, weights)
    if weights is not None:
        echo(watch.wrote(weights), file=sys.stderr)
    if json:
        print_json({"file": str(path), **report(found)})
        return
    proved = []
    if found.parity is not None:
        trials = len(found.parity.sizes)
        proved = [f"equal to the module at {trials} size{'s' if trials > 1 else ''}: {found.parity.difference:.0e}"]
    echo(watch.wrote(path, f"{len(found.graph.nodes)} operations in {text.count(chr(10))} lines", *proved))
    for line in report_lines(found):
        echo(line)


def _print(found: Imported, text: str, weights: Path | None, watch: Stopwatch, json: bool) -> None:
    """The spec on stdout; nothing but the weights is written."""
    from archgraph.importing.reports import report

    if weights is not None:
        from archgraph.verify.shape_check import save_weights

        save_weights(found.module, weights)
        echo(watch.wrote(weights), file=sys.stderr)
    if json:
        print_json({"spec": text, **report(found)})
    else:
        echo(text, end="")
