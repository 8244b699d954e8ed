"""A model that was asked for by name: an exported file as it is, or a spec, which is exported for this run only."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from archgraph.cli.options import load, stem, weights_for
from archgraph.errors import ArchgraphError, ModelFileError, Problem, SpecError


@contextmanager
def exported(
    model: str, settings: Sequence[str], weights: str | None, seed: int, *, sampled: bool = False
) -> Iterator[Path]:
    """The file to run; of a spec that is `sampled`, with the branch of the time apart.

    Raises SpecError where options ask for what a finished file cannot give.
    """
    if model.endswith(".onnx"):
        if settings or weights:
            option = "--set" if settings else "--weights"
            raise SpecError(f"{option} has no effect on {model}, which is exported already", hint="export it again")
        if not Path(model).is_file():
            raise ModelFileError(
                f"there is no file '{model}'", hint="write it with `archgraph export SPEC -o FILE.onnx`"
            )
        yield Path(model)
        return
    import archgraph

    graph = load(model, settings)
    weights = weights_for(graph, weights, settings)
    if weights is None:
        print(
            f"{graph.title} runs with random weights (seed {seed}); --weights FILE loads trained ones", file=sys.stderr
        )
    with tempfile.TemporaryDirectory(prefix="archgraph-") as folder:
        path = Path(folder) / f"{stem(graph)}.onnx"
        source = graph if weights else archgraph.to_torch(graph, seed=seed)
        archgraph.to_onnx(source, path, weights=weights, verify=False, split_time=None if sampled else False)
        try:
            yield path
        except ArchgraphError as error:
            raise type(error)(*(_named(problem, path, graph.title) for problem in error.problems)) from None


def _named(problem: Problem, path: Path, title: str) -> Problem:
    """A complaint about the file of this run only, which the person has never seen: about the network instead."""

    def told(text: str) -> str:
        return text.replace(str(path), title).replace(path.name, title)

    return replace(
        problem,
        message=told(problem.message),
        expected=told(problem.expected),
        received=told(problem.received),
        hint=told(problem.hint),
    )
