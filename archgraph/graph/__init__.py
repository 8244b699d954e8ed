"""The graph that every target reads: its types, its builder, and what can be asked of it.

What a load needs is imported here; costs, differences, the flat flow and summaries when they are first read.
`cost` and `diff` have the names of their files, so they are imported from there.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from archgraph.graph.builder import Builder, CallSpec
from archgraph.graph.input_sizes import check_sizes, concrete_sizes, input_symbols
from archgraph.graph.invariants import InvariantError, check
from archgraph.graph.keys import KeyedWeight, ModuleTree, module_tree, parameter_count, weights
from archgraph.graph.types import (
    Call,
    CallKind,
    Graph,
    Info,
    Item,
    Node,
    Origin,
    Placed,
    Value,
    joined,
    owns_weights,
    walk,
)

if TYPE_CHECKING:
    from archgraph.graph.cost import Account, Cost, account, node_cost
    from archgraph.graph.diff import Change, Difference, Only
    from archgraph.graph.flat_network import FlatFlow, FlatStep, ValueSource, dominators, flow, reachable, to_networkx
    from archgraph.graph.summary import Summary, SummaryRow, summarize
    from archgraph.graph.text import graph_text

__all__ = [
    "Account",
    "Builder",
    "Call",
    "CallKind",
    "CallSpec",
    "Change",
    "Cost",
    "Difference",
    "FlatFlow",
    "FlatStep",
    "Graph",
    "Info",
    "InvariantError",
    "Item",
    "KeyedWeight",
    "ModuleTree",
    "Node",
    "Only",
    "Origin",
    "Placed",
    "Summary",
    "SummaryRow",
    "Value",
    "ValueSource",
    "account",
    "check",
    "check_sizes",
    "concrete_sizes",
    "dominators",
    "flow",
    "graph_text",
    "input_symbols",
    "joined",
    "module_tree",
    "node_cost",
    "owns_weights",
    "parameter_count",
    "reachable",
    "summarize",
    "to_networkx",
    "walk",
    "weights",
]

_ON_READING = {
    **dict.fromkeys(("Account", "Cost", "account", "node_cost"), "cost"),
    **dict.fromkeys(("Change", "Difference", "Only"), "diff"),
    **dict.fromkeys(
        ("FlatFlow", "FlatStep", "ValueSource", "dominators", "flow", "reachable", "to_networkx"), "flat_network"
    ),
    **dict.fromkeys(("Summary", "SummaryRow", "summarize"), "summary"),
    "graph_text": "text",
}
"""The files of the names that are imported when they are first read."""


def __getattr__(name: str) -> Any:
    if name in _ON_READING:
        return getattr(import_module(f"{__name__}.{_ON_READING[name]}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
