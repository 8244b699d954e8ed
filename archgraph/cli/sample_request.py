"""The request of `archgraph sample`: from options to settings, and from settings to the sampler's arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from archgraph.errors import InputError

if TYPE_CHECKING:
    from archgraph.artifact.arrays import Floats
    from archgraph.diffusion import SamplingRecord, Schedule
    from archgraph.diffusion.denoisers import OpenedDenoiser
    from archgraph.runtime import Session

USUAL = 16
PARTS = ("n", "first")
"""The options that --again takes with a picture: which of its pictures to draw."""

Settings = dict[str, Any]
Label = TypeVar("Label", int, str)


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """Which pictures to draw. None, here and below, is the file's own setting, or the default."""

    n: int | None
    labels: str | list[str] | None
    size: int | tuple[int, int] | None
    batch: int | None
    first: int | None


@dataclass(frozen=True, slots=True)
class SamplingOptions:
    """How they are drawn."""

    steps: int | None
    sampler: Any
    guidance: float | None
    guidance_rescale: float | None
    clip: bool | None
    threshold: float | None


@dataclass(frozen=True, slots=True)
class StartOptions:
    """Where they start."""

    init: Path | None
    strength: float | None
    mask: Path | None
    seed: int | tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class SpecOptions:
    """The options that change the network of a spec."""

    set: list[str] | None
    weights: str | None


@dataclass(frozen=True, slots=True)
class LevelOptions:
    """Where the noise levels differ from those of the file's schedule."""

    spacing: str | None
    karras: bool | None


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """The pictures to draw: settings as they are recorded, other noise levels, and the record and picture that it is
    made again from."""

    settings: Settings
    levels: Settings
    before: tuple[SamplingRecord, Path] | None = None

    @property
    def first_seed(self) -> int:
        """The seed, or the first of two."""
        seed = self.settings["seed"]
        return int(seed[0] if isinstance(seed, tuple) else seed)

    def completed(self, session: Session) -> Settings:
        """The settings, completed by the file's. Raises InputError where it is not the file of the picture."""
        if self.before is not None:
            record, picture = self.before
            check_unchanged(record, picture, session, self.settings["file"])
        schedule = schedule_of(session, self.levels)
        return completed(self.settings, session) | ({} if schedule is None else {"schedule": schedule})


def asked(*parts: ImageOptions | SamplingOptions | StartOptions | SpecOptions | LevelOptions) -> Settings:
    """The options that were given, by name."""
    found = {field.name: getattr(part, field.name) for part in parts for field in fields(part)}
    return {name: value for name, value in found.items() if value is not None}


def requested(model: str | None, settings: Settings, levels: Settings, again: Path | None) -> SampleRequest:
    """The request for a network's pictures, or for a picture once more. Raises InputError."""
    before = None
    if again is not None:
        record = repeated(again, model, settings | levels)
        before, settings = (record, again), recorded_settings(record, again, model, settings)
    elif model is None:
        raise typer.BadParameter("name the network to sample, or a picture after --again", param_hint="MODEL")
    return SampleRequest({"seed": 0} | settings | ({} if model is None else {"file": model}), levels, before)


def repeated(path: Path, model: str | None, asked: Mapping[str, Any]) -> SamplingRecord:
    """The record in a picture. Raises InputError where it has none, or where other options are given with it."""
    from archgraph.diffusion import read_record

    others = [name for name in asked if name not in PARTS]
    if others:
        raise InputError("--again makes the same picture; it takes no other settings", received=", ".join(others))
    record = read_record(path)
    if model is None and "file" not in record.settings:
        raise InputError(
            f"{path} does not name the file that made it", hint=f"name it: archgraph sample MODEL --again {path}"
        )
    return record


