"""A session on an exported file: strict about its device, its inputs and its sizes."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from archgraph.errors import ArchgraphError, InputError, ModelFileError, RunError

from .arrays import Array, checked_arrays
from .binding import Binding
from .metadata import Constraint, Metadata, TensorSpec, read_metadata
from .providers import open_model
from .timebranch import TimeBranch, main_inputs

KEPT_BINDINGS = 4  # a run over batches has two shapes: the full ones and the last
CAPTURED_SHAPES = 8  # a captured graph keeps its memory for as long as the session lives


class Session:
    """Runs a file that archgraph exported.

    `auto` runs on CUDA where that works and on the CPU elsewhere; `device` says which it is, `notes` why. `cuda` runs
    there or raises ProviderError, and so does `tensorrt`. `placement` says which nodes run where. TF32, which costs
    three digits, stays off unless asked for. With `cuda_graph` the runs of each shape are captured once and replayed.

    On the CPU the file is kept as ONNX Runtime has optimised it, and opens faster the next time: `cached` says whether
    it did. `cache=False` or ARCHGRAPH_CACHE=off keep nothing.

    A file whose time branch lies beside it is run with it, as if both were one: `branch` is that second file.

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
    ):
        self.path = Path(path)
        opened = open_model(self.path, device, threads, tf32, cuda_graph=cuda_graph, cache=cache)
        self._session: Any = opened.session
        self.device = opened.device
        self.notes = opened.notes
        self.placement = opened.placement
        self.cached = opened.cached
        self.cuda_graph = cuda_graph
        self._captured = 0
        self.metadata = self._described()
        entry = self.metadata.time_branch
        self.branch = None if entry is None else TimeBranch(self.path, entry)
        self._bindings: OrderedDict[tuple[Any, ...], Binding] = OrderedDict()
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

    def run(self, feeds: Mapping[str, Any] | None = None, /, *, copy: bool = True, **arrays: Any) -> dict[str, Array]:
        """The outputs by name, for inputs given as a mapping or as keywords.

        With `copy=False` the arrays may be buffers that the next run overwrites. Raises InputError with all that does
        not fit, before anything runs, and RunError where the run fails.
        """
        given = {**(feeds or {}), **arrays}
        with self._lock:
            session = self._opened()
            checked = self._timed(checked_arrays(given, self.inputs, self.constraints))
            try:
                return self._binding(session, checked).run(checked, copy)
            except ArchgraphError:
                raise
            except Exception as error:  # ONNX Runtime's classes share no base below Exception
                self._bindings.clear()
                raise RunError(f"running {self.path} failed on {self.device}", received=str(error)) from error

    def expect(self, values: Mapping[str, Array]) -> None:
        """Says which times, and which labels, the runs to come will be about, in the order of `values`: for each input,
        all its values. A time branch is computed for all of them now. Raises RunError."""
        if self.branch is not None:
            with self._lock:
                self.branch.plan({name: array.tolist() for name, array in values.items()})

    def close(self) -> None:
        """Frees the memory. The session cannot run any more."""
        with self._lock:
            self._bindings.clear()
            self._session = None
            if self.branch is not None:
                self.branch.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Session({str(self.path)!r}, device={self.device!r})"

    def _opened(self) -> Any:
        if self._session is None:
            raise RunError(f"the session on {self.path} is closed", hint="open it again, or run inside its `with`")
        return self._session

    def _timed(self, arrays: dict[str, Array]) -> dict[str, Array]:
        """What the main file takes: features in the place of the times and labels that they are made of."""
        if self.branch is None:
            return arrays
        return main_inputs(self.metadata, self.branch, arrays)

    def _binding(self, session: Any, arrays: Mapping[str, Array]) -> Binding:
        key = tuple((name, array.shape) for name, array in arrays.items())
        if key not in self._bindings:
            names = [spec.name for spec in self.outputs]
            memory = "cpu" if self.device == "cpu" else "cuda"
            self._bindings[key] = Binding(session, memory, arrays, names, self._next_graph(arrays))
            if len(self._bindings) > KEPT_BINDINGS and not self.cuda_graph:  # a graph needs the buffers it has seen
                self._bindings.popitem(last=False)
        self._bindings.move_to_end(key)
        return self._bindings[key]

    def _next_graph(self, arrays: Mapping[str, Array]) -> int | None:
        """The number of a new CUDA graph; None where none are wanted. Raises InputError for too many shapes."""
        if not self.cuda_graph:
            return None
        if self._captured == CAPTURED_SHAPES:
            raise InputError(
                "a session with CUDA graphs has one for each set of shapes",
                expected=f"{CAPTURED_SHAPES} sets of shapes at most",
                received=", ".join(f"{name} {array.shape}" for name, array in arrays.items()),
                hint="open it without cuda_graph, or pad the inputs to fewer shapes",
            )
        self._captured += 1
        return self._captured

    def _described(self) -> Metadata:
        """The metadata, where it fits the graph that it describes."""
        metadata = read_metadata(self._session.get_modelmeta().custom_metadata_map, str(self.path))
        for found, told, what in (
            (self._session.get_inputs(), metadata.inputs, "inputs"),
            (self._session.get_outputs(), metadata.outputs, "outputs"),
        ):
            real = {value.name: value.type for value in found}
            said = {spec.name: _tensor_type(spec.dtype) for spec in told}
            if real != said:
                raise ModelFileError(
                    f"{self.path} is damaged: its metadata does not describe its {what}",
                    expected=", ".join(f"{name} {kind}" for name, kind in real.items()),
                    received=", ".join(f"{name} {kind}" for name, kind in said.items()),
                    hint="export the file again",
                )
        return metadata


def _tensor_type(dtype: str) -> str:
    """ONNX Runtime's word for an element type."""
    return f"tensor({ {'float32': 'float', 'float64': 'double'}.get(dtype, dtype) })"
