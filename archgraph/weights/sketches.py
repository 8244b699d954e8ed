"""Which networks a file of weights may be of: short sketches of their keys, compared without making any network.

The smallest hashes of a set are a random sample of it, and the share that two such samples have in common estimates the
share of the sets (Broder 1997, "On the resemblance and containment of documents").
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from archgraph.artifact.shipped_files import shipped_specs

LENGTH = 24
FILE = "key_sketches.json"
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class KeySketch:
    """The smallest hashes of a network's keys, and of its keys with their shapes."""

    keys: tuple[int, ...]
    shapes: tuple[int, ...]

    def likeness(self, other: KeySketch) -> float:
        """From 0 to 1; keys count, and more so with their shapes."""
        return (_shared(self.keys, other.keys) + 2 * _shared(self.shapes, other.shapes)) / 3


@dataclass(frozen=True, slots=True)
class SketchedNetwork:
    """A shipped network (`resnet@resnet18`) under its own names, or under a published naming."""

    request: str
    naming: str
    sketch: KeySketch


def sketch_of(shapes: Shapes) -> KeySketch:
    """The sketch of keys and shapes."""
    return KeySketch(_smallest(shapes), _smallest(f"{key} {list(shape)}" for key, shape in shapes.items()))


@cache
def shipped_sketches() -> tuple[SketchedNetwork, ...]:
    """Those of the collection, which `docs/generate.py` writes; none where the file is missing."""
    path = shipped_specs() / FILE
    if not path.is_file():
        return ()
    rows = json.loads(path.read_text(encoding="utf-8"))
    return tuple(
        SketchedNetwork(request, naming, KeySketch(_read(keys), _read(shapes)))
        for request, naming, keys, shapes in rows
    )


def nearest_networks(shapes: Shapes, most: int, least: float = 0.2) -> list[SketchedNetwork]:
    """The shipped networks whose keys are most like these, the likest first."""
    own = sketch_of(shapes)
    ranked = sorted(((item.sketch.likeness(own), item) for item in shipped_sketches()), key=lambda pair: -pair[0])
    return [item for likeness, item in ranked[:most] if likeness >= least]


def written(rows: Iterable[SketchedNetwork]) -> str:
    """The file of sketches, one line for each network."""
    lines = [
        json.dumps([row.request, row.naming, _written(row.sketch.keys), _written(row.sketch.shapes)]) for row in rows
    ]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def _smallest(texts: Iterable[str]) -> tuple[int, ...]:
    return tuple(sorted({zlib.crc32(text.encode()) for text in texts})[:LENGTH])


def _shared(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """The share of two sets that is in both, by the smallest hashes of their union."""
    union = sorted({*one, *other})[:LENGTH]
    both = {*one} & {*other}
    return sum(value in both for value in union) / len(union) if union else 0.0


def _written(values: tuple[int, ...]) -> str:
    return "".join(f"{value:08x}" for value in values)


def _read(text: str) -> tuple[int, ...]:
    return tuple(int(text[at : at + 8], 16) for at in range(0, len(text), 8))