def recorded_settings(record: SamplingRecord, picture: Path, model: str | None, parts: Settings) -> Settings:
    """The recorded settings; with n or `first`, those of some of the pictures. Raises InputError, SamplingError."""
    found = record.places | record.arguments()
    file = Path(found.get("file", ""))
    next_to_picture = picture.parent / file.name
    if model is not None:
        found["file"] = model
    elif not file.exists() and next_to_picture.is_file():
        found["file"] = str(next_to_picture)
    elif file.suffix == ".onnx" and not file.exists():
        raise InputError(
            f"the file that made {picture} is not there any more",
            received=str(file),
            hint=f"say where it is: archgraph sample FILE --again {picture}",
        )
    if parts:
        start, labels = found.get("first", 0), found.get("labels")
        found |= {"first": start} | parts
        found["n"] = parts.get("n", max(1, start + found.get("n", USUAL) - found["first"]))
        if isinstance(labels, list):
            found["labels"] = rotated(labels, found["first"] - start)
    return found


def check_unchanged(record: SamplingRecord, picture: Path, session: Session, file: str) -> None:
    """Raises InputError where the file is another than the picture was made with."""
    try:
        record.check(session)
    except InputError as error:
        message = f"{file} is not what {picture} was made with: it has changed, or is another network"
        hint = f"say where the right one is: archgraph sample FILE --again {picture}"
        raise InputError(replace(error.problems[0], message=message, hint=hint)) from None


def completed(settings: Mapping[str, Any], session: Session) -> Settings:
    """With the number of pictures, the class of each, and the file's sampler, steps and guidance.

    Without a number there is one picture for each class that was listed, or 16. Classes are taken in turn; without
    any, all that the network knows. Raises InputError.
    """
    from archgraph.diffusion.denoisers import opened
    from archgraph.diffusion.guidance import numbered
    from archgraph.diffusion.sampling import DEFAULT_SAMPLER, DEFAULT_STEPS

    with opened(session) as model:
        labels = settings.get("labels")
        if labels is not None:
            labels = numbered(labels, model.names)
        n = settings.get("n") or (len(labels) if isinstance(labels, list) else USUAL)
        if labels is None and model.labelled:
            labels = rotated(_known_classes(model), settings.get("first", 0))
        found: Settings = {**settings, "n": n}
        if labels is not None:
            found["labels"] = [labels[k % len(labels)] for k in range(n)] if isinstance(labels, list) else labels
        for name, usual in (("sampler", DEFAULT_SAMPLER), ("steps", DEFAULT_STEPS)):
            found.setdefault(name, model.said.get(name, usual))
        if labels is not None and "guidance" in model.said:
            found.setdefault("guidance", model.said["guidance"])
        _check_fit(found, model)
    return found


def of_the_first(n: int, settings: Settings) -> Settings:
    """The settings of a run's first n pictures."""
    labels = settings.get("labels")
    return settings | {"n": n} | ({"labels": labels[:n]} if isinstance(labels, list) else {})


def _known_classes(model: OpenedDenoiser) -> list[int]:
    known = model.said.get("classes")
    if not isinstance(known, int) or known < 1:
        raise InputError(
            "the network asks for a class label, and its file does not say how many classes there are",
            hint="name one: --class 3",
        )
    return list(range(known))


def _check_fit(found: Mapping[str, Any], model: OpenedDenoiser) -> None:
    """Raises InputError for settings that need others."""
    for name in ("strength", "mask"):
        if name in found and "init" not in found:
            raise InputError(f"--{name} belongs to a picture to start from", hint="give it too: --init PICTURE")
    if "guidance" in found and found.get("labels") is None:
        raise InputError("--guidance belongs to classes, and the network takes no class labels")
    if not (found.get("size") or model.said.get("size") or all(model.fixed[2:])):
        raise InputError("how large the pictures are is not known", hint="give --size 32 or --size 48x64")


def rotated(labels: list[Label], by: int) -> list[Label]:
    """The same labels in turn, begun so many later."""
    start = by % len(labels)
    return labels[start:] + labels[:start]


def schedule_of(session: Session, changes: Mapping[str, Any]) -> Schedule | None:
    """The file's schedule with another spacing or Karras' levels, where they are given. Raises SamplingError."""
    from archgraph.diffusion import Schedule

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
