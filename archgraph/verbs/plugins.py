"""Packages of others that add operations, blocks and losses: use_plugin, try_plugin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archgraph.errors import ArchgraphError

if TYPE_CHECKING:
    from archgraph.errors import Problem
    from archgraph.plugins import Plugin
    from archgraph.verify.plugin_trials import OperationTrial


def use_plugin(name: str) -> Plugin:
    """Enables an installed plugin in this process: specs may then name its operations and blocks, as
    `gates.soft_threshold`, and `train` its losses.

    Its code runs from now on; that of a plugin that nobody enables never does. Returns its name, package and version.
    Raises PluginError for one that is not installed, that two packages offer, or that fails.
    """
    from archgraph.language.plugins import use_plugin as enable

    return enable(name)


@dataclass(frozen=True, slots=True)
class PluginTrial:
    """What a plugin has, and what became of its operations."""

    plugin: Plugin
    operations: tuple[OperationTrial, ...]
    blocks: tuple[str, ...]
    losses: tuple[str, ...]
    problems: tuple[Problem, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        plugin = self.plugin
        return {
            "name": plugin.name,
            "package": plugin.package,
            "version": plugin.version,
            "ok": not self.problems,
            "operations": [trial.to_json() for trial in self.operations],
            "blocks": list(self.blocks),
            "losses": list(self.losses),
            "problems": [str(problem) for problem in self.problems],
        }

    def text(self) -> str:
        """A line for each operation, block and loss."""
        lines = [str(self.plugin)]
        for trial in self.operations:
            tried = [f"{trial.applications} applications", "drawn" * trial.drawn, "as its reference" * trial.reference]
            proved = f"proved: {', '.join(trial.profiles)}" if trial.profiles else ""
            said = ", ".join(filter(None, [*tried, proved])) if trial.ok else "wrong"
            lines.append(f"  operation  {trial.operation}: {said}")
        lines += [f"  block      {name}" for name in self.blocks]
        return "\n".join([*lines, *(f"  loss       {name}" for name in self.losses)])


def try_plugin(name: str) -> PluginTrial:
    """Enables a plugin and tries all it has: operations on their examples and draws, in torch, against references, by
    the traits that they claim, and as ONNX files that are proved; blocks and losses are read.

    Raises PluginError where it cannot be enabled, or a file of it cannot be imported.
    """
    from archgraph.language.library import read_spec
    from archgraph.plugins.plugin import PLUGIN_BLOCKS
    from archgraph.training.plugin_losses import losses_of
    from archgraph.verify.plugin_trials import try_operations

    plugin = use_plugin(name)
    operations = tuple(try_operations(name))
    problems = [problem for trial in operations for problem in trial.problems]
    blocks = {title: path for title, path in PLUGIN_BLOCKS.items() if title.startswith(f"{name}.")}
    for path in blocks.values():
        try:
            read_spec(path)
        except ArchgraphError as error:
            problems += error.problems
    losses = tuple(f"{name}.{loss}" for loss in losses_of(name))
    return PluginTrial(plugin, operations, tuple(blocks), losses, tuple(problems))
