"""What rounding can move at the outputs of a network, and the outputs of a file judged by it.

It is asked in turn, since each costs runs in float64: torch's own error; what a rounding at each operation reaches;
what as many reach as a right file may be off. The last is more where a result is not linear in them: the square of what
is rounding alone is 16 times as much for 4 roundings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from torch.nn.attention import SDPBackend, sdpa_kernel

from archgraph.artifact.arrays import Array
from archgraph.verify.perturbation import DRAWS, perturbed, spread
from archgraph.verify.reference_values import Reference, run_module
from archgraph.verify.tolerance import MEAN_FACTOR, Measured, Run, measure

if TYPE_CHECKING:
    from torch import nn


def judged(
    reference: Reference,
    found: Mapping[str, Array],
    run: Run,
    double: Callable[[], nn.Module],
    given: tuple[Mapping[str, Array], str],
) -> tuple[Reference, list[Measured]]:
    """The errors of the outputs of one run, and the reference with what was asked about rounding until they were within
    their bounds.

    `double` gives the module in float64, `given` are the inputs and the element type of the file. Raises
    VerificationError as `measure` does.
    """
    results = list(measure(reference, found, run))
    while not all(item.ok for item in results) and reference.roundings < MEAN_FACTOR:
        reference = _widened(reference, double(), *given)
        results = list(measure(reference, found, run))
    return reference, results


def _widened(reference: Reference, module: nn.Module, inputs: Mapping[str, Array], dtype: str) -> Reference:
    """With what a rounding reaches, or what several do."""
    if reference.reach is None:
        exact = by_definition(module, inputs, reference)
        return replace(reference, exact=exact, reach=reach(module, inputs, exact, dtype), roundings=1.0)
    several = reach(module, inputs, reference.exact, dtype, MEAN_FACTOR)
    most = {name: np.maximum(one, several[name]) for name, one in reference.reach.items()}
    return replace(reference, reach=most, roundings=MEAN_FACTOR)


def by_definition(module: nn.Module, inputs: Mapping[str, Array], reference: Reference) -> dict[str, Array]:
    """The outputs in float64 with attention by its definition.

    torch's fused kernel gives 0 where all of a few scores are not a number, as if a mask had left out all tokens.
    """
    with sdpa_kernel(SDPBackend.MATH):
        return run_module(module, list(reference.exact), inputs, "float64")


def reach(
    module: nn.Module, inputs: Mapping[str, Array], exact: Mapping[str, Array], dtype: str, roundings: float = 1.0
) -> dict[str, Array]:
    """By output, how far a rounding can move each element of what a module in float64 computes; as the mean of
    `roundings` of them, where each operation is off by so many."""
    draws = [perturbed(module, list(exact), inputs, dtype, seed, roundings) for seed in range(DRAWS)]
    return {name: spread(truth, [draw[name] for draw in draws]) / roundings for name, truth in exact.items()}
