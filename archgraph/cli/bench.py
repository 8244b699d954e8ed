"""`archgraph bench`: a network compared with its peers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archgraph.artifact.whole_numbers import whole_number
from archgraph.cli import Interrupted, completion
from archgraph.cli.model_argument import finished
from archgraph.cli.module_source import takes_modules
from archgraph.cli.options import (
    DeviceOption,
    JsonOption,
    SeedOption,
    SetOption,
    SizeOption,
    load,
    sizes,
)
from archgraph.cli.output import echo, print_json, print_table, write_text
from archgraph.cli.output_paths import require_writable
from archgraph.cli.weights_options import WeightsParameter, files_of, takes_weights, weights_for
from archgraph.errors import InputError

if TYPE_CHECKING:
    from archgraph.measure import Report

FORMATS = (".txt", ".json")

NetworkArgument = Annotated[
    str,
    typer.Argument(metavar="SPEC|FILE", help="A spec, or a file that export wrote.", autocompletion=completion.specs),
]
BatchOption = Annotated[str, typer.Option("--batch", metavar="N,N,…", help="Batch sizes.")]
ContendersOption = Annotated[
    str | None, typer.Option("--contenders", metavar="NAME,…", help="Who takes part; all, if none are named.")
]
RoundsOption = Annotated[int, typer.Option("--rounds", min=1, help="How often all take turns.")]
SecondsOption = Annotated[float, typer.Option("--seconds", help="How long a turn takes, for each batch.")]
RepeatsOption = Annotated[int | None, typer.Option("--repeats", min=1, help="Calls in a turn, instead of --seconds.")]
ThreadsOption = Annotated[
    int | None, typer.Option("--threads", min=1, help="For all; by default each library chooses.")
]
TableOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="PATH", help="Keeps the table: .txt or .json.")
]


@takes_modules
@takes_weights
def run(
    network: NetworkArgument,
    batch: BatchOption = "1",
    size: SizeOption = [],  # noqa: B006 - typer copies it
    contenders: ContendersOption = None,
    rounds: RoundsOption = 5,
    seconds: SecondsOption = 1.0,
    repeats: RepeatsOption = None,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    set_: SetOption = [],  # noqa: B006
    weights: WeightsParameter = None,
    seed: SeedOption = 0,
    output: TableOption = None,
    json: JsonOption = False,
) -> None:
    """Measures latency, throughput, memory and shares of the machine's peaks, of torch and ONNX Runtime in turns.

    Each contender has a process of its own, which sleeps while the others run. Ctrl-C prints what is finished.

    Example: archgraph bench resnet50 --batch 1,8 --contenders torch,torch_compile,onnx_cpu
    """
    from archgraph.cli.progress import steps
    from archgraph.measure import MeasurementEffort, bench

    require_writable(output, FORMATS, network, *files_of(weights))
    subject = finished(network, set_, weights) or load(network, set_)
    loaded = None if isinstance(subject, Path) else weights_for(subject, weights, set_)
    with steps(silent=json) as progress:
        report = bench(
            subject,
            _numbers(batch),
            sizes(size),
            None if contenders is None else [name.strip() for name in contenders.split(",") if name.strip()],
            MeasurementEffort(rounds, seconds, repeats),
            device=device,
            threads=threads,
            weights=loaded,
            seed=seed,
            progress=progress,
        )
    _show(report, output, json)
    if report.interrupted:
        raise Interrupted("interrupted: not all rounds are there")
    if not report.measured:
        raise typer.Exit(1)


def _numbers(text: str) -> list[int]:
    numbers = [whole_number(part) or 0 for part in text.split(",")]
    if not all(numbers):
        raise InputError("--batch takes numbers", expected="--batch 1,8", received=f"--batch {text[:80]}")
    return numbers


def _show(report: Report, output: Path | None, as_json: bool) -> None:
    from archgraph.measure.report import HEADINGS, NUMERIC

    if output is not None:
        from json import dumps

        plain = output.suffix.lower() == ".txt"
        write_text(output, report.text() if plain else dumps(report.to_json(), indent=2, ensure_ascii=False) + "\n")
    if as_json:
        print_json(report.to_json())
        return
    if sys.stdout.isatty():
        echo(report.head())
        print_table(HEADINGS, report.cells(), right=NUMERIC)
        echo("\n".join(report.footer()))
    else:
        echo(report.text(), end="")
    if output is not None:
        echo(f"wrote {output}")
