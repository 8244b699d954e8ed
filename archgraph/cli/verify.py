"""`archgraph verify`: the proof of an exported file, repeated."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archgraph.artifact.file_kinds import SPEC_SUFFIXES
from archgraph.cli.module_source import takes_modules
from archgraph.cli.options import JsonOption, SetOption, load
from archgraph.cli.output import Stopwatch, echo, print_json
from archgraph.cli.weights_options import WeightsParameter, as_text, takes_weights
from archgraph.errors import SpecError

if TYPE_CHECKING:
    from archgraph.quantize import Judgement
    from archgraph.verify import Certificate

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A file that export or import wrote.")]
MeantOption = Annotated[
    str | None, typer.Option("--spec", metavar="SPEC", help="The network it should compute; else the spec in it.")
]
MeasureOption = Annotated[
    str | None, typer.Option("--calibrate", metavar="DATA", help="Of an int8 file: measure on this data again.")
]


@takes_modules
@takes_weights
def run(
    file: FileArgument,
    spec: MeantOption = None,
    set_: SetOption = [],  # noqa: B006 - typer copies it
    weights: WeightsParameter = None,
    calibrate: MeasureOption = None,
    json: JsonOption = False,
) -> None:
    """Shows once more that an exported file computes what its spec says, and stores the certificate anew.

    The file carries its spec and its weights. One that has changed since it was proved is refused, unless the weights
    that it should hold are given. An int8 file is held against its float32 weights, which it does not carry.

    Of a spec that `archgraph import` wrote, shows that it and its weights still are those that were proved.

    Example: archgraph verify ddpm.onnx --weights ddpm.safetensors
    """
    import archgraph
    from archgraph.runtime.file_errors import check_file
    from archgraph.verify import verify_again
    from archgraph.verify.reverification import put_in_order

    if file.suffix in SPEC_SUFFIXES:
        _verify_import(file, {"--spec": spec, "--set": set_, "--calibrate": calibrate}, weights, json)
        return
    if set_ and spec is None:
        raise SpecError("--set has no effect on the spec in a file", hint="name a spec with --spec")
    if file.exists():
        check_file(file)
    watch = Stopwatch()
    graph = load(spec, set_) if spec is not None else None
    put_in_order(file)
    if file.is_file() and _quantized(file):
        shown = archgraph.verify_int8(file, graph, weights, calibrate)
        _show(shown, f"{file} is its network in int8 ({watch.seconds:.1f} s)", json)
        return
    if calibrate is not None:
        raise SpecError("--calibrate has no effect on a file that is not quantised")
    certificate = verify_again(file, graph, weights)
    computes = f"{file} computes what {certificate.title} computes ({watch.seconds:.1f} s)"
    _show(
        certificate,
        f"{computes}\nspec: {spec or 'in the file'}; weights: {as_text(weights) if weights else 'in the file'}",
        json,
    )


def _verify_import(file: Path, without_effect: Mapping[str, object], weights: WeightsParameter, as_json: bool) -> None:
    """Compares an imported spec, and a file of its weights, with the certificate next to it."""
    from archgraph.importing.certificate import recheck

    for name, value in without_effect.items():
        if value:
            raise SpecError(f"{name} has no effect on an imported spec, which its certificate is compared with")
    checked = recheck(file, Path(as_text(weights)) if weights else None)
    if as_json:
        print_json(checked.to_json())
        return
    echo(f"{file} is the spec that was proved equal to its module")
    for line in checked.lines():
        echo(line)


def _show(shown: Certificate | Judgement, head: str, as_json: bool) -> None:
    if as_json:
        print_json(shown.to_json())
        return
    echo(head)
    echo(shown.text())


def _quantized(file: Path) -> bool:
    """Whether a file's metadata declare that it is quantised; one that cannot be read is refused later."""
    from archgraph.errors import ModelFileError
    from archgraph.quantize import quantization_of

    try:
        return quantization_of(file) is not None
    except ModelFileError:
        return False
