"""What was done to make weights fit a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MOST_SHOWN = 4


@dataclass(frozen=True, slots=True)
class WeightsReport:
    """Every weight of a network, and how it came by its numbers.

    `matched` are those whose key and shape were as the network has them; the others were `renamed` (old key to new
    one), `split` into parts or copies, `joined`, `resized` (key to both shapes, by one of the `resize_methods`), are
    `fresh`, or `computed` by the network, where the file lacks such a buffer. `left_out` are the keys of the file that
    no weight came from. `prefixes` were taken off, `naming` is the shipped naming that the keys were read by, `types`
    counts the tensors of another type than the network's, `lora` are the keys that an adapter changed.
    """

    network: str
    sources: tuple[str, ...] = ()
    matched: tuple[str, ...] = ()
    prefixes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    naming: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)
    split: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    joined: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    resized: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)
    resize_methods: Mapping[str, str] = field(default_factory=dict)
    fresh: tuple[str, ...] = ()
    computed: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    types: Mapping[str, int] = field(default_factory=dict)
    lora: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def plain(self) -> bool:
        """Whether the file had just what the network wants, under its keys."""
        return not (
            self.prefixes
            or self.naming
            or self.renamed
            or self.split
            or self.joined
            or self.resized
            or self.fresh
            or self.computed
            or self.left_out
            or self.lora
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "network": self.network,
            "sources": list(self.sources),
            "matched": len(self.matched),
            "prefixes": {source: list(names) for source, names in self.prefixes.items()},
            "naming": self.naming,
            "renamed": dict(self.renamed),
            "split": {key: list(keys) for key, keys in self.split.items()},
            "joined": {key: list(keys) for key, keys in self.joined.items()},
            "resized": {key: [list(have), list(want)] for key, (have, want) in self.resized.items()},
            "resize_methods": dict(self.resize_methods),
            "fresh": list(self.fresh),
            "computed": list(self.computed),
            "left_out": list(self.left_out),
            "types": dict(self.types),
            "lora": {source: list(keys) for source, keys in self.lora.items()},
        }

    def lines(self) -> list[str]:
        """What there is to know, for people; nothing but the count where the file fitted as it is."""
        found = [f"matched   {_counted(len(self.matched), 'weight')} of {self.network} as they are"]
        found += [f"prefix    '{'.'.join(names)}.' taken off ({source})" for source, names in self.prefixes.items()]
        found += [f"naming    {self.naming}"] if self.naming else []
        found += _shown("renamed", [f"{old} → {new}" for old, new in self.renamed.items()])
        found += _shown("split", [f"{key} → {_few(keys)}" for key, keys in self.split.items()])
        found += _shown("joined", [f"{_few(keys)} → {key}" for key, keys in self.joined.items()])
        found += _shown("resized", [self._resizing(key) for key in self.resized])
        found += _shown("fresh", self.fresh)
        found += _shown("computed", self.computed)
        found += _shown("left out", self.left_out)
        found += [f"types     {kinds}: {_counted(count, 'tensor')}" for kinds, count in self.types.items()]
        found += [f"lora      {_counted(len(keys), 'weight')} changed by {name}" for name, keys in self.lora.items()]
        return found

    def _resizing(self, key: str) -> str:
        have, want = self.resized[key]
        return f"{key} {_size(have)} → {_size(want)} as {self.resize_methods.get(key, 'asked')}"

    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines())


def _shown(word: str, items: Iterable[str]) -> list[str]:
    found = list(items)
    return [f"{word:<9} {len(found)}: {_few(found)}"] if found else []


def _few(items: Sequence[str]) -> str:
    rest = f", and {len(items) - MOST_SHOWN} more" if len(items) > MOST_SHOWN else ""
    return ", ".join(items[:MOST_SHOWN]) + rest


def _size(shape: tuple[int, ...]) -> str:
    return str(list(shape))


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"
