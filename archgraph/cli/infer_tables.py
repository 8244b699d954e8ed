"""What `infer` finds as rows: classes of pictures, or the parts of their masks; as text, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph.cli.output import Stopwatch, echo, print_json, print_table, write_text
from archgraph.errors import escaped_json

if TYPE_CHECKING:
    from archgraph.runtime import Prediction
    from archgraph.runtime.segment import Region

TABLES = (".csv", ".json")


@dataclass(frozen=True)
class Classified:
    """The most probable classes of one input."""

    name: str
    top: Sequence[Prediction]

    def rows(self) -> list[dict[str, Any]]:
        """One for each class, in the order of the probabilities."""
        return [
            {"picture": self.name, "rank": rank, "class": one.index, "label": one.label, "probability": one.probability}
            for rank, one in enumerate(self.top, 1)
        ]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        top = [{"index": one.index, "label": one.label, "probability": one.probability} for one in self.top]
        return {"input": self.name, "top": top}


@dataclass(frozen=True)
class Segmented:
    """A mask that was written, and the classes in it."""

    name: str
    mask: Path | None
    regions: Sequence[Region]

    def rows(self) -> list[dict[str, Any]]:
        """One for each class."""
        return [{"picture": self.name, **_plain(region)} for region in self.regions]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        mask = {} if self.mask is None else {"mask": str(self.mask)}
        return {"input": self.name, **mask, "classes": [_plain(region) for region in self.regions]}


Found = Sequence[Classified] | Sequence[Segmented]


def write_table(found: Found, path: Path, watch: Stopwatch) -> None:
    """Writes a CSV with a row for each class, or a JSON list with an entry for each picture."""
    if path.suffix.lower() == ".json":
        text = escaped_json(json.dumps([one.to_json() for one in found], indent=2, ensure_ascii=False)) + "\n"
    else:
        rows = [row for one in found for row in one.rows()]
        table = io.StringIO()
        writer = csv.DictWriter(table, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        text = table.getvalue()
    write_text(path, text)
    echo(watch.wrote(path, f"{len(found)} picture" + ("s" if len(found) != 1 else "")))


def show_classes(found: Sequence[Classified], *, joined: bool) -> None:
    """Prints one table for all inputs, or one for each."""
    if joined:
        rows = [(one.name, str(each.index), each.label, f"{each.probability:.2%}") for one in found for each in one.top]
        print_table(("picture", "class", "label", "probability"), rows, right=(1, 3))
        return
    for one in found:
        echo(one.name)
        cells = [(str(each.index), each.label, f"{each.probability:.2%}") for each in one.top]
        print_table(("class", "label", "probability"), cells, right=(0, 2))


def show_json(found: Found, where: dict[str, Any]) -> None:
    """Prints an entry for each input, with the device that it ran on."""
    print_json([{**one.to_json(), **where} for one in found])


def show_legend(one: Segmented) -> None:
    """Prints the classes of a mask with their colours."""
    rows = [(str(each.index), each.label, each.colour, f"{each.share:.2%}") for each in one.regions]
    print_table(("class", "label", "colour", "share"), rows, right=(0, 3))


def _plain(region: Region) -> dict[str, Any]:
    return {"class": region.index, "label": region.label, "colour": region.colour, "share": region.share}
