"""`archgraph verify`: the proof of an exported file, repeated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archgraph.cli.options import JsonOption, SetOption, load
from archgraph.cli.output import Stopwatch, print_json
from archgraph.errors import SpecError


def quantized(file: Path) -> bool:
    """Whether a file says that it is quantised; one that cannot be read is judged elsewhere."""
    from archgraph.errors import ModelFileError
    from archgraph.quantize import quantization_of

    try:
        return quantization_of(file) is not None
    except ModelFileError:
        return False


def run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that export wrote.")],
    spec: Annotated[
        str | None, typer.Option("--spec", metavar="SPEC", help="The network it should compute; else the spec in it.")
    ] = None,
    set_: SetOption = [],  # noqa: B006 - typer copies it
    weights: Annotated[
        str | None,
        typer.Option("--weights", metavar="FILE", help="The weights it should hold; else its own, if certified."),
    ] = None,
    calibrate: Annotated[
        str | None, typer.Option("--calibrate", metavar="DATA", help="Of an int8 file: measure on this data again.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Shows once more that an exported file computes what its spec says, and stores the certificate anew.

    The file carries its spec and its weights. One that has changed since it was proved is refused, unless the weights
    that it should hold are given. An int8 file is held against its float32 weights, which it does not carry.

    Example: archgraph verify ddpm.onnx --weights ddpm.safetensors
    """
    import archgraph
    from archgraph.verify import verify_again
    from archgraph.verify.again import put_in_order

    if set_ and spec is None:
        raise SpecError("--set has no effect on the spec in a file", hint="name a spec with --spec")
    watch = Stopwatch()
    graph = load(spec, set_) if spec is not None else None
    put_in_order(file)
    if file.is_file() and quantized(file):
        shown = archgraph.verify_int8(file, graph, weights, calibrate)
        if json:
            print_json(shown.to_json())
        else:
            print(f"{file} is its network in int8 ({watch.seconds:.1f} s)")
            print(shown.text())
        return
    if calibrate is not None:
        raise SpecError("--calibrate has no effect on a file that is not quantised")
    certificate = verify_again(file, graph, weights)
    if json:
        print_json(certificate.to_json())
        return
    print(f"{file} computes what {certificate.title} computes ({watch.seconds:.1f} s)")
    print(f"spec: {spec or 'in the file'}; weights: {weights or 'in the file'}")
    print(certificate.text())
