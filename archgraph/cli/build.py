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
    WeightsOption,
    load,
    sizes,
    stem,
    weights_for,
)
from archgraph.cli.output import Stopwatch, echo, print_json
from archgraph.cli.output_paths import target
from archgraph.cli.swaps import require_weights_of

HalfOption = Annotated[bool, typer.Option("--half", help="Write the weights as float16, half as large.")]


@takes_modules
def run(
    spec: SpecArgument,
    set_: SetOption = [],  # noqa: B006 - typer copies it
    weights: WeightsOption = None,
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
    weights = weights_for(graph, weights, set_)
    path = target(output, f"{stem(graph)}.safetensors", graph.info.file, weights)
    module = archgraph.to_torch(graph, weights=weights, seed=seed)
    trial = try_once(module, graph, sizes(size))
    save_weights(module.half() if half else module, path)
    if json:
        print_json({"file": str(path), **trial.to_json()})
        return
    echo(trial.text(), end="")
    echo(watch.wrote(path, "" if weights else f"random weights, seed {seed}"))
