"""Buffers bound to a session once for a set of shapes, and used again for each run of the same shapes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.errors import InputError
from archgraph.runtime.devices import load_onnxruntime

NO_GRAPH = -1  # ONNX Runtime's number for a run that is not to be captured
KEPT_BINDINGS = 4  # a run over batches has two shapes: the full ones and the last
CAPTURED_SHAPES = 8  # a captured graph keeps its memory for as long as the session lives


class DeviceBuffers:
    """Input and output buffers on the session's device ("cpu" or "cuda").

    The first run finds the shapes of the outputs, which it leaves on the host: ONNX Runtime (1.31) copies what a file
    holds, as a weight that is an output, to memory that it allocates on a GPU without waiting for the kernels that
    still use it. Buffers of ours are used by nothing else. With the number of a `graph` the runs after it are captured
    as that CUDA graph and replayed, which the buffers allow, since they stay where they are.
    """

    def __init__(
        self, session: Any, device: str, inputs: Mapping[str, Array], outputs: Iterable[str], graph: int | None = None
    ):
        self.session = session
        self.device = device
        self.ort = load_onnxruntime()
        self.uncaptured = None if graph is None else self._as_graph(NO_GRAPH)
        self.captured = None if graph is None else self._as_graph(graph)
        self.io = session.io_binding()
        self.outputs = tuple(outputs)
        self.buffers = {name: self._buffer(array.shape, array.dtype) for name, array in inputs.items()}
        self.results: dict[str, tuple[Any, Array | None]] = {}
        for name, (value, _) in self.buffers.items():
            self.io.bind_ortvalue_input(name, value)
        for name in self.outputs:
            self.io.bind_output(name, "cpu")

    def run(self, inputs: Mapping[str, Array], copy: bool = False) -> dict[str, Array]:
        """The outputs. On the CPU they may be the buffers themselves, which the next run overwrites, unless copied."""
        for name, array in inputs.items():
            self._fill(name, array)
        if not self.results:
            self.session.run_with_iobinding(self.io, self.uncaptured)
            return self._first_results()
        self.session.run_with_iobinding(self.io, self.captured)
        return {
            name: value.numpy() if own is None else own.copy() if copy else own
            for name, (value, own) in self.results.items()
        }

    def _as_graph(self, number: int) -> Any:
        """The options of runs that belong to a CUDA graph."""
        options = self.ort.RunOptions()
        options.add_run_config_entry("gpu_graph_id", str(number))
        return options

    def _buffer(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[Any, Array | None]:
        """An OrtValue; on the CPU its memory is a numpy array of ours, which is returned too."""
        if self.device == "cpu":
            own = np.empty(shape, dtype)
            return self.ort.OrtValue.ortvalue_from_numpy(own), own
        return self.ort.OrtValue.ortvalue_from_shape_and_type(list(shape), dtype.type, self.device, 0), None

    def _fill(self, name: str, array: Array) -> None:
        value, own = self.buffers[name]
        if own is None:
            value.update_inplace(np.ascontiguousarray(array))
        else:
            np.copyto(own, array)

    def _first_results(self) -> dict[str, Array]:
        """Copies what ONNX Runtime has allocated, and binds buffers of the same shapes for the runs to come."""
        found = {name: value.numpy() for name, value in zip(self.outputs, self.io.get_outputs(), strict=True)}
        first = {name: np.array(array) for name, array in found.items()}
        self.results = {name: self._buffer(array.shape, array.dtype) for name, array in first.items()}
        for name, (value, _) in self.results.items():
            self.io.bind_ortvalue_output(name, value)
        return first


class Bindings:
    """The bindings of a session on a device ("cpu" or "cuda"), one for each set of shapes that it was run with lately.

    With `cuda_graph` each set of shapes has a graph of its own.
    """

    def __init__(self, session: Any, device: str, outputs: Sequence[str], cuda_graph: bool = False):
        self.session = session
        self.device = device
        self.outputs = outputs
        self.cuda_graph = cuda_graph
        self.captured = 0
        self.kept: OrderedDict[tuple[Any, ...], DeviceBuffers] = OrderedDict()

    def run(self, arrays: Mapping[str, Array], copy: bool) -> dict[str, Array]:
        """The outputs. After a failure or an interrupt all buffers are new ones.

        Raises what ONNX Runtime raises, and InputError.
        """
        binding = self._of(arrays)
        try:
            return binding.run(arrays, copy)
        except BaseException:  # an interrupt leaves buffers half bound
            self.kept.clear()
            raise

    def close(self) -> None:
        """Frees the buffers, and lets the session go."""
        self.kept.clear()
        self.session = None

    def _of(self, arrays: Mapping[str, Array]) -> DeviceBuffers:
        key = tuple((name, array.shape) for name, array in arrays.items())
        if key not in self.kept:
            self.kept[key] = DeviceBuffers(self.session, self.device, arrays, self.outputs, self._next_graph(arrays))
            if len(self.kept) > KEPT_BINDINGS and not self.cuda_graph:  # a graph needs the buffers it has seen
                self.kept.popitem(last=False)
        self.kept.move_to_end(key)
        return self.kept[key]

    def _next_graph(self, arrays: Mapping[str, Array]) -> int | None:
        """The number of a new CUDA graph; None where none are wanted. Raises InputError for too many shapes."""
        if not self.cuda_graph:
            return None
        if self.captured == CAPTURED_SHAPES:
            raise InputError(
                "a session with CUDA graphs has one for each set of shapes",
                expected=f"{CAPTURED_SHAPES} sets of shapes at most",
                received=", ".join(f"{name} {array.shape}" for name, array in arrays.items()),
                hint="open it without cuda_graph, or pad the inputs to fewer shapes",
            )
        self.captured += 1
        return self.captured
