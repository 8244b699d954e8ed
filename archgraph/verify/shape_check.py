"""One run of a compiled module, which shows that every shape is the one that was inferred."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph.dims import evaluate
from archgraph.errors import CompileError, Problem, ShapeError, WeightsError, no_folder
from archgraph.export.serialization.weights import not_finite, not_finite_warning
from archgraph.graph import Graph, KeyedWeight, concrete_sizes, weights
from archgraph.graph.index_ranges import trial_ranges
from archgraph.ops.contract import TensorType
from archgraph.verify.plugin_contracts import untrue_contracts
from archgraph.weights.memory import arrays, module_tensors

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

Shape = tuple[int, ...]

_NO_MEMORY = ("allocate memory", "not enough memory", "out of memory", "Storage size calculation overflowed")


@dataclass(frozen=True, slots=True)
class Trial:
    """What was run and what came out: sizes, inputs and outputs, and how many modules were compared."""

    sizes: Mapping[str, int]
    inputs: Mapping[str, TensorType]
    outputs: Mapping[str, TensorType]
    modules: int
    not_finite: tuple[str, ...] = ()
    """Weights that hold what is no number, or an infinity."""

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        shapes = {"inputs": self.inputs, "outputs": self.outputs}
        plain = {key: {name: list(kind.shape) for name, kind in found.items()} for key, found in shapes.items()}
        return {"sizes": dict(self.sizes), **plain, "modules": self.modules, **self._warned()}

    def _warned(self) -> dict[str, Any]:
        return {"weights_not_finite": list(self.not_finite)} if self.not_finite else {}

    def text(self) -> str:
        """Inputs, outputs and what was compared: a line each."""
        lines = [f"input   {name} {kind}" for name, kind in self.inputs.items()]
        lines += [f"output  {name or 'output'} {kind}" for name, kind in self.outputs.items()]
        warning = not_finite_warning(self.not_finite)
        lines += [f"the outputs of {self.modules} modules have the inferred shapes", *([warning] if warning else [])]
        return "\n".join(lines) + "\n"


def try_once(module: nn.Module, graph: Graph, sizes: Mapping[str, int] | None = None, seed: int = 0) -> Trial:
    """Runs a module at the given or usual sizes and compares the result of every module with the graph.

    Raises CompileError where a shape differs, ShapeError where memory does not suffice, and as `concrete_sizes` does.
    """
    import torch

    at = concrete_sizes(graph, sizes)
    if wrong := list(untrue_contracts(graph, at)):
        raise CompileError(*wrong)
    with _memory_for(at):
        fed = _inputs(graph, at, torch.Generator().manual_seed(seed))
    expected = dict(_expected(graph, at))
    seen: dict[str, Shape] = {}
    hooks = [
        child.register_forward_hook(_recorder(seen, path)) for path, child in module.named_modules() if path in expected
    ]
    training = module.training
    try:
        with torch.no_grad(), _memory_for(at):
            results = module.eval()(*fed.values())
    finally:
        module.train(training)
        for hook in hooks:
            hook.remove()
    outputs = _outputs(graph, results)
    wanted = {name: _at(value.shape, at) for name, value in graph.outputs.items()}
    _compare(graph, {**expected, **{f"output {name}": shape for name, shape in wanted.items()}}, {**seen, **outputs})
    taken = {value.name: TensorType(_at(value.shape, at), value.dtype) for value in graph.inputs}
    made = {name: TensorType(wanted[name], value.dtype) for name, value in graph.outputs.items()}
    return Trial(at, taken, made, len(seen), not_finite(arrays(module_tensors(module))))


@contextmanager
def _memory_for(sizes: Mapping[str, int]) -> Iterator[None]:
    """Raises ShapeError in the place of what torch says where memory does not suffice."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not any(sign in str(error) for sign in _NO_MEMORY):
            raise
        received = ", ".join(f"{symbol} = {size}" for symbol, size in sizes.items())
        raise ShapeError("there is no memory for a run at these sizes", received=received) from None


