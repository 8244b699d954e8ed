"""How far exported files are from a module in float64, in units of the module's own error in float32."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from onnx_turns import feed, session

from archgraph.importing.proof.float64_evaluation import float64_evaluation

Arrays = Mapping[str, Any]
MOST_ERRORS = 4.0
"""How many of float32's own errors a file may have: its operations come in another order."""
CHAOS = 1e-2
"""Of the largest output: where float32 itself departs by more, random weights amplify every rounding."""
_ROUNDING = 2.0**-24
RIGHT, WRONG, CHAOTIC, REFUSED, FEWER = "right", "wrong", "chaos", "refused", "fewer sizes"


@dataclass(frozen=True, slots=True)
class Reference:
    """What a module makes of some inputs in float64, and what its own error in float32 is, for each output."""

    given: Arrays
    outputs: Sequence[np.ndarray]
    errors: Sequence[float]


def references_of(module: torch.nn.Module, tries: Iterable[Arrays], number: int) -> list[Reference]:
    """Those of the first inputs that the module takes. The module is in float64 afterwards."""
    taken: list[tuple[Arrays, list[np.ndarray]]] = []
    refusal: Exception | None = None
    for given in tries:
        try:
            with torch.no_grad():
                taken.append((given, _flat(module(**_tensors(given)))))
        except Exception as error:
            refusal = error
        if len(taken) == number:
            break
    if not taken and refusal is not None:
        raise refusal
    module.double()
    found = []
    for given, single in taken:
        with float64_evaluation():
            exact = _flat(module(**_tensors(given, double=True)))
        found.append(Reference(given, exact, [_difference(a, b) for a, b in zip(single, exact, strict=True)]))
    return found


def _tensors(given: Arrays, double: bool = False) -> dict[str, Any]:
    found = {name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value for name, value in given.items()}
    wide = {
        name: value for name, value in found.items() if isinstance(value, torch.Tensor) and value.is_floating_point()
    }
    return found | ({name: value.double() for name, value in wide.items()} if double else {})


def _flat(result: Any) -> list[np.ndarray]:
    leaves = torch.utils._pytree.tree_leaves(result)
    return [leaf.numpy() for leaf in leaves if isinstance(leaf, torch.Tensor)]


def _difference(found: np.ndarray, wanted: np.ndarray) -> float:
    """The largest one; what is infinite or no number must be so in both."""
    if found.shape != wanted.shape:
        return np.inf
    if not wanted.size:
        return 0.0
    one, other = found.astype(np.float64), wanted.astype(np.float64)
    with np.errstate(invalid="ignore"):
        far = np.abs(one - other)
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    return float(np.nan_to_num(np.where(same, 0.0, far), nan=np.inf).max())


def _scale(output: np.ndarray) -> float:
    finite = output[np.isfinite(output)] if output.dtype.kind == "f" else output
    return float(np.abs(finite.astype(np.float64)).max()) if finite.size else 0.0


def units(references: Sequence[Reference]) -> list[float]:
    """The largest error of float32 over all sizes, for each output; at least half of its last digit."""
    places = range(len(references[0].outputs))
    return [
        max(max(one.errors[place], _ROUNDING * _scale(one.outputs[place]), 1e-30) for one in references)
        for place in places
    ]


def own_error(references: Sequence[Reference]) -> float:
    """The largest error of float32, as a part of the largest output."""
    return max(
        (
            error / max(_scale(output), 1e-30)
            for one in references
            for error, output in zip(one.errors, one.outputs, strict=True)
        ),
        default=0.0,
    )


def compared(path: str, references: Sequence[Reference]) -> dict[str, Any]:
    """A file's verdict, its error in units of float32's own, and at how many sizes it runs."""
    try:
        made = session(path, 1)
    except Exception as error:
        return {"verdict": WRONG, "why": f"ONNX Runtime: {error}"[:300]}
    free = {
        item.name: [axis for axis, size in enumerate(item.shape) if not isinstance(size, int)]
        for item in made.get_inputs()
    }
    errors: list[float] = []
    why = ""
    for one in references:
        try:
            outputs = made.run(None, feed(made, one.given))
        except Exception as error:
            why = why or str(error)[:300]
            continue
        if len(outputs) != len(one.outputs):
            return {"verdict": WRONG, "why": f"{len(outputs)} outputs for {len(one.outputs)}", "free": free}
        parts = zip(outputs, one.outputs, units(references), strict=True)
        errors.append(max((_difference(*pair) / unit for *pair, unit in parts), default=0.0))
    largest = max(errors, default=0.0)
    verdict = _verdict(largest, own_error(references) > CHAOS, len(errors), len(references))
    return {"verdict": verdict, "error": largest, "sizes": len(errors), "free": free} | ({"why": why} if why else {})


def _verdict(error: float, chaotic: bool, runs: int, sizes: int) -> str:
    if error > MOST_ERRORS:
        return CHAOTIC if chaotic and np.isfinite(error) else WRONG
    return RIGHT if runs == sizes else FEWER
