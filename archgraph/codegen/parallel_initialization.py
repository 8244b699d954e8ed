"""Large weights are drawn side by side while the network is built, where one generator would keep the other cores idle.

Each large draw has a generator of its own, seeded in turn by torch's, so the values depend on the seed and the network
alone, not on the number of cores. The written file, which has one generator, draws other numbers of the same kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import init
from torch.overrides import TorchFunctionMode

LARGE = 1 << 14
"""Elements from which a draw takes longer than handing it over."""

_DRAWS = frozenset((init.uniform_, init.normal_, init.kaiming_uniform_, init.xavier_uniform_, Tensor.uniform_))
# What a layer asks of a weight while it is built, and what no pending draw changes.
_HARMLESS = frozenset(
    (Tensor.dim, Tensor.size, Tensor.numel, Tensor.shape.__get__, Tensor.ndim.__get__, Tensor.requires_grad.__get__)  # type: ignore[attr-defined]
)


@contextmanager
def drawn_in_parallel() -> Iterator[None]:
    """Within the block, large draws from torch's generator run on all its threads; after it, all are finished."""
    with ThreadPoolExecutor(max(torch.get_num_threads(), 1), "archgraph-draw") as pool, _ParallelDraws(pool) as draws:
        yield
        draws.finish()


class _ParallelDraws(TorchFunctionMode):
    """Runs large random draws in a thread pool, and waits for one where anything but its shape is read."""

    def __init__(self, pool: ThreadPoolExecutor):
        super().__init__()
        self._pool = pool
        self._pending: dict[int, tuple[Tensor, Future[None]]] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        if func not in _HARMLESS:
            for value in (*args, *given.values()):
                self._settle(value)
        if func in _DRAWS and given.get("generator") is None:
            target = args[0] if args else given["tensor"]
            if target.numel() >= LARGE and target.device.type == "cpu":
                return self._defer(target, func, args, given)
        return func(*args, **given)

    def finish(self) -> None:
        """All draws are done. Raises what any of them raised."""
        for _, draw in self._pending.values():
            draw.result()
        self._pending.clear()

    def _defer(
        self, target: Tensor, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Tensor:
        own = torch.Generator().manual_seed(int(torch.randint(1 << 32, ())))
        self._pending[id(target)] = target, self._pool.submit(_draw, func, args, {**kwargs, "generator": own})
        return target

    def _settle(self, value: object) -> None:
        found = self._pending.pop(id(value), None)
        if found is not None:
            found[1].result()


def _draw(func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    with torch.no_grad():  # whether gradients are recorded is a setting of each thread
        func(*args, **kwargs)
