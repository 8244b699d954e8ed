"""Where the rules stand: how each operation is written as a module and as a function, and with which arguments."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, TypeAlias, TypeVar

from archgraph.codegen.analysis.parametrization import parametrized
from archgraph.codegen.analysis.terms import folded, keyword, own, ref, text
from archgraph.dims import Dim, Size
from archgraph.errors import CompileError, PluginError
from archgraph.graph.types import Node
from archgraph.ops.contract import Operation, TensorType, Weight
from archgraph.ops.rules import Rules
from archgraph.plugins import ENABLED, TORCH_RULES
from archgraph.plugins.faults import guarded
from archgraph.plugins.registration import registered
from archgraph.records import record
from archgraph.structure.terms import Term, number


@record()
class TorchRuleContext:
    """One application of an operation, as a rule sees it. `in_place` says that it overwrites its main input,
    `learned_bias` that its mask is learned and finite."""

    node: Node
    in_place: bool = False
    learned_bias: bool = False

    def kind(self, port: str = "input") -> TensorType:
        """The type of the value at a port."""
        return self.node.inputs[port].type

    def has(self, port: str) -> bool:
        """Whether something is connected there."""
        return port in self.node.inputs

    def channels(self, axis: int = 1) -> Dim:
        """The size of a dimension of the main input."""
        return self.kind().shape[axis]

    def weight(self, name: str) -> Term:
        """A weight of the operation in a function's arguments: from outside, its own, or None where it has none."""
        if name in self.node.inputs:
            return ref(name)
        return own(name) if name in self.owned_weights() else text("None")

    def owned_weights(self) -> dict[str, Weight]:
        """The weights that the node owns, or whose owner it applies again, by name."""
        return {weight.name: weight for weight in (self.node.shares or self.node).weights}


Rule: TypeAlias = "Callable[[TorchRuleContext, Any], Term | None]"
"""None: torch has no module for these attributes."""
Form = TypeVar("Form", bound="Rule")

MODULES: Rules[Rule] = Rules("rules for a module", "archgraph.codegen.rules", TORCH_RULES)
FUNCTIONS: Rules[Rule] = Rules("rules for a forward", "archgraph.codegen.rules", TORCH_RULES)
DEFINITIONS: dict[str, str] = {}
"""Functions that a rule's text calls and that the file itself defines, by name."""
IMPORTS: dict[str, str] = {}
"""Classes and functions that a rule's text calls and that the file imports, with their modules: those of plugins."""
IN_PLACE: Rules[Callable[[Any], bool]] = Rules("rules in place", "archgraph.codegen.rules", TORCH_RULES)
"""Whether torch can overwrite the main input of an operation with these attributes by the result, and still has its
gradients. The other rules of such an operation ask for `in_place`."""


def module(contract: type[Operation]) -> Callable[[Form], Form]:
    """Registers how an operation is constructed as one of torch's modules. A second rule is an error."""
    return _registered(MODULES, contract)


def function(contract: type[Operation]) -> Callable[[Form], Form]:
    """Registers how an operation is written within a forward. A second rule is an error."""
    return _registered(FUNCTIONS, contract)


def _registered(table: Rules[Rule], contract: type[Operation]) -> Callable[[Form], Form]:
    def register(rule: Form) -> Form:
        table.add(rule, contract)
        return rule

    return register


def attributes(op: Operation, *names: str, **instead: Any) -> tuple[Term, ...]:
    """Attributes as keyword arguments, `instead` of some with other values. Where all instances have the contract's
    default, which is torch's, the argument is left out. A tuple of equal numbers is written as the one number that
    torch takes for it."""
    defaults = _defaults(type(op))
    found = []
    for name in names:
        value = instead[name] if name in instead else getattr(op, name)
        if type(value) is tuple:
            value = folded(value)
        found.append(keyword(name, number(name, value), *defaults[name]))
    return tuple(found)


@lru_cache(1 << 10)
def _defaults(contract: type[Operation]) -> dict[str, tuple[Any, ...]]:
    """The default of each attribute of a contract, as one argument; none where it has no default."""
    fields = contract.model_fields
    return {name: () if field.is_required() else (folded(field.default),) for name, field in fields.items()}


def overwrites(*contracts: type[Operation], where: Callable[[Any], bool] = lambda op: True) -> None:
    """Says that the rules of these operations have a form in place, with attributes for which `where` is true."""
    IN_PLACE.add(where, *contracts)


def inplace(site: TorchRuleContext) -> tuple[Term, ...]:
    """`inplace=True`, or nothing."""
    return (keyword("inplace", text("True")),) if site.in_place else ()


def define(name: str, code: str) -> None:
    """A function that the generated file defines at its top where a rule uses it."""
    _add(DEFINITIONS, name, code.strip("\n"))


def imports(name: str, module: str) -> None:
    """A class or function that the generated file imports from a package, where a rule uses it."""
    _add(IMPORTS, name, module)


def _add(table: dict[str, str], name: str, value: str) -> None:
    """An entry of the module that calls the caller. Raises ValueError for a name that is taken."""
    if name in DEFINITIONS or name in IMPORTS:
        raise ValueError(f"'{name}' is defined twice")
    table[name] = value
    registered(sys._getframe(2).f_globals["__name__"], partial(table.pop, name))


def written_as_module(site: TorchRuleContext) -> Term | None:
    """The construction of torch's module for it; None where torch has none, or where it would depend on the inputs."""
    op = site.node.op
    rule = MODULES.get(type(op))
    made = _ruled(rule, site) if rule else None
    if made is None:
        return None
    for part in made.numbers():
        if type(part.value) is not int and _is_symbolic(part.value):
            return None
    return parametrized(op, made)


def _ruled(rule: Rule, site: TorchRuleContext) -> Term | None:
    """What a rule makes. Raises PluginError where that of a plugin fails."""
    op = site.node.op
    if not op.plugin:
        return rule(site, op)
    found: object = guarded(op.plugin, f"the torch rule of {op.name}", lambda: rule(site, op))
    if found is not None and not isinstance(found, Term):
        raise PluginError(
            f"the plugin {op.plugin}: the torch rule of {op.name} makes no term",
            expected='a term, such as call("F.relu", ref("input"))',
            received=repr(found)[:200],
        )
    return found


def _is_symbolic(value: Any) -> bool:
    return type(value) is Size or (type(value) is tuple and any(map(_is_symbolic, value)))


def written_as_function(site: TorchRuleContext) -> Term:
    """The expression for it. Raises CompileError where no rule is written yet."""
    op = site.node.op
    rule = FUNCTIONS.get(type(op))
    if rule is None:
        file = ENABLED[op.plugin].path(TORCH_RULES) if op.plugin in ENABLED else "archgraph/codegen/rules"
        raise CompileError(
            f"{op.name} cannot be written as torch code yet",
            expected=f"a rule under @function({type(op).__name__}) in {file}",
            received=site.node.name,
        )
    made = _ruled(rule, site)
    assert made is not None, op.name
    return made
