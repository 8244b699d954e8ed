"""Published names of a network: `namings/NETWORK/NAMING.yaml` next to its spec, or among the shipped specs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archgraph.artifact.shipped_files import shipped_specs
from archgraph.errors import WeightsError, nearest
from archgraph.graph.types import Graph
from archgraph.weights.rule_files import read_yaml, rules_of
from archgraph.weights.rules import KeyRule, Renamed, renamed, reversed_rules
from archgraph.weights.tensors import Tensors

FOLDER = "namings"
_KEYS = ("name", "about", "part", "presets", "rules")


@dataclass(frozen=True, slots=True)
class PublishedNaming:
    """Rules from published names to those of a spec; `parts` are prefixes in files that hold more than the network."""

    name: str
    rules: tuple[KeyRule, ...]
    about: str = ""
    parts: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()

    @property
    def part(self) -> str:
        """The prefix in files that are written under it; '' for none."""
        return self.parts[0] if self.parts else ""

    def forward(self, tensors: Tensors) -> Renamed:
        """Tensors of these names under those of the spec. Raises WeightsError."""
        return renamed(self.rules, self.own(tensors))

    def backward(self, tensors: Tensors) -> Renamed:
        """Tensors of the spec under these names, found by the rules again. Raises WeightsError."""
        found = renamed(reversed_rules(self.rules), tensors)
        again = renamed(self.rules, found.tensors).tensors
        lost = next((key for key in tensors.keys() ^ again.keys() if key not in found.dropped), None)
        if lost is not None:
            raise WeightsError(f"the naming '{self.name}' does not find the way back for '{lost}'")
        return found

    def own(self, tensors: Tensors) -> Tensors:
        """The tensors of its part, without its prefix; all of them where none has it."""
        start = self._start(tensors)
        return {key.removeprefix(start): tensor for key, tensor in tensors.items() if key.startswith(start)}

    def outside(self, tensors: Tensors) -> tuple[str, ...]:
        """The keys that do not lie in its part."""
        start = self._start(tensors)
        return tuple(key for key in tensors if not key.startswith(start))

    def _start(self, tensors: Tensors) -> str:
        starts = (f"{part}." for part in self.parts)
        return next((start for start in starts if any(key.startswith(start) for key in tensors)), "")


def namings_of(graph: Graph) -> tuple[PublishedNaming, ...]:
    """The namings of a network, by the name of its spec and its preset. Raises WeightsError for a file that is none."""
    found: dict[str, PublishedNaming] = {}
    for folder in _folders(graph):
        for path in sorted(folder.glob("*.yaml")):
            naming = read_naming(path)
            if not naming.presets or graph.info.preset in naming.presets:
                found.setdefault(naming.name, naming)
    return tuple(found.values())


def naming_named(graph: Graph, name: str) -> PublishedNaming:
    """One of them. Raises WeightsError with the names that there are."""
    known = {naming.name: naming for naming in namings_of(graph)}
    if name not in known:
        expected = ", ".join(known) or "none: its names are those of its spec"
        hint = nearest(name, known)
        raise WeightsError(f"{graph.title} has no naming '{name}'", expected=expected, hint=hint)
    return known[name]


def read_naming(path: Path) -> PublishedNaming:
    """The naming in a file. Raises WeightsError at the line of what is wrong."""
    data, lines = read_yaml(path, "rules")
    if not isinstance(data, Mapping) or "rules" not in data:
        raise WeightsError(f"{path} is no naming", expected=f"a mapping of {', '.join(_KEYS)}")
    for key in data:
        if key not in _KEYS:
            raise WeightsError(f"{path}: a naming has no '{key}'", expected=", ".join(_KEYS))
    return PublishedNaming(
        str(data.get("name", path.stem)),
        rules_of(data["rules"], lines, path),
        str(data.get("about", "")),
        _texts("part", [data["part"]] if isinstance(data.get("part"), str) else data.get("part", ()), path),
        _texts("presets", data.get("presets", ()), path),
    )


def _texts(name: str, found: Any, path: Path) -> tuple[str, ...]:
    if not isinstance(found, (list, tuple)) or not all(isinstance(each, str) for each in found):
        raise WeightsError(f"{path}: '{name}' is a list of names", received=repr(found)[:80])
    return tuple(found)


def _folders(graph: Graph) -> Iterable[Path]:
    """Where the namings of a network lie: next to its spec, then among the shipped ones."""
    homes = [Path(graph.info.file).parent] if Path(graph.info.file).is_file() else []
    return [home / FOLDER / graph.name for home in (*homes, shipped_specs())]
