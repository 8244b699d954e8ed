"""What `archgraph sample` is asked for: texts to settings, settings to what the sampler takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph.cli.options import pairs_as_yaml
from archgraph.errors import InputError

if TYPE_CHECKING:
    from archgraph.runtime import SamplingRecord, Schedule, Session
    from archgraph.runtime.images import Floats

USUAL = 16

Settings = dict[str, Any]


def repeated(path: Path, model: str | None, asked: Mapping[str, Any]) -> SamplingRecord:
    """What a picture says of how it was made. Raises InputError where it does not say, or where more is asked for."""
    from archgraph.runtime import read_record

    if asked:
        raise InputError("--again makes the same picture; it takes no other settings", received=", ".join(asked))
    record = read_record(path)
    if model is None and "file" not in record.settings:
        raise InputError(
            f"{path} does not name the file that made it", hint=f"name it: archgraph sample MODEL --again {path}"
        )
    return record


def counted(settings: Mapping[str, Any]) -> Settings:
    """With the number of pictures: the one asked for, one for each label, or 16."""
    labels = settings.get("labels")
    return {"n": len(labels) if isinstance(labels, list) else USUAL, **settings}


def sides(size: str | None) -> int | tuple[int, int] | None:
    """`32` or `48x64` (height × width). Raises InputError."""
    if size is None:
        return None
    parts = size.lower().replace("×", "x").split("x")
    if len(parts) > 2 or not all(part.isdecimal() and int(part) for part in parts):
        raise InputError("this is no size", expected="32, or height and width as 48x64", received=size)
    return int(parts[0]) if len(parts) == 1 else (int(parts[0]), int(parts[1]))


def labels_of(text: str | None) -> int | list[int] | None:
    """`3`, or `0,1,2` for one picture each. Raises InputError."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise InputError("these are no labels", expected="3, or one for each picture as 0,1,2", received=text)
    return int(parts[0]) if len(parts) == 1 else [int(part) for part in parts]


def sampler_of(name: str | None, options: list[str]) -> Any:
    """The sampler with its options. Raises SamplingError for unknown ones, InputError for options without a sampler."""
    from archgraph.runtime import named_sampler

    if not options:
        if name is not None:
            named_sampler(name)  # an unknown one is told before anything is loaded
        return name
    if name is None:
        raise InputError("--option belongs to a sampler", hint="name it too: --sampler ddim --option eta=0.5")
    return named_sampler(name, **pairs_as_yaml(options, "--option"))


def schedule_of(session: Session, changes: Mapping[str, Any]) -> Schedule | None:
    """The file's schedule with another spacing or Karras' levels, where they are asked for. Raises SamplingError."""
    from archgraph.runtime import Schedule

    if not changes:
        return None
    return replace(Schedule.from_meta(session.meta.get("diffusion", {}).get("schedule")), **changes)


def pictures_of(session: Session, settings: Mapping[str, Any]) -> dict[str, Floats]:
    """The picture to start from and the mask, as arrays. Raises InputError."""
    from archgraph.runtime import load_image, to_model_range

    found = {name: Path(settings[name]) for name in ("init", "mask") if name in settings}
    if not found:
        return {}
    extent = settings.get("size") or session.meta.get("diffusion", {}).get("size")
    if extent is None:
        raise InputError("how large the pictures are is not known", hint="give --size 32 or --size 48x64")
    arrays = {name: to_model_range(load_image(path), extent) for name, path in found.items()}
    if any(len(spec.shape) == 4 and spec.shape[1] == 1 for spec in session.inputs):
        arrays = {name: array.mean(axis=1, keepdims=True) for name, array in arrays.items()}
    if "mask" in arrays:  # white is painted anew, black stays
        arrays["mask"] = ((arrays["mask"].mean(axis=(0, 1)) + 1) / 2).clip(0, 1)
    return arrays
