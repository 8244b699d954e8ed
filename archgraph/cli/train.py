"""`archgraph train`: a network learns from pictures."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archgraph.cli.module_source import takes_modules
from archgraph.cli.options import (
    JsonOption,
    SeedOption,
    SetOption,
    SpecArgument,
    load,
    parameters,
    stem,
)
from archgraph.cli.output import echo, print_json, print_table
from archgraph.cli.output_paths import EXPORTS
from archgraph.cli.progress import training
from archgraph.cli.weights_options import WeightsParameter, parted, takes_weights, weights_for

if TYPE_CHECKING:
    from archgraph.graph.types import Graph
    from archgraph.training import TrainingResult

RECIPE = "train."
"""Names of `--set` with this prefix are of the recipe; the others are the spec's parameters."""

DataOption = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="WHERE",
        help="A folder of images, one folder per class, a folder with images/ and masks/, an .npz file, or digits.",
    ),
]
FolderOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="The run's folder; by default exports/NAME-run.")
]
FreezeOption = Annotated[
    list[str],
    typer.Option(
        "--freeze",
        metavar="PATHS",
        help="What is not trained, norms included: paths or patterns, * any text, # a number: --freeze"
        " 'conv1,layer#.*'. train.freeze.",
    ),
]
StepsOption = Annotated[int | None, typer.Option("--steps", help="How many steps; train.steps.")]
BatchOption = Annotated[int | None, typer.Option("--batch", help="Pictures per step and process; train.batch.")]
RateOption = Annotated[float | None, typer.Option("--lr", help="The learning rate; train.lr.")]
LossOption = Annotated[
    str | None, typer.Option("--loss", metavar="PLUGIN.LOSS", help="A loss of a plugin, in place of the task's own.")
]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on at the folder's newest checkpoint.")]
TrainDeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]
DevicesOption = Annotated[int, typer.Option("--devices", min=1, help="Processes on this machine.")]
NodesOption = Annotated[int, typer.Option("--nodes", min=1, help="Machines.")]
StrategyOption = Annotated[str, typer.Option("--strategy", help="Lightning's: auto, ddp …")]
PrecisionOption = Annotated[str, typer.Option("--precision", help="Lightning's: 32-true, bf16-mixed …")]


@takes_modules
@takes_weights
def run(
    spec: SpecArgument,
    data: DataOption,
    set_: SetOption = [],  # noqa: B006 - typer copies it
    freeze: FreezeOption = [],  # noqa: B006
    steps: StepsOption = None,
    batch: BatchOption = None,
    lr: RateOption = None,
    loss: LossOption = None,
    seed: SeedOption = 0,
    resume: ResumeOption = False,
    weights: WeightsParameter = None,
    output: FolderOption = None,
    device: TrainDeviceOption = "auto",
    devices: DevicesOption = 1,
    nodes: NodesOption = 1,
    strategy: StrategyOption = "auto",
    precision: PrecisionOption = "32-true",
    json: JsonOption = False,
) -> None:
    """Trains a classifier, a segmentation or a diffusion network, as `meta.task` of the spec says; `infer`, `export`
    and `sample` take the run's folder as it is.

    The spec's `meta.train` holds the recipe, and --set train.KEY=VALUE changes it: train.rates='{fc: 1, "*": 0.1}',
    train.patience=5, train.monitor=accuracy. The weights of the best evaluation are kept. Needs the extra `train`.

    Example: archgraph train digits_resnet --data digits --steps 500 -o run
    """
    from archgraph.training import Machine, TrainingRequest, train
    from archgraph.training.lightning_import import process_rank

    own, changes = split(set_)
    short = {"steps": steps, "batch": batch, "lr": lr, "freeze": parted(freeze) or None}
    graph = load(spec, own, unread="meta.labels")  # the pictures name the classes
    start = None if weights is None else weights_for(graph, weights)
    order = TrainingRequest(
        data, changes | {key: value for key, value in short.items() if value is not None}, seed, start, resume, loss
    )
    folder = output or EXPORTS / f"{stem(graph)}-run"
    machine = Machine(device, devices, nodes, strategy, precision)
    with training(silent=json or process_rank() > 0) as watch:
        outcome = train(graph, order, folder, machine, _tell, watch)
    if process_rank():  # one of several processes reports
        return
    if json:
        print_json(outcome.to_json())
        return
    done = f"{outcome.steps:,} step" + ("s" if outcome.steps != 1 else "")
    numbers = _metrics(outcome.metrics)
    echo(f"trained {done} in {outcome.seconds:.0f} s" + (f" ({numbers})" if numbers else ""))
    _show_best(outcome)
    echo(f"wrote {folder}; try: archgraph {_next(graph, folder)}")


def _show_best(outcome: TrainingResult) -> None:
    """The evaluation whose weights are the run's, and its classes."""
    best = outcome.best
    if best is None or outcome.weights is None or outcome.weights.name != "best.safetensors":
        return
    if best.step != outcome.steps:
        echo(f"kept the weights of step {best.step:,} ({_metrics(best.numbers)})")
    if best.classes:
        rows = [(name, *(f"{value:.4f}" for value in found.values())) for name, found in best.classes.items()]
        print_table(("class", "IoU", "Dice"), rows, right=(1, 2))


def _metrics(numbers: Mapping[str, float]) -> str:
    """`loss 0.1234, held-out-loss 0.2, IoU 0.9`."""
    names = {"iou": "IoU", "dice": "Dice"}
    return ", ".join(f"{names.get(name, name.replace('_', '-'))} {value:.4g}" for name, value in numbers.items())


def _next(graph: Graph, folder: Path) -> str:
    """What can be done with the run."""
    path, task = shlex.quote(str(folder)), graph.info.meta.get("task")
    if task == "diffusion":
        return f"sample {path}"
    return f"infer {path} PICTURE" if task else f"export {path}"


def split(settings: list[str]) -> tuple[list[str], dict[str, Any]]:
    """The spec's own settings, and those of the recipe. Raises SpecError."""
    own = [text for text in settings if not text.startswith(RECIPE)]
    recipe = [text.removeprefix(RECIPE) for text in settings if text.startswith(RECIPE)]
    return own, parameters(recipe)


def _tell(text: str) -> None:
    echo(text, file=sys.stderr)
