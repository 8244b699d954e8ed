"""The MODEL argument of a command: an exported file as it is, or a spec, which is exported for this run only."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from archgraph.artifact.file_kinds import not_a_file
from archgraph.cli.options import load, stem
from archgraph.cli.output import echo
from archgraph.cli.weights_options import drawn, weights_for
from archgraph.errors import ArchgraphError, ModelFileError, Problem, ProviderError, SpecError

if TYPE_CHECKING:
    from archgraph.runtime import Session
    from archgraph.weights.requests import WeightsRequest


Write = Callable[[str], None]


def finished(model: str, settings: Sequence[str], weights: WeightsRequest | None) -> Path | None:
    """The path of a model that is exported already; None for a spec. Raises SpecError, ModelFileError."""
    if not model.endswith(".onnx"):
        return None
    if settings or weights:
        option = "--set" if settings else "--weights"
        raise SpecError(f"{option} has no effect on {model}, which is exported already", hint="export it again")
    if odd := not_a_file(Path(model)):
        raise ModelFileError(f"{model} is {odd}", expected="an ONNX file")
    if not Path(model).is_file():
        raise ModelFileError(f"there is no file '{model}'", hint="write it with `archgraph export SPEC -o FILE.onnx`")
    return Path(model)


@contextmanager
def opened(
    model: str,
    settings: Sequence[str],
    weights: WeightsRequest | None,
    seed: int,
    device: str,
    *,
    sampled: bool = False,
) -> Iterator[Session]:
    """A session on the model; a spec is exported under the profile of the device that it will run on, and one that is
    `sampled` with the branch of the time apart.

    Raises SpecError where options ask for what a finished file cannot give.
    """
    from archgraph.runtime import Session

    ready = finished(model, settings, weights)
    if ready is not None:
        with Session(ready, device) as session:
            yield session
        return
    with _drafted(model, settings, weights, seed, sampled) as (path, write), _session(path, device, write) as session:
        yield session


@contextmanager
def exported(model: str, settings: Sequence[str], weights: WeightsRequest | None, seed: int) -> Iterator[Path]:
    """The file to look at; a spec is exported for the CPU. Raises as `opened` does."""
    ready = finished(model, settings, weights)
    if ready is not None:
        yield ready
        return
    with _drafted(model, settings, weights, seed) as (path, write):
        write("cpu")
        yield path


@contextmanager
def _drafted(
    model: str, settings: Sequence[str], weights: WeightsRequest | None, seed: int, sampled: bool = False
) -> Iterator[tuple[Path, Write]]:
    """A place for the file of a spec, for this run only, and what writes it there under a profile."""
    import archgraph
    from archgraph.graph.task import roles

    graph = load(model, settings)
    found = weights_for(graph, weights, settings)
    if found is None and not (sampled and roles(graph) is None):  # what follows then is that it cannot be sampled
        echo(
            f"{graph.title} runs with random weights (seed {seed}); --weights FILE loads trained ones", file=sys.stderr
        )
    with tempfile.TemporaryDirectory(prefix="archgraph-") as folder:
        path = Path(folder) / f"{stem(graph)}.onnx"
        whole = drawn(graph, found, seed)
        source = graph if whole else archgraph.to_torch(graph, seed=seed)
        split_time = None if sampled else False

        def write(profile: str) -> None:
            archgraph.to_onnx(source, path, weights=whole, profile=profile, verify=False, split_time=split_time)

        try:
            yield path, write
        except ArchgraphError as error:
            raise type(error)(*(_named(problem, path, graph.title) for problem in error.problems)) from None


def _session(path: Path, device: str, write: Write) -> Session:
    """The session on a file that `write` makes under a profile.

    TensorRT reads standard operators. Where nothing speaks against CUDA, whether its libraries load shows only now;
    `auto` then takes the CPU's profile.
    """
    from archgraph.runtime import Session, available_devices

    on_cuda = device == "cuda" or (device == "auto" and "cuda" in available_devices())
    write("cuda" if on_cuda else "portable" if device == "tensorrt" else "cpu")
    if not on_cuda or device == "cuda":
        return Session(path, device)
    try:
        return Session(path, "cuda")
    except ProviderError:
        write("cpu")
        return Session(path, device)


def _named(problem: Problem, path: Path, title: str) -> Problem:
    """A complaint about the file of this run only, which the person has never seen: about the network instead."""

    def renamed(text: str) -> str:
        return text.replace(str(path), title).replace(path.name, title)

    return replace(
        problem,
        message=renamed(problem.message),
        expected=renamed(problem.expected),
        received=renamed(problem.received),
        hint=renamed(problem.hint),
    )
