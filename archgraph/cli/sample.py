"""`archgraph sample`: pictures out of noise, by an exported diffusion network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archgraph.cli.exported import exported
from archgraph.cli.infer import ModelArgument
from archgraph.cli.options import (
    DeviceOption,
    JsonOption,
    OutputOption,
    SeedOption,
    SetOption,
    WeightsOption,
    pairs_as_yaml,
    target,
)
from archgraph.cli.output import Stopwatch, print_json
from archgraph.cli.progress import Frames, progress
from archgraph.errors import InputError

if TYPE_CHECKING:
    from archgraph.runtime import Session
    from archgraph.runtime.images import Floats

USUAL = 16


def run(
    model: ModelArgument,
    n: Annotated[int | None, typer.Option("-n", min=1, help="How many pictures; 16, or one for each label.")] = None,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="How many; 50, or as the file says.")] = None,
    sampler: Annotated[
        str | None, typer.Option("--sampler", help="ddpm, ddim, euler, heun, dpmpp_2m …; ddim, or as the file says.")
    ] = None,
    option: Annotated[
        list[str], typer.Option("--option", metavar="KEY=VALUE", help="An option of the sampler: --option eta=0.5.")
    ] = [],  # noqa: B006 - typer copies it
    label: Annotated[
        str | None, typer.Option("--label", metavar="N or N,N,…", help="One class for all pictures, or one for each.")
    ] = None,
    guidance: Annotated[float | None, typer.Option("--guidance", help="Above 1: clearer labels.")] = None,
    init: Annotated[Path | None, typer.Option("--init", metavar="IMAGE", help="A picture to start from.")] = None,
    strength: Annotated[float | None, typer.Option("--strength", help="What share of --init is drawn anew.")] = None,
    size: Annotated[str | None, typer.Option("--size", metavar="N or HxW", help="The pictures' size.")] = None,
    batch: Annotated[int | None, typer.Option("--batch", min=1, help="How many pictures at a time.")] = None,
    clip: Annotated[bool | None, typer.Option(help="Hold the predicted picture in [-1, 1].")] = None,
    gif: Annotated[
        Path | None, typer.Option("--gif", metavar="FILE", help="Also write the denoising, animated.")
    ] = None,
    output: OutputOption = None,
    device: DeviceOption = "auto",
    set_: SetOption = [],  # noqa: B006
    weights: WeightsOption = None,
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """Samples pictures and writes them as one PNG grid. The same seed gives the same pictures, whatever the batch.

    Example: archgraph sample ddpm.onnx -n 16 --steps 50 --sampler ddim --size 32 --seed 0 -o grid.png
    """
    from archgraph.runtime import Session, grid, sample, save_gif, save_png, to_pixels

    require_suffix(output, ".png")
    require_suffix(gif, ".gif")
    labels, sides, watch, frames = _labels(label), _sides(size), Stopwatch(), Frames()
    if n is None:
        n = len(labels) if isinstance(labels, list) else USUAL
    asked = {"n": n, "steps": steps, "sampler": _sampler(sampler, option), "labels": labels, "guidance": guidance}
    asked |= {"size": sides, "batch": batch, "clip": clip, "strength": strength, "seed": seed}
    with exported(model, set_, weights, seed) as path, Session(path, device) as session:
        written = target(output, f"{path.stem}-samples.png")
        if init is not None:
            asked["init"] = _picture(init, session, sides)
        with progress(session.device, silent=json) as advance:

            def on_step(step: int, total: int, x: Floats) -> None:
                advance(step, total)
                if gif:
                    frames.take(step, x)

            given = {name: value for name, value in asked.items() if value is not None}
            pictures = sample(session, on_step=on_step, on_batch=lambda which, made: frames.finish(made), **given)
    save_png(grid(to_pixels(pictures)), written, _notes(session, {**given, "sampler": sampler}))
    if gif:
        save_gif(frames.pictures, gif)
    if json:
        found = {"file": str(written), "shape": list(pictures.shape), "gif": str(gif) if gif else None}
        print_json({**found, "device": session.device, "seconds": watch.seconds})
        return
    print(watch.wrote(written, f"{n} × {pictures.shape[3]}×{pictures.shape[2]}", f"on {session.device}"))
    if gif:
        print(watch.wrote(gif, f"{len(frames.pictures)} frames"))


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


def _labels(text: str | None) -> int | list[int] | None:
    """`3`, or `0,1,2` for one picture each. Raises InputError."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise InputError("these are no labels", expected="3, or one for each picture as 0,1,2", received=text)
    return int(parts[0]) if len(parts) == 1 else [int(part) for part in parts]


def _sampler(name: str | None, options: list[str]) -> Any:
    """The sampler with its options. Raises SamplingError for unknown ones, InputError for options without a sampler."""
    from archgraph.runtime import named_sampler

    if not options:
        return name and named_sampler(name)
    if name is None:
        raise InputError("--option belongs to a sampler", hint="name it too: --sampler ddim --option eta=0.5")
    return named_sampler(name, **pairs_as_yaml(options, "--option"))


def _picture(path: Path, session: Session, size: Any) -> Floats:
    """A picture to start from, filled to the size of those that are drawn; grey where the network has one channel."""
    from archgraph.runtime import load_image, to_model_range

    extent = size or session.meta.get("diffusion", {}).get("size")
    if extent is None:
        raise InputError("how large the pictures are is not known", hint="give --size 32 or --size 48x64")
    found = to_model_range(load_image(path), extent)
    grey = any(len(spec.shape) == 4 and spec.shape[1] == 1 for spec in session.inputs)
    return found.mean(axis=1, keepdims=True) if grey else found


def _notes(session: Session, given: Mapping[str, Any]) -> dict[str, str]:
    """What the PNG says of itself, so that the picture can be made again."""
    told = ("n", "steps", "sampler", "labels", "guidance", "strength", "seed")
    kept = {name: given[name] for name in told if given.get(name) is not None}
    return {"Software": "archgraph", "archgraph.model": session.metadata.name} | {
        f"archgraph.{name}": str(value) for name, value in kept.items()
    }
