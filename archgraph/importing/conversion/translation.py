"""A flat program → a graph: every module call becomes a body, every operation of torch one or several of ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import torch
from torch import fx

from archgraph.dims import Facts
from archgraph.graph.types import Graph, Node
from archgraph.importing.conversion.body_translation import BodyTranslation, dtype_name
from archgraph.importing.conversion.constant_folding import fold_changed_constants, without_unread
from archgraph.importing.conversion.kept_modules import KeptClasses
from archgraph.importing.conversion.module_calls import ModuleCall, module_calls
from archgraph.importing.conversion.mutations import without_mutations
from archgraph.importing.conversion.repeated_calls import repeated_calls, without_equal_calls
from archgraph.importing.conversion.training_entries import EntryOrder
from archgraph.importing.conversion.weight_places import weight_places
from archgraph.importing.proof.rounded_tables import RoundedTable
from archgraph.importing.tracing.branch_conditions import (
    Branches,
    OpenCondition,
    require_branches,
    require_equations,
    require_multiples,
    require_own_branches,
)
from archgraph.importing.tracing.capture import Capture
from archgraph.importing.tracing.symbols import SizeReader, input_symbols, traced_sizes
from archgraph.importing.tracing.tied_weights import first_keys, require_one_key_of_buffers

Dims = tuple[str | int, ...]


class Translation:
    """The translation of one program: what all of its bodies share.

    `narrowed`: sizes are those that the branches of the module's own code ask for, whether or not an operation does.
    """

    def __init__(
        self,
        capture: Capture,
        symbols: Mapping[str, Dims],
        arguments: Mapping[int, Mapping[str, Any]],
        kept: KeptClasses,
        narrowed: bool = False,
    ):
        self.capture = capture
        self.narrowed = narrowed
        self.arguments = arguments
        self.kept = kept
        self.facts = Facts()
        shapes = {name: node.meta["val"] for name, node in capture.inputs.items()}
        self.sizes = SizeReader(input_symbols(shapes, symbols), self.facts, traced_sizes(shapes))
        self.state: dict[str, torch.Tensor] = capture.module.state_dict(keep_vars=True)
        self.constants = capture.constants
        self.exact: Mapping[fx.Node, torch.Tensor] = {}
        """Constants in float32 that were computed, without the rounding on their way."""
        self.tables: dict[str, RoundedTable] = {}
        """Tables in float32 that the graph has as steps, by their names in the module."""
        self.branches = Branches()
        """Conditions on sizes that the graph does not hold."""
        self.written: set[str] = set()
        """The keys that stand somewhere."""
        self.firsts = first_keys(self.state)
        """For each tensor that has several keys, by id, the first of them."""
        self.tied_to: set[str] = set()
        """The keys of weights that others are tied to."""
        self.places: Mapping[fx.Node, ModuleCall] = {}
        self.owners: dict[str, tuple[BodyTranslation, Node]] = {}
        """The node that owns the weights at a path, and the body that it stands in."""
        self.calls: dict[str, ModuleCall] = {}
        """The first call of the module at each path."""
        self.alike: Mapping[ModuleCall, list[ModuleCall]] = {}
        """The calls of each module that is applied several times by one call of the module around."""
        self.in_training: frozenset[fx.Node] = frozenset()
        """Operations that evaluation does not need."""
        order = {key: place for place, key in enumerate(self.state)}
        self._key_places = {node: order[key] for node, key in capture.weights.items()}

    def graph(self, name: str) -> Graph:
        """The whole graph. Raises ImportingError for what has no counterpart."""
        program = self.capture.program
        require_multiples(self.capture.multiples, self.sizes, self.facts)
        if self.narrowed:
            require_own_branches(program.graph, self.sizes, self.facts)
            require_equations(program.graph, self.sizes, self.facts)
        self.exact = fold_changed_constants(program.graph, self.constants)
        without_mutations(program.graph)
        without_unread(program.graph)
        returned = self._returned()
        evaluation = {word: returned[word] for word in self.capture.evaluation}
        self.in_training = _not_behind(evaluation.values(), program.graph)
        root = module_calls(self.capture.module, program.graph)
        without_equal_calls(root)
        self.alike = repeated_calls(root, self.kept)
        self.places = weight_places(root, self.capture.weights, self.state, self.alike)
        body = BodyTranslation(self, root, None)
        for word, node in self.capture.inputs.items():
            tensor = node.meta["val"]
            body.values[node] = body.builder.input(word, self.sizes.shape(tensor), dtype_name(tensor.dtype))
        body.translate()
        outputs = {word: body.value(node) for word, node in evaluation.items()}
        training = {w: body.training_output(w, node) for w, node in returned.items() if w not in evaluation}
        body.builder.keep([*outputs.values(), *training.values()])
        require_one_key_of_buffers(self.state, self.firsts, self.written)
        body.keep_unread_weights()
        require_equations(program.graph, self.sizes, self.facts)
        self.branches = require_branches(program.graph, self.sizes, self.facts)
        constraints = self.facts.constraints()
        return body.builder.finish(outputs, constraints=constraints, order=body.order(), training_outputs=training)

    @cached_property
    def trained(self) -> frozenset[fx.Node]:
        """The operations that parameters with gradients reach, and these."""
        found = {node for node, key in self.capture.weights.items() if self.state[key].requires_grad}
        for node in self.capture.program.graph.nodes:
            if node.op == "call_function" and not found.isdisjoint(node.all_input_nodes):
                found.add(node)
        return frozenset(found)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the graph says otherwise than the module."""
        return self.branches.notes

    @property
    def entries(self) -> EntryOrder:
        """Where what training alone computes stands in a body."""
        return EntryOrder(self.in_training, self._key_places)

    def open_condition(self) -> OpenCondition | None:
        """A condition under which alone the translated program holds; None where there is none."""
        left = require_equations(self.capture.program.graph, self.sizes, self.facts)
        return next(iter((*left, *self.branches.compared)), None)

    def _returned(self) -> Mapping[str, fx.Node]:
        """All outputs, read after all changes in place."""
        returned = next(node for node in self.capture.program.graph.nodes if node.op == "output").args[0]
        kept = [node for node in returned if isinstance(node, fx.Node)]
        return dict(zip(self.capture.outputs, kept, strict=False))


def _not_behind(outputs: Iterable[fx.Node], graph: fx.Graph) -> frozenset[fx.Node]:
    """The operations that these values do not follow from."""
    needed: set[fx.Node] = set()
    waiting = list(outputs)
    while waiting:
        node = waiting.pop()
        if node not in needed:
            needed.add(node)
            waiting.extend(node.all_input_nodes)
    return frozenset(node for node in graph.nodes if node.op == "call_function" and node not in needed)
