"""Galleries: one picture of each network of a kind, and of what each was drawn.

`digests.json` in a gallery's folder holds a digest of what Graphviz laid out for every picture, so that a spec, or the
code that draws, cannot change while its picture stays.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from block_examples import block_example

import archgraph as ag
from archgraph.artifact.shipped_files import gallery
from archgraph.diagram import View, dot
from archgraph.graph import Graph
from archgraph.language.library import read_spec, shipped_specs, standard_blocks

LENGTH = 16
"""Letters of a digest."""


@dataclass(frozen=True)
class Gallery:
    """A folder with a picture, `NAME.svg`, of each network. `depth` folds what lies deeper."""

    folder: Path
    names: Callable[[], list[str]]
    shown: Callable[[str], Graph]
    depth: int | None = None

    def digest(self, graph: Graph) -> str:
        """What the picture of a graph depends on, apart from Graphviz."""
        return hashlib.sha256(dot(graph, View(self.depth)).encode()).hexdigest()[:LENGTH]

    def recorded(self) -> dict[str, str]:
        """The digest of each picture that is there."""
        path = self.folder / "digests.json"
        found: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return {name: text for name, text in found.items() if self.picture(name).is_file()}

    def picture(self, name: str) -> Path:
        """The file of a picture."""
        return self.folder / f"{name}.svg"

    def stale(self) -> list[str]:
        """The networks whose picture is missing, or shows what the network was."""
        known = self.recorded()
        return [name for name in self.names() if known.get(name) != self.digest(self.shown(name))]

    def left_over(self) -> list[str]:
        """Pictures in the folder that belong to no network."""
        return sorted({path.stem for path in self.folder.glob("*.svg")} - {*self.names()})

    def draw(self, names: Iterable[str]) -> Iterator[str]:
        """Draws pictures and keeps their digests; what was written, and what was removed."""
        known = self.recorded()
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            graph = self.shown(name)
            yield f"{ag.render(graph, self.picture(name), self.depth)} written"
            known[name] = self.digest(graph)
        for name in self.left_over():
            self.picture(name).unlink()
            yield f"{self.picture(name)} removed"
        kept = {name: known[name] for name in self.names() if name in known}
        (self.folder / "digests.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def networks() -> list[str]:
    """The names of the networks of the collection."""
    return [path.stem for path in sorted(shipped_specs().glob("*.yaml")) if read_spec(path).block.body.nodes]


def first_preset(spec: str) -> Graph:
    """The network that the picture of a spec shows."""
    return ag.load(spec, next(iter(read_spec(shipped_specs() / f"{spec}.yaml").block.presets), None))


NETWORKS = Gallery(gallery(), networks, first_preset)
BLOCKS = Gallery(Path(__file__).parent / "blocks", lambda: [*standard_blocks()], block_example, depth=2)
GALLERIES = (NETWORKS, BLOCKS)
