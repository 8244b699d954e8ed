"""`archgraph verify`: the proof of an exported file, repeated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archgraph.cli.options import JsonOption, SetOption, load
from archgraph.cli.output import Stopwatch, print_json
from archgraph.errors import SpecError


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
    json: JsonOption = False,
) -> None:
    """Shows once more that an exported file computes what its spec says, and stores the certificate anew.

    The file carries its spec and its weights. One that has changed since it was proved is refused, unless the weights
    that it should hold are given.

    Example: archgraph verify ddpm.onnx --weights ddpm.safetensors
    """
    from archgraph.verify import verify_again

    if set_ and spec is None:
        raise SpecError("--set has no effect on the spec in a file", hint="name a spec with --spec")
    watch = Stopwatch()
    graph = load(spec, set_) if spec is not None else None
    certificate = verify_again(file, graph, weights)
    if json:
        print_json(certificate.to_json())
        return
    print(f"{file} computes what {certificate.title} computes ({watch.seconds:.1f} s)")
    print(f"spec: {spec or 'in the file'}; weights: {weights or 'in the file'}")
    print(certificate.text())
