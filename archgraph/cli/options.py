"""The arguments and options that commands share, and how their texts are read."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archgraph.errors import SpecError

if TYPE_CHECKING:
    from archgraph.graph.types import Graph

EXPORTS = Path("exports")
RUN_SPEC = "spec.yaml"
"""What a training run leaves in its folder; it names the weights."""

SpecArgument = Annotated[
    str,
    typer.Argument(
        metavar="SPEC", help="A file, file@preset, a shipped model or preset, or the folder of a training run."
    ),
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
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu or cuda; asked for cuda, it never falls back.")]
DepthOption = Annotated[int | None, typer.Option("--depth", min=1, help="How many levels of blocks to open.")]


def parameters(settings: Iterable[str]) -> dict[str, Any]:
    """What `--set` gives: values by the rules of spec files. Raises SpecError, ReadError."""
    return pairs_as_yaml(settings, "--set", "--set classes=10")


def pairs_as_yaml(given: Iterable[str], option: str, example: str = "") -> dict[str, Any]:
    """What an option of the form KEY=VALUE gives, values read as in spec files. Raises SpecError, ReadError."""
    from archgraph.spec.read import read_text

    found: dict[str, Any] = {}
    for name, text in _pairs(given, option, example or f"{option} name=value"):
        found[name] = read_text(text, f"{option} {name}").data if text.strip() else ""
    return found


def sizes(given: Iterable[str]) -> dict[str, int]:
    """What `--size` gives. Raises SpecError."""
    found: dict[str, int] = {}
    parts = [part for text in given for part in text.split(",")]
    for name, text in _pairs(parts, "--size", "--size H=224"):
        if not text.strip().isdecimal():
            raise SpecError(f"--size {name} needs a number", expected="--size H=224", received=f"{name}={text}")
        found[name] = int(text)
    return found


def _pairs(given: Iterable[str], option: str, example: str) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for text in given:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name.isidentifier():
            raise SpecError(f"{option} takes name=value", expected=example, received=f"{option} {text}")
        if name in seen:
            raise SpecError(f"{option} {name} is given twice")
        seen.add(name)
        yield name, value


def load(spec: str, settings: Iterable[str] = ()) -> Graph:
    """The graph that a command works on, of a spec or of a training run's folder; its warnings are printed."""
    import archgraph
    from archgraph.cli.output import warn

    run = Path(spec) / RUN_SPEC
    graph = archgraph.load(run if run.is_file() else spec, **parameters(settings))
    warn(graph.warnings)
    return graph


def weights_for(spec: Graph | str, asked: str | None, settings: Iterable[str] = ()) -> str | None:
    """The weights asked for, else the trained ones that the spec names (`meta.weights`); None where there are none.

    Settings make another network of a spec, so its trained weights are left out, and it is said. Raises WeightsError.
    """
    import archgraph

    if asked is not None:
        return asked
    graph = load(spec) if isinstance(spec, str) else spec
    found = archgraph.trained_weights(graph)
    if found is not None and list(settings):
        print(
            f"--set changes {graph.title}, so its trained weights are not used; --weights loads some", file=sys.stderr
        )
        return None
    return str(found) if found else None


def stem(graph: Graph) -> str:
    """The file name of what is made of a graph: `resnet50`, `ddpm-cifar10`."""
    preset = graph.info.preset
    if preset.startswith(graph.name):
        return preset
    return f"{graph.name}-{preset}" if preset else graph.name


def target(asked: Path | None, name: str) -> Path:
    """The file to write: the one asked for, else that name in exports/, which is made."""
    if asked is not None:
        return asked
    try:
        EXPORTS.mkdir(exist_ok=True)
    except OSError as error:
        raise SpecError(
            f"the folder {EXPORTS}/ cannot be made", received=error.strerror or str(error), hint="name a file with -o"
        ) from None
    return EXPORTS / name
