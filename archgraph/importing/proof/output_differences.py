"""How far outputs are from those that are wanted, number by number; what is no number is compared too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from archgraph.errors import ImportingError
from archgraph.graph.types import Graph, walk
from archgraph.ops.attention import ScaledDotProductAttention

TOLERANCE = 1e-10
"""Of the largest output: float64 computes the same steps, at most in another order."""
_EXPECTED = f"a difference of at most {TOLERANCE:.0e} of the largest output"


@dataclass(frozen=True, slots=True)
class ParityDifference:
    """How far an output is from the wanted one, as a part of its largest number; `undefined` counts the numbers that
    are nan in the wanted one alone."""

    largest: float
    undefined: int = 0


def differences(
    wanted: Sequence[torch.Tensor], found: Sequence[torch.Tensor], sizes: str, hides: bool = False
) -> Iterator[ParityDifference]:
    """The difference of each output; equal infinities, and nan in the same places, are none. Nothing for an output
    that holds numbers and not a single finite one. With `hides`, finite numbers may stand in the place of nan.

    Raises ImportingError for outputs that differ, or have another shape.
    """
    if len(wanted) != len(found):
        raise ImportingError("the number of outputs differs", expected=str(len(wanted)), received=str(len(found)))
    for place, (theirs, ours) in enumerate(zip(wanted, found, strict=True)):
        if theirs.shape != ours.shape:
            raise ImportingError(
                f"output {place} has another shape", expected=str(list(theirs.shape)), received=str(list(ours.shape))
            )
        made = _difference(theirs.double(), ours.double(), hides)
        if not made.largest <= TOLERANCE:
            raise ImportingError(
                f"output {place} differs from the module's at {sizes}",
                expected=_EXPECTED,
                received=f"{made.largest:.1e}",
            )
        if not theirs.numel() or theirs.isfinite().any():
            yield made


def _difference(wanted: torch.Tensor, found: torch.Tensor, hides: bool) -> ParityDifference:
    undefined = wanted.isnan() & found.isfinite()
    alike = (wanted == found) | (wanted.isnan() & found.isnan())
    left = ~(alike | undefined) if hides else ~alike
    if not left.any():
        return ParityDifference(0.0, int(undefined.sum()))
    largest = wanted[wanted.isfinite()].abs()
    scale = float(largest.max()) if largest.numel() else 0.0
    far = float((wanted - found).abs()[left].max())
    return ParityDifference(far / scale if scale else far, int(undefined.sum()))


def hides_tokens(graph: Graph, module: torch.nn.Module) -> bool:
    """Whether torch's own attention reads a mask. For rows that leave no token it computes nan where it makes its
    weights, and zeros where it does not; the graph has zeros."""
    attention = [path for path, inner in module.named_modules() if isinstance(inner, torch.nn.MultiheadAttention)]
    masked = [
        placed.path
        for placed in walk(graph)
        if isinstance(placed.node.op, ScaledDotProductAttention) and "mask" in placed.node.inputs
    ]
    return any(not path or place.startswith(f"{path}.") for path in attention for place in masked)
