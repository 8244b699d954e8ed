"""From logits to labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archgraph.errors import InputError


@dataclass(frozen=True, slots=True)
class Prediction:
    """One class with its probability."""

    index: int
    label: str
    probability: float

    def __str__(self) -> str:
        return f"{self.label} {self.probability:.1%}"


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """exp(z) / Σ exp(z) over the last axis, in float64 and safe from overflow."""
    values = np.asarray(logits, np.float64)
    raised = np.exp(values - values.max(axis=-1, keepdims=True))
    result: NDArray[np.float64] = raised / raised.sum(axis=-1, keepdims=True)
    return result


def top_k(logits: NDArray[Any], k: int = 5, labels: Sequence[str] | None = None) -> list[list[Prediction]]:
    """The k most probable classes of each row of [N, classes] (or [classes]), equal ones in order of their index.

    Raises InputError where the logits are none, k is less than 1, or the labels are not as many as the classes.
    """
    rows = np.atleast_2d(np.asarray(logits))
    if rows.ndim != 2 or rows.shape[1] == 0 or rows.dtype.kind not in "fiu":
        raise InputError("these are no logits", expected="numbers [N, classes]", received=f"{rows.dtype} {rows.shape}")
    if not np.isfinite(rows).all():
        raise InputError("the logits are not finite", hint="the network, its weights or the input overflow")
    if k < 1:
        raise InputError("how many classes to show must be 1 or more", received=str(k))
    if labels is not None and len(labels) != rows.shape[1]:
        raise InputError("the labels do not fit", expected=f"{rows.shape[1]} labels", received=f"{len(labels)} labels")
    return [_best(row, k, labels) for row in softmax(rows)]


def _best(row: NDArray[np.float64], k: int, labels: Sequence[str] | None) -> list[Prediction]:
    order = np.argsort(-row, kind="stable")[:k].tolist()
    return [Prediction(i, labels[i] if labels else f"class {i}", float(row[i])) for i in order]


def labels_of(meta: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The class names in the spec's `meta.labels`, a list; None where there are none. Raises InputError."""
    labels = meta.get("labels")
    if labels is None:
        return None
    if not isinstance(labels, (list, tuple)) or not labels:
        raise InputError("`labels` is not a list of names", received=repr(labels)[:80])
    return tuple(str(label) for label in labels)
