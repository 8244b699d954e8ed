"""`archgraph build`: the network as a torch module, run once."""

from __future__ import annotations

from typing import Annotated

import typer

from archgraph.cli.module_source import takes_modules
from archgraph.cli.options import (
    JsonOption,
    OutputOption,
    SeedOption,
    SetOption,
    SizeOption,
    SpecArgument,
    load,
    sizes,
    stem,
)
from archgraph.cli.output import Stopwatch, echo, print_json
from archgraph.cli.output_paths import target
from archgraph.cli.swaps import require_weights_of
from archgraph.cli.weights_options import WeightsParameter, files_of, reported, takes_weights, weights_for

HalfOption = Annotated[bool, typer.Option("--half", help="Write the weights as float16, half as large.")]


@takes_modules
@takes_weights
def run(
    spec: SpecArgument,
    set_: SetOption = [],  # noqa: B006 - typer copies it
    weights: WeightsParameter = None,
    seed: SeedOption = 0,
    size: SizeOption = [],  # noqa: B006
    half: HalfOption = False,
    output: OutputOption = None,
    json: JsonOption = False,
) -> None:
    """Compiles to torch, runs it once, shows that every shape is the inferred one, and writes its weights.

    Example: archgraph build resnet18 --size N=1 -o resnet18.safetensors
    """
    import archgraph
    from archgraph.verify.shape_check import save_weights, try_once

    watch = Stopwatch()
    require_weights_of(spec, weights)
    graph = load(spec, set_)
    found = weights_for(graph, weights, set_)
    path = target(output, f"{stem(graph)}.safetensors", graph.info.file, *files_of(weights, found))
    module = archgraph.to_torch(graph, weights=found, seed=seed)
    trial = try_once(module, graph, sizes(size))
    save_weights(module.half() if half else module, path)
    if json:
        print_json({"file": str(path), **trial.to_json(), **reported(found)})
        return
    echo(trial.text(), end="")
    echo(watch.wrote(path, "" if found else f"random weights, seed {seed}"))
