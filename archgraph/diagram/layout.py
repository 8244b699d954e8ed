"""From DOT text to a file: Graphviz, which pygraphviz's wheel carries, lays it out in a process of its own.

A process of its own, because Graphviz writes its warnings to the standard error stream, and may end the process.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from archgraph.artifact.atomic_files import write_whole
from archgraph.errors import RenderError, nearest

FORMATS = ("svg", "png", "pdf", "dot")
SHARPNESS = 192
"""Dots per inch of a PNG: twice what a screen shows, so that text stays sharp."""
PATIENCE = 120.0
"""Seconds."""

ROUTING = "nodesep=0.3, ranksep=0.2, splines=spline"
"""The distances of boxes, in inches, and the form of arrows; what DOT texts say of a whole picture."""
OTHER_ROUTINGS = (
    "nodesep=0.34, ranksep=0.23, splines=spline",
    "nodesep=0.3, ranksep=0.2, splines=line",
)
"""What is tried one after the other where arrows get lost. Straight lines always find their way; polylines do not."""
_LOST = re.compile(r"triangulat|spline|edge|route|path|corner|loop|exit code -", re.I)
"""What Graphviz complains of where it finds no way for an arrow, and how it ends where that ended the process."""

_PROGRAM = """
import base64, json, sys
import pygraphviz
asked = json.load(sys.stdin.buffer)
for text in asked["texts"]:
    drawn = pygraphviz.AGraph(string=text).draw(prog=asked["engine"], format=asked["kind"])
    print(base64.b64encode(drawn).decode())
"""


def picture(text: str, kind: str, engine: str = "dot") -> bytes:
    """The file's content in one of the formats. Raises RenderError with what Graphviz complained about."""
    if kind == "dot":
        return text.encode("utf-8")
    if kind == "png":
        text = text.replace("digraph {", f"digraph {{\n  graph [dpi={SHARPNESS}]", 1)
    return drawn([text], kind, engine)[0]


def drawn(texts: Sequence[str], kind: str, engine: str = "dot") -> list[bytes]:
    """What an engine of Graphviz makes of each text; `kind` may be `dot`: the text with the places of all that is in
    it. Where Graphviz finds no way for its curves, other distances are tried and then straight arrows.

    Raises RenderError with what Graphviz complained about.
    """
    for routing in (ROUTING, *OTHER_ROUTINGS):
        try:
            return _drawn([text.replace(ROUTING, routing, 1) for text in texts], kind, engine)
        except RenderError as error:
            found = error
            if not _LOST.search(error.problems[0].received) or not any(ROUTING in text for text in texts):
                break
    raise found


def _drawn(texts: Sequence[str], kind: str, engine: str) -> list[bytes]:
    command = [sys.executable, "-P", "-c", _PROGRAM]
    asked = json.dumps({"texts": list(texts), "engine": engine, "kind": kind}).encode("utf-8")
    try:
        done = subprocess.run(command, input=asked, capture_output=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise RenderError(
            "Graphviz did not finish laying the diagram out", expected=f"at most {PATIENCE:g} seconds", hint=_SHALLOWER
        ) from None
    said = _complaints(done.stderr.decode("utf-8", "replace"))
    found = done.stdout.split()
    if done.returncode or said or len(found) != len(texts):
        raise RenderError("Graphviz cannot draw this", received=said or f"exit code {done.returncode}", hint=_SHALLOWER)
    return list(map(base64.b64decode, found))


_SHALLOWER = "a smaller depth draws fewer boxes; the suffix .dot writes the text that Graphviz was given"


def _complaints(said: str) -> str:
    """What Graphviz said, but for what a machine lacks (fonts and their cache) and for large graphs that take long."""
    lines = [line.strip() for line in said.splitlines()]
    trace = "Traceback (most recent call last):"
    if trace in lines:  # pygraphviz itself failed; its last line says why
        lines = [*lines[: lines.index(trace)], lines[-1]]
    return "\n".join(
        line
        for line in lines
        if line and not re.search(r"fontconfig|font cache|no fonts|may take a long time", line, re.I)
    )


def kind_of(path: Path) -> str:
    """The format that a file's suffix asks for. Raises RenderError for an unknown one."""
    kind = path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise RenderError(
            f"'{path.name}' does not say what kind of picture to write",
            expected="a name that ends in " + ", ".join(f".{name}" for name in FORMATS[:-1]) + f" or .{FORMATS[-1]}",
            received=path.suffix or "no suffix",
            hint=nearest(kind, FORMATS),
        )
    return kind


def write(path: Path, content: bytes) -> None:
    """Writes a file as a whole or not at all. Raises RenderError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        raise RenderError(f"{path} cannot be written", received=error.strerror or str(error)) from error
