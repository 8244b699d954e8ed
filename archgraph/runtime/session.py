"""A session on an exported file: strict about its device, its inputs and its sizes."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.artifact.metadata import Metadata, read_metadata
from archgraph.artifact.tensor_specs import TensorSpec
from archgraph.dims import Constraint
from archgraph.errors import ArchgraphError, InputError, ModelFileError, RunError
from archgraph.runtime.arrays import check_ranges, checked_arrays, named_feeds
from archgraph.runtime.batch_split import BatchSplit, file_identities
from archgraph.runtime.binding import Bindings
from archgraph.runtime.file_errors import texts_of
from archgraph.runtime.providers import open_model
from archgraph.runtime.time_branch import TimeBranch, main_inputs


class Session:
    """Runs a file that archgraph exported.

    `auto` runs on CUDA where that works and on the CPU elsewhere; `device` is the one chosen, `notes` are the reasons.
    `cuda` runs there or raises ProviderError, and so does `tensorrt`. `placement` maps providers to the nodes they run.
    TF32, which costs three digits, is off by default. With `cuda_graph` the runs of each shape are captured once and
    replayed.

    On the CPU the model that ONNX Runtime has optimised is cached, so that it opens faster the next time; `cached` is
    whether it came from the cache. `cache=False` or ARCHGRAPH_CACHE=off switch the cache off.

    On the CPU a batch may be split among the cores, which is mostly faster than splitting each operator: where the
    metadata declare that batch elements are independent, and where the batch divides among the cores without leaving
    some idle. The file is opened a second time for it, once runs have taken as long as opening it does, and the way
    that is measured to be faster is used. `split_batch=False` switches it off.

    A file that has a time branch is run with it as one network: `branch` is that second file.

    Raises ModelFileError for a file that is missing, damaged or foreign.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        device: Literal["auto", "cpu", "cuda", "tensorrt"] | str = "auto",
        threads: int | None = None,
        *,
        tf32: bool = False,
        cuda_graph: bool = False,
        cache: bool = True,
        split_batch: bool = True,
    ):
        self.path = _model_path(path)
        device = str(device) if hasattr(device, "type") else device  # a device of torch
        if threads is not None and type(threads) is not int:
            raise RunError("`threads` must be a whole number", received=repr(threads))
        self._opening = {
            "device": device,
            "threads": threads,
            "tf32": tf32,
            "cuda_graph": cuda_graph,
            "cache": cache,
            "split_batch": split_batch,
        }
        seen, start = file_identities(self.path), time.perf_counter()
        opened = open_model(self.path, device, threads, tf32, cuda_graph=cuda_graph, cache=cache)
        self._session: Any = opened.session
        self.device = opened.device
        self.notes = opened.notes
        self.placement = opened.placement
        self.cached = opened.cached
        self.metadata = self._described()
        entry = self.metadata.time_branch
        self.branch = None if entry is None else TimeBranch(self.path, entry)
        memory = "cpu" if self.device == "cpu" else "cuda"
        names = [spec.name for spec in self.outputs]
        self._bindings = Bindings(self._session, memory, names, cuda_graph)
        self._split: BatchSplit | None = None
        if split_batch and self.device == "cpu":
            cost = time.perf_counter() - start
            self._split = BatchSplit.of(self.path, self.metadata, threads, cost, cache, seen)
        self._lock = threading.Lock()

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return self.metadata.network_inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        return self.metadata.outputs

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        return self.metadata.constraints

    @property
    def meta(self) -> Mapping[str, Any]:
        """The spec's own `meta`: how to prepare images, the labels, the diffusion."""
        return self.metadata.meta

    def run(self, *feeds: Any, copy: bool = True, **arrays: Any) -> dict[str, Array]:
        """The outputs by name, for inputs given as a mapping, as keywords, or as arrays in the order of the inputs.

        Arrays are numpy's, torch's, or nested lists of numbers. With `copy=False` the results may be buffers that the
        next run overwrites. Raises InputError with all that does not fit, before anything runs, and RunError where the
        run fails.
        """
        given = named_feeds(feeds, arrays, self.inputs)
        with self._lock:
            self._require_open()
            checked = self._timed(checked_arrays(given, self.inputs, self.constraints))
            try:
                return self._run(checked, copy)
            except ArchgraphError:
                raise
            except Exception as error:  # ONNX Runtime's classes share no base below Exception
                raise RunError(f"running {self.path} failed on {self.device}", received=str(error)) from error

    def settled(self, feeds: Mapping[str, Any]) -> bool:
        """Whether these inputs will take as long as they do now: no second opening of the file is to come, and whether
        batches like this one are split is decided. Raises InputError."""
        with self._lock:
            self._require_open()
            arrays = self._timed(checked_arrays(feeds, self.inputs, self.constraints))
            return self._split is None or not self._split.suits(arrays) or self._split.decided(arrays)

    def expect(self, values: Mapping[str, Array]) -> None:
        """Says which times, and which labels, the runs to come will be about, in the order of `values`: for each input,
        all its values. A time branch is computed for all of them now. Raises InputError, RunError."""
        if self.branch is not None:
            wanted = {spec.name: spec for spec in self.inputs if spec in self.branch.inputs}
            missing = [str(spec) for name, spec in wanted.items() if name not in values]
            if missing:
                received = ", ".join(map(str, values)) or "nothing"
                raise InputError("inputs are missing", expected=", ".join(missing), received=received)
            arrays = {name: np.ravel(array) for name, array in values.items() if name in wanted}
            problems = list(check_ranges(arrays, wanted, {}))
            if problems:
                raise InputError(*problems)
            with self._lock:
                self.branch.plan({name: array.tolist() for name, array in arrays.items()})

    def close(self) -> None:
        """Frees the memory. The session cannot run any more."""
        with self._lock:
            self._session = None
            self._bindings.close()
            if self._split is not None:
                self._split.close()
            if self.branch is not None:
                self.branch.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, or what a pickle gives, opens the file anew."""
        return _reopened, (type(self), str(self.path.resolve()), self._opening)

    def __call__(self, *feeds: Any, **arrays: Any) -> dict[str, Array]:
        """As `run`."""
        return self.run(*feeds, **arrays)

    def __repr__(self) -> str:
        return f"Session({str(self.path)!r}, device={self.device!r})"

    def _require_open(self) -> None:
        if self._session is None:
            raise RunError(f"the session on {self.path} is closed", hint="open it again, or run inside its `with`")

    def _run(self, arrays: dict[str, Array], copy: bool) -> dict[str, Array]:
        """Splits the batch where that pays, and runs it as a whole otherwise."""
        if self._split is None or not self._split.suits(arrays):
            return self._bindings.run(arrays, copy)
        parts = self._split.pays(arrays)
        start = time.perf_counter()
        found = self._split.run(arrays) if parts else self._bindings.run(arrays, copy)
        self._split.learn(arrays, parts, time.perf_counter() - start)
        return found

    def _timed(self, arrays: dict[str, Array]) -> dict[str, Array]:
        """The inputs of the main file: features in place of the times and labels from which they are computed."""
        if self.branch is None:
            return arrays
        return main_inputs(self.metadata, self.branch, arrays)

    def _described(self) -> Metadata:
        """The metadata, where it fits the graph that it describes. Raises ModelFileError."""
        with texts_of(self.path):
            metadata = read_metadata(self._session.get_modelmeta().custom_metadata_map, str(self.path))
            ports = (
                ({value.name: value.type for value in self._session.get_inputs()}, metadata.inputs, "inputs"),
                ({value.name: value.type for value in self._session.get_outputs()}, metadata.outputs, "outputs"),
            )
        for real, declared, what in ports:
            expected = {spec.name: _tensor_type(spec.dtype) for spec in declared}
            if real != expected:
                raise ModelFileError(
                    f"{self.path} is damaged: its metadata does not describe its {what}",
                    expected=", ".join(f"{name} {kind}" for name, kind in real.items()),
                    received=", ".join(f"{name} {kind}" for name, kind in expected.items()),
                    hint="export the file again",
                )
        return metadata


def _model_path(path: object) -> Path:
    """Raises ModelFileError for what is no path, such as the graph or the bytes of a model."""
    if isinstance(path, (str, os.PathLike)):
        return Path(path)
    received = type(path).__name__
    hint = "export it first: to_onnx(network, 'net.onnx')" if received in ("Graph", "dict") else ""
    raise ModelFileError("a session opens a file", expected="the path of an ONNX file", received=received, hint=hint)


def _reopened(kind: type[Session], path: str, opening: Mapping[str, Any]) -> Session:
    return kind(path, **opening)


def _tensor_type(dtype: str) -> str:
    """ONNX Runtime's word for an element type."""
    return f"tensor({ {'float32': 'float', 'float64': 'double'}.get(dtype, dtype) })"
