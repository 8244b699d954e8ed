"""Weights beside a model. ONNX Runtime below 1.24 reads them wherever a file says, so that a file from elsewhere could
have any other one read; later ones refuse that themselves."""

from __future__ import annotations

import re
from pathlib import Path, PurePath

from archgraph.artifact.external_places import external_places
from archgraph.errors import ModelFileError

GUARDED = (1, 24)
"""The first release of ONNX Runtime that reads nothing outside of the model's folder."""
TOGETHER = "the weights lie in a second file: keep the two together, under the names they were written with"


def require_weights_beside(path: Path, version: str) -> None:
    """Raises ModelFileError where this release of ONNX Runtime would read weights from outside of a model's folder, or
    where they are not there. Links are followed within the folder, its real one where the model is a link itself."""
    if tuple(map(int, re.findall(r"\d+", version)[:2])) >= GUARDED:
        return
    for name in external_places(path):
        _require_beside(path, name)


def _require_beside(path: Path, name: str) -> None:
    place = path.parent / name
    if PurePath(name).is_absolute() or "\\" in name or ".." in PurePath(name).parts:
        raise ModelFileError(
            f"the weights of {path} lie outside of its folder, which may be anywhere",
            expected=f"the name of a file in {path.parent.resolve()}",
            received=name,
        )
    if not place.is_file():
        raise ModelFileError(f"{path} does not find its weights", received=str(place), hint=TOGETHER)
    real = place.resolve()
    if not any(real.is_relative_to(folder) for folder in (path.parent.resolve(), path.resolve().parent)):
        raise ModelFileError(
            f"the weights of {path} lie behind a link that leads out of its folder, which may lead anywhere",
            received=f"a link to {real}",
            hint="put the file itself in the place of the link",
        )
