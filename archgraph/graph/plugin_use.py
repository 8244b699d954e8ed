"""Which plugins a network uses: whose operations it applies, and of whose blocks it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archgraph.graph.types import Graph, walk
from archgraph.plugins import ENABLED, PLUGIN_BLOCKS


@dataclass(frozen=True, slots=True)
class UsedPlugin:
    """A plugin that a network uses: the package that it comes in, and which of its operations and blocks."""

    name: str
    package: str
    version: str
    operations: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        named: Mapping[str, tuple[str, ...]] = {"operations": self.operations, "blocks": self.blocks}
        return {
            "name": self.name,
            "package": self.package,
            "version": self.version,
            **{key: list(names) for key, names in named.items() if names},
        }


def plugins_in(graph: Graph) -> tuple[UsedPlugin, ...]:
    """The plugins that a network uses, by name."""
    if not ENABLED:
        return ()
    operations = {placed.node.op.name for placed in walk(graph) if placed.node.op.plugin}
    blocks = set(graph.info.spec.get("blocks", ())) & PLUGIN_BLOCKS.keys()
    found = []
    for name, plugin in sorted(ENABLED.items()):
        own = [tuple(sorted(each for each in names if each.startswith(f"{name}."))) for names in (operations, blocks)]
        if any(own):
            found.append(UsedPlugin(name, plugin.package, plugin.version, *own))
    return tuple(found)
