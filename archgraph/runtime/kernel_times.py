"""The time of each kernel of an exported file, by ONNX Runtime's own profiler, on the CPU."""

from __future__ import annotations

import json
import statistics
import tempfile
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archgraph.artifact.arrays import Array
from archgraph.artifact.metadata import read_metadata
from archgraph.errors import RunError
from archgraph.runtime.arrays import checked_arrays
from archgraph.runtime.devices import CPU, load_onnxruntime
from archgraph.runtime.file_errors import texts_of
from archgraph.runtime.providers import open_model
from archgraph.runtime.time_branch import TimeBranch, main_inputs

MICRO = 1e-6
_KERNEL = "_kernel_time"

Shapes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Kernel:
    """One kernel of the optimised file: the median of its seconds over the runs, and its shapes."""

    name: str
    operation: str
    seconds: float
    inputs: Shapes = ()
    outputs: Shapes = ()


@dataclass(frozen=True, slots=True)
class KernelTimes:
    """The kernels of a file in the order of execution, what passes `between` them in a run, and how many runs count."""

    kernels: tuple[Kernel, ...]
    between: float
    runs: int

    @property
    def total(self) -> float:
        """The seconds of a typical run: the sum of all its parts."""
        return sum(kernel.seconds for kernel in self.kernels) + self.between


def kernel_times(
    path: Path, feeds: Mapping[str, Any], runs: int = 20, threads: int | None = None, warm: int = 3
) -> KernelTimes:
    """Runs a file and gives the seconds of each kernel: medians over the runs. Of a file with its time branch beside
    it, these are the kernels of the main file.

    Raises ModelFileError for the file's faults, InputError for the arrays', and RunError where a run fails.
    """
    if runs < 1:
        raise RunError("there must be a run to profile", expected="1 run or more", received=str(runs))
    with tempfile.TemporaryDirectory(prefix="archgraph-") as folder:
        session = _profiled(path, threads, Path(folder) / "profile")
        with texts_of(path):
            meta = read_metadata(session.get_modelmeta().custom_metadata_map, str(path))
        arrays = checked_arrays(feeds, meta.network_inputs, meta.constraints)
        if meta.time_branch is not None:  # a run of the sampler computes it once, and its steps take the main file
            arrays = main_inputs(meta, TimeBranch(path, meta.time_branch), arrays)
        events = _events(session, arrays, runs + warm, path)
    return summed(events, warm)


def _profiled(path: Path, threads: int | None, prefix: Path) -> Any:
    """A session as runs have it, but for its profiler."""
    opened = open_model(path, "cpu", threads, False)
    options = opened.session.get_session_options()
    del opened  # two copies of the weights may be more than there is room for
    options.enable_profiling = True
    options.profile_file_prefix = str(prefix)
    return load_onnxruntime().InferenceSession(str(path), options, providers=[CPU])


def _events(session: Any, arrays: Mapping[str, Array], runs: int, path: Path) -> list[dict[str, Any]]:
    try:
        for _ in range(runs):
            session.run(None, dict(arrays))
    except Exception as error:  # ONNX Runtime's classes share no base below Exception
        raise RunError(f"running {path} failed", received=str(error)) from error
    finally:
        written = Path(session.end_profiling())
    events: list[dict[str, Any]] = json.loads(written.read_text(encoding="utf-8"))
    return events


def summed(events: Sequence[Mapping[str, Any]], warm: int = 0) -> KernelTimes:
    """The events of several runs as kernels: medians over all runs but the first `warm`.

    Medians, because a run on a busy machine is interrupted here and there. Raises RunError where there is no run.
    """
    spans = sorted((e for e in events if e.get("name") == "model_run"), key=lambda e: int(e["ts"]))[warm:]
    if not spans:
        raise RunError("ONNX Runtime's profile has no runs in it")
    nodes = [e for e in events if e.get("cat") == "Node" and str(e["name"]).endswith(_KERNEL)]
    found: dict[tuple[str, str], tuple[Mapping[str, Any], list[int]]] = {}
    rest = [int(span["dur"]) for span in spans]
    starts = [int(span["ts"]) for span in spans]
    for event in nodes:
        run = bisect_right(starts, int(event["ts"])) - 1
        if run < 0 or int(event["ts"]) > starts[run] + int(spans[run]["dur"]):
            continue
        key = (str(event["name"]), str(event["args"].get("node_index", "")))
        _, took = found.setdefault(key, (event, [0] * len(spans)))
        took[run] += int(event["dur"])
        rest[run] -= int(event["dur"])
    kernels = tuple(_kernel(event, took) for event, took in found.values())
    between = MICRO * max(0.0, statistics.median(rest))
    return KernelTimes(kernels, between, len(spans))


def _kernel(event: Mapping[str, Any], took: Sequence[int]) -> Kernel:
    args = event["args"]
    return Kernel(
        str(event["name"]).removesuffix(_KERNEL),
        str(args.get("op_name", "")),
        MICRO * statistics.median(took),
        _shapes(args.get("input_type_shape")),
        _shapes(args.get("output_type_shape")),
    )


def _shapes(recorded: Any) -> Shapes:
    return tuple(tuple(shape) for entry in recorded or () for shape in entry.values())
