"""`archgraph noise`: what a diffusion does to a picture, drawn as a strip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archgraph.artifact.whole_numbers import whole_number
from archgraph.cli.key_values import pairs_as_yaml
from archgraph.cli.options import JsonOption, OutputOption, SeedOption
from archgraph.cli.output import Stopwatch, echo, print_json
from archgraph.cli.output_paths import require_writable, target
from archgraph.cli.sample_options import sides
from archgraph.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

    from archgraph.diffusion import Schedule

MARGIN, LINE, LETTERS = 4, 20, 13
PAPER, INK = "white", "black"

PictureArgument = Annotated[Path, typer.Argument(metavar="PICTURE", help="Any image: JPEG, PNG, WebP …")]
ExtentOption = Annotated[str, typer.Option("--size", metavar="N or HxW", help="The pictures' size.")]
NumberOption = Annotated[int, typer.Option("-n", min=1, help="How many pictures.")]
TimesOption = Annotated[
    str | None, typer.Option("--times", metavar="T,T,…", help="At which times; by default evenly, first to last.")
]
ScheduleOption = Annotated[
    list[str],
    typer.Option(
        "--schedule",
        metavar="KIND or KEY=VALUE",
        help="linear, scaled_linear, cosine, sigmoid; or beta_end=0.01, zero_terminal_snr=true …",
    ),
]


def run(
    picture: PictureArgument,
    size: ExtentOption = "128",
    n: NumberOption = 8,
    times: TimesOption = None,
    schedule: ScheduleOption = [],  # noqa: B006 - typer copies it
    output: OutputOption = None,
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """Draws a picture as it loses itself in noise, x_t = √ᾱ_t x_0 + √(1 - ᾱ_t) ε, with the time t underneath.

    Example: archgraph noise photo.jpg --size 128 --schedule cosine -o strip.png
    """
    from archgraph.diffusion import initial_noise
    from archgraph.runtime import load_image, save_png, to_image, to_model_range, to_pixels

    require_writable(output, (".png",), picture)
    watch, extent, plan = Stopwatch(), sides(size), _schedule(schedule)
    chosen = _times(times, n, plan)
    x0 = to_model_range(load_image(picture), extent or 0)
    noise = initial_noise(1, x0.shape[1:], seed)  # the same at all times: one path through the diffusion
    noisy = [to_image(to_pixels(plan.add_noise(x0, noise, t)[0])) for t in chosen]
    written = target(output, f"{picture.stem}-noise.png", picture)
    save_png(strip(noisy, [f"t = {t}" for t in chosen]), written, {"Software": "archgraph"})
    if json:
        levels = [{"t": t, "alpha_bar": plan.alpha_bar(t)} for t in chosen]
        print_json({"file": str(written), "schedule": plan.kind, "times": levels})
    else:
        echo(watch.wrote(written, f"{len(chosen)} pictures", f"{plan.kind} schedule"))


def _schedule(changes: Sequence[str]) -> Schedule:
    """`cosine`, or KEY=VALUE. Raises SpecError, SamplingError."""
    from archgraph.diffusion import Schedule

    pairs = [text if "=" in text else f"kind={text}" for text in changes]
    given: dict[str, Any] = pairs_as_yaml(pairs, "--schedule", "--schedule cosine, or --schedule beta_end=0.01")
    return Schedule.from_meta(given)


def _times(text: str | None, n: int, schedule: Schedule) -> list[int]:
    """The given times, or n evenly from the first to the last. Raises InputError."""
    import numpy as np

    if text is None:
        if n > schedule.train_steps:
            raise InputError("there are not so many times", expected=f"1 to {schedule.train_steps}", received=str(n))
        return [round(t) for t in np.linspace(0, schedule.train_steps - 1, n).tolist()]
    times = [whole_number(part) for part in text.split(",")]
    known = [time for time in times if time is not None]
    if len(known) < len(times):
        raise InputError("these are no times", expected="--times 0,250,999", received=text[:80])
    return known


def strip(pictures: Sequence[Image], captions: Sequence[str]) -> Image:
    """Pictures of one size side by side, each with its caption underneath; apart as far as the captions need."""
    from PIL import Image, ImageDraw, ImageFont

    width, height = pictures[0].size
    font = ImageFont.load_default(LETTERS)
    column = max(width, *(round(font.getlength(caption)) + MARGIN for caption in captions)) + MARGIN
    sheet = Image.new("RGB", (MARGIN + len(pictures) * column, MARGIN + height + LINE), PAPER)
    pen = ImageDraw.Draw(sheet)
    for k, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        middle = MARGIN + k * column + (column - MARGIN) / 2
        sheet.paste(picture, (round(middle - width / 2), MARGIN))
        pen.text((middle, MARGIN + height + LINE / 2), caption, INK, font, anchor="mm")
    return sheet
