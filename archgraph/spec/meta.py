"""What `meta` may hold where somebody reads it. Anything else travels along unread, so a slip there is a warning.

The rooms that read it refuse it themselves, later; their tables are compared with these by a test.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from archgraph.errors import Mark, Problem, nearest
from archgraph.spec.read import Document
from archgraph.spec.values import described

Steps = tuple[str, ...]
_SYMBOLS = "a number for each symbol of the inputs' shapes, such as {H: 224, W: 224}"
LIKENESS = 0.8
"""How much an unknown key of `meta` itself, where any is allowed, must look like a known one to be called a slip."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a value must be, in words and as a test."""

    expected: str
    fits: Callable[[Any], bool]


Part = Mapping[str, Entry | Mapping[str, Entry]]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_extent(value: Any) -> bool:
    sides = value if isinstance(value, list) and len(value) == 2 else [value]
    return all(_is_whole(side) and side > 0 for side in sides)


def _is_statistic(value: Any) -> bool:
    return isinstance(value, list) and len(value) in (1, 3) and all(map(_is_number, value))


def _is_weights(value: Any) -> bool:
    return all(isinstance(path, str) for path in (value.values() if isinstance(value, Mapping) else [value]))


def one_of(*names: str) -> Entry:
    """One of some names."""
    return Entry("one of " + ", ".join(names), lambda value: value in names)


def whole(least: int) -> Entry:
    """A whole number from a least one on."""
    return Entry(f"a whole number of at least {least}", lambda value: _is_whole(value) and value >= least)


NUMBER = Entry("a number", _is_number)
SWITCH = Entry("true or false", lambda value: isinstance(value, bool))
EXTENT = Entry("a size, or a height and a width", _is_extent)
STATISTIC = Entry("a list of one number per channel, 1 or 3", _is_statistic)
PATHS = Entry(
    "a list of paths of nodes or blocks",
    lambda value: isinstance(value, list) and all(isinstance(path, str) for path in value),
)
LABELS = Entry("a list of names", lambda value: isinstance(value, list) and bool(value))
WEIGHTS = Entry("a path, or one for each preset", _is_weights)

PREPROCESS: Part = {
    "resize": EXTENT,
    "crop": EXTENT,
    "mean": STATISTIC,
    "std": STATISTIC,
    "interpolation": one_of("nearest", "bilinear", "bicubic", "lanczos"),
}
SCHEDULE: Mapping[str, Entry] = {
    "kind": one_of("linear", "scaled_linear", "cosine", "sigmoid"),
    "beta_start": NUMBER,
    "beta_end": NUMBER,
    "train_steps": whole(1),
    "spacing": one_of("leading", "trailing", "linspace"),
    "offset": whole(0),
    "karras": SWITCH,
    "zero_terminal_snr": SWITCH,
}
DIFFUSION: Part = {
    "schedule": SCHEDULE,
    "prediction": one_of("epsilon", "velocity", "sample"),
    "variance": one_of("small", "large", "learned"),
    "clip": SWITCH,
    "threshold": NUMBER,
    "size": EXTENT,
    "channels": whole(1),
    "classes": whole(1),
    "null_label": whole(0),
    "guidance": NUMBER,
    "sampler": one_of(
        *("ddpm", "ddim", "euler", "euler_ancestral", "heun"), *("dpm2", "lms", "dpmpp_2m", "dpmpp_2m_sde", "unipc")
    ),
    "steps": whole(1),
}
TRAIN: Part = {
    **dict.fromkeys(("steps", "batch", "check_every", "save_every", "log_every", "size"), whole(1)),
    "warmup": whole(0),
    "decay": one_of("cosine", "constant"),
    **dict.fromkeys(("lr", "weight_decay", "clip", "ema", "held_out", "label_dropout", "min_snr", "guidance"), NUMBER),
    **dict.fromkeys(("memory", "vlb"), NUMBER),
    **dict.fromkeys(("label_smoothing", "shift", "rotate", "scale"), NUMBER),
    **dict.fromkeys(("flip", "compile"), SWITCH),
}
META: Mapping[str, Entry | Part] = {
    "size": {},
    "preprocess": PREPROCESS,
    "labels": LABELS,
    "diffusion": DIFFUSION,
    "task": one_of("diffusion", "classification"),
    "train": TRAIN,
    "weights": WEIGHTS,
    "export": {"float32": PATHS},
    "self_contained": SWITCH,
}


def complaints_about_meta(document: Document) -> Iterator[Problem]:
    """Warnings about the parts of a spec's `meta` that are read, each at its place."""
    meta = document.data.get("meta")
    if not isinstance(meta, Mapping):
        return
    for key, value in meta.items():
        steps = ("meta", key)
        if key in META:
            known = _sizes(document) if key == "size" else META[key]
            yield from _complaints(document, steps, value, known)
        elif close := difflib.get_close_matches(key, META, n=1, cutoff=LIKENESS):
            hint = f"did you mean '{close[0]}'?"
            yield _warning(f"nobody reads `meta.{key}`", document.marks.key(*steps), hint=hint)


def _complaints(document: Document, steps: Steps, value: Any, known: Any) -> Iterator[Problem]:
    said, mark = ".".join(steps), document.marks.value(*steps)
    if value is None:
        return
    if isinstance(known, Entry):
        if not known.fits(value):
            received = described(value)
            hint = nearest(str(value), known.expected.removeprefix("one of ").split(", "))
            yield _warning(f"`{said}` has a wrong value", mark, known.expected, received, hint)
    elif steps[-1] == "schedule" and isinstance(value, str):
        yield from _complaints(document, steps, value, known["kind"])
    elif not isinstance(value, Mapping):
        yield _warning(
            f"`{said}` must be a mapping", mark, _SYMBOLS if said == "meta.size" else ", ".join(known), described(value)
        )
    else:
        for key, inner in value.items():
            if key in known:
                yield from _complaints(document, (*steps, key), inner, known[key])
            else:
                mark, hint = document.marks.key(*steps, key), nearest(key, known)
                expected = _SYMBOLS if steps == ("meta", "size") else ", ".join(known)
                yield _warning(f"`{said}` has no '{key}'", mark, expected, hint=hint)


def _warning(message: str, mark: Mark | None, expected: str = "", received: str = "", hint: str = "") -> Problem:
    return Problem(message, mark, "", expected, received, hint, severity="warning")


def _sizes(document: Document) -> Mapping[str, Entry]:
    """A number for each symbol that the inputs may have: a name in their shapes, or one that a parameter gives them."""
    texts = (str(document.data.get(key, "")) for key in ("inputs", "params", "presets"))
    names = re.findall(r"[^\W\d]\w*", " ".join(texts))
    return dict.fromkeys(names, whole(1))
