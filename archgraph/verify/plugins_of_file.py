"""The plugins that a file was exported with: its network can be built where they are enabled alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from archgraph.errors import ModelFileError, Problem
from archgraph.plugins import ENABLED


def require_plugins(path: Path, used: Sequence[Mapping[str, Any]]) -> None:
    """Raises ModelFileError for plugins whose operations a file's spec names, and that are not enabled here.

    Blocks of plugins stand in the spec itself.
    """
    problems = [_missing(path, entry) for entry in used if entry["operations"] and not _is_enabled(entry)]
    if problems:
        raise ModelFileError(*problems)


def _is_enabled(entry: Mapping[str, Any]) -> bool:
    plugin = ENABLED.get(entry["name"])
    return plugin is not None and plugin.package == entry["package"]


def _missing(path: Path, entry: Mapping[str, Any]) -> Problem:
    from archgraph.plugins.installed import installed

    name, package, version = entry["name"], entry["package"], entry["version"]
    other = ENABLED.get(name)
    there = any(plugin.package == package for plugin in installed().get(name, ()))
    enabling = f"--plugin {name} enables it, or ag.use_plugin('{name}')"
    state = f"{other} is enabled" if other else "it is installed, and not enabled" if there else "it is not installed"
    return Problem(
        f"{path} was exported with the plugin {name}, which is needed to build its network again",
        expected=f"{package} {version}, for {', '.join(entry['operations'])}",
        received=state,
        hint=enabling if there and not other else f"pip install {package}=={version}, then {enabling}",
    )


def other_versions(used: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    """Notes on plugins of which another version is enabled than the file was exported with."""
    for entry in used:
        plugin = ENABLED.get(entry["name"])
        if plugin is not None and plugin.version != entry["version"]:
            yield Problem(
                f"the plugin {plugin.name} has another version than the file was exported with",
                expected=f"{entry['package']} {entry['version']}",
                received=f"{plugin.package} {plugin.version}",
                severity="note",
            )
