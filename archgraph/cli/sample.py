"""`archgraph sample`: pictures out of noise, by an exported diffusion network."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archgraph.cli.exported import opened
from archgraph.cli.options import (
    DeviceOption,
    JsonOption,
    OutputOption,
    SeedOption,
    SetOption,
    WeightsOption,
    require_other,
    target,
)
from archgraph.cli.output import Stopwatch, print_json, tell_of_idle_gpu, where_it_ran
from archgraph.cli.progress import Frames, progress
from archgraph.cli.sample_output import how_to_go_on, require_folder, require_place, save_each, save_grid, save_npz
from archgraph.cli.sample_request import (
    Settings,
    check_unchanged,
    completed,
    labels_of,
    of_the_first,
    pictures_of,
    repeated,
    sampler_of,
    schedule_of,
    settings_again,
    sides,
)

if TYPE_CHECKING:
    from archgraph.runtime import SamplingRecord, Session
    from archgraph.runtime.images import Floats

INTERRUPTED = 130
ModelArgument = Annotated[
    str | None,
    typer.Argument(metavar="MODEL", help="A file that export wrote, or a spec; --again knows it.", show_default=False),
]


def run(
    context: typer.Context,
    model: ModelArgument = None,
    n: Annotated[
        int | None, typer.Option("-n", min=1, help="How many pictures; 16, or as many as --class lists.")
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="How many; 50, or as the file says.")] = None,
    sampler: Annotated[
        str | None, typer.Option("--sampler", help="ddpm, ddim, euler, heun, dpmpp_2m …; ddim, or as the file says.")
    ] = None,
    option: Annotated[
        list[str], typer.Option("--option", metavar="KEY=VALUE", help="An option of the sampler: --option eta=0.5.")
    ] = [],  # noqa: B006 - typer copies it
    spacing: Annotated[
        str | None, typer.Option("--spacing", help="leading, trailing or linspace; as the file says.")
    ] = None,
    karras: Annotated[bool | None, typer.Option(help="Noise levels by Karras et al. 2022.")] = None,
    class_: Annotated[
        list[str],
        typer.Option("--class", "--label", metavar="N or N,N,…", help="One class, or several in turn; else all."),
    ] = [],  # noqa: B006
    guidance: Annotated[float | None, typer.Option("--guidance", help="Above 1: clearer labels.")] = None,
    guidance_rescale: Annotated[
        float | None, typer.Option("--guidance-rescale", help="0 to 1: takes back the contrast that guidance adds.")
    ] = None,
    init: Annotated[Path | None, typer.Option("--init", metavar="IMAGE", help="A picture to start from.")] = None,
    strength: Annotated[float | None, typer.Option("--strength", help="What share of --init is drawn anew.")] = None,
    mask: Annotated[
        Path | None, typer.Option("--mask", metavar="IMAGE", help="Where --init is drawn anew: white yes, black no.")
    ] = None,
    size: Annotated[str | None, typer.Option("--size", metavar="N or HxW", help="The pictures' size.")] = None,
    batch: Annotated[int | None, typer.Option("--batch", min=1, help="How many pictures at a time.")] = None,
    clip: Annotated[bool | None, typer.Option(help="Hold the predicted picture in [-1, 1].")] = None,
    threshold: Annotated[
        float | None, typer.Option("--threshold", help="Hold it dynamically at that share of its values: 0.995.")
    ] = None,
    first: Annotated[int | None, typer.Option("--first", min=0, help="Begin with the picture of that number.")] = None,
    to_seed: Annotated[
        int | None, typer.Option("--to-seed", min=0, help="Go from --seed's picture to this one's in n pictures.")
    ] = None,
    again: Annotated[
        Path | None, typer.Option("--again", metavar="PNG", help="Make that picture again, by what it says of itself.")
    ] = None,
    gif: Annotated[
        Path | None,
        typer.Option("--gif", metavar="FILE", help="Also write the denoising of the pictures, animated."),
    ] = None,
    every_image: Annotated[
        Path | None, typer.Option("--every-image", metavar="DIR", help="Also write each picture alone.")
    ] = None,
    npz: Annotated[
        Path | None, typer.Option("--npz", metavar="FILE", help="Also write the pictures as arrays.")
    ] = None,
    output: OutputOption = None,
    device: DeviceOption = "auto",
    set_: SetOption = [],  # noqa: B006
    weights: WeightsOption = None,
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """Samples pictures and writes them as one PNG grid. The same seed gives the same pictures, whatever the batch.

    The picture says how it was made; --again makes it again. Ctrl-C keeps what is finished, and says how to go on.

    Example: archgraph sample digits_ddpm -n 64 --class 3 --guidance 2 --steps 20 --sampler dpmpp_2m -o grid.png
    """
    for path, suffix in ((output, ".png"), (gif, ".gif"), (npz, ".npz")):
        require_place(path, suffix)
        if path is not None:
            require_other(path, init, mask)
    require_folder(every_image)
    asked = {"n": n, "steps": steps, "sampler": sampler_of(sampler, option), "labels": labels_of(class_)}
    asked |= {"guidance": guidance, "guidance_rescale": guidance_rescale, "clip": clip, "threshold": threshold}
    asked |= {"init": init, "strength": strength, "mask": mask, "size": sides(size), "batch": batch, "first": first}
    asked |= {"seed": seed or None if to_seed is None else (seed, to_seed), "set": set_ or None, "weights": weights}
    levels = {name: value for name, value in (("spacing", spacing), ("karras", karras)) if value is not None}
    settings = {name: value for name, value in asked.items() if value is not None}
    made_before = None
    if again is not None:
        record = repeated(again, model, settings | levels)
        made_before, settings = (record, again), settings_again(record, again, model, settings)
    elif model is None:
        raise typer.BadParameter("name the network to sample, or a picture after --again", param_hint="MODEL")
    settings = {"seed": 0} | settings | ({} if model is None else {"file": model})
    outputs = Outputs(output, gif, every_image, npz, device, json)
    done, settings, written = _sample(settings, levels, made_before, outputs)
    if done < settings["n"]:
        print(how_to_go_on(context, done, settings, written), file=sys.stderr)
        raise typer.Exit(INTERRUPTED)


@dataclass(frozen=True, slots=True)
class Outputs:
    """What to write where, and on which device to run."""

    grid: Path | None
    gif: Path | None
    folder: Path | None
    npz: Path | None
    device: str
    json: bool


def _sample(
    settings: Mapping[str, Any],
    levels: Mapping[str, Any],
    made_before: tuple[SamplingRecord, Path] | None,
    outputs: Outputs,
) -> tuple[int, Settings, Path]:
    """Draws the pictures, writes what is wanted of those that are finished, and says so.

    Gives how many they are, what was to be made, and where it is.
    """
    from archgraph.runtime import save_gif

    watch, frames, seed = Stopwatch(), Frames(), settings["seed"]
    first_seed = seed[0] if isinstance(seed, tuple) else seed
    file, parameters, weights = settings["file"], settings.get("set", ()), settings.get("weights")
    with opened(file, parameters, weights, first_seed, outputs.device, sampled=True) as session:
        tell_of_idle_gpu(session, outputs.device)
        if made_before is not None:
            check_unchanged(made_before[0], session, file, made_before[1])
        schedule = schedule_of(session, levels)
        whole = completed(settings, session) | ({} if schedule is None else {"schedule": schedule})
        written = target(outputs.grid, f"{session.path.stem}-samples.png")
        pictures = _drawn(session, whole, frames if outputs.gif else None, silent=outputs.json)
        finished = of_the_first(len(pictures), whole)
        save_grid(pictures, written, session, finished)
        if outputs.folder:
            save_each(pictures, outputs.folder, session, finished)
    if outputs.npz:
        save_npz(pictures, outputs.npz, finished)
    animation = ""
    if outputs.gif:
        save_gif(sheets := frames.pictures, outputs.gif)
        few = f" of the first {frames.shown} pictures" if frames.shown < len(pictures) else ""
        animation = f"{len(sheets)} frames{few}"
    _report(watch, session, written, pictures, outputs, animation)
    return len(pictures), whole, written


def _drawn(session: Session, settings: Mapping[str, Any], frames: Frames | None, *, silent: bool) -> Floats:
    """The pictures; where the run is interrupted, those that are finished."""
    import numpy as np

    from archgraph.runtime import sample
    from archgraph.runtime.records import PLACES

    arguments: dict[str, Any] = {name: value for name, value in settings.items() if name not in PLACES}
    arguments |= pictures_of(session, settings)
    finished: list[Floats] = []
    with progress(session.device, settings["n"], silent=silent) as advance:
        try:
            sample(session, **arguments, **_watched(advance, frames, finished))
        except KeyboardInterrupt:
            if not finished:
                print("interrupted before the first picture was finished; nothing is written", file=sys.stderr)
                raise typer.Exit(INTERRUPTED) from None
    return np.concatenate(finished)


def _watched(advance: Callable[[int, int], None], frames: Frames | None, finished: list[Floats]) -> dict[str, Any]:
    """What is called after each step and each batch."""

    def on_step(step: int, total: int, x: Floats) -> None:
        advance(step, total)
        if frames is not None:
            frames.take(x)

    def on_batch(which: range, made: Floats) -> None:
        finished.append(made.copy())
        if frames is not None:
            frames.finish(made)

    return {"on_step": on_step, "on_batch": on_batch}


def _report(
    watch: Stopwatch, session: Session, written: Path, pictures: Floats, outputs: Outputs, animation: str
) -> None:
    if outputs.json:
        others = {name: str(path) if path else None for name, path in _others(outputs).items()}
        found = {"file": str(written), "shape": list(pictures.shape), **others}
        print_json({**found, **where_it_ran(session), "seconds": watch.seconds})
        return
    n, _, height, width = pictures.shape
    print(watch.wrote(written, f"{n} × {width}×{height}", f"on {session.device}"))
    for name, path in _others(outputs).items():
        if path is not None and path.is_dir():
            print(f"wrote {n} pictures to {path}/")
        elif path is not None and path.is_file():
            print(watch.wrote(path, animation if name == "gif" else ""))


def _others(outputs: Outputs) -> dict[str, Path | None]:
    return {"gif": outputs.gif, "every_image": outputs.folder, "npz": outputs.npz}
