"""Packages with plugins, put where Python looks for packages as pip would put them, and forgotten after the test."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from archgraph.codegen.rules import DEFINITIONS, FUNCTIONS, IMPORTS, MODULES
from archgraph.export.profiles import PROFILES
from archgraph.graph.index_rules import RULES
from archgraph.ops import REGISTRY
from archgraph.plugins.plugin import ENABLED, PLUGIN_BLOCKS

GATES = Path(__file__).parent / "plugins" / "gates"
"""The source of a plugin as somebody publishes it."""
GROUPS = {kind: f"archgraph.{kind}" for kind in ("operations", "blocks", "losses")}


@contextmanager
def forgotten_plugins() -> Iterator[None]:
    """Afterwards no plugin is enabled, and nothing of one is registered."""
    defined, imported = dict(DEFINITIONS), dict(IMPORTS)
    try:
        yield
    finally:
        for table in (FUNCTIONS, MODULES, RULES, *(profile.rules for profile in PROFILES.values())):
            for kind in [kind for kind in table if kind.plugin]:
                del table._rules[kind]
        for name in [name for name, kind in REGISTRY._contracts.items() if kind.plugin]:
            del REGISTRY._contracts[name]
        for known, before in ((DEFINITIONS, defined), (IMPORTS, imported)):
            for name in known.keys() - before.keys():
                del known[name]
        ENABLED.clear()
        PLUGIN_BLOCKS.clear()


def install(site: Path, package: str, version: str, groups: Mapping[str, Mapping[str, str]]) -> None:
    """The metadata of an installed package, with these entry points by group."""
    info = site / f"{package.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {package}\nVersion: {version}\n")
    lines = [
        f"[{GROUPS[kind]}]\n" + "".join(f"{k} = {v}\n" for k, v in found.items()) for kind, found in groups.items()
    ]
    (info / "entry_points.txt").write_text("".join(lines))


def install_gates(site: Path, version: str = "1.2.0") -> None:
    """The plugin of these tests, installed."""
    shutil.copytree(GATES / "archgraph_gates", site / "archgraph_gates", dirs_exist_ok=True)
    kinds = {"operations": "operations", "blocks": "blocks", "losses": "losses"}
    install(
        site, "archgraph-gates", version, {kind: {"gates": f"archgraph_gates.{file}"} for kind, file in kinds.items()}
    )


@contextmanager
def on_path(site: Path) -> Iterator[None]:
    """Packages of a folder are installed inside the context, and forgotten afterwards."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch, forgotten_plugins():
        patch.syspath_prepend(str(site))
        try:
            yield
        finally:
            for name in sys.modules.keys() - before:
                places = [getattr(sys.modules[name], "__file__", "") or "", *getattr(sys.modules[name], "__path__", ())]
                if any(str(place).startswith(str(site)) for place in places):
                    del sys.modules[name]


NET = """archgraph: 1
name: gated
inputs: {x: [N, 8]}
nodes:
  gate: {op: gates.gated_linear, out_features: 16}
  act: {op: gates.quick_gelu}
  mlp: {op: gates.gated_mlp, hidden: 32}
  fc: {op: linear, out_features: 10}
"""
