"""Packages of others that add operations, blocks and losses: which are installed, which are enabled, and their faults.

A plugin is a package that is installed and has entry points in the groups of `GROUPS`; the name of an entry point is
that of the plugin, and what it points to is a module. Metadata of packages are read only when somebody asks for it, and
code of a plugin runs only once its user has enabled it.
"""

from __future__ import annotations

from archgraph.plugins.plugin import ENABLED, GROUPS, ONNX_RULES, PLUGIN_BLOCKS, TORCH_RULES, Plugin

__all__ = ["ENABLED", "GROUPS", "ONNX_RULES", "PLUGIN_BLOCKS", "TORCH_RULES", "Plugin"]
