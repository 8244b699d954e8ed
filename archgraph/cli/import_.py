"""`archgraph import`: a PyTorch module as a spec, proved equal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from archgraph.cli.module_source import import_from_here
from archgraph.cli.options import JsonOption, OutputOption, pairs_as_yaml
from archgraph.cli.output import Stopwatch, echo, print_json, write_text
from archgraph.cli.output_paths import target
from archgraph.errors import SpecError

STDOUT = Path("-")

SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="torchvision:NAME, timm:NAME, diffusers:CLASS, transformers:CLASS, or package.module:FACTORY.",
    ),
]
ArgOption = Annotated[
    list[str], typer.Option("--arg", metavar="NAME=VALUE", help="An argument of the factory, read as YAML.")
]
InputOption = Annotated[
    list[str],
    typer.Option("--input", metavar="NAME=SIZES", help="What the forward reads: --input x=N,3,H,W --input t=N:int64."),
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="A config.json to make the class with.")
]
NameOption = Annotated[str, typer.Option("--name", help="The name of the network.")]
WeightsOutOption = Annotated[
    Path | None, typer.Option("--weights", metavar="FILE", help="Writes the module's weights to a safetensors file.")
]
VerifyOption = Annotated[bool, typer.Option("--verify/--no-verify", help="Prove that both compute the same.")]


def run(
    source: SourceArgument,
    arg: ArgOption = [],  # noqa: B006 - typer copies it
    input_: InputOption = [],  # noqa: B006
    config: ConfigOption = None,
    output: OutputOption = None,
    name: NameOption = "",
    weights: WeightsOutOption = None,
    verify: VerifyOption = True,
    json: JsonOption = False,
) -> None:
    """Turns a PyTorch module into a spec, and proves that both compute the same. Runs the code that SOURCE names.

    Example: archgraph import torchvision:resnet50 -o resnet50.yaml
    """
    import_from_here()
    from archgraph.importing.api import import_module
    from archgraph.importing.example_inputs import described
    from archgraph.importing.reports import report, report_lines
    from archgraph.importing.sources import module_source

    watch = Stopwatch()
    made = module_source(source, pairs_as_yaml(arg, "--arg"), _config(config))
    found = import_module(made, dict(map(described, input_)), name=name, verify=verify)
    text = found.graph.spec()
    for note in found.notes:
        echo(f"note: {note}", file=sys.stderr)
    if weights is not None:
        from archgraph.verify.shape_check import save_weights

        save_weights(found.module, weights)
        echo(watch.wrote(weights), file=sys.stderr)
    if output == STDOUT:
        if json:
            print_json({"spec": text, **report(found)})
        else:
            echo(text, end="")
        return
    path = target(output, f"{found.graph.name}.yaml", "")
    write_text(path, text)
    if json:
        print_json({"file": str(path), **report(found)})
        return
    proved = []
    if found.parity is not None:
        trials = len(found.parity.sizes)
        proved = [f"equal to the module at {trials} size{'s' if trials > 1 else ''}: {found.parity.difference:.0e}"]
        for line in found.parity.refused:
            echo(f"note: the module itself refuses {line}", file=sys.stderr)
    echo(watch.wrote(path, f"{len(found.graph.nodes)} operations in {text.count(chr(10))} lines", *proved))
    for line in report_lines(found):
        echo(line)


def _config(path: Path | None) -> dict[str, object] | None:
    if path is None:
        return None
    from archgraph.language.reading.document import read_text

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"--config {path} cannot be read", received=str(error)) from None
    found = read_text(text, str(path), "json" if path.suffix == ".json" else "yaml").data
    if not isinstance(found, dict):
        raise SpecError(f"--config {path} is no mapping", received=type(found).__name__)
    return dict(found)
