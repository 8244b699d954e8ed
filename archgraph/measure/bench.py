"""The verb: contenders in processes of their own, measured in turns, in one run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph.artifact.metadata_check import entries_of
from archgraph.dims import evaluate
from archgraph.errors import ArchgraphError, InputError
from archgraph.graph.cost import BYTES, Cost, cost
from archgraph.graph.input_sizes import concrete_sizes, input_symbols
from archgraph.graph.plugin_use import plugins_in
from archgraph.measure.child_processes import Progress, Race
from archgraph.measure.contenders import Contender, chosen, unavailable, with_file_precision
from archgraph.measure.report import BenchRow, Report

if TYPE_CHECKING:
    from archgraph.graph.types import Graph

PEAK = "peak"


LARGEST_ERROR = 0.1
"""Of an int8 file, relative: random weights and random numbers say little of what a trained network would allow."""


@dataclass(frozen=True, slots=True)
class MeasurementEffort:
    """How much is measured: rounds, and in each of them calls for so many seconds, or exactly so many calls."""

    rounds: int = 5
    seconds: float = 1.0
    repeats: int | None = None

    def __post_init__(self) -> None:
        if self.rounds < 1 or (self.repeats is not None and self.repeats < 1):
            raise InputError("a benchmark needs at least one round and one call in it")
        if not 0 < self.seconds < float("inf"):
            raise InputError("a turn must take some time", expected="seconds above 0", received=str(self.seconds))


def bench(
    network: Graph | Path,
    batches: Sequence[int] = (1,),
    sizes: Mapping[str, int] | None = None,
    contenders: Sequence[str] | None = None,
    effort: MeasurementEffort | None = None,
    *,
    device: str = "auto",
    threads: int | None = None,
    weights: Any = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Report:
    """Measures a network, or a file that archgraph wrote, against its peers: latency, throughput, memory, shares of the
    machine's peaks.

    A call takes arrays and gives arrays, so on a GPU it copies both ways. One that cannot run is a row with its reason.
    Raises InputError, ProviderError, and what loading the network raises; Ctrl-C gives the rounds that are finished.
    """
    file = network if isinstance(network, Path) else None
    graph = _graph(network)
    runners = chosen(contenders, of_file=file is not None)
    if file is not None:
        entries = _entries(file)
        runners = tuple(with_file_precision(item, entries) if item.engine == "file" else item for item in runners)
    at, chosen_device = _at(graph, batches, sizes or {}), device_of(device)
    if threads is not None and threads < 1:
        raise InputError("the number of threads must be 1 or more", received=str(threads))
    with tempfile.TemporaryDirectory(prefix="archgraph-") as folder:
        loaded = _weights_file(graph, weights, seed, Path(folder))
        asked = BenchRequest(graph, file, at, chosen_device, threads, loaded, seed)
        return _Bench(asked, runners, effort or MeasurementEffort(), Path(folder), progress or _no_progress).report()


def _graph(network: Graph | Path) -> Graph:
    from archgraph.verify.embedded_spec import graph_in

    return graph_in(network) if isinstance(network, Path) else network


def _entries(file: Path) -> dict[str, str]:
    """The metadata of a file."""
    from archgraph.verify.examination import read_whole

    return entries_of(read_whole(file))


def _at(graph: Graph, batches: Sequence[int], sizes: Mapping[str, int]) -> dict[int, dict[str, int]]:
    """The size of every symbol, for each batch. Raises InputError for a batch that the network does not take."""
    first = next((value.shape[0] for value in graph.inputs if value.shape), 1)
    name = str(first) if str(first) in input_symbols(graph) else ""
    if not batches or len(set(batches)) < len(batches):
        raise InputError("batches are numbers, each given once", received=", ".join(map(str, batches)) or "none")
    if name in sizes:
        raise InputError(f"the size {name} is the batch", hint=f"--batch {sizes[name]}")
    if not name and list(batches) != [1] and list(batches) != [first]:
        raise InputError(f"the batch of {graph.title} is fixed", expected=str(first), received=str(list(batches)))
    if not name:
        return {int(str(first)): concrete_sizes(graph, sizes)}
    return {batch: concrete_sizes(graph, {**sizes, name: batch}) for batch in sorted(batches)}


def _weights_file(graph: Graph, weights: Any, seed: int, folder: Path) -> str | None:
    """One file for all processes, which holds the weights as the network has them. Raises WeightsError before anything
    starts."""
    if weights is None:
        return None
    from archgraph.weights.fitting import fitted
    from archgraph.weights.targets import network_of
    from archgraph.weights.writing import write_safetensors

    found = fitted(network_of(graph), weights)
    if found.report.plain and isinstance(weights, (str, Path)) and len(found.files) == 1 and ":" not in str(weights):
        return str(weights)
    if found.fresh:
        from archgraph.codegen import to_torch

        found = found.completed(to_torch(graph, weights=found, seed=seed))
    write_safetensors(folder / "weights.safetensors", found.tensors)
    return str(folder / "weights.safetensors")


def device_of(asked: str) -> str:
    """`cpu` or `cuda`: the best for `auto`. Raises ProviderError where it is not there."""
    from archgraph.errors import ProviderError
    from archgraph.runtime import available_devices
    from archgraph.runtime.devices import cuda_problem
    from archgraph.runtime.providers import DEVICES

    if asked not in DEVICES:
        raise ProviderError(f"there is no device '{asked}'", expected=", ".join(DEVICES), received=asked)
    if asked == "cuda" and (problem := cuda_problem()):
        raise ProviderError(problem)
    return available_devices()[0] if asked == "auto" else asked


def _no_progress(done: int, total: int, what: str) -> None:
    """A progress callback that does nothing."""


@dataclass(frozen=True, slots=True)
class BenchRequest:
    """The network and how it is run: the sizes of its symbols by batch; `file` where one is given."""

    graph: Graph
    file: Path | None
    sizes: Mapping[int, Mapping[str, int]]
    device: str
    threads: int | None
    weights: str | None
    seed: int


@dataclass
class _Bench:
    """One run, with a folder for its files."""

    asked: BenchRequest
    contenders: Sequence[Contender]
    effort: MeasurementEffort
    folder: Path
    progress: Progress
    reasons: dict[str, str] = field(default_factory=dict)

    def report(self) -> Report:
        from archgraph.verify.certificate import versions

        jobs = dict(self._jobs())
        precisions = sorted({item.precision for item in self.contenders if item.name in jobs})
        jobs = {PEAK: self._job(PEAK) | {"precisions": precisions}, **jobs}
        race = Race(jobs, self._questions(), self.effort.rounds, self.progress)
        race.run()
        peaks = {name: max(found[name] for found in race.peaks) for name in (race.peaks or [{}])[0]}
        fixed = next(iter(self.asked.sizes.values()))
        return Report(
            title=str(self.asked.file or self.asked.graph.title),
            device=self.asked.device,
            rows=tuple(self._rows(race, peaks)),
            peaks=peaks,
            macs={batch: _number(found.macs) for batch, found in self._costs.items()},
            sizes={name: size for name, size in fixed.items() if self._same_in_all(name)},
            rounds=self.effort.rounds,
            threads=self.asked.threads,
            versions=versions(),
            interrupted=race.interrupted,
        )

    def _same_in_all(self, name: str) -> bool:
        return len({sizes[name] for sizes in self.asked.sizes.values()}) == 1 and name != self._batch_symbol

    @property
    def _batch_symbol(self) -> str:
        return next((str(value.shape[0]) for value in self.asked.graph.inputs if value.shape), "")

    def _questions(self) -> list[dict[str, Any]]:
        much = {"seconds": self.effort.seconds, "repeats": self.effort.repeats}
        return [{"batch": str(batch), **much} for batch in self.asked.sizes]

    def _jobs(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The jobs of the child processes; contenders that cannot run are left out, with the reason."""
        inputs = self._inputs()
        for item in self.contenders:
            reason = unavailable(item, self.asked.device)
            if not reason:
                try:
                    yield item.name, self._job(item.engine) | self._job_arguments(item) | {"inputs": inputs}
                except ArchgraphError as error:
                    reason = error.problems[0].message
            if reason:
                self.reasons[item.name] = reason

    def _job(self, engine: str) -> dict[str, Any]:
        return {"engine": engine, "device": self.asked.device, "threads": self.asked.threads, "seed": self.asked.seed}

    def _job_arguments(self, item: Contender) -> dict[str, Any]:
        info = self.asked.graph.info
        if item.engine == "torch":
            spec = {"spec": dict(info.spec), "preset": info.preset, "params": dict(info.params)}
            spec["plugins"] = [used.name for used in plugins_in(self.asked.graph)]
            return spec | {"form": dict(item.form), "weights": self.asked.weights}
        return {"file": str(self.asked.file.resolve() if self.asked.file else self._exported(item))}

    def _exported(self, item: Contender) -> Path:
        from archgraph.verify import export_verified

        self.progress(0, 1, f"{item.name} is exported")
        path = self.folder / f"{item.name}.onnx"
        source = self.asked.graph if self.asked.weights else self._module
        export_verified(source, path, self.asked.weights, item.export, verify=False)
        return self._quantised(path) if item.quantize else path

    def _quantised(self, path: Path) -> Path:
        """The int8 form of a file. Its ranges are those of random numbers: this is about speed."""
        from archgraph.quantize import QuantizationRequest, quantize_file

        beside = path.with_name(f"quantised-{path.name}")
        quantize_file(path, beside, QuantizationRequest(budget=LARGEST_ERROR, timed=False))
        return beside

    @cached_property
    def _module(self) -> Any:
        """The module whose random weights all files get; torch's contenders draw the same."""
        from archgraph.codegen import to_torch

        return to_torch(self.asked.graph, seed=self.asked.seed)

    def _inputs(self) -> dict[str, str]:
        """Files with random inputs, one per batch."""
        from archgraph.runtime import save_arrays
        from archgraph.verify.cases import Case
        from archgraph.verify.trial_inputs import inputs_of

        found = {}
        for batch, sizes in self.asked.sizes.items():
            path = self.folder / f"batch-{batch}.npz"
            save_arrays(path, inputs_of(self.asked.graph, Case(sizes, self.asked.seed)))
            found[str(batch)] = str(path)
        return found

    @cached_property
    def _costs(self) -> dict[int, Cost]:
        return {batch: cost(self.asked.graph, sizes) for batch, sizes in self.asked.sizes.items()}

    def _rows(self, race: Race, peaks: Mapping[str, float]) -> Iterator[BenchRow]:
        reasons = self.reasons | race.failed
        for batch in self.asked.sizes:
            for item in self.contenders:
                rounds = tuple(map(tuple, race.seconds.get((item.name, str(batch)), ())))
                row = BenchRow(item.name, batch, rounds, precision=item.precision)
                if row.median is None:
                    yield BenchRow(item.name, batch, reason=reasons.get(item.name, "not reached"))
                    continue
                memory = race.started[item.name]["memory"][str(batch)] if self.asked.device == "cpu" else None
                arithmetic = _share(2 * _number(self._costs[batch].macs), row.median, peaks.get(item.precision))
                traffic = _share(self._bytes(batch, item.weight_bytes), row.median, peaks.get("copy"))
                yield BenchRow(item.name, batch, rounds, memory, arithmetic, traffic, item.precision)

    def _bytes(self, batch: int, each: int) -> int:
        """The least that a call must move: weights, inputs and outputs, once."""
        graph, found = self.asked.graph, self._costs[batch]
        ends = [*graph.inputs, *graph.outputs.values()]
        shapes = [[evaluate(size, self.asked.sizes[batch]) for size in value.shape] for value in ends]
        moved = sum(prod(shape) * BYTES[value.dtype] for shape, value in zip(shapes, ends, strict=True))
        return (found.parameters + found.buffers) * each + moved


def _number(dim: Any) -> int:
    assert isinstance(dim, int), dim
    return dim


def _share(amount: int, seconds: float, peak: float | None) -> float | None:
    return amount / seconds / peak if peak else None
