"""Whether the contracts of plugins tell the truth: each of their operations is run by itself, by its torch rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from archgraph.dims import evaluate
from archgraph.errors import ArchgraphError, Problem, VerificationError
from archgraph.graph.builder import Builder
from archgraph.graph.types import Graph, Node, walk
from archgraph.ops.contract import Inputs, Operation, TensorType
from archgraph.plugins import ENABLED
from archgraph.plugins.plugin import TORCH_RULES
from archgraph.verify.cases import cases
from archgraph.verify.operation_sizes import at_sizes

if TYPE_CHECKING:
    from torch import Tensor, nn


def require_true_contracts(graph: Graph) -> None:
    """Raises VerificationError for operations of plugins whose contracts are not true, at the sizes that a file is
    tried on: nothing that follows from them could be proved."""
    if ENABLED and any(placed.node.op.plugin for placed in walk(graph)):
        problems = [problem for case in cases(graph) for problem in untrue_contracts(graph, case.sizes)]
        if problems:
            raise VerificationError(*problems)


def untrue_contracts(graph: Graph, sizes: Mapping[str, int]) -> Iterator[Problem]:
    """The operations of plugins whose results or weights are others than their contracts say."""
    seen: set[Any] = set()
    for placed in walk(graph) if ENABLED else ():
        node = placed.node
        if not node.op.plugin:
            continue
        op, inputs = at_sizes(node.op, sizes), _types(node, sizes)
        declared = [_concrete(value.type, sizes) for value in node.outputs]
        key = (op, tuple(inputs.items()), tuple(declared))
        if key not in seen:
            seen.add(key)
            for problem in problems_of(op, inputs, declared):
                yield problem.placed(node.origin.mark, node.origin.address or placed.path)


def problems_of(
    op: Operation, inputs: Inputs, declared: Sequence[TensorType], module: nn.Module | None = None
) -> Iterator[Problem]:
    """What is wrong with the weights and the results of one application, of which these types are declared. `module` is
    the network of that application alone, where it is there already."""
    plugin = ENABLED[op.plugin]
    try:
        module = module or compiled(op, inputs)
        found = run(module, drawn(op, inputs))
    except ArchgraphError:
        raise
    except Exception as error:  # of torch, about what the rule wrote
        yield Problem(
            f"the plugin {op.plugin}: the torch code of {op.name} fails",
            expected=f"code that takes {', '.join(map(str, inputs.values()))}",
            received=f"{type(error).__name__}: {' '.join(str(error).split())[:300]}",
            hint=f"this is a fault of {plugin.package} {plugin.version}: {plugin.path(TORCH_RULES)}",
        )
        return
    foreign = {name for name in inputs if name not in {port.name for port in op.ports}}
    weights = {each.name: each.shape for each in op.weights(inputs) if each.name not in foreign}
    theirs = {key.removeprefix("it."): tuple(value.shape) for key, value in module.state_dict().items()}
    if weights != theirs:
        yield Problem(
            f"the plugin {op.plugin}: the weights of {op.name} are not those of its torch module",
            expected=f"{listed_weights(weights)}, as its contract says",
            received=listed_weights(theirs),
            hint=f"this is a fault of {plugin.package} {plugin.version}",
        )
    received = [TensorType(tuple(each.shape), str(each.dtype).removeprefix("torch.")) for each in found]
    if received != list(declared):
        yield Problem(
            f"the plugin {op.plugin}: the shape rule of {op.name} does not say what its torch code gives",
            expected=f"{', '.join(map(str, declared))}, as its contract says",
            received=", ".join(map(str, received)),
            hint=f"this is a fault of {plugin.package} {plugin.version}",
        )


def listed_weights(shapes: Mapping[str, Sequence[int]]) -> str:
    """Names and shapes, for messages."""
    return ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items()) or "no weights"


def compiled(op: Operation, inputs: Inputs) -> nn.Module:
    """A network of one operation; its weights are those at `it`."""
    from archgraph.codegen import to_torch

    return to_torch(single(op, inputs), seed=0).eval()


def single(op: Operation, inputs: Inputs) -> Graph:
    """A graph of one application; its outputs are `y0`, `y1` …"""
    build = Builder("single")
    ports = {port: build.input(f"in{i}", kind.shape, kind.dtype) for i, (port, kind) in enumerate(inputs.items())}
    node = build.apply("it", op, ports)
    return build.finish({f"y{i}": value for i, value in enumerate(node.outputs)})


def run(module: nn.Module, given: Sequence[Tensor]) -> list[Tensor]:
    """What a module gives in evaluation."""
    import torch

    with torch.no_grad():
        found = module(*given)
    return list(found) if isinstance(found, (tuple, list)) else [found]


def drawn(op: Operation, inputs: Inputs, seed: int = 0) -> list[Tensor]:
    """Normal numbers, and whole ones that are places where the contract says so."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    found = []
    for port, kind in inputs.items():
        dtype, shape = getattr(torch, kind.dtype), tuple(map(int, kind.shape))  # type: ignore[arg-type]
        if dtype.is_floating_point:
            made = torch.randn(shape, generator=generator)
        else:
            low, high = op.index_range(port, inputs) if port in op.indices else (0, 1 if kind.dtype == "bool" else 99)
            made = torch.randint(int(low), int(high) + 1, shape, generator=generator)  # type: ignore[arg-type]
        found.append((made.sort(-1)[0] if _is_sorted(op, port) else made).to(dtype))
    return found


def _is_sorted(op: Operation, port: str) -> bool:
    return any(each.name == port and each.role == "sorted" for each in op.ports)


def _types(node: Node, sizes: Mapping[str, int]) -> Inputs:
    return Inputs({port: _concrete(kind, sizes) for port, kind in node.types.items()})


def _concrete(kind: TensorType, sizes: Mapping[str, int]) -> TensorType:
    return replace(kind, shape=tuple(evaluate(size, sizes) for size in kind.shape))
