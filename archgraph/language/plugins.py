"""Enabling a plugin: its operations join the vocabulary, its folder of blocks the names that an `op` may have."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from archgraph.errors import PluginError, SchemaError
from archgraph.language.schema.names import LIBRARIES, block_name, file_name
from archgraph.ops.contract import REGISTRY, Operation
from archgraph.plugins.faults import guarded, imported
from archgraph.plugins.installed import find
from archgraph.plugins.plugin import ENABLED, PLUGIN_BLOCKS, Plugin


def use_plugin(name: str) -> Plugin:
    """Enables an installed plugin in this process, once: specs may then name its operations and blocks, as
    `plugin.name`.

    Raises PluginError where it is not installed, where two packages offer one of that name, where its code fails, and
    where what it declares cannot be registered; then nothing of it is enabled.
    """
    if name in ENABLED:
        return ENABLED[name]
    plugin = find(name)
    _require_name(plugin)
    contracts = _contracts(plugin)
    blocks = _blocks(plugin)
    twice = sorted(contracts.keys() & blocks.keys())
    if twice:
        raise PluginError(f"the plugin {name} has both an operation and a block '{twice[0]}'")
    for title, kind in contracts.items():
        kind.plugin = name
        REGISTRY.add(title, kind)
    PLUGIN_BLOCKS.update(blocks)
    ENABLED[name] = plugin
    return plugin


def _require_name(plugin: Plugin) -> None:
    """Raises PluginError for a name that no spec could write before a dot."""
    try:
        file_name(plugin.name)
    except SchemaError as error:
        raise PluginError(
            f"'{plugin.name}' cannot be the name of a plugin",
            expected=f"a word that may stand before a dot, and none of {', '.join(sorted(LIBRARIES))}",
            received=f"an entry point of {plugin.package} {plugin.version}: {error.problems[0].message}",
        ) from None


# --- operations -------------------------------------------------------------------------------------------------------


def _contracts(plugin: Plugin) -> dict[str, type[Operation]]:
    """The contracts of a plugin's module by name. Raises PluginError for what is no contract of this plugin."""
    if not plugin.operations:
        return {}
    module = imported(plugin, plugin.operations)
    assert module is not None
    found: dict[str, type[Operation]] = {}
    for kind in _declared(module):
        if found.setdefault(kind.name, kind) is not kind:
            raise PluginError(f"the plugin {plugin.name} declares '{kind.name}' twice", received=plugin.operations)
    if not found:
        raise PluginError(
            f"the plugin {plugin.name} declares no operation",
            expected=f'classes under @operation("{plugin.name}.…") in {plugin.operations}',
        )
    for kind in found.values():
        _require_contract(plugin, kind)
    return found


def _declared(module: ModuleType) -> Iterator[type[Operation]]:
    """The contracts that a module holds under names of their own; not the base classes that it imports."""
    for kind in vars(module).values():
        own = isinstance(kind, type) and issubclass(kind, Operation) and "name" in vars(kind)
        if own and not kind.__module__.startswith("archgraph."):
            yield kind


def _require_contract(plugin: Plugin, kind: type[Operation]) -> None:
    """Raises PluginError where a contract lacks what everybody reads of it."""
    prefix, _, name = kind.name.partition(".")
    if prefix != plugin.name or not name.isidentifier():
        raise _flaw(plugin, kind, "its name", f'@operation("{plugin.name}.…")', f"'{kind.name}'")
    if not isinstance(getattr(kind, "meaning", None), str) or not kind.meaning:
        raise _flaw(plugin, kind, "its meaning", "meaning = one line, with the shape equation", "none")
    if not getattr(kind, "examples", ()):
        raise _flaw(plugin, kind, "its examples", "examples = (Example(attributes, inputs), …)", "none")
    if kind.infer is Operation.infer:
        raise _flaw(plugin, kind, "its shape rule", "a method infer(self, inputs, facts)", "none")
    guarded(plugin, f"the class {kind.__name__}", lambda: kind.model_rebuild(force=True))


def _flaw(plugin: Plugin, kind: type[Operation], what: str, expected: str, received: str) -> PluginError:
    return PluginError(
        f"the plugin {plugin.name}: {what} is missing or wrong on {kind.__module__}.{kind.__name__}",
        expected=expected,
        received=received,
    )


# --- blocks -----------------------------------------------------------------------------------------------------------


def _blocks(plugin: Plugin) -> dict[str, Path]:
    """The block files of a plugin's folder, by the names that they have in a spec."""
    if not plugin.blocks:
        return {}
    folder = _folder(plugin)
    found = {f"{plugin.name}.{path.stem}": path for path in sorted(folder.glob("*.yaml"))}
    if not found:
        raise PluginError(f"the plugin {plugin.name} has no blocks", expected="files NAME.yaml", received=str(folder))
    for path in found.values():
        try:
            block_name(path.stem)
        except SchemaError as error:
            raise PluginError(f"the plugin {plugin.name}: {error.problems[0].message}", received=str(path)) from None
    return found


def _folder(plugin: Plugin) -> Path:
    """The folder of a package, which need not hold code."""
    spec = guarded(plugin, f"the package around {plugin.blocks}", lambda: find_spec(plugin.blocks))
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not places:
        raise PluginError(
            f"the plugin {plugin.name} has no folder {plugin.blocks}",
            expected="a folder of YAML files in the package, which its wheel holds too",
        )
    return Path(places[0])
