"""Pictures and their masks from a folder with `images/` and `masks/`, whose files have the same names but for suffixes.

A pair becomes one array of bytes [C + 1, H, W], the mask last: so memory, decoding on demand, the held-out part and
digests are those of pictures. `classes.txt` in the folder names the classes, one a line.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from archgraph.artifact.file_kinds import is_file, is_folder, not_a_file
from archgraph.errors import ArchgraphError, InputError, nearest
from archgraph.runtime import load_image
from archgraph.runtime.image_files import FORMATS
from archgraph.runtime.images import fitted
from archgraph.training import mask_files
from archgraph.training.augment import IGNORED
from archgraph.training.image_sources import image_data, images_in
from archgraph.training.images import ImageData, Pixels, Prepare
from archgraph.training.lazy_images import Source
from archgraph.training.mask_files import MaskError, load_mask, mask_extent

IMAGES, MASKS, CLASSES = "images", "masks", "classes.txt"
LAYOUT = f"a folder with {IMAGES}/ and {MASKS}/, whose files have the same names but for suffixes"
MOST_NAMES = 5


@dataclass
class MaskValues:
    """The class numbers that masks hold, in which file each was seen first, and pictures that are no masks."""

    seen: dict[int, Path] = field(default_factory=dict)
    wrong: list[MaskError] = field(default_factory=list)

    def load(self, path: Path) -> Pixels:
        """A mask, whose numbers are noted. Raises InputError where there is none."""
        try:
            mask = load_mask(path)
        except MaskError as error:
            self.wrong.append(error)
            raise
        self.note(path, mask)
        return mask

    def note(self, path: Path, mask: Pixels) -> None:
        for value in np.flatnonzero(np.bincount(mask.ravel(), minlength=IGNORED + 1)).tolist():
            self.seen.setdefault(value, path)

    def require(self, source: str, classes: int | None, hint: Callable[[int], str]) -> None:
        """Raises InputError for numbers beyond the classes, and where there is only one class."""
        labelled = {value: path for value, path in self.seen.items() if value != IGNORED}
        beyond = sorted(value for value in labelled if classes is not None and value >= classes)
        if classes is not None and beyond:
            files = ", ".join(f"{value} in {labelled[value]}" for value in beyond[:MOST_NAMES])
            raise InputError(
                f"the masks in {source} hold classes that the network does not have",
                expected=f"numbers from 0 to {classes - 1}, and {IGNORED} for no class",
                received=files + (f", and {len(beyond) - MOST_NAMES} more" if len(beyond) > MOST_NAMES else ""),
                hint=hint(max(beyond) + 1),
            )
        if len(labelled) < 2:
            binary = set(self.seen) == {0, IGNORED}
            only = f"the class {next(iter(labelled))}" if labelled else "no class"
            raise InputError(
                f"the masks in {source} have one class at most, from which nothing can be learned",
                expected="two classes or more",
                received=only + (f", and {IGNORED} for none" if IGNORED in self.seen else ""),
                hint=f"{IGNORED} stands for no class: write 1 where the object is" if binary else "",
            )


def is_layout(source: str) -> bool:
    """Whether a folder holds pictures with masks."""
    return is_folder(Path(source) / IMAGES) and is_folder(Path(source) / MASKS)


def read_masked(
    source: str, prepare: Prepare, preprocess: Mapping[str, Any], budget: float = math.inf
) -> tuple[ImageData, MaskValues]:
    """The pairs of a folder, and the class numbers in their masks.

    Raises InputError for missing and doubled files, for pairs of two sizes, and where nothing can be read.
    """
    path, values = Path(source), MaskValues()
    if not is_layout(source):
        raise InputError(
            f"there are no pictures with masks at '{source}'",
            expected=LAYOUT,
            received=_listed_folders(path) if is_folder(path) else not_a_file(path) or "nothing of that name",
        )
    pairs, notes = _pairs(path)

    def read(pair: Source) -> Pixels:
        assert isinstance(pair, tuple)
        picture, mask = load_image(pair[0]), values.load(pair[1])
        return np.concatenate([prepare(picture), _prepared_mask(mask, preprocess)])

    try:
        found = image_data(path, [(pair, 0) for pair in pairs], read, budget)
    finally:
        if values.wrong:
            more = f"and {len(values.wrong) - 1} more of {path / MASKS}"
            problem = values.wrong[0].problems[0]
            others = ((more, None),) if len(values.wrong) > 1 else ()
            raise InputError(replace(problem, notes=others)) from None
    return replace(found, names=class_names(path), notes=notes), values


def class_names(folder: Path) -> tuple[str, ...]:
    """The names in `classes.txt`, () without it. Raises InputError where it cannot be read or names a class twice."""
    path = folder / CLASSES
    if not is_file(path):
        return ()
    try:
        names = tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read", received=getattr(error, "strerror", None) or str(error)) from None
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise InputError(f"{path} names a class twice", received=", ".join(twice))
    return names


def _prepared_mask(mask: Pixels, preprocess: Mapping[str, Any]) -> Pixels:
    """[1, H, W]: resized and cropped as its picture, each pixel with the class of one; no class outside of it."""
    from PIL import Image

    raised = Image.fromarray(mask + np.uint8(1))  # no class is 0, as what a crop adds
    return np.asarray(fitted(raised, {"preprocess": preprocess}, "nearest"), np.uint8)[None] - np.uint8(1)


def _pairs(path: Path) -> tuple[list[tuple[Path, Path]], tuple[str, ...]]:
    """Each picture with its mask, and a note on masks without a picture."""
    pictures, masks = _by_stem(images_in(path / IMAGES)), _by_stem(_masks_in(path / MASKS))
    if not pictures:
        raise InputError(f"there are no images in '{path / IMAGES}'", expected=LAYOUT)
    missing = [stem for stem in pictures if stem not in masks]
    if missing:
        raise InputError(
            f"{path / IMAGES} holds pictures without a mask: {len(missing)} of {len(pictures)}",
            expected=f"{path / MASKS / missing[0]}.png",
            received="no mask for " + _listed(missing),
            hint=_similar(missing[0], [stem for stem in masks if stem not in pictures]),
        )
    pairs = [(picture, masks[stem]) for stem, picture in pictures.items()]
    _require_one_size(pairs)
    more = [stem for stem in masks if stem not in pictures]
    return pairs, (f"masks without a picture, which are left out: {_listed(more)}",) if more else ()


def _similar(stem: str, others: Sequence[str]) -> str:
    """The mask that may be the one that is missing."""
    longer = next((other for other in others if other.startswith(stem)), "")
    return f"is it {longer}? both have the same name but for the suffix" if longer else nearest(stem, others)


def _masks_in(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.iterdir() if not file.name.startswith(".") and is_file(file))
    for file in files:
        if file.suffix.lower() in mask_files.LOSSY:
            raise InputError(
                f"{file} is no mask: its format changes values",
                expected=mask_files.EXPECTED,
                received=file.suffix,
                hint="save masks as PNG when they are made; a converted JPEG has wrong values already",
            )
    return [file for file in files if file.suffix.lower() in mask_files.SUFFIXES]


def _by_stem(files: Sequence[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in files:
        if file.stem in found:
            received = f"{found[file.stem].name} and {file.name}"
            raise InputError(f"two files in {file.parent} have one name", expected="one each", received=received)
        found[file.stem] = file
    return found


def _require_one_size(pairs: Sequence[tuple[Path, Path]]) -> None:
    """Raises InputError for a mask of another size than its picture. Files that cannot be read are reported later."""
    wrong = []
    for picture, mask in pairs:
        try:
            sizes = mask_extent(picture, FORMATS), mask_extent(mask, mask_files.FORMATS)
        except ArchgraphError:
            continue
        if sizes[0] != sizes[1]:
            wrong.append((mask, *sizes))
    if wrong:
        mask, theirs, mine = wrong[0]
        more = f"; and {len(wrong) - 1} more masks of another size" if len(wrong) > 1 else ""
        raise InputError(
            f"{mask} has another size than its picture",
            expected=f"{theirs[0]}×{theirs[1]}",
            received=f"{mine[0]}×{mine[1]}{more}",
        )


def _listed(stems: Sequence[str]) -> str:
    return ", ".join(stems[:MOST_NAMES]) + (", …" if len(stems) > MOST_NAMES else "")


def _listed_folders(path: Path) -> str:
    return ", ".join(sorted(f"{child.name}/" for child in path.iterdir() if child.is_dir())[:8]) or "no folders"
