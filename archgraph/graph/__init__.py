"""The graph that every target reads: its types, its builder, and what can be asked of it."""

from __future__ import annotations

from archgraph.graph.builder import Builder, CallSpec
from archgraph.graph.cost import Account, Cost, account, cost, node_cost
from archgraph.graph.diff import Change, Difference, Only, diff
from archgraph.graph.flat_network import FlatFlow, FlatStep, ValueSource, dominators, flow, reachable, to_networkx
from archgraph.graph.input_sizes import check_sizes, concrete_sizes, input_symbols
from archgraph.graph.invariants import InvariantError, check
from archgraph.graph.keys import KeyedWeight, ModuleTree, module_tree, parameter_count, weights
from archgraph.graph.summary import Summary, SummaryRow, summarize
from archgraph.graph.text import graph_text
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
    "cost",
    "diff",
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
