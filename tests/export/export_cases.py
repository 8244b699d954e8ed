"""Graphs of one operation, random weights and inputs for them, torch's results and ONNX Runtime's."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from operation_tests import fitted

import archgraph
from archgraph.dims import Dim, evaluate
from archgraph.export import ExportOptions, export
from archgraph.graph.keys import weights
from archgraph.graph.types import Graph
from archgraph.ops import Inputs, Operation, TensorType


def random_weights(graph: Graph, seed: int = 0) -> dict[str, np.ndarray[Any, Any]]:
    """Normal weights, positive variances; no two tensors are alike, so that swapped ones are seen."""
    rng = np.random.default_rng(seed)
    found: dict[str, np.ndarray[Any, Any]] = {}
    for item in weights(graph):
        shape, dtype = item.weight.shape, item.weight.dtype
        if dtype == "int64":
            found[item.key] = np.asarray(rng.integers(0, 5, shape))
        elif item.weight.name == "running_var":
            found[item.key] = rng.uniform(0.3, 2.0, shape).astype(dtype)
        else:
            found[item.key] = (rng.standard_normal(shape) * 0.5).astype(dtype)
    return found


def random_inputs(graph: Graph, sizes: Mapping[str, int] | None = None, seed: int = 1) -> dict[str, Any]:
    """Normal numbers, positive for `sqrt`; small whole numbers."""
    rng = np.random.default_rng(seed)
    positive = any(getattr(getattr(item, "op", None), "name", "") == "sqrt" for item in graph.items)
    made: dict[str, Any] = {}
    for value in graph.inputs:
        shape = concrete(value.shape, sizes or {})
        if value.dtype in ("int64", "int32"):
            made[value.name] = rng.integers(0, 5, shape).astype(value.dtype)
        elif value.dtype == "bool":
            made[value.name] = rng.integers(0, 2, shape).astype(bool)
        else:
            numbers = np.asarray(2 * rng.standard_normal(shape), value.dtype)
            made[value.name] = np.abs(numbers) if positive else numbers
    return fitted(graph, made)


def concrete(shape: Sequence[Dim], sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(evaluate(size, sizes) for size in shape)


def torch_results(op: Operation, arrays: Sequence[Any], state: Mapping[str, Any]) -> list[np.ndarray[Any, Any]]:
    """What torch computes in evaluation mode, with the weights of a state dict (keys without the node's path)."""
    from torch_functions import FUNCTIONS  # here: processes that are killed import this file without them
    from torch_modules import module as module_of

    tensors = [torch.from_numpy(np.array(array)) for array in arrays]
    if op.family == "regularization":  # what acts in training only
        found: Any = tensors[0]
    elif op.name in FUNCTIONS:
        found = FUNCTIONS[op.name](op, *tensors)
    else:
        inputs = Inputs({str(i): TensorType(tuple(tensor.shape)) for i, tensor in enumerate(tensors)})
        module = module_of(op, inputs)
        module.load_state_dict({key or "tensor": torch.as_tensor(value) for key, value in state.items()})
        with torch.no_grad():
            found = module(*tensors)
    every = found if isinstance(found, (tuple, list)) else [found]
    return [one.detach().numpy() for one in every]


def network(nodes: Mapping[str, Any], inputs: Mapping[str, Any], outputs: Mapping[str, str] | None = None) -> Graph:
    """The graph of a spec with these nodes."""
    ends = {"outputs": outputs} if outputs else {}
    return archgraph.load({"archgraph": 1, "name": "n", "inputs": inputs, "nodes": nodes, **ends})


def require_torchs(
    graph: Graph,
    folder: Path,
    given: Sequence[Mapping[str, Any]],
    profiles: Sequence[str] = ("portable", "cpu"),
    atol: float = 2e-5,
) -> None:
    """With all of ONNX Runtime's optimisations, a file computes what the torch module computes, infinity
    and what is not a number included."""
    module = archgraph.to_torch(graph, seed=1).eval()
    state = {key: tensor.numpy() for key, tensor in module.state_dict().items()}
    for profile in profiles:
        export(graph, state, folder / f"{profile}.onnx", ExportOptions(profile))
        opened = session(folder / f"{profile}.onnx")
        for inputs in given:
            with torch.no_grad(), _without_onednn():
                found = module(*(torch.from_numpy(np.asarray(inputs[value.name])) for value in graph.inputs))
            expected = found if isinstance(found, (tuple, list)) else [found]
            for ours, torchs in zip(opened.run(None, dict(inputs)), expected, strict=True):
                assert ours.shape == tuple(torchs.shape), profile
                np.testing.assert_allclose(ours, torchs.numpy(), rtol=2e-4, atol=atol, err_msg=profile)


@contextmanager
def _without_onednn() -> Iterator[None]:
    """oneDNN's kernel of gelu, which torch takes on some processors, makes no number of infinity."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it also sets what Intel's GPUs alone have
        with torch.backends.mkldnn.flags(enabled=False):
            yield


def session(path: Path | str, optimise: bool = True) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimise else levels.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run(path: Path | str, inputs: Mapping[str, Any], optimise: bool = True) -> list[np.ndarray[Any, Any]]:
    """ONNX Runtime's results."""
    return session(path, optimise).run(None, dict(inputs))


def optimised(graph: Graph, folder: Path, profile: str = "portable") -> Counter[str]:
    """The operators that remain when ONNX Runtime has optimised the file."""
    export(graph, random_weights(graph), folder / "m.onnx", ExportOptions(profile))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    onnxruntime.InferenceSession(str(folder / "m.onnx"), options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(folder / "optimised.onnx").graph.node)
