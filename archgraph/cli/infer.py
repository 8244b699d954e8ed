"""`archgraph infer`: runs an exported file on images, folders of images or arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archgraph.artifact.file_kinds import is_folder, not_a_file
from archgraph.cli import completion
from archgraph.cli.infer_inputs import GivenFiles, Input, feeds, listed
from archgraph.cli.infer_masks import MASK, write_masks
from archgraph.cli.infer_tables import TABLES, Classified, show_classes, show_json, write_table
from archgraph.cli.model_argument import opened
from archgraph.cli.module_source import takes_modules
from archgraph.cli.options import DeviceOption, JsonOption, SeedOption, SetOption
from archgraph.cli.output import Stopwatch, echo, print_json, tell_of_idle_gpu, where_it_ran
from archgraph.cli.output_paths import require_writable, target
from archgraph.cli.swaps import require_network_first
from archgraph.cli.weights_options import WeightsParameter, files_of, takes_weights
from archgraph.errors import InputError

if TYPE_CHECKING:
    from archgraph.runtime import Session

Arrays = dict[str, Any]
ARRAYS = ".npz"

FilesArgument = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", help="Images, folders of images, or arrays in .npz or .npy files."),
]
ModelArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="A file that export wrote, or a spec.", autocompletion=completion.specs)
]
TopOption = Annotated[
    int | None, typer.Option("--top", min=1, help="How many classes to show: 5, and 1 for folders and tables.")
]
LabelsOption = Annotated[Path | None, typer.Option("--labels", metavar="FILE", help="Class names, one per line.")]
InferOutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        help="A table of classes (.csv, .json), a mask (.png) or a folder of masks, or all outputs (.npz).",
    ),
]


@takes_modules
@takes_weights
def run(
    model: ModelArgument,
    files: FilesArgument = [],  # noqa: B006 - typer copies it
    top: TopOption = None,
    labels: LabelsOption = None,
    output: InferOutputOption = None,
    device: DeviceOption = "auto",
    set_: SetOption = [],  # noqa: B006 - typer copies it
    weights: WeightsParameter = None,
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """Runs a network on images, folders of images or arrays: the most probable classes, a coloured mask for each
    picture where `meta.task` is segmentation, or all outputs as .npz.

    Pictures are prepared by `meta.preprocess`. Those of a folder that cannot be read are named and skipped, and the
    exit status is then 1; a file that is named and cannot be read ends the command.

    Example: archgraph infer r18.onnx photo.jpg --top 5
    """
    from archgraph.runtime import labels_of
    from archgraph.runtime.segment import segments

    if not files:
        raise typer.BadParameter("name the pictures, folders of pictures or arrays to run it on", param_hint="FILE...")
    require_network_first(model, files)
    inputs, kind = listed(files), output.suffix.lower() if output is not None else ""
    if output is not None and kind and not is_folder(output):
        require_writable(output, (ARRAYS, *TABLES, MASK), model, labels, *files_of(weights), *files)
    with opened(model, set_, weights, seed, device) as session:
        tell_of_idle_gpu(session, device)
        names = _read_labels(labels) if labels else labels_of(session.meta)
        where = where_it_ran(session) if json else None
        if segments(session.meta) and kind != ARRAYS:
            write_masks(session, inputs, names, output, where)
        elif _gives_scores(session) and kind != ARRAYS:
            require_writable(output, (*TABLES, ARRAYS))
            _classify(session, inputs, names, (top or (1 if inputs.in_folders or kind else 5), output, where))
        else:
            _save(session, inputs, output, where)
    inputs.end()


def _classify(
    session: Session,
    inputs: GivenFiles,
    names: Sequence[str] | None,
    asked: tuple[int, Path | None, dict[str, Any] | None],
) -> None:
    """Prints or writes the most probable classes."""
    from archgraph.runtime import top_k

    (top, output, where), watch = asked, Stopwatch()

    def work(one: Input) -> list[Classified]:
        scores = next(iter(session.run(feeds(session, one)).values()))
        rows = top_k(scores, top, names)
        return [Classified(f"{one.file}[{i}]" if len(rows) > 1 else str(one.file), row) for i, row in enumerate(rows)]

    found = [row for _, rows in inputs.each(work, silent=where is not None) for row in rows]
    if output is not None:
        write_table(found, output, watch)
    elif where is not None:
        show_json(found, where)
    else:
        show_classes(found, joined=inputs.in_folders)


def _gives_scores(session: Session) -> bool:
    """Whether the only output has the form of class scores [N, classes]."""
    output = session.outputs[0] if len(session.outputs) == 1 else None
    return output is not None and len(output.shape) == 2 and output.dtype.startswith("float")


def _save(session: Session, inputs: GivenFiles, output: Path | None, where: dict[str, Any] | None) -> None:
    """Writes all outputs as .npz. Raises InputError for a table of what are no scores of classes."""
    from archgraph.runtime import save_arrays

    if output is not None and output.suffix.lower() in TABLES:
        raise InputError(
            f"{session.path.name} gives no scores of classes, of which a table could be made",
            expected="one output [N, classes], or meta: {task: segmentation}",
            received=", ".join(map(str, session.outputs)),
            hint="-o FILE.npz takes all outputs",
        )
    written = target(output, f"{session.path.stem}.npz", *(one.file for one in inputs.files))
    watch = Stopwatch()

    def work(one: Input) -> Arrays:
        return dict(session.run(feeds(session, one)))

    results = [result for _, result in inputs.each(work, silent=where is not None)]
    stacked = _stacked(results)
    save_arrays(written, stacked)
    shapes = {name: list(array.shape) for name, array in stacked.items()}
    if where is not None:
        print_json({"file": str(written), **where_it_ran(session), "outputs": shapes})
    else:
        echo(watch.wrote(written, f"on {session.device}", *(f"{name} {shape}" for name, shape in shapes.items())))


def _stacked(results: list[Arrays]) -> Arrays:
    """All results of one name as one array, along its first dimension; those without any beside each other."""
    import numpy as np

    if len(results) == 1:
        return results[0]
    try:
        return {name: np.concatenate([np.atleast_1d(outputs[name]) for outputs in results]) for name in results[0]}
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
