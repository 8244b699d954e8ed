"""`archgraph sample`: pictures out of noise, by an exported diffusion network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from archgraph.cli import Interrupted
from archgraph.cli.model_argument import opened
from archgraph.cli.module_source import takes_modules
from archgraph.cli.options import DeviceOption, JsonOption, OutputOption, SeedOption, SetOption
from archgraph.cli.output import Stopwatch, tell_of_idle_gpu
from archgraph.cli.output_paths import target
from archgraph.cli.progress import Frames, progress
from archgraph.cli.sample_options import (
    AgainOption,
    BatchOption,
    ClassOption,
    ClipOption,
    EveryImageOption,
    ExtentOption,
    FirstOption,
    GifOption,
    GuidanceOption,
    InitOption,
    KarrasOption,
    MaskOption,
    ModelArgument,
    NpzOption,
    NumberOption,
    RescaleOption,
    SamplerOption,
    SamplerOptions,
    SpacingOption,
    StepsOption,
    StrengthOption,
    ThresholdOption,
    ToSeedOption,
    labels_of,
    sampler_of,
    seeds_of,
    sides,
)
from archgraph.cli.sample_output import OutputOptions, how_to_go_on, save_each, save_grid, save_npz
from archgraph.cli.sample_request import (
    ImageOptions,
    LevelOptions,
    SampleRequest,
    SamplingOptions,
    Settings,
    SpecOptions,
    StartOptions,
    asked,
    of_the_first,
    pictures_of,
    requested,
)
from archgraph.cli.weights_options import WeightsParameter, as_text, of_text, takes_weights

if TYPE_CHECKING:
    from archgraph.artifact.arrays import Floats
    from archgraph.runtime import Session
    from archgraph.weights.requests import WeightsRequest


@takes_modules
@takes_weights
def run(
    context: typer.Context,
    model: ModelArgument = None,
    n: NumberOption = None,
    steps: StepsOption = None,
    sampler: SamplerOption = None,
    option: SamplerOptions = [],  # noqa: B006 - typer copies it
    spacing: SpacingOption = None,
    karras: KarrasOption = None,
    class_: ClassOption = [],  # noqa: B006
    guidance: GuidanceOption = None,
    guidance_rescale: RescaleOption = None,
    init: InitOption = None,
    strength: StrengthOption = None,
    mask: MaskOption = None,
    size: ExtentOption = None,
    batch: BatchOption = None,
    clip: ClipOption = None,
    threshold: ThresholdOption = None,
    first: FirstOption = None,
    to_seed: ToSeedOption = None,
    again: AgainOption = None,
    gif: GifOption = None,
    every_image: EveryImageOption = None,
    npz: NpzOption = None,
    output: OutputOption = None,
    device: DeviceOption = "auto",
    set_: SetOption = [],  # noqa: B006
    weights: WeightsParameter = None,
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """Samples pictures and writes them as one PNG grid. The same seed gives the same pictures, whatever the batch.

    The picture says how it was made; --again makes it again. Ctrl-C keeps what is finished, and says how to go on.

    Example: archgraph sample digits_ddpm -n 64 --class 3 --guidance 2 --steps 20 --sampler dpmpp_2m -o grid.png
    """
    outputs = OutputOptions(output, gif, every_image, npz, device, json)
    outputs.require_writable(init, mask)
    how = SamplingOptions(steps, sampler_of(sampler, option), guidance, guidance_rescale, clip, threshold)
    which = ImageOptions(n, labels_of(class_), sides(size), batch, first)
    start = StartOptions(init, strength, mask, seeds_of(seed, to_seed))
    settings = asked(which, how, start, SpecOptions(set_ or None, as_text(weights) if weights else None))
    request = requested(model, settings, asked(LevelOptions(spacing, karras)), again)
    done, settings, written = _sample(request, outputs)
    if done < settings["n"]:
        raise Interrupted(how_to_go_on(context, done, settings, written))


def _sample(request: SampleRequest, outputs: OutputOptions) -> tuple[int, Settings, Path]:
    """Draws the pictures, and writes and reports those that are finished.

    Gives how many they are, what was to be made, and where it is.
    """
    watch, frames, settings = Stopwatch(), Frames(), request.settings
    file, parameters, weights = settings["file"], settings.get("set", ()), _recorded(settings.get("weights"))
    with opened(file, parameters, weights, request.first_seed, outputs.device, sampled=True) as session:
        tell_of_idle_gpu(session, outputs.device)
        whole = request.completed(session)
        written = target(outputs.grid, f"{session.path.stem}-samples.png")
        pictures = _drawn(session, whole, frames if outputs.gif else None, silent=outputs.json)
        finished = of_the_first(len(pictures), whole)
        save_grid(pictures, written, session, finished)
        if outputs.folder:
            save_each(pictures, outputs.folder, session, finished)
    if outputs.npz:
        save_npz(pictures, outputs.npz, finished)
    animation = _animated(frames, len(pictures), outputs.gif) if outputs.gif else ""
    outputs.report(watch, session, written, pictures, animation)
    return len(pictures), whole, written


def _recorded(text: str | None) -> WeightsRequest | None:
    """The weights that a record, or this command, asks for."""
    return None if text is None else of_text(text)


def _animated(frames: Frames, n: int, path: Path) -> str:
    """Writes the denoising, and gives what there is to say of it. Raises RunError."""
    from archgraph.runtime import save_gif

    save_gif(sheets := frames.pictures, path)
    return f"{len(sheets)} frames" + (f" of the first {frames.shown} pictures" if frames.shown < n else "")


def _drawn(session: Session, settings: Mapping[str, Any], frames: Frames | None, *, silent: bool) -> Floats:
    """The pictures; where the run is interrupted, those that are finished."""
    import numpy as np

    from archgraph.diffusion import sample
    from archgraph.diffusion.records import PLACES

    arguments: dict[str, Any] = {name: value for name, value in settings.items() if name not in PLACES}
    arguments |= pictures_of(session, settings)
    finished: list[Floats] = []
    with progress(session.device, settings["n"], silent=silent) as advance:
        try:
            sample(session, **arguments, **_watched(advance, frames, finished))
        except KeyboardInterrupt:
            if not finished:
                raise Interrupted("interrupted before the first picture was finished; nothing is written") from None
    return np.concatenate(finished)


def _watched(advance: Callable[[int, int], None], frames: Frames | None, finished: list[Floats]) -> dict[str, Any]:
    """The callbacks after each step and each batch."""

    def on_step(step: int, total: int, x: Floats) -> None:
        advance(step, total)
        if frames is not None:
            frames.take(x)

    def on_batch(which: range, made: Floats) -> None:
        finished.append(made.copy())
        if frames is not None:
            frames.finish(made)

    return {"on_step": on_step, "on_batch": on_batch}
