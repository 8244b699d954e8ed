"""The peaks of the machine, measured with torch: a large matrix product for arithmetic, a large copy for bytes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

SIDE = 2048
SIDE_ON_CUDA = 8192
COPIED = 1 << 28
"""Bytes: larger than any cache."""
COPIED_ON_CUDA = 1 << 31
TRIES = 3


def peaks(device: str, precisions: list[str]) -> dict[str, float]:
    """Operations per second of a matrix product per precision, and under `copy` the bytes read and written per second.

    Each is the best of three.
    """
    import torch

    side, size = (SIDE_ON_CUDA, COPIED_ON_CUDA) if device == "cuda" else (SIDE, COPIED)
    found: dict[str, float] = {}
    with torch.inference_mode():
        for precision in precisions:
            a = torch.randn(side, side, device=device).to(getattr(torch, precision))
            result = torch.empty_like(a)
            found[precision] = 2 * side**3 / _best(lambda a=a, result=result: torch.mm(a, a, out=result), device)  # type: ignore[misc]
        source = torch.ones(size // 4, device=device)
        target = torch.empty_like(source)
        found["copy"] = 2 * size / _best(lambda: target.copy_(source), device)
    return found


def _best(work: Callable[[], Any], device: str) -> float:
    import torch

    seconds = []
    for _ in range(TRIES + 1):  # the first warms up
        start = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])
