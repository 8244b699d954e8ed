"""The arguments and options that commands share, and how their texts are read."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archgraph.artifact.weight_files import PICKLE
from archgraph.artifact.whole_numbers import whole_number
from archgraph.cli import completion
from archgraph.cli.key_values import pairs, pairs_as_yaml
from archgraph.cli.module_source import imported_graph, imported_weights, names_module
from archgraph.errors import SpecError, WeightsError

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
WeightsOption = Annotated[
    str | None,
    typer.Option("--weights", metavar="FILE", help="A safetensors file (or pickle:FILE, trusted); else random ones."),
]
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


def load(spec: str, settings: Iterable[str] = ()) -> Graph:
    """The graph that a command works on, of a spec or of a training run's folder; its warnings are printed.

    What is only noted, such as a block that hides an operation, is for `archgraph check`.
    """
    import archgraph
    from archgraph.cli.output import warn

    if names_module(spec):
        if list(settings):
            raise SpecError(f"--set has no effect on {spec}, which is no spec", hint="--arg NAME=VALUE")
        return imported_graph(spec)
    run = Path(spec) / RUN_SPEC
    graph = archgraph.load(run if run.is_file() else spec, **parameters(settings))
    warn(problem for problem in graph.warnings if problem.severity != "note")
    return graph


def weights_for(spec: Graph | str, asked: str | None, settings: Iterable[str] = ()) -> str | None:
    """The weights of --weights, else the trained ones that the spec names (`meta.weights`); None where there are none.

    Settings make another network of a spec, so its trained weights are left out, with a message. Raises WeightsError.
    """
    import archgraph

    if asked is not None:
        require_form(asked)
        return asked
    graph = load(spec) if isinstance(spec, str) else spec
    if own := imported_weights(graph):
        return str(own)
    found = archgraph.trained_weights(graph)
    if found is not None and list(settings):
        from archgraph.cli.output import echo

        echo(f"--set changes {graph.title}, so its trained weights are not used; --weights loads some", file=sys.stderr)
        return None
    return str(found) if found else None


def require_form(weights: str) -> None:
    """Raises WeightsError for what is no weights, for a pickle that is named safetensors, and for a safetensors file
    that is called a pickle.

    A safetensors file begins with the length of its JSON header, a pickle of torch is a zip file or a bare pickle.
    torch goes by the name alone, so a pickle of that name must be renamed.
    """
    from archgraph.cli.swaps import require_weights_file

    path, asked = Path(weights.removeprefix(PICKLE)).expanduser(), weights.startswith(PICKLE)
    require_weights_file(path)
    if path.suffix != ".safetensors" or not path.is_file():
        return
    with path.open("rb") as file:
        start = file.read(9)
    safe = start[8:] == b"{"
    if asked and safe:
        raise WeightsError(f"{path} is no pickle but a safetensors file", hint=f"--weights {path}")
    if not safe and start.startswith((b"PK\x03\x04", b"\x80")):
        raise WeightsError(
            f"{path} looks like a pickle, whatever its name says; reading one can run code that it brings along",
            expected="a safetensors file",
            hint=f"convert it; or, if you trust it, rename it: --weights {PICKLE}{path.with_suffix('.pt')}",
        )


def stem(graph: Graph) -> str:
    """The file name of what is made of a graph: `resnet50`, `ddpm-cifar10`."""
    preset = graph.info.preset
    if preset.startswith(graph.name):
        return preset
    return f"{graph.name}-{preset}" if preset else graph.name
