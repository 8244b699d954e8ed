"""A network to the disk: one model, or the two of a network whose time branch is split off. They appear together."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from archgraph.artifact.recovery import recover
from archgraph.artifact.replacement import require_own_branch, time_branch_of
from archgraph.export.lowering.program import Program
from archgraph.export.passes.time_branch import TimeSplit
from archgraph.export.profiles import Profile
from archgraph.export.serialization.streaming import WrittenFiles, prepared, publish
from archgraph.export.serialization.weights import MatchedWeights
from archgraph.graph.types import Graph


def write_network(
    path: Path, graph: Graph, program: Program | TimeSplit, profile: Profile, weights: MatchedWeights
) -> list[WrittenFiles]:
    """Writes what a network became, the main file last. Raises OSError; then what was there is still there."""
    from archgraph.export.serialization.protobuf import body, branch_entry, head, part_entry  # onnx takes 0.1 s to load

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
