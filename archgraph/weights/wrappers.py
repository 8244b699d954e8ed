"""What training puts around a network's keys: the prefixes of known wrappers, taken off where every key has them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from archgraph.weights.tensors import Tensors

WRAPPERS = {
    "module": "DataParallel, DistributedDataParallel or AveragedModel",
    "_orig_mod": "torch.compile",
    "model": "Lightning, or a class that holds the network",
    "ema_model": "an exponential moving average",
    "ema": "an exponential moving average",
    "state_dict": "a checkpoint within a checkpoint",
}
"""The first level of the keys, and who puts it there."""
COUNTERS = ("n_averaged", "initted", "step")
"""What averages keep next to the network."""


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """The tensors without the prefixes, which stood before every key; and the counters that were next to them."""

    tensors: Tensors
    prefixes: tuple[str, ...] = ()
    counters: tuple[str, ...] = ()


def unwrapped(tensors: Tensors, wanted: Collection[str]) -> Unwrapped:
    """Tensors without the prefixes of known wrappers, as long as every key has one that the network's keys have not."""
    prefixes: list[str] = []
    counters: list[str] = []
    while (prefix := _common(tensors)) and not any(key.startswith(f"{prefix}.") for key in wanted):
        counters += [key for key in tensors if key in COUNTERS]
        tensors = below(tensors, prefix)
        prefixes.append(prefix)
    return Unwrapped(tensors, tuple(prefixes), tuple(counters))


def below(tensors: Tensors, prefix: str) -> Tensors:
    """The tensors under a prefix, without it."""
    start = f"{prefix}."
    return {key.removeprefix(start): tensor for key, tensor in tensors.items() if key.startswith(start)}


def _common(tensors: Tensors) -> str:
    """The known prefix of all keys; '' where there is none."""
    firsts = {key.partition(".")[0] for key in tensors if key not in COUNTERS}
    only = next(iter(firsts)) if len(firsts) == 1 else ""
    inner = all("." in key for key in tensors if key not in COUNTERS)
    return only if only in WRAPPERS and inner else ""


def partly_wrapped(keys: Iterable[str], wanted: Collection[str]) -> str:
    """That a wrapper's prefix stands before some keys only, for a hint; '' where it does not."""
    all_keys = list(keys)
    for prefix, who in WRAPPERS.items():
        having = [key for key in all_keys if key.startswith(f"{prefix}.")]
        if having and len(having) < len(all_keys) and not any(key.startswith(f"{prefix}.") for key in wanted):
            return (
                f"'{prefix}.' ({who}) stands before {len(having)} of {len(all_keys)} keys, so it is not taken off:"
                f" --part {prefix} takes only these, --rename renames them"
            )
    return ""


def fitting_prefix(keys: Iterable[str], wanted: Collection[str]) -> str:
    """The prefix under which most of the network's keys lie in a file, for a hint; '' where there is none."""
    found: dict[str, int] = {}
    for key in keys:
        rest = key
        while (dot := rest.find(".")) >= 0:
            rest = rest[dot + 1 :]
            if rest in wanted:
                prefix = key[: len(key) - len(rest) - 1]
                found[prefix] = found.get(prefix, 0) + 1
    best = max(found, key=found.__getitem__, default="")
    return best if best and found[best] * 2 > len(wanted) else ""
