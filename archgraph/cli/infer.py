"""`archgraph infer`: runs an exported file on images or arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archgraph.artifact.file_kinds import not_a_file
from archgraph.cli import completion
from archgraph.cli.model_argument import opened
from archgraph.cli.module_source import takes_modules
from archgraph.cli.options import DeviceOption, JsonOption, OutputOption, SeedOption, SetOption
from archgraph.cli.output import Stopwatch, echo, print_json, print_table, tell_of_idle_gpu, where_it_ran
from archgraph.cli.output_paths import target
from archgraph.cli.swaps import require_network_first
from archgraph.cli.weights_options import WeightsParameter, files_of, takes_weights
from archgraph.errors import InputError

if TYPE_CHECKING:
    from archgraph.runtime import Prediction, Session

Arrays = dict[str, Any]
ARRAY_SUFFIXES = (".npz", ".npy")

FilesArgument = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="Images, or arrays in .npz or .npy files.")
]
ModelArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="A file that export wrote, or a spec.", autocompletion=completion.specs)
]
TopOption = Annotated[int, typer.Option("--top", min=1, help="How many classes to show.")]
LabelsOption = Annotated[Path | None, typer.Option("--labels", metavar="FILE", help="Class names, one per line.")]


@takes_modules
@takes_weights
def run(
    model: ModelArgument,
    files: FilesArgument,
    top: TopOption = 5,
    labels: LabelsOption = None,
    output: OutputOption = None,
    device: DeviceOption = "auto",
    set_: SetOption = [],  # noqa: B006 - typer copies it
    weights: WeightsParameter = None,
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """Runs a network on images or arrays: the most probable classes, or all outputs as .npz (with -o, and whenever
    they are not the scores of classes).

    Example: archgraph infer r18.onnx photo.jpg --top 5
    """
    from archgraph.runtime import labels_of, save_arrays

    require_network_first(model, files)
    if output is not None:
        target(output, "outputs.npz", model, *files_of(weights), *files)
    with opened(model, set_, weights, seed, device) as session:
        tell_of_idle_gpu(session, device)
        names = _read_labels(labels) if labels else labels_of(session.meta)
        watch = Stopwatch()
        results = [(file, session.run(_feeds(session, file))) for file in files]
        if output is None and all(_scores(outputs) is not None for _, outputs in results):
            _show_classes(results, top, names, where_it_ran(session) if json else None)
            return
        written = target(output, f"{session.path.stem}.npz", *files)
        save_arrays(written, _stacked(results))
        used = where_it_ran(session)
        shapes = {name: list(array.shape) for name, array in _stacked(results).items()}
    if json:
        print_json({"file": str(written), **used, "outputs": shapes})
    else:
        echo(watch.wrote(written, f"on {used['device']}", *(f"{name} {shape}" for name, shape in shapes.items())))


def _feeds(session: Session, file: Path) -> Arrays:
    """The inputs in a file: named arrays, one array for the only input, or a picture for it."""
    from archgraph.runtime import load_arrays
    from archgraph.runtime.preprocessing import picture_for

    if file.suffix.lower() in ARRAY_SUFFIXES:
        arrays: Arrays = load_arrays(file)
        single = len(arrays) == len(session.inputs) == 1
        return dict(zip((spec.name for spec in session.inputs), arrays.values(), strict=True)) if single else arrays
    return picture_for(session, file)


def _scores(outputs: Mapping[str, Any]) -> Any:
    """The only output, where it has the form of class scores [N, classes]."""
    values = list(outputs.values())
    return values[0] if len(values) == 1 and values[0].ndim == 2 and values[0].dtype.kind == "f" else None


def _show_classes(results: list[tuple[Path, Arrays]], top: int, names: Any, where: dict[str, Any] | None) -> None:
    """Prints tables; or JSON, with the device that it ran on."""
    from archgraph.runtime import top_k

    found: list[tuple[str, list[Prediction]]] = []
    for file, outputs in results:
        rows = top_k(_scores(outputs), top, names)
        found += [(f"{file}[{i}]" if len(rows) > 1 else str(file), row) for i, row in enumerate(rows)]
    if where is not None:
        print_json([{"input": name, "top": [_plain(one) for one in row], **where} for name, row in found])
        return
    for name, row in found:
        echo(name)
        print_table(("class", "label", "probability"), list(_cells(row)), right=(0, 2))


def _cells(row: list[Prediction]) -> Iterator[tuple[str, str, str]]:
    for one in row:
        yield str(one.index), one.label, f"{one.probability:.2%}"


def _plain(one: Prediction) -> dict[str, Any]:
    return {"index": one.index, "label": one.label, "probability": one.probability}


def _stacked(results: list[tuple[Path, Arrays]]) -> Arrays:
    """All results of one name as one array, along its first dimension; those without any beside each other."""
    import numpy as np

    if len(results) == 1:
        return results[0][1]
    try:
        return {
            name: np.concatenate([np.atleast_1d(outputs[name]) for _, outputs in results]) for name in results[0][1]
        }
    except ValueError as error:
        raise InputError(
            "the results of these files have different shapes, so one .npz cannot hold them",
            received=str(error),
            hint="run infer once per file",
        ) from None


def _read_labels(path: Path) -> tuple[str, ...]:
    if odd := not_a_file(path):
        raise InputError(f"the labels in {path} cannot be read", expected="a text file, one name a line", received=odd)
    try:
        return tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"the labels in {path} cannot be read", received=reason) from None
