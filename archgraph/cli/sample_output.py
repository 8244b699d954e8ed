"""What `archgraph sample` writes: the grid, and, where they are asked for, each picture, arrays and an animation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph.errors import InputError

if TYPE_CHECKING:
    from archgraph.runtime import Session
    from archgraph.runtime.images import Floats


def require_suffix(path: Path | None, suffix: str) -> None:
    """Raises InputError for a file name that promises another format."""
    if path is not None and path.suffix.lower() != suffix:
        raise InputError(
            f"the file is written as {suffix[1:].upper()}", expected=f"a name in {suffix}", received=str(path)
        )


def save_grid(pictures: Floats, path: Path, session: Session, settings: Mapping[str, Any]) -> None:
    """All pictures in one PNG that says how it was made. Raises RunError."""
    from archgraph.runtime import grid, sampling_record, save_png, to_pixels

    save_png(grid(to_pixels(pictures)), path, sampling_record(session, {**settings, "n": len(pictures)}))


def save_each(pictures: Floats, folder: Path, session: Session, settings: Mapping[str, Any]) -> None:
    """Each picture in a PNG of its own, named by its number, which says how to make it alone. Raises RunError."""
    from archgraph.runtime import sampling_record, save_png, to_image, to_pixels
    from archgraph.runtime.records import model_digest

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the folder {folder} cannot be made", received=error.strerror or str(error)) from None
    first, labels, digest = settings.get("first", 0), settings.get("labels"), model_digest(session.path)
    for k, pixels in enumerate(to_pixels(pictures)):
        alone = {"n": 1, "first": first + k, "labels": labels[k] if isinstance(labels, list) else labels, "batch": None}
        between = isinstance(settings.get("seed"), tuple)  # a picture between two seeds is made with the others only
        notes = {} if between else sampling_record(session, {**settings, **alone}, digest)
        save_png(to_image(pixels), folder / f"{first + k:05}.png", notes)


def save_npz(pictures: Floats, path: Path, settings: Mapping[str, Any]) -> None:
    """The pictures [N, C, H, W] in the network's range as `images`, and their labels. Raises RunError."""
    import numpy as np

    from archgraph.runtime import save_arrays

    labels = settings.get("labels")
    found = {} if labels is None else {"labels": np.broadcast_to(np.asarray(labels, np.int64), len(pictures))}
    save_arrays(path, {"images": pictures, **found})


def how_to_go_on(done: int, settings: Mapping[str, Any]) -> str:
    """What to type for the pictures that an interrupted run did not finish."""
    n, labels = settings["n"], settings.get("labels")
    if isinstance(settings.get("seed"), tuple):
        return f"interrupted: {done} of {n} pictures are finished"
    rest = f"-n {n - done} --first {settings.get('first', 0) + done}"
    if isinstance(labels, list):
        rest += f" --class {','.join(map(str, labels[done:]))}"
    return f"interrupted: {done} of {n} pictures are finished; the others: the same command with {rest}"
