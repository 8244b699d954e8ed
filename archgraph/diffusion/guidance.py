"""Class labels, and guidance away from what the network draws without one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archgraph.artifact.arrays import Floats
from archgraph.artifact.whole_numbers import whole_number
from archgraph.diffusion.denoisers import Int64, OpenedDenoiser
from archgraph.diffusion.schedules import is_count
from archgraph.errors import SamplingError, nearest

Labels = int | str | Sequence[int | str] | NDArray[np.integer[Any]]
MOST_NAMES = 20
Predict = Callable[[Floats, NDArray[Any]], NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Guidance:
    """The label of each picture [n], or None; how strongly to follow it, and the label that stands for none."""

    labels: Int64 | None = None
    scale: float = 1.0
    rescale: float = 0.0
    null: int | None = None

    @property
    def doubled(self) -> bool:
        """Whether the network is asked with and without the label."""
        return self.labels is not None and self.scale != 1

    @property
    def asked(self) -> Int64 | None:
        """All labels that the network will be asked with, each once; None where it takes none."""
        if self.labels is None:
            return None
        found = [*self.labels.tolist(), *([self.null] if self.doubled else [])]
        return np.array(list(dict.fromkeys(found)), np.int64)


def checked_guidance(
    model: OpenedDenoiser, labels: Labels | None, scale: float | None, rescale: float, null: int | None, n: int
) -> Guidance:
    """What was asked for, then what the file says. Raises SamplingError for labels and scales that make no sense."""
    said = model.said
    classes = said.get("classes")
    if null is None:
        null = said.get("null_label")
    _check_counts(classes, null)
    found = None if labels is None else _per_picture(numbered(labels, model.names), n)
    _check_labels(found, classes, null, model.labelled)
    strength = (said.get("guidance", 1.0) if found is not None else 1.0) if scale is None else scale
    _check_scales(strength, rescale)
    guidance = Guidance(found, float(strength), float(rescale), null)
    if strength != 1 and (found is None or null is None):
        raise SamplingError(
            "guidance needs labels and a label that stands for none",
            received=f"labels {found}" if found is None else "no null_label",
            hint="give labels=… and null_label=…, or `null_label` in the spec's `meta.diffusion`",
        )
    return guidance


def numbered(labels: Labels, names: Sequence[str]) -> Any:
    """Labels as numbers, where some are names of classes, or numbers as text. Raises SamplingError for other text."""
    if isinstance(labels, str):
        return _number(labels, names)
    if isinstance(labels, (list, tuple)):
        return [_number(label, names) if isinstance(label, str) else label for label in labels]
    return labels


def _number(text: str, names: Sequence[str]) -> int:
    """A name comes before a number: of the classes `1`, `2` and `3`, `1` is the first."""
    if text in names:
        return names.index(text)
    if (number := whole_number(text)) is not None:
        return number
    shown = ", ".join(names[:MOST_NAMES]) + (f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else "")
    raise SamplingError(
        f"there is no class '{text[:80]}'",
        expected=f"{shown}, or the number of a class" if names else "the number of a class",
        hint=nearest(text, names) if names else "names stand in the spec's `meta.labels`, a list",
    )


def _check_counts(classes: Any, null: Any) -> None:
    for name, value in (("classes", classes), ("null_label", null)):
        if value is not None and (not is_count(value) or value < 0):
            raise SamplingError(f"`{name}` is a whole number of 0 or more", received=repr(value))


def _per_picture(labels: Labels, n: int) -> Int64:
    found = np.asarray(labels)
    if found.dtype.kind not in "iu" or found.ndim > 1:
        raise SamplingError("labels are whole numbers, one for all pictures or one for each", received=repr(labels))
    if found.ndim and len(found) != n:
        raise SamplingError("there is not one label for each picture", expected=f"{n}", received=f"{len(found)}")
    return np.broadcast_to(found.astype(np.int64), (n,))


def _check_labels(labels: Int64 | None, classes: int | None, null: int | None, wanted: bool | None) -> None:
    """Labels where the network takes them, none where it does not, each within the classes or the null label."""
    span = f"0 to {classes - 1}" if classes else "0 or more"
    if labels is None:
        if wanted:
            raise SamplingError(
                "the network asks for a class label", expected=span, hint="give labels=3, or one for each picture"
            )
        return
    if wanted is False:
        raise SamplingError("the network takes no class labels", received=", ".join(map(str, labels[:8])))
    beyond = (labels < 0) | (labels >= classes if classes else False)
    wrong = labels[beyond if null is None else beyond & (labels != null)]
    if len(wrong):
        beside = f", or {null} for none" if null is not None and classes else ""
        raise SamplingError("a class label is out of range", expected=span + beside, received=str(wrong[0]))


def _check_scales(scale: Any, rescale: Any) -> None:
    for name, value, most in (("guidance", scale, math.inf), ("guidance_rescale", rescale, 1)):
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not number or not 0 <= value <= most:
            expected = "0 or more" if most == math.inf else f"0 to {most}"
            raise SamplingError(f"{name} is out of range", expected=expected, received=str(value))


def guided(model: OpenedDenoiser, guidance: Guidance, part: range, channels: int) -> Predict:
    """The network as a function of x and t for some of the pictures.

    With a scale g it answers u + g (c - u), where c is its answer to the label and u its answer to the null label (Ho
    and Salimans 2022). Both are asked for in one batch, unless the file fixes the size of the batch.
    """
    labels = None if guidance.labels is None else guidance.labels[part.start : part.stop]
    if labels is None or not guidance.doubled:
        return lambda x, t: model.call(x, t, labels)
    nulls = np.full_like(labels, guidance.null)

    def predict(x: Floats, t: NDArray[Any]) -> NDArray[Any]:
        if model.fixed[0] is None:
            both = np.asarray(
                model.call(np.concatenate([x, x]), np.concatenate([t, t]), np.concatenate([nulls, labels]))
            )
            without, towards = both[: len(x)], both[len(x) :]
        else:
            without, towards = (np.asarray(model.call(x, t, each)) for each in (nulls, labels))
        return combined(without, towards, guidance, channels)

    return predict


def combined(without: NDArray[Any], towards: NDArray[Any], guidance: Guidance, channels: int) -> NDArray[Any]:
    """u + g (c - u), with its deviation drawn back to that of c by `rescale` (Lin et al. 2023, section 3.4).

    Channels beyond the picture's own, a learned variance, are those of the label.
    """
    base, aim = without[:, :channels], towards[:, :channels]
    mixed = base + guidance.scale * (aim - base)
    if guidance.rescale:
        axes = tuple(range(1, mixed.ndim))
        factor = aim.std(axis=axes, keepdims=True) / np.maximum(mixed.std(axis=axes, keepdims=True), 1e-12)
        mixed = mixed * (guidance.rescale * factor + (1 - guidance.rescale))
    return np.concatenate([mixed, towards[:, channels:]], axis=1)
