"""Masks that `infer` writes: one file for one picture, a folder for several, each at its picture's own size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph.artifact.file_kinds import is_folder
from archgraph.cli.infer_inputs import GivenFiles, Input, picture_of
from archgraph.cli.infer_tables import TABLES, Segmented, show_json, show_legend, write_table
from archgraph.cli.output import Stopwatch, echo, size_text
from archgraph.cli.output_paths import EXPORTS, require_folder, require_other, require_writable
from archgraph.errors import InputError

if TYPE_CHECKING:
    from archgraph.runtime import Session

MASK = ".png"


def write_masks(
    session: Session, inputs: GivenFiles, names: Sequence[str] | None, output: Path | None, where: dict[str, Any] | None
) -> None:
    """Segments the pictures, and writes their masks, or with -o FILE.csv or .json only a table of their classes.

    `where` is printed with the legends as JSON. Raises InputError before the first picture for places that cannot be
    written.
    """
    from archgraph.runtime import save_png
    from archgraph.runtime.segment import legend, mask_picture, segmented

    table = output is not None and output.suffix.lower() in TABLES
    places = [None] * len(inputs.files) if table else _places(inputs.files, output, session.path.stem)
    by_file = dict(zip((one.file for one in inputs.files), places, strict=True))
    if table:
        require_writable(output, TABLES, *(one.file for one in inputs.files))
    watch = Stopwatch()

    def work(one: Input) -> Segmented:
        mask, place = segmented(session, one.file, picture_of(one)), by_file[one.file]
        regions = legend(mask, names)
        if place is not None:
            require_folder(place.parent)
            save_png(mask_picture(mask), place)
        return Segmented(str(one.file), place, regions)

    found = [result for _, result in inputs.each(work, silent=where is not None)]
    if table and output is not None:
        write_table(found, output, watch)
    elif where is not None:
        show_json(found, where)
    else:
        _tell(found, watch)


def _tell(found: Sequence[Segmented], watch: Stopwatch) -> None:
    if len(found) == 1 and found[0].mask is not None:
        echo(watch.wrote(found[0].mask))
        show_legend(found[0])
        return
    masks = [one.mask for one in found if one.mask is not None]
    folder = masks[0].parent if len({mask.parent for mask in masks}) == 1 else _shared(masks)
    size = size_text(sum(mask.stat().st_size for mask in masks))
    echo(f"wrote {len(masks)} masks to {folder} ({size}, {watch.seconds:.1f} s); --json prints what is in each")


def _shared(masks: Sequence[Path]) -> Path:
    import os

    return Path(os.path.commonpath(masks))


def _places(files: Sequence[Input], output: Path | None, model: str) -> list[Path | None]:
    """Where each mask is written. Raises InputError for one file in the place of several, and for what is read."""
    single = len(files) == 1 and files[0].place is None
    if single and (output is None or output.suffix):
        place = output or EXPORTS / f"{files[0].file.stem}.mask{MASK}"
        require_writable(place, (MASK,), files[0].file)
        return [place]
    folder = output or EXPORTS / f"{model}-masks"
    if folder.suffix and not is_folder(folder):
        raise InputError(
            f"{folder} is the name of one file, and there are {len(files)} pictures",
            expected="-o FOLDER for their masks, or -o FILE.csv for a table of what is in them",
        )
    require_folder(folder)
    inner = [one.place or Path(one.file.name) for one in files]
    stems = Counter(place.with_suffix("") for place in inner)
    places = [
        folder / (place.with_suffix(MASK) if stems[place.with_suffix("")] == 1 else Path(f"{place}{MASK}"))
        for place in inner
    ]
    if twice := [str(place) for place, count in Counter(places).items() if count > 1]:
        raise InputError("two pictures have one name, and so would their masks", received=twice[0])
    for place in places:
        require_other(place, *(one.file for one in files if one.file.name == place.name))
    return list(places)
