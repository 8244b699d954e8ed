"""What `archgraph sample` is asked for: texts to settings, settings to what the sampler takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph.cli.options import pairs_as_yaml
from archgraph.errors import InputError

if TYPE_CHECKING:
    from archgraph.runtime import SamplingRecord, Schedule, Session
    from archgraph.runtime.denoisers import Opened
    from archgraph.runtime.images import Floats

USUAL = 16
PARTS = ("n", "first")
"""What --again takes beside the picture: which of its pictures to make."""

Settings = dict[str, Any]


def repeated(path: Path, model: str | None, asked: Mapping[str, Any]) -> SamplingRecord:
    """What a picture says of how it was made. Raises InputError where it does not say, or where more is asked for."""
    from archgraph.runtime import read_record

    others = [name for name in asked if name not in PARTS]
    if others:
        raise InputError("--again makes the same picture; it takes no other settings", received=", ".join(others))
    record = read_record(path)
    if model is None and "file" not in record.settings:
        raise InputError(
            f"{path} does not name the file that made it", hint=f"name it: archgraph sample MODEL --again {path}"
        )
    return record


def settings_again(record: SamplingRecord, picture: Path, model: str | None, parts: Settings) -> Settings:
    """The recorded settings; with n or `first`, those of some of the pictures. Raises InputError, SamplingError."""
    found = record.places | record.arguments()
    file = Path(found.get("file", ""))
    beside = picture.parent / file.name
    if model is not None:
        found["file"] = model
    elif not file.exists() and beside.is_file():
        found["file"] = str(beside)
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


def check_unchanged(record: SamplingRecord, session: Session, file: str, picture: Path) -> None:
    """Raises InputError where the file is another than the picture was made with."""
    from archgraph.runtime.records import model_digest

    digest = model_digest(session.path)
    if digest != record.sha256:
        raise InputError(
            f"{file} is not what {picture} was made with: it has changed, or is another network",
            expected=f"{record.model}, SHA-256 {record.sha256[:16]}…",
            received=f"{session.metadata.name}, SHA-256 {digest[:16]}…",
            hint=f"say where the right one is: archgraph sample FILE --again {picture}",
        )


def completed(settings: Mapping[str, Any], session: Session) -> Settings:
    """With the number of pictures, the class of each, and what the file says of sampler, steps and guidance.

    Without a number there is one picture for each class that was listed, or 16. Classes are taken in turn; without
    any, all that the network knows. Raises InputError.
    """
    from archgraph.runtime.denoisers import opened
    from archgraph.runtime.sampling import DEFAULT_SAMPLER, DEFAULT_STEPS

    with opened(session) as model:
        labels = settings.get("labels")
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


def _known_classes(model: Opened) -> list[int]:
    known = model.said.get("classes")
    if not isinstance(known, int) or known < 1:
        raise InputError(
            "the network asks for a class label, and its file does not say how many classes there are",
            hint="name one: --class 3",
        )
    return list(range(known))


def _check_fit(found: Mapping[str, Any], model: Opened) -> None:
    """Raises InputError for settings that need others."""
    for name in ("strength", "mask"):
        if name in found and "init" not in found:
            raise InputError(f"--{name} belongs to a picture to start from", hint="give it too: --init PICTURE")
    if "guidance" in found and found.get("labels") is None:
        raise InputError("--guidance belongs to classes, and the network takes no class labels")
    if not (found.get("size") or model.said.get("size") or all(model.fixed[2:])):
        raise InputError("how large the pictures are is not known", hint="give --size 32 or --size 48x64")


def rotated(labels: list[int], by: int) -> list[int]:
    """The same labels in turn, begun so many later."""
    start = by % len(labels)
    return labels[start:] + labels[:start]


def sides(size: str | None) -> int | tuple[int, int] | None:
    """`32` or `48x64` (height × width). Raises InputError."""
    if size is None:
        return None
    parts = size.lower().replace("×", "x").split("x")
    if len(parts) > 2 or not all(part.isdecimal() and int(part) for part in parts):
        raise InputError("this is no size", expected="32, or height and width as 48x64", received=size)
    return int(parts[0]) if len(parts) == 1 else (int(parts[0]), int(parts[1]))


def labels_of(texts: Sequence[str]) -> int | list[int] | None:
    """`3`, or several in turn: `0,1,2`, or the option given again and again. Raises InputError."""
    parts = [part.strip() for text in texts for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise InputError("these are no labels", expected="3, or several as 0,1,2", received=", ".join(texts))
    found = [int(part) for part in parts]
    return (found[0] if len(found) == 1 else found) if found else None


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
