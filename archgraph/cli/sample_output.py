"""The output of `archgraph sample`: the grid, and, where requested, each picture, arrays and an animation."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph.cli.output import Stopwatch, echo, print_json, where_it_ran
from archgraph.cli.output_paths import require_folder, require_writable
from archgraph.cli.sample_options import labels_of
from archgraph.cli.sample_request import rotated

if TYPE_CHECKING:
    from PIL.Image import Image
    from typer import Context

    from archgraph.artifact.arrays import Floats
    from archgraph.runtime import Session
    from archgraph.runtime.images import Pixels

SEEN = 64
"""Pixels of a side below which pictures are enlarged."""


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """The files to write, and the device to run on."""

    grid: Path | None
    gif: Path | None
    folder: Path | None
    npz: Path | None
    device: str
    json: bool

    def require_writable(self, *reads: Path | None) -> None:
        """Raises InputError where something cannot be written, or would overwrite what is read."""
        for path, suffix in ((self.grid, ".png"), (self.gif, ".gif"), (self.npz, ".npz")):
            require_writable(path, (suffix,), *reads)
        require_folder(self.folder)

    def report(self, watch: Stopwatch, session: Session, written: Path, pictures: Floats, animation: str) -> None:
        """Says what was written, and where it ran."""
        targets = {"gif": self.gif, "every_image": self.folder, "npz": self.npz}
        if self.json:
            others = {name: str(path) if path else None for name, path in targets.items()}
            found = {"file": str(written), "shape": list(pictures.shape), **others}
            print_json({**found, **where_it_ran(session), "seconds": watch.seconds})
            return
        n, _, height, width = pictures.shape
        echo(watch.wrote(written, f"{n} × {width}×{height}", f"on {session.device}"))
        for name, path in targets.items():
            if path is not None and path.is_dir():
                echo(f"wrote {n} pictures to {path}/")
            elif path is not None and path.is_file():
                echo(watch.wrote(path, animation if name == "gif" else ""))


def enlarged_grid(pictures: Floats) -> Image:
    """Pictures as one grid; small ones are enlarged by a whole factor, so that they can be seen."""
    from archgraph.runtime import to_pixels

    return sheet_of([to_pixels(pictures)])


def enlarged(height: int, width: int) -> int:
    """The factor by which pictures of that size are enlarged."""
    return max(1, SEEN // min(height, width))


def sheet_of(parts: Sequence[Pixels]) -> Image:
    """Batches of bytes [N, H, W, C] as one grid, enlarged by the factor of `enlarged`."""
    from PIL.Image import Resampling

    from archgraph.runtime import grid, to_image

    sheet = grid([to_image(pixels) for part in parts for pixels in part])
    factor = enlarged(*parts[0].shape[1:3])
    return sheet.resize((sheet.width * factor, sheet.height * factor), Resampling.NEAREST)


def save_grid(pictures: Floats, path: Path, session: Session, settings: Mapping[str, Any]) -> None:
    """All pictures in one PNG with the record of how it was made. Raises RunError."""
    from archgraph.diffusion import sampling_record
    from archgraph.runtime import save_png

    save_png(enlarged_grid(pictures), path, sampling_record(session, settings))


def save_each(pictures: Floats, folder: Path, session: Session, settings: Mapping[str, Any]) -> None:
    """Each picture in a PNG of its own, named by its number, with its own record. Raises RunError."""
    from archgraph.diffusion import sampling_record
    from archgraph.diffusion.records import model_digest
    from archgraph.runtime import save_png, to_image, to_pixels

    first, labels, digest = settings.get("first", 0), settings.get("labels"), model_digest(session.path)
    for k, pixels in enumerate(to_pixels(pictures)):
        single = {
            "n": 1,
            "first": first + k,
            "labels": labels[k] if isinstance(labels, list) else labels,
            "batch": None,
        }
        between = isinstance(settings.get("seed"), tuple)  # a picture between two seeds is made with the others only
        notes = {} if between else sampling_record(session, {**settings, **single}, digest)
        save_png(to_image(pixels), folder / f"{first + k:05}.png", notes)


def save_npz(pictures: Floats, path: Path, settings: Mapping[str, Any]) -> None:
    """The pictures [N, C, H, W] in the network's range as `images`, and their labels. Raises RunError."""
    import numpy as np

    from archgraph.runtime import save_arrays

    labels = settings.get("labels")
    found = {} if labels is None else {"labels": np.broadcast_to(np.asarray(labels, np.int64), len(pictures))}
    save_arrays(path, {"images": pictures, **found})


def how_to_go_on(context: Context, done: int, settings: Mapping[str, Any], written: Path) -> str:
    """The command that draws the pictures which an interrupted run did not finish, as they would have been."""
    n, first = settings["n"], settings.get("first", 0) + done
    finished = f"interrupted: {done} of {n} pictures are finished"
    if isinstance(settings.get("seed"), tuple):  # a picture between two seeds is made with the others only
        return finished
    changed: dict[str, Any] = {"n": n - done, "first": first, "output": _named(written, first)}
    for name in ("gif", "npz"):
        if context.params[name] is not None:
            changed[name] = _named(Path(context.params[name]), first)
    if context.params["class_"] and isinstance(settings["labels"], list):
        cycle = labels_of(context.params["class_"])
        changed["class_"] = ",".join(map(str, rotated(cycle, done) if isinstance(cycle, list) else [cycle]))
    return f"{finished}; the others:\n{_typed(context, changed)}"


def _named(path: Path, first: int) -> Path:
    return path.with_stem(f"{path.stem}-from-{first}")


def _typed(context: Context, changed: Mapping[str, Any]) -> str:
    """The command that is running, with other values for some of its options."""
    words = ["archgraph", "sample"]
    for parameter in context.command.params:
        name = str(parameter.name)
        source = context.get_parameter_source(name)
        if name not in changed and (source is None or source.name != "COMMANDLINE"):
            continue
        value = changed.get(name, context.params[name])
        option = max(parameter.opts, key=len) if parameter.opts[0].startswith("-") else ""
        if isinstance(value, bool):
            words.append(option if value else parameter.secondary_opts[0])
        else:
            each = value if isinstance(value, (list, tuple)) else [value]
            words += [word for one in each for word in (option, str(one)) if word]
    return shlex.join(words)
