"""`archgraph render`: the network as a diagram."""

from __future__ import annotations

from archgraph.cli.options import DepthOption, JsonOption, OutputOption, SetOption, SpecArgument, load, stem
from archgraph.cli.output import Stopwatch, print_json
from archgraph.cli.places import target


def run(
    spec: SpecArgument,
    set_: SetOption = [],  # noqa: B006 - typer copies it
    depth: DepthOption = None,
    output: OutputOption = None,
    json: JsonOption = False,
) -> None:
    """Draws the network as SVG, PNG, PDF or DOT: the suffix of the file decides.

    `--depth 1` folds the parts at the top; each further number opens one more level of blocks, where there is one. By
    default the deepest level that needs at most 60 boxes and fits a page. A number beside "× n" is the sum of all n; a
    number in a frame "× n" is that of one copy, unless it says "in all".

    Example: archgraph render resnet50 -o r50.svg
    """
    import archgraph

    watch = Stopwatch()
    graph = load(spec, set_)
    path = target(output, f"{stem(graph)}.svg", graph.info.file, any_suffix=True)
    archgraph.render(graph, path, depth=depth)
    if json:
        print_json({"graph": graph.title, "file": str(path)})
    else:
        print(watch.wrote(path))
