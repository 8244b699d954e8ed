"""The options of `archgraph sample`, and how their texts are read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from archgraph.artifact.whole_numbers import whole_number
from archgraph.cli import completion
from archgraph.cli.key_values import pairs_as_yaml
from archgraph.errors import InputError

ModelArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="MODEL",
        help="A file that export wrote, or a spec; --again knows it.",
        show_default=False,
        autocompletion=completion.specs,
    ),
]

# Which pictures

NumberOption = Annotated[
    int | None, typer.Option("-n", min=1, help="How many pictures; 16, or as many as --class lists.")
]
ClassOption = Annotated[
    list[str],
    typer.Option("--class", "--label", metavar="N or N,N,…", help="One class, or several in turn, by number or name."),
]
ExtentOption = Annotated[str | None, typer.Option("--size", metavar="N or HxW", help="The pictures' size.")]
BatchOption = Annotated[int | None, typer.Option("--batch", min=1, help="How many pictures at a time.")]
FirstOption = Annotated[int | None, typer.Option("--first", min=0, help="Begin with the picture of that number.")]
AgainOption = Annotated[
    Path | None, typer.Option("--again", metavar="PNG", help="Make that picture again, by what it says of itself.")
]

# How they are drawn

StepsOption = Annotated[int | None, typer.Option("--steps", min=1, help="How many; 50, or as the file says.")]
SamplerOption = Annotated[
    str | None,
    typer.Option(
        "--sampler",
        help="ddpm, ddim, euler, heun, dpmpp_2m …; ddim, or as the file says.",
        autocompletion=completion.samplers,
    ),
]
SamplerOptions = Annotated[
    list[str], typer.Option("--option", metavar="KEY=VALUE", help="An option of the sampler: --option eta=0.5.")
]
SpacingOption = Annotated[
    str | None, typer.Option("--spacing", help="leading, trailing or linspace; as the file says.")
]
KarrasOption = Annotated[bool | None, typer.Option(help="Noise levels by Karras et al. 2022.")]
GuidanceOption = Annotated[float | None, typer.Option("--guidance", help="Above 1: clearer labels.")]
RescaleOption = Annotated[
    float | None, typer.Option("--guidance-rescale", help="0 to 1: takes back the contrast that guidance adds.")
]
ClipOption = Annotated[bool | None, typer.Option(help="Hold the predicted picture in [-1, 1].")]
ThresholdOption = Annotated[
    float | None, typer.Option("--threshold", help="Hold it dynamically at that share of its values: 0.995.")
]

# Where they start

InitOption = Annotated[Path | None, typer.Option("--init", metavar="IMAGE", help="A picture to start from.")]
StrengthOption = Annotated[float | None, typer.Option("--strength", help="What share of --init is drawn anew.")]
MaskOption = Annotated[
    Path | None, typer.Option("--mask", metavar="IMAGE", help="Where --init is drawn anew: white yes, black no.")
]
ToSeedOption = Annotated[
    int | None, typer.Option("--to-seed", min=0, help="Go from --seed's picture to this one's in n pictures.")
]

# What is written of them

GifOption = Annotated[
    Path | None,
    typer.Option("--gif", metavar="FILE", help="Also write the denoising of the pictures, animated."),
]
EveryImageOption = Annotated[
    Path | None, typer.Option("--every-image", metavar="DIR", help="Also write each picture alone.")
]
NpzOption = Annotated[Path | None, typer.Option("--npz", metavar="FILE", help="Also write the pictures as arrays.")]


def sides(size: str | None) -> int | tuple[int, int] | None:
    """`32` or `48x64` (height × width). Raises InputError."""
    if size is None:
        return None
    numbers = [whole_number(part) or 0 for part in size.lower().replace("×", "x").split("x")]
    if len(numbers) > 2 or not all(numbers):
        raise InputError("this is no size", expected="32, or height and width as 48x64", received=size[:80])
    return numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1])


def labels_of(texts: Sequence[str]) -> str | list[str] | None:
    """`3` or `circle`, or several in turn: `0,1,2`, or the option given again and again. Raises InputError.

    What they are, the file knows, which names its classes.
    """
    parts = [part.strip() for text in texts for part in text.split(",")]
    if not all(parts):
        raise InputError("these are no labels", expected="3, or several as 0,1,2", received=", ".join(texts))
    return (parts[0] if len(parts) == 1 else parts) if parts else None


def sampler_of(name: str | None, options: list[str]) -> Any:
    """The sampler with its options. Raises SamplingError for unknown ones, InputError for options without a sampler."""
    from archgraph.diffusion import named_sampler

    if not options:
        if name is not None:
            named_sampler(name)  # an unknown one is told before anything is loaded
        return name
    if name is None:
        raise InputError("--option belongs to a sampler", hint="name it too: --sampler ddim --option eta=0.5")
    return named_sampler(name, **pairs_as_yaml(options, "--option"))


def seeds_of(seed: int, to_seed: int | None) -> int | tuple[int, int] | None:
    """Where randomness starts, or from where to where it goes; None for the seed that is usual."""
    return (seed or None) if to_seed is None else (seed, to_seed)
