"""Tables of what a room knows of each operation: one rule per contract, registered by the contract's class.

A rule of a base class is that of all contracts made from it: a family that is a table has one rule for all its rows.
The file of a family that is read on demand is imported when a rule of it is looked up, and so is that of a plugin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from importlib import import_module
from typing import Any, TypeVar

from archgraph.ops.contract import Operation
from archgraph.ops.families import ON_DEMAND
from archgraph.plugins import ENABLED
from archgraph.plugins.registration import registered

Rule = TypeVar("Rule")


def _require_own(rule: object, contract: type[Operation]) -> None:
    """Raises ValueError for a rule of a plugin for an operation that is not its own, which would change all networks
    with that operation."""
    module = str(getattr(rule, "__module__", ""))
    for plugin in ENABLED.values():
        if plugin.owns(module) and contract.plugin != plugin.name:
            raise ValueError(f"'{contract.name}' is no operation of the plugin {plugin.name}, which has a rule for it")


class Rules(Mapping[type[Operation], Rule]):
    """The rules of one kind, by contract. `title` says in errors what they are rules of, `package` where the files of
    families stand, `plugin_file` how the file of a plugin is called that has some."""

    def __init__(self, title: str = "rules", package: str = "", plugin_file: str = ""):
        self.title = title
        self._package = package
        self._plugin_file = plugin_file
        self._rules: dict[type[Operation], Rule] = {}
        self._imported: set[str] = set()
        self._nearest: dict[type[Operation], type[Operation]] = {}
        """For contracts that have no rule of their own, the class that was found to have one, or themselves."""

    def __getitem__(self, contract: type[Operation]) -> Rule:
        if contract in self._rules:
            return self._rules[contract]
        if contract.plugin:
            self._import_plugin(contract.plugin)
        elif self._package and contract.family in ON_DEMAND and contract.family not in self._imported:
            self._import_family(contract.family)
        if contract not in self._nearest:
            self._nearest[contract] = next((kind for kind in contract.__mro__ if kind in self._rules), contract)
        return self._rules[self._nearest[contract]]

    def get(self, contract: type[Operation], default: Any = None) -> Any:
        """The rule for a contract. Most have one of their own, which is asked for by the thousand."""
        found = self._rules.get(contract)
        return super().get(contract, default) if found is None else found

    def _import_family(self, family: str) -> None:
        """Imports the rules of a family; not every kind of rule has some for each family."""
        name = f"{self._package}.{family}"
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
        self._imported.add(family)

    def _import_plugin(self, name: str) -> None:
        """Imports the rules of a plugin, which need not have some of each kind. Raises PluginError."""
        from archgraph.plugins.faults import imported  # few networks have operations of plugins

        plugin = ENABLED.get(name)
        if plugin is not None and self._plugin_file:
            imported(plugin, plugin.file(self._plugin_file), optional=True)

    def __iter__(self) -> Iterator[type[Operation]]:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)

    def add(self, rule: Rule, *contracts: type[Operation]) -> None:
        """The rule of these contracts. Raises ValueError for a contract that has one: never an overwrite."""
        for contract in contracts:
            if contract in self._rules:
                raise ValueError(f"there are two {self.title} for '{contract.name}'")
            _require_own(rule, contract)
            self._rules[contract] = rule
            self._nearest.clear()
            registered(contract.__module__, partial(self._remove, contract))

    def _remove(self, contract: type[Operation]) -> None:
        self._rules.pop(contract)
        self._nearest.clear()
