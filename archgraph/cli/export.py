"""`archgraph export`: the network as an ONNX file that is shown to be equal to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archgraph.cli.export_int8 import Quantization
from archgraph.cli.module_source import takes_modules
from archgraph.cli.options import (
    JsonOption,
    KeepOption,
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
from archgraph.cli.weights_options import WeightsParameter, drawn, files_of, reported, takes_weights, weights_for
from archgraph.errors import InputError

if TYPE_CHECKING:
    from archgraph.export import ExportOptions

ProfileOption = Annotated[
    str,
    typer.Option(
        "--profile",
        help="portable (standard operators), cpu (ONNX Runtime's own too) or cuda (those that CUDA has).",
    ),
]
VerifyOption = Annotated[bool, typer.Option(help="Compare the file with torch at several sizes.")]
SplitOption = Annotated[
    bool,
    typer.Option("--split-time", help="Put what depends on the time alone into NAME.time.onnx, for sampling."),
]
TypeOption = Annotated[
    str,
    typer.Option("--dtype", help="float32, float16 or bfloat16; norms, softmax and the time stay in float32."),
]
QuantizeOption = Annotated[
    str | None, typer.Option("--quantize", metavar="SCHEME", help="int8: for the CPU, with what it costs.")
]
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


def require_effect(options: ExportOptions, asked: Quantization) -> None:
    """Raises InputError where an option would have no effect, and for what an int8 file cannot be."""
    asked.require(options.profile)
    if asked.scheme is None:
        if options.keep and options.dtype == "float32":
            raise InputError(
                "--keep names what stays in float32 beside another type",
                hint="add --dtype float16, or --quantize int8",
            )
        return
    if options.dtype != "float32":
        given = f"--dtype {options.dtype} and --quantize {asked.scheme}"
        raise InputError("a file is quantised from float32", received=given)


@takes_modules
@takes_weights
def run(
    spec: SpecArgument,
    set_: SetOption = [],  # noqa: B006 - typer copies it
    weights: WeightsParameter = None,
    seed: SeedOption = 0,
    profile: ProfileOption = "portable",
    size: SizeOption = [],  # noqa: B006
    verify: VerifyOption = True,
    split_time: SplitOption = False,
    dtype: TypeOption = "float32",
    quantize: QuantizeOption = None,
    calibrate: CalibrateOption = None,
    calibration_samples: SamplesOption = None,
    allowed_error: ErrorOption = None,
    keep: KeepOption = [],  # noqa: B006
    output: OutputOption = None,
    json: JsonOption = False,
) -> None:
    """Writes the network as ONNX, runs the file beside torch at several sizes, and says how far they differ.

    Sizes stay free; --size N=1,H=224,W=224 writes a file for these alone, which ONNX Runtime plans ahead.

    Example: archgraph export ddpm@cifar10 --weights ddpm.safetensors -o ddpm.onnx
    """
    import archgraph
    from archgraph.export import ExportOptions
    from archgraph.verify import export_verified

    watch = Stopwatch()
    asked = Quantization(quantize, calibrate, calibration_samples, allowed_error, tuple(keep))
    options = ExportOptions(profile, dtype, () if quantize else tuple(keep), sizes(size) or {}, split_time)
    require_effect(options, asked)
    require_weights_of(spec, weights)
    graph = load(spec, set_)
    found = weights_for(graph, weights, set_)
    path = target(
        output, f"{stem(graph)}{'-' + quantize if quantize else ''}.onnx", graph.info.file, *files_of(weights, found)
    )
    source = graph if found or not seed else archgraph.to_torch(graph, seed=seed)
    whole = drawn(graph, found, seed)
    notes = "" if found else f"random weights, seed {seed}"

    def export(file: Path) -> Any:
        return export_verified(source, file, whole, options, verify=verify)

    if quantize is not None:
        asked.write(export, path, json, notes)
        return
    report = export(path)
    if json:
        print_json({**report.to_json(), **reported(found)})
        return
    echo(watch.wrote(path, notes))
    echo(report.text() if verify else "not verified")