def save_weights(module: nn.Module, path: Path) -> None:
    """Writes the state dict as safetensors, whole or not at all; a tied tensor stands under each of its keys.

    Raises WeightsError where it cannot be written, and for weights without numbers.
    """
    if without_numbers(module):
        raise WeightsError(
            "weights on the meta device hold no numbers", hint="make the module on the CPU, or leave out its weights"
        )
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    kept: dict[str, Tensor] = {}
    seen: set[int] = set()
    for key, tensor in module.state_dict(keep_vars=True).items():
        memory = tensor.untyped_storage().data_ptr()
        kept[key] = tensor.detach().clone() if memory in seen else tensor.detach().contiguous()
        seen.add(memory)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        save_file(kept, beside, metadata={"format": "pt"})
        beside.replace(path)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise WeightsError(f"{path} cannot be written", received=reason, hint=no_folder(path)) from None
    finally:
        beside.unlink(missing_ok=True)


def without_numbers(module: nn.Module) -> bool:
    """Whether a weight is on the meta device."""
    return any(tensor.is_meta for tensor in module.state_dict().values())


def _inputs(graph: Graph, at: Mapping[str, int], generator: torch.Generator) -> dict[str, Tensor]:
    """Noise for numbers; for indices, those nearest to 0 that have a row, which is a time and a class of every
    network."""
    import numpy as np
    import torch

    ranges = trial_ranges(graph, at)
    found: dict[str, Tensor] = {}
    for value in graph.inputs:
        shape, dtype = _at(value.shape, at), getattr(torch, value.dtype)
        drawn = torch.randn(shape, generator=generator) if dtype.is_floating_point else torch.zeros(shape)
        found[value.name] = drawn.to(dtype)
        if value.name in ranges:
            ends = ranges[value.name]
            low, high = (np.asarray(each, np.float64) for each in (ends.low, ends.high))
            nearest = np.broadcast_to(np.clip(0.0, low, high), shape)
            found[value.name] = torch.from_numpy(np.ascontiguousarray(nearest)).to(dtype)
    return found


def _expected(graph: Graph, at: Mapping[str, int]) -> Iterator[tuple[str, Shape]]:
    """The result shapes of the modules that have weights, where each is applied once."""
    from archgraph.graph import walk

    paths = {keyed.path: keyed for keyed in weights(graph) if keyed.weight.name}
    again = {id(placed.node.shares) for placed in walk(graph)}
    shared = {id(call.shares) for placed in walk(graph) for call in placed.calls if call.shares}
    for placed in walk(graph):
        alone = id(placed.node) not in again and not any(id(call) in shared or call.shares for call in placed.calls)
        if alone and _owns(paths.get(placed.path), placed.node) and len(placed.node.outputs) == 1:
            yield placed.path, _at(placed.node.output.shape, at)


def _owns(keyed: KeyedWeight | None, node: object) -> bool:
    return keyed is not None and keyed.node is node


def _recorder(seen: dict[str, Shape], path: str) -> Any:
    def record(module: nn.Module, given: Any, result: Any) -> None:
        if hasattr(result, "shape"):
            seen[path] = tuple(result.shape)

    return record


def _outputs(graph: Graph, results: Any) -> dict[str, Shape]:
    """The results by name, whether the module returns one tensor, several, or a mapping."""
    if isinstance(results, Mapping):
        values = [results[name] for name in graph.outputs]
    else:
        values = list(results) if isinstance(results, (tuple, list)) else [results]
    if len(values) != len(graph.outputs):
        raise CompileError(
            f"{graph.title} returns {len(values)} values", expected=f"{len(graph.outputs)}: {', '.join(graph.outputs)}"
        )
    return {f"output {name}": tuple(value.shape) for name, value in zip(graph.outputs, values, strict=True)}


def _compare(graph: Graph, expected: Mapping[str, Shape], seen: Mapping[str, Shape]) -> None:
    message = f"{graph.title}: a module has another shape than was inferred"
    wrong = [
        Problem(message, None, path, str(expected[path]), str(shape))
        for path, shape in seen.items()
        if expected[path] != shape
    ]
    if wrong:
        raise CompileError(*wrong)


def _at(shape: Any, at: Mapping[str, int]) -> Shape:
    return tuple(evaluate(size, at) for size in shape)
