"""Packages of others that add operations, blocks and losses: use_plugin, try_plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archgraph.plugins import Plugin


def use_plugin(name: str) -> Plugin:
    """Enables an installed plugin in this process: specs may then name its operations and blocks, as
    `gates.soft_threshold`, and `train` its losses.

    Its code runs from now on; that of a plugin that nobody enables never does. Returns its name, package and version.
    Raises PluginError for one that is not installed, that two packages offer, or that fails.
    """
    from archgraph.language.plugins import use_plugin as enable

    return enable(name)
