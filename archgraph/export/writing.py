"""A network to the disk: one model, or the two of a network whose time branch is split off. They appear together."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from archgraph.errors import ExportError
from archgraph.export.leftovers import recover
from archgraph.export.profiles import Profile
from archgraph.export.program import Program
from archgraph.export.timesplit import TimeSplit
from archgraph.export.told import PART_KEY
from archgraph.export.weights import MatchedWeights
from archgraph.export.write import Written, prepared, publish
from archgraph.graph.types import Graph

_START = 1 << 16


def time_branch_of(path: Path) -> Path:
    """Where the time branch of a file lies: `NAME.time.onnx` beside `NAME.onnx`."""
    return path.with_suffix(".time.onnx")


def require_name(path: Path) -> None:
    """Raises ExportError for a folder in the place of a file, and for a name that cannot stand in a file."""
    if path.name in ("", "..") or path.is_dir():
        raise ExportError(f"{path} cannot be written: it is a folder", hint=f"name a file: {path / 'model.onnx'}")
    try:
        path.name.encode()
    except UnicodeEncodeError:
        raise ExportError(f"{path.name!r} cannot be written: it is no text in UTF-8", hint="rename it") from None


def write_network(
    path: Path, graph: Graph, program: Program | TimeSplit, profile: Profile, weights: MatchedWeights
) -> list[Written]:
    """Writes what a network became, the main file last. Raises OSError; then what was there is still there."""
    from archgraph.export.model import body, branch_entry, head, part_entry  # onnx takes 0.1 s to load

    beside = time_branch_of(path)
    recover(path)
    with ExitStack() as files:
        if isinstance(program, Program):
            about = (head(graph, program, profile), body(program, graph.name))
            models = [prepared(files, path, about, program.initializers.values(), weights)]
        else:
            main, branch = program.main, program.branch
            about = (head(graph, branch, profile, part_entry(path.name)), body(branch, graph.name))
            first = prepared(files, beside, about, branch.initializers.values(), weights)
            entry = branch_entry(beside.name, first.written.sha256, branch)
            about = (head(graph, main, profile, entry), body(main, graph.name))
            models = [first, prepared(files, path, about, main.initializers.values(), weights)]
        publish(files, models)
    if isinstance(program, Program):
        drop_time_branch(path)
    return [model.written for model in models]


def drop_time_branch(path: Path) -> None:
    """Removes the time branch of an older version of this file, where there is one: nothing reads it any more."""
    beside = time_branch_of(path)
    if is_time_branch(beside, path.name):
        for file in (beside, beside.with_name(f"{beside.name}.data")):
            file.unlink(missing_ok=True)


def is_time_branch(beside: Path, main: str) -> bool:
    """Whether a file says of itself that it is the time branch of the other one; that stands at its beginning."""
    if not beside.is_file():
        return False
    with beside.open("rb") as file:
        start = file.read(_START)
    place = start.find(PART_KEY.encode())
    return place >= 0 and main.encode() in start[place : place + len(PART_KEY) + len(main) + 16]
