"""`archgraph export`: the network as an ONNX file that is shown to be equal to it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from archgraph.cli.options import (
    JsonOption,
    KeepOption,
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
from archgraph.cli.quantized import Quantization
from archgraph.errors import SpecError

CalibrateOption = Annotated[
    str | None,
    typer.Option("--calibrate", metavar="DATA", help="A folder of images, an .npz file, or digits; for --quantize."),
]
SamplesOption = Annotated[
    int | None,
    typer.Option("--calibration-samples", min=8, metavar="N", help="How many examples to calibrate on; 128."),
]
ErrorOption = Annotated[
    float | None,
    typer.Option("--allowed-error", metavar="PART", help="How far int8 may move the output; 0.03 of its size."),
]


def run(
    spec: SpecArgument,
    set_: SetOption = [],  # noqa: B006 - typer copies it
    weights: WeightsOption = None,
    seed: SeedOption = 0,
    profile: Annotated[
        str, typer.Option("--profile", help="portable (standard operators) or cpu (ONNX Runtime's own too).")
    ] = "portable",
    verify: Annotated[bool, typer.Option(help="Compare the file with torch at several sizes.")] = True,
    quantize: Annotated[
        str | None, typer.Option("--quantize", metavar="SCHEME", help="int8: for the CPU, with what it costs.")
    ] = None,
    calibrate: CalibrateOption = None,
    calibration_samples: SamplesOption = None,
    allowed_error: ErrorOption = None,
    keep: KeepOption = [],  # noqa: B006
    output: OutputOption = None,
    json: JsonOption = False,
) -> None:
    """Writes the network as ONNX, runs the file beside torch at several sizes, and says how far they differ.

    Example: archgraph export ddpm@cifar10 --weights ddpm.safetensors -o ddpm.onnx
    """
    import archgraph

    watch = Stopwatch()
    asked = Quantization(quantize, calibrate, calibration_samples, allowed_error, tuple(keep))
    asked.require(profile)
    if keep and quantize is None:
        raise SpecError("--keep has no effect on a file in float32", hint="--quantize int8")
    graph = load(spec, set_)
    weights = weights_for(graph, weights, set_)
    path = target(output, f"{stem(graph)}{'-' + quantize if quantize else ''}.onnx", graph.info.file, weights)
    source = graph if weights or not seed else archgraph.to_torch(graph, seed=seed)
    notes = "" if weights else f"random weights, seed {seed}"

    def export(file: Path) -> Any:
        return archgraph.to_onnx(source, file, weights=weights, profile=profile, verify=verify)

    if quantize is not None:
        asked.write(export, path, json, notes)
        return
    report = export(path)
    if json:
        print_json(report.to_json())
        return
    print(watch.wrote(path, notes))
    print(report.text() if verify else "not verified")
