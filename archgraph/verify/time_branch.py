"""A file whose time branch is a file of its own: both as one model, and both run as a sampler runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.artifact.metadata_check import entries_of
from archgraph.artifact.metadata_keys import TIME_BRANCH
from archgraph.verify.onnx_sessions import run_session, session_of
from archgraph.verify.operator_definitions import has_kernels, runnable
from archgraph.verify.weight_comparison import read_model

if TYPE_CHECKING:
    import onnxruntime

    from archgraph.artifact.tensor_specs import TimeBranchEntry

Runner = Callable[[Mapping[str, Array]], dict[str, Array]]


def branch_entry(model: Any, path: Path) -> TimeBranchEntry | None:
    """What a model says of its time branch; None where it is one file. Raises ModelFileError where that is not there,
    or where it is another one."""
    from archgraph.artifact.metadata import read_metadata
    from archgraph.runtime.time_branch import require_right

    entries = entries_of(model)
    if TIME_BRANCH.key not in entries:
        return None
    entry = read_metadata(entries, str(path)).time_branch
    if entry is not None:
        require_right(path, path.with_name(entry.file), entry)
    return entry


def composed(path: Path) -> Any:
    """The model in a file, without weights beside it, and with its time branch in the place of what that gives."""
    model = read_model(path)
    entry = branch_entry(model, path)
    if entry is None:
        return model
    branch = read_model(path.with_name(entry.file))
    given = {spec.name for spec in entry.outputs}
    made = {name for node in branch.graph.node for name in node.output}
    held = {tensor.name for tensor in branch.graph.initializer}
    parted = [node for node in model.graph.node if given.intersection(node.input)]  # what takes the features apart
    later = [node for node in model.graph.node if node not in parted and not made.issuperset(node.output)]
    kept = [value for value in model.graph.input if value.name not in given]
    own = {value.name for value in kept}
    whole = type(model)()
    whole.CopyFrom(model)
    for part in ("node", "initializer", "input"):
        whole.graph.ClearField(part)
    whole.graph.node.extend([*branch.graph.node, *later])
    whole.graph.initializer.extend(branch.graph.initializer)
    whole.graph.initializer.extend(tensor for tensor in model.graph.initializer if tensor.name not in held)
    whole.graph.input.extend([*kept, *(value for value in branch.graph.input if value.name not in own)])
    return whole


def runner(path: Path, optimised: bool) -> Runner:
    """Runs a file on the CPU. A time branch is run for each row alone: a row may depend on no other.

    Raises VerificationError.
    """
    main = _session(path, optimised)
    entry = branch_entry(read_model(path), path)
    if entry is None:
        return lambda inputs: run_session(main, inputs)
    branch = _session(path.with_name(entry.file), optimised)
    times = [spec.name for spec in entry.inputs]
    taken = [value.name for value in main.get_inputs()]

    def run(inputs: Mapping[str, Array]) -> dict[str, Array]:
        whole = {**inputs, **_features(branch, {name: inputs[name] for name in times}, entry)}
        return run_session(main, {name: whole[name] for name in taken})

    return run


def _session(path: Path, optimised: bool) -> onnxruntime.InferenceSession:
    """A session on the CPU, by definition and with roundings where that lacks kernels."""
    if has_kernels(read_model(path)):
        return session_of(path, optimised)
    with runnable(path) as copy:
        return session_of(copy, optimised)


def _features(branch: Any, times: Mapping[str, Array], entry: TimeBranchEntry) -> dict[str, Array]:
    """What the branch gives for times and labels, computed row by row; a fixed batch is filled with the one row."""
    count = len(next(iter(times.values())))
    size = 1 if isinstance(entry.inputs[0].shape[0], str) else count
    parts = [
        run_session(branch, {name: np.repeat(array[row : row + 1], size, axis=0) for name, array in times.items()})
        for row in range(count)
    ]
    return {spec.name: np.concatenate([part[spec.name][:1] for part in parts]) for spec in entry.outputs}
