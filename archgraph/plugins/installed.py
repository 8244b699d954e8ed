"""The plugins that are installed, as the metadata of packages say. Nothing of them is imported."""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points

from archgraph.errors import PluginError, nearest
from archgraph.plugins.plugin import ENABLED, GROUPS, Plugin


def installed() -> dict[str, tuple[Plugin, ...]]:
    """All plugins by name: one for each package that has some of that name, so that more than one is a clash."""
    found: dict[tuple[str, str], Plugin] = {}
    for kind, group in GROUPS.items():
        for entry in entry_points(group=group):
            package, version = _distribution(entry)
            plugin = found.get((entry.name, package)) or Plugin(entry.name, package, version)
            module = entry.value.partition(":")[0].strip()  # a wrong one is told when it is imported
            found[entry.name, package] = plugin.with_module(kind, module)
    plugins = [found[key] for key in sorted(found)]
    return {one.name: tuple(other for other in plugins if other.name == one.name) for one in plugins}


def _distribution(entry: EntryPoint) -> tuple[str, str]:
    """The package of an entry point, and its version."""
    return (entry.dist.name, entry.dist.version) if entry.dist is not None else ("an unknown package", "")


def find(name: str) -> Plugin:
    """The installed plugin of that name. Raises PluginError where there is none, or more than one."""
    known = installed()
    found = known.get(name, ())
    if not found:
        raise PluginError(
            f"no plugin '{name:.100}' is installed",
            expected=f"one of {', '.join(known)}" if known else "a package with entry points in archgraph.operations",
            received="none is installed" if not known else "",
            hint=nearest(name, known) or "pip install the package that offers it; `archgraph plugins` lists them",
        )
    if len(found) > 1:
        packages = " and ".join(f"{plugin.package} {plugin.version}" for plugin in found)
        raise PluginError(
            f"two packages offer a plugin '{name}'",
            expected="one plugin of a name",
            received=packages,
            hint=f"uninstall one of them: pip uninstall {found[-1].package}",
        )
    return found[0]


@lru_cache(maxsize=1)
def _installed_along(path: tuple[str, ...]) -> dict[str, tuple[Plugin, ...]]:
    """The same, read once for all unknown names of a process: a spec may have thousands."""
    return installed()


def hint_for(name: str) -> str:
    """What to do about an unknown `plugin.name`: the option that enables the plugin, where it is installed; '' for a
    name without a dot."""
    plugin, dot, inner = name.partition(".")
    if not dot or plugin in ENABLED:
        return ""
    offered = _installed_along(tuple(sys.path)).get(plugin)
    if not offered or not inner.isidentifier():
        return ""
    packages = " and ".join(f"{each.package} {each.version}" for each in offered)
    return (
        f"the plugin '{plugin}' ({packages}) is installed: --plugin {plugin} enables it, or ag.use_plugin('{plugin}')"
    )
