"""A picture as the one input of a network: prepared by `meta.preprocess`, else by the input's shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph.artifact.arrays import Floats
from archgraph.artifact.sizes import Size
from archgraph.artifact.tensor_specs import TensorSpec
from archgraph.dims import Constraint
from archgraph.errors import InputError, Problem
from archgraph.runtime.arrays import checked_arrays
from archgraph.runtime.image_files import load_image
from archgraph.runtime.images import PREPROCESSING, preprocess
from archgraph.runtime.session import Session

if TYPE_CHECKING:
    from PIL.Image import Image

CHANNELS = (1, 3)


def picture_for(session: Session, file: Path) -> dict[str, Floats]:
    """The input of a network whose only input is a picture.

    Raises InputError for another network, and where the picture, as it is prepared, does not fit.
    """
    first = picture_input(session, file)
    return prepared_picture(session, file, first, load_image(file))


def prepared_picture(session: Session, file: Path, wanted: TensorSpec, picture: Image) -> dict[str, Floats]:
    """The input of a picture that was read from a file. Raises InputError where it does not fit."""
    found = {wanted.name: preprocess(picture, preparation(session.meta, wanted.shape))}
    return checked_picture(session, file, found)


def picture_input(session: Session, file: Path) -> TensorSpec:
    """The only input of a network that takes a picture. Raises InputError for another network."""
    first = session.inputs[0] if len(session.inputs) == 1 else None
    if first is None or len(first.shape) != 4 or not first.dtype.startswith("float"):
        names = ", ".join(map(str, session.inputs)) or "no arrays"
        raise InputError(
            f"{session.path.name} does not take a picture alone",
            expected=f"a .npz file with {names}",
            received=str(file),
            hint="a diffusion network makes pictures: `sample`" if session.meta.get("diffusion") else "",
        )
    return first


def checked_picture(session: Session, file: Path, found: dict[str, Floats]) -> dict[str, Floats]:
    """The prepared picture of a file. Raises InputError where it does not fit the network's input."""
    try:
        checked_arrays(found, session.inputs, session.constraints)
    except InputError as error:
        (array,) = found.values()
        raise _misfit(session, file, array.shape, error) from None
    return found


def preparation(meta: Mapping[str, Any], shape: Sequence[Any]) -> Mapping[str, Any]:
    """The spec's `meta`, its `preprocess` completed by the shape [N, C, H, W] of the input.

    A fixed height and width are filled by the picture's middle, not distorted; without them the size is ImageNet's. One
    channel makes the picture grey, in [0, 1]. Sizes and statistics that `preprocess` declares stay.
    """
    declared = meta.get("preprocess") or {}
    if not isinstance(declared, Mapping):
        return meta
    _, channels, height, width = shape
    sides = _sides(height, width)
    found: dict[str, Any] = {}
    if not {"resize", "crop"} & declared.keys() and sides is not None and sides != [PREPROCESSING["crop"]] * 2:
        found |= {"resize": max(sides), "crop": sides}
    if not {"mean", "std"} & declared.keys() and channels == 1:
        found |= {"mean": [0.0], "std": [1.0]}
    return {**meta, "preprocess": {**found, **declared}}


def _sides(height: Size, width: Size) -> list[int] | None:
    """Height and width, as far as the shape fixes them; a free side is like the fixed one."""
    fixed = [side for side in (height, width) if isinstance(side, int)]
    return None if not fixed else [fixed[0], fixed[-1]]


def _misfit(session: Session, file: Path, shape: tuple[int, ...], error: InputError) -> InputError:
    (wanted,) = session.inputs
    channels = wanted.shape[1]
    if isinstance(channels, int) and channels not in CHANNELS:
        hint = f"pictures have 1 or 3 channels; give an array: a .npz file with {wanted}"
    else:
        freed = (wanted.how_to_free(axis) for axis, size in enumerate(shape) if wanted.shape[axis] != size)
        hint = next(filter(None, freed), "") or _lines(wanted, session.constraints)
    notes = tuple((problem.message, None) for problem in error.problems)
    return InputError(
        Problem(
            f"{file} as it is prepared does not fit the input '{wanted.name}'",
            expected=str(wanted),
            received=str(list(shape)),
            hint=hint,
            notes=notes,
        )
    )


def _lines(wanted: TensorSpec, constraints: Sequence[Constraint]) -> str:
    """The `meta.preprocess` that makes pictures fit."""
    _, channels, *sides = wanted.shape
    height, width = _sides(*sides) or [_allowed(side, constraints) for side in sides]
    crop = str(height) if height == width else f"[{height}, {width}]"
    mean, std = ("[0.0]", "[1.0]") if channels == 1 else ("[0.485, 0.456, 0.406]", "[0.229, 0.224, 0.225]")
    line = f"meta: {{preprocess: {{resize: {max(height, width)}, crop: {crop}, mean: {mean}, std: {std}}}}}"
    return f"write into the spec, and export again: {line}"


def _allowed(side: Size, constraints: Sequence[Constraint]) -> int:
    usual = int(str(PREPROCESSING["crop"]))
    for constraint in constraints:
        if constraint.symbol == side and not constraint.allows(usual):
            return next(iter(constraint.closest(usual)), usual)
    return usual
