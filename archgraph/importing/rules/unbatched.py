"""Convolutions and poolings of a single example, [C, L] or [C, H, W], which torch takes without a batch."""

from __future__ import annotations

from archgraph.graph.types import Value
from archgraph.importing.rules.registry import RULES, special_case
from archgraph.importing.rules.site import Site

_NAMES = ("conv", "conv_transpose", "avg_pool", "max_pool", "adaptive_avg_pool")


class _Batched(Site):
    """The same application on a batch of one."""

    def __init__(self, site: Site):
        super().__init__(site.body, site.node, site.torch_name, site.leaf)
        self._batch = site.emit("unsqueeze", site.main, dim=0)

    def tensor(self, name: str = "self") -> Value:
        return self._batch if name == next(iter(self.arguments)) else super().tensor(name)


def _on_a_batch_of_one(rank: int, site: Site) -> Value | None:
    if site.main.type.rank != rank + 1:
        return None
    made = RULES[site.torch_name](_Batched(site))
    assert isinstance(made, Value)
    return site.emit("squeeze", made, dim=0)


def _register(name: str, rank: int) -> None:
    special_case(f"{name}{rank}d")(lambda site: _on_a_batch_of_one(rank, site))


for _name in _NAMES:
    for _rank in (1, 2, 3):
        _register(_name, _rank)
