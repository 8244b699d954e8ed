"""`archgraph import`: a PyTorch module as a spec, proved equal; several of one class as the presets of one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archgraph.cli.import_pipeline import write_pipeline
from archgraph.cli.key_values import pairs
from archgraph.cli.module_source import imported, imported_family, takes_modules
from archgraph.cli.options import JsonOption, OutputOption
from archgraph.cli.output import Stopwatch, echo, print_json
from archgraph.cli.output_paths import require_writable, target
from archgraph.errors import SpecError
from archgraph.importing.sources.saved_folders import is_pipeline
from archgraph.importing.sources.source_names import preset_and_source

if TYPE_CHECKING:
    from archgraph.importing.api import Imported
    from archgraph.importing.family import ImportedFamily

STDOUT = Path("-")

SourcesArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE...",
        help="torchvision:NAME, timm:NAME, diffusers:CLASS, transformers:CLASS, package.module:FACTORY, or a folder "
        "that save_pretrained wrote. Several become presets; PRESET=SOURCE names one.",
    ),
]
NameOption = Annotated[str, typer.Option("--name", help="The name of the network.")]
WeightsOutOption = Annotated[
    Path | None,
    typer.Option("--weights", metavar="FILE", help="Writes the module's weights to a safetensors file; of one SOURCE."),
]
RenameOption = Annotated[
    list[str],
    typer.Option("--rename-param", metavar="OLD=NEW", help="Another name for a parameter of a family."),
]
VerifyOption = Annotated[bool, typer.Option("--verify/--no-verify", help="Prove that both compute the same.")]


@takes_modules
def run(
    sources: SourcesArgument,
    output: OutputOption = None,
    name: NameOption = "",
    weights: WeightsOutOption = None,
    rename_param: RenameOption = [],  # noqa: B006 - typer copies it
    verify: VerifyOption = True,
    json: JsonOption = False,
) -> None:
    """Turns a PyTorch module into a spec, and proves that both compute the same. Runs the code that SOURCE names.

    SOURCE is a network of a library that is installed, or a function or class in a Python file of the current folder
    or of a package: net.py with a class Net is net:Net. `-o -` prints the spec. Next to a file, its certificate says
    what was proved: `archgraph verify net.yaml` compares them.

    Several sources are a family: networks of one class become one spec, in which each is a preset, called as the last
    word of its source or as PRESET=SOURCE says; its parameters are what differs between them, with the first network's
    as defaults. --arg and --input are for each of them.

    A folder of transformers or diffusers is read with its weights. One of a pipeline (model_index.json) becomes a
    folder, -o, with a spec and a safetensors file for each network.

    Example: archgraph import net:Net --arg width=64 --input x=N,3,H,W -o net.yaml --weights net.safetensors
    """
    watch = Stopwatch()
    if len(sources) == 1 and is_pipeline(sources[0]):
        one = {"--name": name, "--weights": weights, "--rename-param": rename_param}
        write_pipeline(Path(sources[0]), output, one, verify=verify, json=json)
        return
    to_file = None if output == STDOUT else output
    require_writable(to_file, (".yaml",), weights)
    require_writable(weights, (".safetensors",))
    if len(sources) > 1 or preset_and_source(sources[0])[0]:
        if weights is not None:
            raise SpecError(
                "--weights writes the weights of one module, and a family is named",
                hint="import that network by itself: the keys of its preset are the same",
            )
        renamed = dict(pairs(rename_param, "--rename-param", "--rename-param num_classes=classes"))
        _write_family(imported_family(sources, name=name, verify=verify, renamed=renamed), output, watch, json)
    elif rename_param:
        raise SpecError(
            "--rename-param is for the parameters of a family, and one network has none",
            hint="name it as a preset (PRESET=SOURCE), or several networks",
        )
    else:
        _write(imported(sources[0], name=name, verify=verify), output, weights, watch, json)


def _write(found: Imported, output: Path | None, weights: Path | None, watch: Stopwatch, json: bool) -> None:
    """The files of one network, and what is told of them."""
    from archgraph.graph.spec_text import spec_text
    from archgraph.importing.publication import publish
    from archgraph.importing.reports import report, report_lines

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


def _write_family(found: ImportedFamily, output: Path | None, watch: Stopwatch, json: bool) -> None:
    """The files of a family, and what is told of them."""
    from archgraph.graph.spec_text import spec_text
    from archgraph.importing.publication import publish_family
    from archgraph.importing.reports import family_lines, family_report

    text = spec_text(found.spec)
    if output == STDOUT:
        if json:
            print_json({"spec": text, **family_report(found)})
        else:
            echo(text, end="")
        return
    path = target(output, f"{found.name}.yaml")
    publish_family(found, path, text)
    if json:
        print_json({"file": str(path), **family_report(found)})
        return
    differences = [one.parity.difference for one in found.networks.values() if one.parity is not None]
    proved = [f"each equal to its module: {max(differences):.0e}"] if found.proved else []
    echo(watch.wrote(path, f"{len(found.networks)} presets in {text.count(chr(10))} lines", *proved))
    for line in family_lines(found):
        echo(line)
