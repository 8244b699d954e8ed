"""What a plugin is, and which ones this process has enabled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from archgraph.records import record

GROUPS = {
    "operations": "archgraph.operations",
    "blocks": "archgraph.blocks",
    "losses": "archgraph.losses",
}
"""The groups of entry points, by what the module of an entry point holds."""
TORCH_RULES, ONNX_RULES, INDEX_RULES = "torch_rules", "onnx_rules", "index_rules"
"""Files of rules, which stand next to the module of the operations and are imported when they are needed."""
REFERENCES, DRAWERS = "references", "drawers"
"""Files that the plugin's operations are tried with."""


@record()
class Plugin:
    """One plugin: its name, the package that it comes in, and the modules that its entry points name ('' for none)."""

    name: str
    package: str
    version: str
    operations: str = ""
    blocks: str = ""
    losses: str = ""

    def file(self, name: str) -> str:
        """The module of a file next to that of its operations: `archgraph_gates.torch_rules`."""
        around = self.operations.rpartition(".")[0]
        return f"{around}.{name}" if around else name

    def path(self, name: str) -> str:
        """The same as a path, for messages: `archgraph_gates/torch_rules.py`."""
        return f"{self.file(name).replace('.', '/')}.py"

    def owns(self, module: str) -> bool:
        """Whether a module is one of this plugin's packages, or stands in one."""
        tops = {each.partition(".")[0] for each in (self.operations, self.blocks, self.losses) if each}
        return module.partition(".")[0] in tops

    def with_module(self, kind: str, module: str) -> Plugin:
        """The same plugin with the module of one more entry point."""
        return replace(self, **{kind: module})

    def __str__(self) -> str:
        return f"{self.name} ({self.package} {self.version})"


ENABLED: dict[str, Plugin] = {}
"""The plugins that this process has enabled, by name."""
PLUGIN_BLOCKS: dict[str, Path] = {}
"""The files of their blocks, by the names that these have in a spec: `gates.gated_mlp`."""
