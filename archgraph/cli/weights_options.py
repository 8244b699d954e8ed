"""The options of every command that takes weights: where they are, and how they become the network's."""

from __future__ import annotations

import functools
import inspect
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from archgraph.cli.module_source import imported_weights
from archgraph.cli.output import echo
from archgraph.cli.swaps import require_weights_file
from archgraph.errors import WeightsError

if TYPE_CHECKING:
    from archgraph.graph.types import Graph
    from archgraph.weights.fitting import FittedWeights
    from archgraph.weights.requests import WeightsRequest

    WeightsParameter: TypeAlias = WeightsRequest | None
else:  # typer reads the annotations, and a request loads numpy
    WeightsParameter = Any
"""What a command gets: the options below as one request; None where none was given."""

_PANEL = "How weights become the network's"
WeightsOption = Annotated[
    list[str],
    typer.Option(
        "--weights",
        metavar="[PATH=]FILE",
        help="A safetensors file, pickle:FILE#STATE (trusted) or hf:OWNER/NAME; else random ones. PATH=FILE fills a"
        " part of the network; may be repeated.",
    ),
]
PartOption = Annotated[
    str,
    typer.Option("--part", metavar="PREFIX", help="Take only the file's keys under it.", rich_help_panel=_PANEL),
]
FreshOption = Annotated[
    list[str],
    typer.Option(
        "--fresh",
        metavar="PATH",
        help="These weights start anew: --fresh fc,layer4.*; all else must fit.",
        rich_help_panel=_PANEL,
    ),
]
RenameOption = Annotated[
    list[str],
    typer.Option("--rename", metavar="RULES", help="A YAML file of rules, old keys to new.", rich_help_panel=_PANEL),
]
ResizeOption = Annotated[
    list[str],
    typer.Option(
        "--resize",
        metavar="PATH[:METHOD]",
        help="Position tables that may have another size; METHOD: torchvision, timm or transformers.",
        rich_help_panel=_PANEL,
    ),
]
LoraOption = Annotated[
    list[str],
    typer.Option(
        "--lora", metavar="FILE[:SCALE]", help="An adapter to merge: style.safetensors:0.8.", rich_help_panel=_PANEL
    ),
]
_ADDED = tuple(
    inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=option)
    for name, default, option in (
        ("part", "", PartOption),
        ("fresh", [], FreshOption),
        ("rename", [], RenameOption),
        ("resize", [], ResizeOption),
        ("lora", [], LoraOption),
    )
)


def takes_weights(run: Callable[..., None]) -> Callable[..., None]:
    """A command whose `weights` are a request, made of the options above."""

    @functools.wraps(run)
    def command(**given: Any) -> None:
        added = {one.name: given.pop(one.name) for one in _ADDED}
        run(**given | {"weights": request(given["weights"], **added)})

    own = list(inspect.signature(run, eval_str=True).parameters.values())
    at = [one.name for one in own].index("weights")
    own[at] = own[at].replace(default=[], annotation=WeightsOption)
    command.__annotations__ = {**run.__annotations__, "weights": WeightsOption}
    command.__dict__["__signature__"] = inspect.Signature(
        [*(one.replace(kind=one.KEYWORD_ONLY) for one in (*own[: at + 1], *_ADDED, *own[at + 1 :]))]
    )
    return command


def request(sources: Sequence[str], **options: Any) -> WeightsRequest | None:
    """The request of the options; None where none was given. Raises WeightsError for files that are no weights."""
    if not sources and not any(options.values()):
        return None
    from archgraph.weights.requests import WeightsRequest

    lists = {name: tuple(parted(value)) for name, value in options.items() if name != "part"}
    made = WeightsRequest(tuple(sources), options.get("part") or "", **lists)
    for source in made.each:
        if source.path is not None:
            require_weights_file(source.path)
    return made


def parted(texts: Iterable[str]) -> list[str]:
    """The entries of lists with commas; those in braces belong to a pattern."""
    return [part.strip() for text in texts for part in re.split(r",(?![^{]*\})", text) if part.strip()]


def weights_for(
    graph: Graph, asked: WeightsRequest | None, settings: Iterable[str] = (), *, quiet: bool = False
) -> FittedWeights | None:
    """The weights of --weights, else the trained ones that the spec names (`meta.weights`), made to fit and told of
    where that took anything; None where there are none.

    Settings make another network of a spec, so its trained weights are left out, with a message. Raises WeightsError.
    """
    chosen = asked if asked is not None and asked.sources else _own(graph, asked, list(settings))
    if chosen is None:
        return None
    from archgraph.weights.fitting import fitted
    from archgraph.weights.targets import network_of

    found = fitted(network_of(graph), chosen)
    if not found.report.plain and not quiet:
        for line in found.report.lines():
            echo(line, file=sys.stderr)
    return found


def _own(graph: Graph, asked: WeightsRequest | None, settings: Sequence[str]) -> WeightsRequest | None:
    """The weights that come with a network, under the options that were given for them. Raises WeightsError."""
    import archgraph
    from archgraph.weights.requests import WeightsRequest

    found = imported_weights(graph) or archgraph.trained_weights(graph)
    if found is not None and settings and asked is None and not imported_weights(graph):
        echo(f"--set changes {graph.title}, so its trained weights are not used; --weights loads some", file=sys.stderr)
        return None
    if asked is None:
        return None if found is None else WeightsRequest((str(found),))
    if found is None:
        options = ("part", "fresh", "rename", "resize", "lora")
        given = next(f"--{name}" for name in options if getattr(asked, name))
        raise WeightsError(f"{given} has no effect without weights", hint="--weights FILE names them")
    return WeightsRequest((str(found),), asked.part, asked.fresh, asked.rename, asked.resize, asked.lora)


def drawn(graph: Graph, found: FittedWeights | None, seed: int) -> FittedWeights | None:
    """The weights, with those that start anew drawn from the seed."""
    if found is None or not found.fresh:
        return found
    import archgraph

    return found.completed(archgraph.to_torch(graph, weights=found, seed=seed))


def files_of(asked: WeightsRequest | None, found: FittedWeights | None = None) -> tuple[Path, ...]:
    """The files that a command reads for its weights, and must not overwrite."""
    return (*(asked.paths if asked is not None else ()), *(found.files if found is not None else ()))


def as_text(asked: WeightsRequest) -> str:
    """A request as one text, which `of_text` reads: a picture's record says so how it was made."""
    if asked.plain is not None:
        return asked.plain
    words = [word for source in asked.sources for word in ("--weights", source)]
    words += ["--part", asked.part] if asked.part else []
    for name in ("fresh", "rename", "resize", "lora"):
        words += [word for value in getattr(asked, name) for word in (f"--{name}", value)]
    return shlex.join(words)


def of_text(text: str) -> WeightsRequest | None:
    """The request of a text. Raises WeightsError where it is none."""
    if not text.startswith("--"):
        return request([text])
    words = shlex.split(text)
    found: dict[str, list[str]] = {}
    for option, value in zip(words[::2], words[1::2], strict=False):
        found.setdefault(option.removeprefix("--"), []).append(value)
    part = found.pop("part", [""])[0]
    sources = found.pop("weights", [])
    if not sources or found.keys() - {"fresh", "rename", "resize", "lora"}:
        raise WeightsError("this is no request for weights", received=text[:200])
    return request(sources, part=part, **found)


def reported(found: FittedWeights | None) -> dict[str, Any]:
    """The entry of a command's JSON about what was done to its weights; none where they fitted as they are."""
    return {} if found is None or found.report.plain else {"weights_report": found.report.to_json()}
