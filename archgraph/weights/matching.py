"""Tensors held against the weights that a network wants: strict, with everything that does not fit listed at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.errors import Problem, WeightsError, nearest
from archgraph.weights.element_types import same_kind
from archgraph.weights.fresh_hints import fresh_hint
from archgraph.weights.quantised import quantised_as
from archgraph.weights.tensors import LazyTensor, Tensors
from archgraph.weights.wanted import Wanted, WantedWeight, is_optional, tied_groups
from archgraph.weights.wrappers import fitting_prefix, partly_wrapped

_MOST_NAMES = 8


def matched(tensors: Tensors, wanted: Wanted) -> dict[str, LazyTensor]:
    """A tensor for each weight, in the network's order; a weight that shares its tensor may be there once.

    Counters of batches that are missing count from 0. Raises WeightsError with all keys that do not fit.
    """
    found = _with_ties(tensors, wanted)
    problems = misfits(found, wanted, tensors)
    if problems:
        raise WeightsError(*problems)
    return {key: found[key] for key in wanted}


def misfits(tensors: Tensors, wanted: Wanted, given: Tensors | None = None) -> list[Problem]:
    """What does not fit; nothing where all does. Hints are of the tensors that were `given`."""
    held = tensors if given is None else given
    missing = [key for key in wanted if key not in tensors]
    unexpected = [key for key in tensors if key not in wanted]
    if unexpected and (name := quantised_as(tensors, unexpected)):
        expected = "weights in float32, bfloat16, float16 or float8"
        return [Problem(f"the weights are quantised ({name}), and are codes, not numbers", expected=expected)]
    pairs = {key: (tensors[key], weight) for key, weight in wanted.items() if key in tensors}
    misshapen = {key: pair for key, pair in pairs.items() if pair[0].shape != pair[1].shape}
    mistyped = {key: pair for key, pair in pairs.items() if not same_kind(pair[0].dtype, pair[1].dtype)}
    return [
        *_missing(missing, unexpected, held, wanted),
        *_unexpected(missing, unexpected, held, wanted),
        *_differing(
            "misshapen",
            {key: (_size(have), _size(want)) for key, (have, want) in misshapen.items()},
            _size_hint(misshapen, wanted),
        ),
        *_differing("of the wrong element type", {key: (a.dtype, b.dtype) for key, (a, b) in mistyped.items()}),
    ]


def _with_ties(tensors: Tensors, wanted: Wanted) -> dict[str, LazyTensor]:
    """The tensors under every key that shares them, and counters that are missing. Raises WeightsError for a weight
    with two values."""
    found = dict(tensors)
    for key, group in tied_groups(wanted).items():
        there = [other for other in group if other in tensors]
        if len(group) > 1 and there:
            found.setdefault(key, tensors[there[0]])
            _require_equal(key, there[0], tensors)
    for key, weight in wanted.items():
        if key not in found and is_optional(key):
            found[key] = _zeros(weight)
    return found


def _zeros(weight: WantedWeight) -> LazyTensor:
    return LazyTensor(weight.dtype, weight.shape, lambda: np.zeros(weight.shape, weight.dtype))


def _require_equal(key: str, other: str, tensors: Tensors) -> None:
    """Raises WeightsError for two weights that the network shares and that have two values."""
    if key in tensors and key != other and not _equal(tensors[key], tensors[other]):
        raise WeightsError(
            f"'{key}' and '{other}' are one weight in the network, and two in the file",
            expected="equal numbers, or only one of the two",
            hint="leave out the one that is not meant, or untie them in the spec",
        )


def _equal(one: LazyTensor, other: LazyTensor) -> bool:
    """Whether two tensors hold the same numbers; what has another shape is reported as such."""
    if one is other or one.shape != other.shape:
        return True
    a, b = _comparable(one.read()), _comparable(other.read())
    return bool(((a == b) | ((a != a) & (b != b))).all())


def _comparable(values: Array) -> Array:
    return values.astype(np.float32) if values.dtype.kind == "V" else values


def _missing(missing: list[str], unexpected: list[str], tensors: Tensors, wanted: Wanted) -> list[Problem]:
    if not missing:
        return []
    hint = _prefix_hint(tensors, wanted) or ("" if _strange(tensors, wanted) else nearest(missing[0], unexpected))
    if not hint and tensors and _strange(tensors, wanted):
        hint = "no key of the file is one of the network: it holds another network, or the same under other names"
    hint = hint or fresh_hint(missing, wanted)
    return [Problem(_by_module("missing", missing), expected="every weight of the network", hint=hint)]


def _unexpected(missing: list[str], unexpected: list[str], tensors: Tensors, wanted: Wanted) -> list[Problem]:
    if not unexpected:
        return []
    hint = "" if _strange(tensors, wanted) else nearest(unexpected[0], missing)
    if not hint and not missing:
        first = unexpected[0].partition(".")[0]
        hint = (
            f"if the network shall do without: --rename a file with {{drop: '{first}.*'}}"
            if "." in unexpected[0]
            else ""
        )
    return [Problem(_by_module("unexpected", unexpected), expected="no weight that it lacks", hint=hint)]


def _strange(tensors: Tensors, wanted: Wanted) -> bool:
    """Whether no name fits, so that a similar one is an accident."""
    return not any(key in wanted for key in tensors if not is_optional(key))


def _prefix_hint(tensors: Tensors, wanted: Wanted) -> str:
    """A hint on a prefix that stands before the keys of the file, or before those of the network."""
    if hint := partly_wrapped(tensors, wanted):
        return hint
    if prefix := fitting_prefix(tensors, wanted):
        return f"the network's keys lie under '{prefix}' in the file: --part {prefix}"
    if subtree := fitting_prefix(wanted, tensors):
        return (
            f"the file's keys are those of '{subtree}' in the network: --weights {subtree}=FILE, --fresh for the rest"
        )
    return ""


def _differing(what: str, pairs: Mapping[str, tuple[str, str]], hint: str = "") -> list[Problem]:
    if not pairs:
        return []
    return [
        Problem(
            _by_module(what, list(pairs)),
            expected=_listed(f"{key} {want}" for key, (_, want) in pairs.items()),
            received=_listed(f"{key} {have}" for key, (have, _) in pairs.items()),
            hint=hint,
        )
    ]


def _size_hint(keys: Collection[str], wanted: Wanted) -> str:
    """How a file of a network for other pictures, or of other classes, can be taken."""
    tables = [key for key in keys if any(part.startswith("pos") for part in key.split("."))]
    return (
        f"{' '.join(f'--resize {key}' for key in tables)} interpolates positions"
        if tables
        else fresh_hint(keys, wanted)
    )


def _size(weight: LazyTensor | WantedWeight) -> str:
    return str(tuple(weight.shape))


def _by_module(what: str, keys: list[str]) -> str:
    """How many keys, and which, grouped by module."""
    groups: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        owner, _, name = key.rpartition(".")
        groups[owner].append(name)
    shown = [
        f"{owner}.{{{', '.join(names)}}}" if len(names) > 1 else f"{owner}.{names[0]}".lstrip(".")
        for owner, names in groups.items()
    ]
    return f"{len(keys)} weight{'s are' if len(keys) > 1 else ' is'} {what}: {_listed(shown)}"


def _listed(items: Iterable[str]) -> str:
    found = list(items)
    rest = f", and {len(found) - _MOST_NAMES} more" if len(found) > _MOST_NAMES else ""
    return ", ".join(found[:_MOST_NAMES]) + rest
