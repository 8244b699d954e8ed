"""`archgraph weights`: what a file of weights holds, and its conversion for a network.

Example: archgraph weights convert run.safetensors --for resnet50 -o r50.safetensors
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archgraph.cli import completion
from archgraph.cli.options import DepthOption, JsonOption, SeedOption, SetOption, load
from archgraph.cli.output import Stopwatch, echo, print_json
from archgraph.cli.output_paths import require_writable
from archgraph.cli.weights_options import (
    FreshOption,
    LoraOption,
    PartOption,
    RenameOption,
    ResizeOption,
    files_of,
    request,
)

if TYPE_CHECKING:
    from archgraph.verbs.weight_files import WeightsFit
    from archgraph.weights.contents import KeyTree, WeightsContents

FileArgument = Annotated[
    str, typer.Argument(metavar="FILE", help="A safetensors file, pickle:FILE (trusted) or hf:OWNER/NAME.")
]
FilesArgument = Annotated[
    list[str], typer.Argument(metavar="[PATH=]FILE...", help="The weights; several with the path that each is for.")
]
AllOption = Annotated[bool, typer.Option("--all", help="Show copies that are alike too.")]
ForOption = Annotated[
    str | None,
    typer.Option(
        "--for",
        metavar="SPEC",
        help="The network that they are for; else they are only renamed.",
        autocompletion=completion.specs,
    ),
]
ToOption = Annotated[
    str, typer.Option("--to", metavar="NAMING", help="Write published names: those of the spec's namings.")
]
TypeOption = Annotated[str, typer.Option("--dtype", help="float32, float16, bfloat16 …; else that of each tensor.")]
WrittenOption = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The safetensors file to write.")]


def show(file: FileArgument, depth: DepthOption = None, all_: AllOption = False, json: JsonOption = False) -> None:
    """Shows the keys of a file as a tree, its states, and which shipped networks it fits, and how nearly.

    Example: archgraph weights show pickle:run.ckpt --depth 2
    """
    from archgraph.verbs.weight_files import fits
    from archgraph.weights.contents import contents

    held = contents(file)
    found = {name: fits(tensors) for name, tensors in held.states.items()}
    if json:
        print_json(_plain(file, held, found))
        return
    for line in _notes(held.notes):
        echo(line)
    for name, tensors in held.states.items():
        if name or len(held.states) > 1:
            echo(f"state {name or '(the whole file)'}")
        _show_state(tensors, depth, alike=not all_)
        for fit in found[name] or (None,):
            echo(_described(fit))


def _notes(notes: Mapping[str, str]) -> Iterator[str]:
    """What a file holds next to its tensors; the files that it was made of, one to a line."""
    from archgraph.artifact.metadata_keys import WEIGHTS

    for key, value in notes.items():
        if key != WEIGHTS.key:
            yield f"{key}: {value[:200]}"
            continue
        for source in WEIGHTS.of(notes):
            yield f"made of   {source['file']}, {source['bytes']:,} bytes, SHA-256 {source['sha256']}"


def _show_state(tensors: Any, depth: int | None, *, alike: bool) -> None:
    from archgraph.weights.contents import key_tree, tree_lines

    tree = key_tree(tensors)
    for level, name, child in tree_lines(tree, depth, alike=alike):
        echo(f"  {'  ' * level}{name:<{max(1, 34 - 2 * level)}} {_size(child)}".rstrip())
    echo(f"{tree.count:,} tensors, {tree.elements:,} numbers, {tree.size:,} bytes")


def _size(tree: KeyTree) -> str:
    if tree.tensor is not None and not tree.children:
        return f"{tree.tensor.dtype} {list(tree.tensor.shape)}"
    return f"{tree.count:,} tensor{'s' if tree.count != 1 else ''}, {tree.size:,} bytes"


def _described(fit: WeightsFit | None) -> str:
    if fit is None:
        return "fits      no shipped network, not even by half"
    where = f"its part '{fit.part}' " if fit.part else ""
    named = f", under the naming '{fit.naming}'" if fit.naming else ""
    if fit.exact:
        return f"fits      {where}{fit.network}{named}: all {fit.fitting} weights"
    parts = {"missing": fit.missing, "unexpected": fit.unexpected, "of another shape": fit.misshapen}
    rest = ", ".join(f"{count} {word}" for word, count in parts.items() if count)
    return f"nearly    {where}{fit.network}{named}: {fit.share:.0%}, {fit.fitting} fit, {rest}"


def _plain(file: str, held: WeightsContents, found: dict[str, list[WeightsFit]]) -> dict[str, Any]:
    states = {
        name: {
            "tensors": {
                key: {"dtype": one.dtype, "shape": list(one.shape), "bytes": one.size} for key, one in tensors.items()
            },
            "fits": [fit.to_json() for fit in found[name]],
        }
        for name, tensors in held.states.items()
    }
    return {"file": file, "notes": dict(held.notes), "states": states}


def convert(
    files: FilesArgument,
    output: WrittenOption,
    for_: ForOption = None,
    to: ToOption = "",
    part: PartOption = "",
    fresh: FreshOption = [],  # noqa: B006 - typer copies it
    rename: RenameOption = [],  # noqa: B006
    resize: ResizeOption = [],  # noqa: B006
    lora: LoraOption = [],  # noqa: B006
    dtype: TypeOption = "",
    set_: SetOption = [],  # noqa: B006
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """Writes weights as a safetensors file under the keys of a network, tensor by tensor, and says what was done.

    Example: archgraph weights convert pickle:run.ckpt#ema --for resnet50 -o r50.safetensors
    """
    from archgraph.verbs.weight_files import convert_weights

    watch = Stopwatch()
    asked = request(files, part=part, fresh=fresh, rename=rename, resize=resize, lora=lora)
    assert asked is not None
    require_writable(output, (".safetensors",), *files_of(asked))
    graph = None if for_ is None else load(for_, set_)
    done = convert_weights(asked, output, graph, to=to, dtype=dtype, seed=seed)
    if json:
        print_json(done.to_json())
        return
    for line in done.report.lines() if graph is not None else done.report.lines()[1:]:
        echo(line, file=sys.stderr)
    echo(watch.wrote(output, f"{done.weights:,} tensors"))


SUBCOMMANDS = {"show": show, "convert": convert}
"""`archgraph weights show` and `archgraph weights convert`."""
