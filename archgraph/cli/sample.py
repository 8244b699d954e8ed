"""`archgraph sample`: pictures out of noise, by an exported diffusion network."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archgraph.cli.exported import exported
from archgraph.cli.infer import ModelArgument
from archgraph.cli.options import DeviceOption, JsonOption, OutputOption, SeedOption, SetOption, WeightsOption, target
from archgraph.cli.output import Stopwatch, print_json
from archgraph.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

    from archgraph.runtime import Session
    from archgraph.runtime.images import Floats

MOST_FRAMES = 50
"""An animation keeps at most about this many steps."""


def run(
    model: ModelArgument,
    n: Annotated[int, typer.Option("-n", min=1, help="How many pictures.")] = 16,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Denoising steps.")] = 50,
    sampler: Annotated[str, typer.Option("--sampler", help="ddim or ddpm.")] = "ddim",
    eta: Annotated[float | None, typer.Option("--eta", help="How much noise ddim adds: 0 none, 1 as ddpm.")] = None,
    size: Annotated[str | None, typer.Option("--size", metavar="N or HxW", help="The pictures' size.")] = None,
    batch: Annotated[int | None, typer.Option("--batch", min=1, help="How many pictures at a time.")] = None,
    clip: Annotated[bool | None, typer.Option(help="Hold the predicted picture in [-1, 1].")] = None,
    gif: Annotated[
        Path | None, typer.Option("--gif", metavar="FILE", help="Also write the denoising, animated.")
    ] = None,
    output: OutputOption = None,
    device: DeviceOption = "auto",
    set_: SetOption = [],  # noqa: B006 - typer copies it
    weights: WeightsOption = None,
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """Samples pictures and writes them as one PNG grid. The same seed gives the same pictures, whatever the batch.

    Example: archgraph sample ddpm.onnx -n 16 --steps 50 --sampler ddim --size 32 --seed 0 -o grid.png
    """
    from archgraph.runtime import Session, grid, named_sampler, sample, save_gif, save_png, to_pixels

    chosen = named_sampler(sampler, **({} if eta is None else {"eta": eta}))
    watch, frames = Stopwatch(), Frames(steps)
    with exported(model, set_, weights, seed) as path, Session(path, device) as session:
        written = target(output, f"{path.stem}-samples.png")
        require_suffix(written, ".png")
        require_suffix(gif, ".gif")
        with progress(session.device, silent=json) as advance:

            def on_step(step: int, total: int, x: Floats) -> None:
                advance(step, total)
                if gif:
                    frames.take(step, x)

            sides = _sides(size)
            pictures = sample(
                session,
                n=n,
                size=sides,
                sampler=chosen,
                steps=steps,
                clip=clip,
                seed=seed,
                batch=batch,
                on_step=on_step,
            )
    save_png(grid(to_pixels(pictures)), written, _notes(session, sampler, steps, seed))
    if gif:
        save_gif(frames.pictures, gif)
    if json:
        found = {"file": str(written), "shape": list(pictures.shape), "gif": str(gif) if gif else None}
        print_json({**found, "device": session.device, "seconds": watch.seconds})
        return
    print(watch.wrote(written, f"{n} × {pictures.shape[3]}×{pictures.shape[2]}", f"on {session.device}"))
    if gif:
        print(watch.wrote(gif, f"{len(frames.pictures)} frames"))


class Frames:
    """The first batch as it loses its noise: some fifty grids, the last one finished."""

    def __init__(self, steps: int):
        self.pictures: list[Image] = []
        self._steps = steps
        self._every = max(1, -(-steps // MOST_FRAMES))

    def take(self, step: int, x: Floats) -> None:
        """Keeps the state after a step, where it is one of those to keep."""
        from archgraph.runtime import grid, to_pixels

        if step == self._steps or (step < self._steps and step % self._every == 0):
            self.pictures.append(grid(to_pixels(x)))


@contextmanager
def progress(device: str, *, silent: bool = False) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr with speed and time left, where somebody looks at it."""
    if silent or not sys.stderr.isatty():
        yield lambda step, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    speed = TextColumn("{task.fields[speed]}")
    columns = (TextColumn(f"sampling on {device}"), BarColumn(), MofNCompleteColumn(), speed, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None, speed="")

        def advance(step: int, total: int) -> None:
            rate = bar.tasks[task].speed
            bar.update(task, completed=step, total=total, speed=f"{rate:.1f} steps/s" if rate else "")

        yield advance


def require_suffix(path: Path | None, suffix: str) -> None:
    """Raises InputError for a file name that promises another format."""
    if path is not None and path.suffix.lower() != suffix:
        raise InputError(
            f"the file is written as {suffix[1:].upper()}", expected=f"a name in {suffix}", received=str(path)
        )


def _sides(size: str | None) -> int | tuple[int, int] | None:
    """`32` or `48x64` (height × width). Raises InputError."""
    if size is None:
        return None
    parts = size.lower().replace("×", "x").split("x")
    if len(parts) > 2 or not all(part.isdecimal() and int(part) for part in parts):
        raise InputError("this is no size", expected="32, or height and width as 48x64", received=size)
    return int(parts[0]) if len(parts) == 1 else (int(parts[0]), int(parts[1]))


def _notes(session: Session, sampler: str, steps: int, seed: int) -> dict[str, str]:
    """What the PNG says of itself, so that the picture can be made again."""
    told = {"model": session.metadata.name, "sampler": sampler, "steps": str(steps), "seed": str(seed)}
    return {"Software": "archgraph"} | {f"archgraph.{key}": value for key, value in told.items()}
