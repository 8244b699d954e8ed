"""What a sampled picture says of how it was made, so that it can be made again."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archgraph.artifact.digests import file_digest
from archgraph.artifact.file_names import data_of, time_branch_of
from archgraph.artifact.metadata_keys import PREFIX
from archgraph.diffusion.samplers import SAMPLERS, Sampler, named_sampler
from archgraph.diffusion.schedules import Schedule, is_count
from archgraph.errors import InputError, ModelFileError, SamplingError, nearest
from archgraph.runtime.image_files import open_image
from archgraph.runtime.session import Session

FORMAT = "1"
TEXTS = ("file", "weights", "sampler", "prediction", "init", "mask")
PLACES = ("file", "set", "weights", "init", "mask")
SETTINGS = (
    *TEXTS,
    "set",
    "options",
    "steps",
    "n",
    "size",
    "channels",
    "schedule",
    "clip",
    "threshold",
    "labels",
    "guidance",
    "guidance_rescale",
    "null_label",
    "strength",
    "seed",
    "first",
    "batch",
)


@dataclass(frozen=True, slots=True)
class SamplingRecord:
    """The network's name, the digest of its file, and the settings of the run in plain values.

    `file`, `weights`, `init` and `mask` are paths, and `set` the parameters of a spec, as they were given.
    """

    model: str
    sha256: str
    settings: Mapping[str, Any]

    def arguments(self) -> dict[str, Any]:
        """The settings as `sample` takes them, without the places. Raises SamplingError."""
        found = {name: value for name, value in self.settings.items() if name not in (*PLACES, "options")}
        if options := self.settings.get("options"):  # without any, its name: what the file says of it holds again
            found["sampler"] = named_sampler(found.get("sampler", ""), **options)
        if "schedule" in found:
            found["schedule"] = Schedule.from_meta(found["schedule"])
        pairs = {name: tuple(found[name]) for name in ("size", "seed") if isinstance(found.get(name), list)}
        return found | pairs

    @property
    def places(self) -> dict[str, Any]:
        """Where the file, its parameters and weights, and the pictures were found."""
        return {name: value for name, value in self.settings.items() if name in PLACES}

    def check(self, session: Session) -> None:
        """Raises InputError where the file is another than the picture was made with."""
        digest = model_digest(session.path)
        if digest != self.sha256:
            raise InputError(
                f"the picture was made by another network than {session.path}",
                expected=f"{self.model}, SHA-256 {self.sha256[:16]}…",
                received=f"{session.metadata.name}, SHA-256 {digest[:16]}…",
            )


def model_digest(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of an exported file, and of the weights beside it where there are any. Raises ModelFileError.

    A time branch beside it is covered: the file holds its digest, which a session compares, and its weights count too.
    """
    main = Path(path)
    weights = (data_of(main), data_of(time_branch_of(main)))
    try:
        return file_digest(main, *(file for file in weights if file.is_file()))
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read", received=error.strerror or str(error)) from error


def sampling_record(session: Session, settings: Mapping[str, Any], digest: str | None = None) -> dict[str, str]:
    """The notes for `save_png`: the network, its digest, and the settings of `sample` that were given.

    A sampler goes in by its name and options, `init` and `mask` as paths. The file's `digest` is taken here unless it
    is given. Raises SamplingError for what `sample` does not take, or what cannot be written down.
    """
    plain = {name: value for name, value in _named_parts(settings).items() if value is not None}
    for name in plain:
        if name not in SETTINGS:
            raise SamplingError(f"a run has no setting '{name}'", hint=nearest(name, SETTINGS))
    notes = {"record": FORMAT, "model": session.metadata.name, "sha256": digest or model_digest(session.path)}
    notes |= {name: _text(name, value) for name, value in plain.items()}
    return {"Software": "archgraph"} | {PREFIX + name: text for name, text in notes.items()}


def _named_parts(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with the sampler as its name and its options."""
    sampler = settings.get("sampler")
    if sampler is None or isinstance(sampler, str):
        return dict(settings)
    name, options = _name_of(sampler)
    return {**settings, "sampler": name, "options": options or None}


def _name_of(sampler: Sampler) -> tuple[str, dict[str, Any]]:
    """What `named_sampler` made it of."""
    bound = isinstance(sampler, functools.partial)
    function, options = (sampler.func, dict(sampler.keywords)) if bound else (sampler, {})  # type: ignore[attr-defined]
    for name, known in SAMPLERS.items():
        if known is function:
            return name, options
    raise SamplingError("this sampler has no name to write down", expected=", ".join(SAMPLERS))


def _text(name: str, value: Any) -> str:
    """Names and paths as they are, all else as JSON."""
    if name in TEXTS and isinstance(value, (str, os.PathLike)):
        return os.fspath(value)
    try:
        return json.dumps(value, default=_plain, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise SamplingError(f"'{name}' cannot be written down", received=type(value).__name__) from error


def _plain(value: Any) -> Any:
    """A schedule as a mapping, numpy's numbers and labels as Python's."""
    if isinstance(value, Schedule):
        return dataclasses.asdict(value)
    if hasattr(value, "tolist") and getattr(value, "ndim", 0) <= 1:
        return value.tolist()
    raise TypeError


def read_record(path: str | os.PathLike[str]) -> SamplingRecord:
    """What a PNG says of how it was made. Raises InputError where it says nothing, or what makes no sense."""
    notes = _notes_of(path)
    if notes.get("record") != FORMAT or not notes.get("sha256"):
        raise InputError(
            f"{path} does not say how it was made",
            expected="a PNG that archgraph sampled",
            received=f"notes in another format, {notes['record']}" if "record" in notes else "no notes of a run",
        )
    said = {name: text for name, text in notes.items() if name not in ("record", "model", "sha256")}
    unknown = [name for name in said if name not in SETTINGS]
    if unknown:
        raise InputError(f"{path} was made with what this archgraph does not know", received=", ".join(unknown))
    return SamplingRecord(notes.get("model", ""), notes["sha256"], _values(path, said))


def _notes_of(path: str | os.PathLike[str]) -> dict[str, str]:
    with open_image(path) as image:
        texts = dict(getattr(image, "text", {}))
    return {name.removeprefix(PREFIX): text for name, text in texts.items() if name.startswith(PREFIX)}


def _values(path: str | os.PathLike[str], said: Mapping[str, str]) -> dict[str, Any]:
    try:
        values = {name: text if name in TEXTS else json.loads(text) for name, text in said.items()}
    except (ValueError, RecursionError) as error:
        raise InputError(f"what {path} says of how it was made is damaged", received=str(error)) from error
    for name, value in values.items():
        if not _KINDS.get(name, lambda value: True)(value):
            received = f"{name}: {str(value)[:80]}"
            raise InputError(f"what {path} says of how it was made is damaged", received=received)
    return values


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _is_seed(value: Any) -> bool:
    """One whole number, or two."""
    return is_count(value) or (isinstance(value, list) and bool(value) and all(map(is_count, value)))


_KINDS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("options", "schedule"), _is_mapping),
    **dict.fromkeys(("first", "n"), is_count),
    "seed": _is_seed,
}
"""What is used before `sample` looks at it."""
