"""The arguments and options that commands share, and how their texts are read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archgraph.artifact.whole_numbers import whole_number
from archgraph.cli import completion
from archgraph.cli.key_values import pairs, pairs_as_yaml
from archgraph.cli.module_source import imported_graph
from archgraph.errors import SpecError
from archgraph.importing.sources.source_names import names_module

if TYPE_CHECKING:
    from archgraph.graph.types import Graph

RUN_SPEC = "spec.yaml"
"""The spec in the folder of a training run; it names the weights."""

SpecArgument = Annotated[
    str,
    typer.Argument(
        metavar="SPEC",
        help="A file, file@preset, a shipped model or preset, an exported file, the folder of a training run, or a"
        " module of PyTorch: timm:resnet18.",
        autocompletion=completion.specs,
    ),
]
NameArgument = Annotated[
    str | None, typer.Argument(metavar="[NAME]", help="Show the text of this one.", autocompletion=completion.models)
]
SetOption = Annotated[
    list[str],
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Sets a parameter; the value is read as YAML: --set 'depths=[2, 2]'."
    ),
]
SizeOption = Annotated[
    list[str],
    typer.Option("--size", metavar="SYMBOL=NUMBER", help="Gives symbolic sizes numbers: --size N=1,H=224,W=224."),
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="PATH", help="Where to write; by default a file in exports/.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Where randomness starts.")]
DeviceOption = Annotated[
    str,
    typer.Option(
        "--device",
        help="auto, cpu, cuda or tensorrt; what is asked for by name never falls back.",
        autocompletion=completion.devices,
    ),
]
KeepOption = Annotated[
    list[str],
    typer.Option("--keep", metavar="PATH", help="A node or block that stays in float32; may be given again."),
]
DepthOption = Annotated[int | None, typer.Option("--depth", min=1, help="How many levels of blocks to open.")]


def parameters(settings: Iterable[str]) -> dict[str, Any]:
    """The parameters of `--set`: values by the rules of spec files. Raises SpecError, ReadError."""
    return pairs_as_yaml(settings, "--set", "--set classes=10")


def sizes(given: Iterable[str]) -> dict[str, int]:
    """The sizes of `--size`. Raises SpecError."""
    found: dict[str, int] = {}
    parts = [part for text in given for part in text.split(",")]
    for name, text in pairs(parts, "--size", "--size H=224"):
        number = whole_number(text)
        if number is None:
            raise SpecError(f"--size {name} needs a number", expected="--size H=224", received=f"{name}={text[:40]}")
        found[name] = number
    return found


def load(spec: str, settings: Iterable[str] = (), *, unread: str = "") -> Graph:
    """The graph that a command works on, of a spec or of a training run's folder; its warnings are printed.

    What is only noted, such as a block that hides an operation, is for `archgraph check`; so are warnings that begin
    with a key of `meta` that the command does not read.
    """
    import archgraph
    from archgraph.cli.output import warn

    if names_module(spec):
        if list(settings):
            raise SpecError(f"--set has no effect on {spec}, which is no spec", hint="--arg NAME=VALUE")
        return imported_graph(spec)
    run = Path(spec) / RUN_SPEC
    graph = archgraph.load(run if run.is_file() else spec, **parameters(settings))
    told = (problem for problem in graph.warnings if problem.severity != "note")
    warn(problem for problem in told if not unread or not problem.message.startswith(f"`{unread}`"))
    return graph


def stem(graph: Graph) -> str:
    """The file name of what is made of a graph: `resnet50`, `ddpm-cifar10`."""
    preset = graph.info.preset
    if preset.startswith(graph.name):
        return preset
    return f"{graph.name}-{preset}" if preset else graph.name
