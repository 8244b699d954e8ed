"""Where Graphviz puts the boxes, frames and arrows of a picture."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

Point = tuple[float, float]
PROGRAM = (
    "import sys, pygraphviz as p; sys.stdout.buffer.write("
    "p.AGraph(string=sys.stdin.buffer.read().decode()).draw(prog='dot', format='json'))"
)


@dataclass(frozen=True)
class Placed:
    """A picture that Graphviz has laid out; y grows upwards."""

    objects: dict[str, dict[str, Any]]
    edges: list[tuple[str, str, dict[str, Any]]]

    def frame(self, title: str) -> tuple[float, float, float, float]:
        """Left, bottom, right and top of the only frame with these words in its title."""
        (found,) = (o for name, o in self.objects.items() if name.startswith("cluster_") and title in o["label"])
        left, bottom, right, top = map(float, found["bb"].split(","))
        return left, bottom, right, top

    def place(self, box: str) -> Point:
        """The middle of a box."""
        x, y = map(float, self.objects[box]["pos"].split(","))
        return x, y

    def label(self, edge: dict[str, Any], end: str) -> Point:
        """The middle of the label at an end of an edge."""
        x, y = map(float, edge[f"{end}_lp"].split(","))
        return x, y

    def way(self, start: str, stop: str) -> list[Point]:
        """The control points of an arrow, over all pieces between its waypoints; the arrow lies in their hull."""
        named = f"\t{start}\t{stop}\t"
        pieces = [
            edge
            for tail, head, edge in self.edges
            if tail.startswith(named) or head.startswith(named) or (tail, head) == (start, stop)
        ]
        return [point for edge in pieces for point in points(edge["pos"])]


def placed_picture(text: str) -> Placed:
    """Lays a DOT text out."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], input=text.encode(), capture_output=True, check=True)
    found = json.loads(done.stdout)
    names = {item["_gvid"]: item["name"] for item in found["objects"]}
    edges = [(names[edge["tail"]], names[edge["head"]], edge) for edge in found["edges"]]
    return Placed({item["name"]: item for item in found["objects"]}, edges)


def points(spline: str) -> list[Point]:
    """The control points of an arrow or of a piece of one, without the tip."""
    pairs = (part.split(",") for part in spline.split() if part[0] not in "se")
    return [(float(x), float(y)) for x, y in pairs]
