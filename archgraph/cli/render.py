"""`archgraph render`: the network as a diagram."""

from __future__ import annotations

from archgraph.cli.options import DepthOption, JsonOption, OutputOption, SetOption, SpecArgument, load, stem, target
from archgraph.cli.output import Stopwatch, print_json


def run(
    spec: SpecArgument,
    set_: SetOption = [],  # noqa: B006 - typer copies it
    depth: DepthOption = None,
    output: OutputOption = None,
    json: JsonOption = False,
) -> None:
    """Draws the network as SVG, PNG, PDF or DOT: the suffix of the file decides. `--depth` folds blocks.

    Example: archgraph render resnet50 -o r50.svg
    """
    import archgraph

    watch = Stopwatch()
    graph = load(spec, set_)
    path = target(output, f"{stem(graph)}.svg")
    archgraph.render(graph, path, depth=depth)
    if json:
        print_json({"graph": graph.title, "file": str(path)})
    else:
        print(watch.wrote(path))
