"""The body of one module call on its way to a graph: values, operations, inner calls."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import fx

from archgraph.errors import ArchgraphError, ImportingError, ShapeError
from archgraph.graph.builder import Builder
from archgraph.graph.types import Call, Node, Origin, Value
from archgraph.importing.conversion.constant_folding import computed_results, unrounded
from archgraph.importing.conversion.inner_calls import inner_call
from archgraph.importing.conversion.kept_modules import kept_call
from archgraph.importing.conversion.leaf_modules import is_leaf, makes_tensors
from archgraph.importing.conversion.module_calls import ModuleCall
from archgraph.importing.conversion.stored_tensors import can_be_stored, require_storable, stored_tensor, unread_tensor
from archgraph.importing.conversion.torch_attention import attention_call
from archgraph.importing.conversion.training_entries import operations
from archgraph.importing.conversion.views import operation_name
from archgraph.importing.rules import PASSED_ON, RULES, SKIPPED
from archgraph.importing.rules.missing import remedy
from archgraph.importing.rules.site import Site
from archgraph.importing.tracing.free_sizes import MISSING_OPERATION
from archgraph.importing.tracing.places import function_of, place_of
from archgraph.ops.contract import lookup, make

if TYPE_CHECKING:
    from archgraph.importing.conversion.translation import Translation


class BodyTranslation:
    """The body of one module call on its way to a graph."""

    def __init__(
        self,
        translation: Translation,
        call: ModuleCall,
        parent: BodyTranslation | None,
        twin: BodyTranslation | None = None,
    ):
        self.translation = translation
        self.call = call
        self.parent = parent
        self.twin = twin
        """The body of the module's first call, whose weights are used here once more."""
        self.inner: list[BodyTranslation] = []
        """The bodies of the calls inside, in order."""
        self.made: Call | None = None
        """The call that this body became."""
        self.stored_nodes: dict[str, Node] = {}
        """The nodes that hold tensors of this body, by their keys."""
        self.builder = Builder(call.class_name, translation.facts)
        self.values: dict[fx.Node, Value | tuple[Value, ...]] = {}
        self.makers: dict[int, Node] = {}
        """The node that made each value, by the value's id."""
        self.shared: dict[Hashable, Node] = {}
        self.read: list[fx.Node] = []
        """What its inputs stand for."""
        module = call.module
        self.in_training: bool = parent is not None and (parent.in_training or parent.builder.training)
        """Whether all of it is computed in training only, so that nothing inside needs to be marked."""
        self.origin = Origin()
        """The function that computes the operation at hand."""
        self.named: set[str] = set()
        """Paths of modules whose name stands on an operation already."""
        kept = module._buffers.keys() - module._non_persistent_buffers_set
        self.names = {*module._modules, *module._parameters, *kept}

    def translate(self) -> None:
        """Puts all entries of the call into the body."""
        if self.parent is not None:
            self._take_arguments()
        trained = self.translation.in_training
        entries = self.call.entries
        for entry in self.translation.entries.arranged(entries) if trained and not self.in_training else entries:
            with self._marked(operations(entry)):
                self._entry(entry)

    def _entry(self, entry: fx.Node | ModuleCall) -> None:
        if not isinstance(entry, ModuleCall):
            self._operation(entry, None)
        elif kind := self.translation.kept.operation(entry.module):
            kept_call(self, entry, kind)
        elif is_leaf(entry):
            for node in entry.entries:
                assert isinstance(node, fx.Node)
                self._operation(node, entry)
        elif not attention_call(self, entry):
            inner_call(self, entry)

    @contextmanager
    def _marked(self, nodes: Iterable[fx.Node]) -> Iterator[None]:
        """What is applied inside is computed in training only, where all of these operations are."""
        before = self.builder.training
        self.builder.training = not self.in_training and self.translation.in_training.issuperset(nodes)
        try:
            yield
        finally:
            self.builder.training = before

    def _take_arguments(self) -> None:
        """Makes inputs of the forward's arguments, in their order and under their names, as far as they are read."""
        capture = self.translation.capture
        inside = list(self.call.operations())  # a hook may make the arguments in the call itself
        read = {node for operation in inside for node in operation.all_input_nodes} - set(inside)
        for node, name in capture.arguments.of(self.call.module, self.call.place, capture.program.graph).items():
            if node in read and node not in self.values and not _is_empty(node):
                self._input(node, name)

    def _input(self, node: fx.Node, name: str) -> Value:
        """A value from outside becomes an input."""
        assert self.parent is not None
        outside = self.parent.value(node)
        place = len(self.read)
        twins = self.twin.builder.inputs if self.twin is not None else ()
        word = twins[place].name if place < len(twins) else self.free_name(name)
        made = self.builder.input(word, outside.shape, outside.dtype)
        self.read.append(node)
        self.values[node] = made
        return made

    # -- values ------------------------------------------------------------------------------------------------------

    def value(self, node: fx.Node) -> Value:
        """The value of an operation's result. Where it was made outside, it becomes an input of this body."""
        known = self.all_values(node)
        if isinstance(known, tuple):
            raise ImportingError(f"{node.name} has several results where one is read", received=place_of(node))
        return known

    def all_values(self, node: fx.Node) -> Value | tuple[Value, ...]:
        if node in self.values:
            return self.values[node]
        capture = self.translation.capture
        key = capture.weights.get(node)
        if key is not None and self._holds(node):
            with self._marked(node.users):
                made = self._stored(key)
        elif node in self.translation.constants:
            name = self.free_name(self._constant_name(node))
            require_storable(name, self.translation.constants[node])
            with self._marked(node.users):
                made = stored_tensor(
                    self, name, self.translation.exact.get(node, self.translation.constants[node]), None
                )
        elif self.parent is None:
            raise ImportingError(f"{node.name} has no counterpart", received=place_of(node))
        else:
            made = self._input(node, _input_name(self.parent.value(node).name))
        self.values[node] = made
        return made

    def training_output(self, word: str, node: fx.Node) -> Value:
        """An output of training. What evaluation computes too is handed on by an operation of training only."""
        value = self.value(node)
        if node in self.translation.in_training:
            return value
        self.builder.training = True
        made = self.builder.apply(self.free_name(word), make(lookup("identity"), {}), [value])
        self.builder.training = False
        return made.output

    def _holds(self, weight: fx.Node) -> bool:
        """Whether a weight that is read as a value stands in this body."""
        place = self.translation.places.get(weight)
        if place is not None and place is not self.call and place.parent is not None and is_leaf(place):
            place = place.parent
        here = (self.call, self.twin.call if self.twin is not None else None)
        return self.parent is None or (place is not None and place in here)

    def relative(self, key: str) -> str:
        """A path or key of the network as it is seen from here."""
        return key.removeprefix(f"{self.call.path}.") if self.call.path else key

    def _stored(self, key: str) -> Value:
        """A parameter or buffer that is read as a value."""
        self.translation.written.add(key)
        name = self.relative(key)
        first = self.twin.stored_nodes.get(key) if self.twin is not None else None
        if first is not None:
            return self.builder.apply(self.free_name(name), first.op, shares=first).output
        made = stored_tensor(self, name, self.translation.state[key], key)
        self.stored_nodes[key] = self.makers[id(made)]
        return made

    def stored(self, key: str) -> Value | None:
        """A weight of this module as a value, where there is one of this key."""
        return self._stored(key) if key in self.translation.state and key not in self.translation.written else None

    def keep_unread_weights(self) -> None:
        """Weights of this module that nobody reads, those of modules that are never called included."""
        for key, tensor in self.translation.state.items():
            if key not in self.translation.written and (not self.call.path or key.startswith(f"{self.call.path}.")):
                self.translation.written.add(key)
                if key in self.translation.tied_to:  # it is read under other keys
                    stored_tensor(self, self.relative(key), tensor, key)
                else:
                    unread_tensor(self, self.relative(key), tensor, key)

    def note(self, node: Node) -> Node:
        """Remembers which node made its values."""
        self.makers.update((id(value), node) for value in node.outputs)
        return node

    def free_name(self, stem: str) -> str:
        """A name that nothing in this body has."""
        name, number = stem, 2
        while name in self.names:
            name = f"{stem}{'_' if stem[-1:].isdigit() else ''}{number}"
            number += 1
        self.names.add(name)
        return name

    # -- items -------------------------------------------------------------------------------------------------------

    def _operation(self, node: fx.Node, leaf: ModuleCall | None) -> None:
        name = operation_name(node)
        if name in SKIPPED or not makes_tensors(node) or _is_empty(node):
            return
        self.origin = Origin(function_of(node, type(self.call.module) if leaf is None else None))
        try:
            self.values[node] = self._made(node, name, leaf)
        except ArchgraphError as error:
            if not self._constant(node):
                raise _refused(node, name, error) from error

    def _made(self, node: fx.Node, name: str, leaf: ModuleCall | None) -> Value | tuple[Value, ...]:
        """What an operation becomes. Raises ImportingError, and what our operations raise."""
        if name == "getitem":
            several = self.all_values(node.args[0])  # type: ignore[arg-type]
            return several[node.args[1]] if isinstance(several, tuple) else several  # type: ignore[index]
        if name in PASSED_ON:
            return self.value(node.args[0])  # type: ignore[arg-type]
        rule = RULES.get(name)
        if rule is None:
            raise ImportingError(f"{MISSING_OPERATION}torch's {name}", received=place_of(node), hint=remedy(name))
        made = rule(Site(self, node, name, leaf))
        self.compare(node, made)
        return made

    def _constant(self, node: fx.Node) -> bool:
        """Makes a constant of an operation's result, where it follows from constants. One of an element type that a
        spec does not hold, or of several parts, is a step on the way to others: no value is made of it."""
        found = computed_results(node, self.translation.constants)
        if found is None:
            return False
        if isinstance(found, torch.Tensor) and can_be_stored(found):
            held = unrounded(node, found, {**self.translation.constants, **self.translation.exact})
            self.values[node] = stored_tensor(self, self.free_name(self._constant_name(node)), held, None)
        return True

    def compare(self, node: fx.Node, made: Value | tuple[Value, ...]) -> None:
        """Raises ShapeError where the shape rule and torch disagree: then the translation is wrong."""
        found = node.meta["val"]
        theirs = found if isinstance(found, (list, tuple)) else (found,)
        ours = made if isinstance(made, tuple) else (made,)
        for tensor, value in zip(theirs, ours, strict=False):
            if not isinstance(tensor, torch.Tensor):
                continue
            expected = self.translation.sizes.shape(tensor)
            alike = len(expected) == value.type.rank and all(
                self.translation.facts.is_equal(a, b) is not False for a, b in zip(expected, value.shape, strict=True)
            )
            if not alike or dtype_name(tensor.dtype) != value.dtype:
                raise ShapeError(
                    "the results differ",
                    expected=f"{list(map(str, expected))} {dtype_name(tensor.dtype)}",
                    received=str(value.type),
                )

    def _constant_name(self, node: fx.Node) -> str:
        """The name of a tensor in its module."""
        around = self.call.path.replace(".", "_")
        name = node.name.removeprefix("c_").removeprefix("b_")
        return name.removeprefix(f"{around}_") if around else name

    def order(self) -> tuple[str, ...]:
        """All keys of the module in torch's order; those levels that occur in it need not be written down."""
        inside = f"{self.call.path}." if self.call.path else ""
        return tuple(key.removeprefix(inside) for key in self.translation.state if key.startswith(inside))


def _refused(node: fx.Node, name: str, error: ArchgraphError) -> ImportingError:
    """What is wrong with an operation, with its place in the module's code."""
    if isinstance(error, ImportingError):
        return error
    problem = error.problems[0]
    return ImportingError(
        f"torch's {name} has no form here: {problem.message}",
        expected=problem.expected,
        received=f"{problem.received}; {place_of(node)}" if problem.received else place_of(node),
    )


def _is_empty(node: fx.Node) -> bool:
    """Whether a result holds nothing, as the rest of a vector that is rotated whole."""
    found = node.meta.get("val")
    return isinstance(found, torch.Tensor) and any(isinstance(size, int) and size == 0 for size in found.shape)


def _input_name(name: str) -> str:
    last = name.rpartition(".")[2]
    return f"x{last}" if not last or last.isdecimal() else last


def dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
