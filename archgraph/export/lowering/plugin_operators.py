"""What the ONNX rule of a plugin's operation emits: operators of the standard, and ONNX Runtime's own where a profile
has these. A file runs where no plugin is, so that it holds no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archgraph.errors import ExportError, PluginError
from archgraph.export.lowering.emission import OnnxRuleContext
from archgraph.ops.contract import Operation
from archgraph.plugins import ENABLED, ONNX_RULES
from archgraph.plugins.faults import guarded

if TYPE_CHECKING:
    from archgraph.export.profiles import Profile, Rule


def _is_standard(kind: str, opset: int) -> bool:
    """Whether ONNX has an operator of this name in an opset."""
    from onnx import defs  # few networks have operations of plugins

    try:
        schema = defs.get_schema(kind, max_inclusive_version=opset)
    except defs.SchemaError:
        return False
    return not schema.deprecated


def expected_rule(op: Operation) -> str:
    """Where the rule of a plugin's operation is looked for; '' for operations of ours."""
    if op.plugin not in ENABLED:
        return ""
    return f"a rule under @rule({type(op).__name__}) in {ENABLED[op.plugin].path(ONNX_RULES)}"


def results_of_plugin(site: OnnxRuleContext, rule: Rule, profile: Profile) -> tuple[str, ...]:
    """The names of what a plugin's rule makes. Raises PluginError where it fails or gives no names of values, and
    ExportError where it emits operators that no runtime has."""
    op, program = site.node.op, site.emission.program
    first = len(program.nodes)
    found: Any = guarded(op.plugin, f"the ONNX rule of {op.name}", lambda: rule(site, op))
    names = (found,) if isinstance(found, str) else found
    _require_operators(site, first, profile)
    made = {name for node in program.nodes[first:] for name in node.outputs} | set(site.inputs.values())
    there = made | program.initializers.keys() | program.constants.keys()
    if not isinstance(names, tuple) or len(names) != len(site.node.outputs) or not there.issuperset(names):
        raise PluginError(
            f"the plugin {op.plugin}: the ONNX rule of {op.name} gives no names of values",
            expected=f"{len(site.node.outputs)} of those that `emit` returns",
            received=repr(found)[:200],
        )
    return names


def _require_operators(site: OnnxRuleContext, first: int, profile: Profile) -> None:
    """Raises ExportError for an operator of another domain, and for one that the standard does not have."""
    op, program = site.node.op, site.emission.program
    opset = max(profile.opset, program.opset)
    for node in program.nodes[first:]:
        if not node.domain and not _is_standard(node.kind, opset):
            raise ExportError(
                f"the plugin {op.plugin}: the ONNX rule of {op.name} emits {node.kind}",
                expected=f"an operator that the standard has in opset {opset}",
            )
        if not node.domain or node.domain in profile.domains:
            continue
        runtimes_own = node.domain == "com.microsoft"
        raise ExportError(
            f"the plugin {op.plugin}: the ONNX rule of {op.name} emits {node.domain}.{node.kind}",
            expected="standard operators, and in the profiles cpu and cuda those of com.microsoft",
            received=f"the domain {node.domain} under the profile {profile.name}",
            hint=f"register this form with @rule({type(op).__name__}, CPU)" if runtimes_own else "",
        )
