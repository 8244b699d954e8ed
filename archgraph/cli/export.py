"""`archgraph export`: the network as an ONNX file that is shown to be equal to it."""

from __future__ import annotations

from typing import Annotated

import typer

from archgraph.cli.options import (
    JsonOption,
    OutputOption,
    SeedOption,
    SetOption,
    SpecArgument,
    WeightsOption,
    load,
    stem,
    target,
    weights_for,
)
from archgraph.cli.output import Stopwatch, print_json
from archgraph.errors import InputError


def run(
    spec: SpecArgument,
    set_: SetOption = [],  # noqa: B006 - typer copies it
    weights: WeightsOption = None,
    seed: SeedOption = 0,
    profile: Annotated[
        str,
        typer.Option(
            "--profile",
            help="portable (standard operators), cpu (ONNX Runtime's own too) or cuda (those that CUDA has).",
        ),
    ] = "portable",
    verify: Annotated[bool, typer.Option(help="Compare the file with torch at several sizes.")] = True,
    split_time: Annotated[
        bool,
        typer.Option("--split-time", help="Put what depends on the time alone into NAME.time.onnx, for sampling."),
    ] = False,
    dtype: Annotated[
        str,
        typer.Option("--dtype", help="float32, float16 or bfloat16; norms, softmax and the time stay in float32."),
    ] = "float32",
    keep: Annotated[
        list[str],
        typer.Option("--keep", metavar="PATH", help="A node or block that stays in float32; may be given again."),
    ] = [],  # noqa: B006 - typer copies it
    output: OutputOption = None,
    json: JsonOption = False,
) -> None:
    """Writes the network as ONNX, runs the file beside torch at several sizes, and says how far they differ.

    Example: archgraph export ddpm@cifar10 --weights ddpm.safetensors -o ddpm.onnx
    """
    import archgraph

    watch = Stopwatch()
    graph = load(spec, set_)
    weights = weights_for(graph, weights, set_)
    path = target(output, f"{stem(graph)}.onnx", graph.info.file, weights)
    source = graph if weights or not seed else archgraph.to_torch(graph, seed=seed)
    if keep and dtype == "float32":
        raise InputError("--keep names what stays in float32 beside another type", hint="add --dtype float16")
    report = archgraph.to_onnx(
        source,
        path,
        weights=weights,
        profile=profile,
        verify=verify,
        split_time=split_time,
        dtype=dtype,
        keep=keep,
    )
    if json:
        print_json(report.to_json())
        return
    print(watch.wrote(path, "" if weights else f"random weights, seed {seed}"))
    print(report.text() if verify else "not verified")
