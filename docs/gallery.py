"""The gallery: one picture of each spec of the collection, and of what each was drawn.

`exports/gallery/digests.json` holds a digest of what Graphviz laid out for every picture, so that a spec, or the code
that draws, cannot change while its picture stays.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator

import archgraph as ag
from archgraph.artifact.shipped_files import gallery
from archgraph.diagram import dot
from archgraph.graph import Graph
from archgraph.language.library import read_spec, shipped_specs

DIGESTS = gallery() / "digests.json"
LENGTH = 16
"""Letters of a digest."""


def drawn_specs() -> list[str]:
    """The names of the networks of the collection."""
    return [path.stem for path in sorted(shipped_specs().glob("*.yaml")) if read_spec(path).block.body.nodes]


def shown(spec: str) -> Graph:
    """The network that the picture of a spec shows: its first preset."""
    return ag.load(spec, next(iter(read_spec(shipped_specs() / f"{spec}.yaml").block.presets), None))


def digest(graph: Graph) -> str:
    """What the picture of a graph depends on, apart from Graphviz."""
    return hashlib.sha256(dot(graph).encode()).hexdigest()[:LENGTH]


def recorded() -> dict[str, str]:
    """The digest of each picture that is there."""
    found: dict[str, str] = json.loads(DIGESTS.read_text(encoding="utf-8")) if DIGESTS.is_file() else {}
    return {spec: text for spec, text in found.items() if (gallery() / f"{spec}.svg").is_file()}


def stale(specs: Iterable[str]) -> list[str]:
    """Those of the specs whose picture is missing, or shows what the spec was."""
    known = recorded()
    return [spec for spec in specs if known.get(spec) != digest(shown(spec))]


def left_over() -> list[str]:
    """Files of the gallery that belong to no spec."""
    names = {f"{spec}.svg" for spec in drawn_specs()} | {DIGESTS.name}
    return sorted(path.name for path in gallery().iterdir() if path.name not in names)


def draw(specs: Iterable[str]) -> Iterator[str]:
    """Draws pictures and keeps their digests; the paths that were written, and those that were removed."""
    known = recorded()
    for spec in specs:
        graph = shown(spec)
        yield f"{ag.render(graph, gallery() / f'{spec}.svg')} written"
        known[spec] = digest(graph)
    for name in left_over():
        (gallery() / name).unlink()
        yield f"{gallery() / name} removed"
    kept = {spec: known[spec] for spec in drawn_specs() if spec in known}
    DIGESTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
