"""A network to the disk: one model, or the two of a network whose time branch is split off. They appear together."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from archgraph.errors import ExportError
from archgraph.export.exchange import require_own_branch, time_branch_of
from archgraph.export.leftovers import recover
from archgraph.export.profiles import Profile
from archgraph.export.program import Program
from archgraph.export.timesplit import TimeSplit
from archgraph.export.weights import MatchedWeights
from archgraph.export.write import Written, prepared, publish
from archgraph.filekinds import not_a_file
from archgraph.graph.types import Graph


def require_name(path: Path) -> None:
    """Raises ExportError for a folder in the place of a file, and for a name that cannot stand in a file."""
    if path.name in ("", "..") or path.is_dir():
        raise ExportError(f"{path} cannot be written: it is a folder", hint=f"name a file: {path / 'model.onnx'}")
    if odd := not_a_file(path):
        raise ExportError(f"{path} cannot be written: it is {odd}", hint="name a file: model.onnx")
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
    if not isinstance(program, Program):
        require_own_branch(path)
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
        publish(models)
    return [model.written for model in models]
