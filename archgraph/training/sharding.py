"""Weights in shards: each process keeps its part of the network and of the average, and they meet for each call.

Lightning's ModelParallelStrategy with torch's `fully_shard` (FSDP2; Zhao et al. 2023), which also runs on gloo without
an accelerator. The average is cut as the network is, so that it follows shard by shard and asks nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor

from archgraph.graph.types import Graph, walk
from archgraph.training.lightning_import import strategies


def sharded_strategy(processes: int) -> strategies.ModelParallelStrategy:
    """Data parallel over all processes; a checkpoint is one whole file, as it is without shards."""
    return strategies.ModelParallelStrategy(
        data_parallel_size=processes, tensor_parallel_size=1, save_distributed_checkpoint=False
    )


def shard(network: nn.Module, mesh: DeviceMesh, *, apart: bool) -> None:
    """Cuts the parameters of a network in place; with `apart`, each of its parts is gathered separately."""
    from torch.distributed.fsdp import fully_shard

    for part in _parts(network) if apart else ():
        fully_shard(part, mesh=mesh)
    fully_shard(network, mesh=mesh)


def calls_twice(graph: Graph) -> bool:
    """Whether layers or weights are shared: one may then be used past the part that holds it, and be in shards."""
    return any(
        placed.node.shares or placed.node.ties or any(call.shares for call in placed.calls) for placed in walk(graph)
    )


def is_sharded(network: nn.Module) -> bool:
    """Whether each process has but a part, so that a call or a look at the weights takes all of them."""
    return any(isinstance(parameter, DTensor) for parameter in network.parameters())


def local(parameters: Iterable[nn.Parameter]) -> list[Tensor]:
    """What this process keeps of them, which shares their memory."""
    return [p.to_local() if isinstance(p, DTensor) else p.detach() for p in parameters]


@torch.no_grad()
def full_state_dict(network: nn.Module) -> dict[str, Tensor]:
    """The full state dict on the CPU. For a sharded network every process has to call it."""
    return {name: _full_tensor(tensor.detach()).cpu().contiguous() for name, tensor in network.state_dict().items()}


def _full_tensor(tensor: Tensor) -> Tensor:
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def _parts(module: nn.Module) -> Iterator[nn.Module]:
    """The outermost modules with parameters that are called as such: those in a list or a sequence one by one."""
    for child in module.children():
        if isinstance(child, (nn.ModuleList, nn.ModuleDict, nn.Sequential)) or not _callable(child):
            yield from _parts(child)
        elif any(True for _ in child.parameters()):
            yield child


def _callable(module: nn.Module) -> bool:
    return type(module).forward is not nn.Module.forward
