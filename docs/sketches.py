"""The sketches of the collection's keys, by which `archgraph weights show` finds whose weights a file holds."""

from __future__ import annotations

from collections.abc import Iterator

import archgraph
from archgraph.language.library import read_spec, shipped_specs
from archgraph.verbs.weight_files import sketched
from archgraph.weights.sketches import SketchedNetwork, written


def key_sketches() -> str:
    """The file of all shipped networks with weights."""
    paths = [path for path in sorted(shipped_specs().glob("*.yaml")) if read_spec(path).block.body.nodes]
    return written(row for path in paths for row in sketches_of(path.stem))


def sketches_of(spec: str) -> Iterator[SketchedNetwork]:
    """Those of all presets of a spec."""
    for graph in archgraph.check(spec):
        preset = graph.info.preset
        yield from sketched(graph, f"{spec}@{preset}" if preset else spec)
