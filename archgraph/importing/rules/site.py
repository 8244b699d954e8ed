"""One application of an operation of torch, as a rule sees it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

import torch
from pydantic.fields import FieldInfo
from torch import fx

from archgraph.dims import Dim
from archgraph.errors import ImportingError
from archgraph.graph.types import Node, Value
from archgraph.importing.conversion.constant_folding import computed
from archgraph.importing.conversion.module_calls import ModuleCall
from archgraph.importing.conversion.stored_tensors import stored_tensor
from archgraph.importing.conversion.views import arguments_by_name, operation_name
from archgraph.importing.conversion.weight_places import owns
from archgraph.importing.tracing.places import place_of
from archgraph.ops.contract import Inputs, Operation, TensorType, lookup, make

if TYPE_CHECKING:
    from archgraph.importing.conversion.body_translation import BodyTranslation


class Site:
    """Reads the arguments by torch's names, and emits our operations into the body around it."""

    def __init__(self, body: BodyTranslation, node: fx.Node, torch_name: str, leaf: ModuleCall | None):
        self.body = body
        self.node = node
        self.torch_name = torch_name
        self.leaf = leaf
        self.arguments = arguments_by_name(node)

    # -- what torch was given ----------------------------------------------------------------------------------------

    def given(self, name: str) -> bool:
        """Whether an argument is there and not None."""
        return self.arguments.get(name) is not None

    def raw(self, name: str) -> Any:
        """An argument as torch's program holds it; None where it is not given."""
        return self.arguments.get(name)

    def get(self, name: str, default: Any = None) -> Any:
        """An argument that is no tensor; sizes of the program are sizes of ours."""
        value = self.arguments.get(name)
        return default if value is None else self.plain(value)

    def plain(self, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [self.plain(item) for item in value]
        if isinstance(value, fx.Node):
            found = value.meta["val"]
            if isinstance(found, torch.Tensor):
                raise ImportingError(f"{self.torch_name} takes a number from a tensor", received=place_of(self.node))
            return self.plain(found)
        if isinstance(value, torch.SymInt):
            return self.body.translation.sizes.read(value)
        if isinstance(value, torch.dtype):
            return str(value).removeprefix("torch.")
        return value

    def is_tensor(self, name: str) -> bool:
        value = self.arguments.get(name)
        return isinstance(value, fx.Node) and isinstance(value.meta.get("val"), torch.Tensor)

    def is_empty(self, name: str) -> bool:
        """Whether the tensor at an argument holds nothing."""
        return any(isinstance(size, int) and size == 0 for size in self.arguments[name].meta["val"].shape)

    def tensor(self, name: str = "self") -> Value:
        """The value at a tensor argument."""
        return self.body.value(self.arguments[name])

    @property
    def main(self) -> Value:
        """The value at the first argument."""
        return self.tensor(next(iter(self.arguments)))

    def maker(self, value: Value) -> Node | None:
        """The node of this body that made a value; None for one that comes from outside."""
        return self.body.makers.get(id(value))

    def once(self, key: Hashable, make: Callable[[], Node]) -> Node:
        """A node that this body holds once."""
        if key not in self.body.shared:
            self.body.shared[key] = make()
        return self.body.shared[key]

    def tensors(self, name: str) -> list[Value]:
        return [self.body.value(item) for item in self.arguments[name]]

    def type(self, name: str = "self") -> TensorType:
        return self.tensor(name).type

    def key(self, name: str) -> str | None:
        """The key of the parameter or buffer at an argument; None where it is a computed value or absent."""
        node = self.arguments.get(name)
        key = self.body.translation.capture.weights.get(node) if isinstance(node, fx.Node) else None
        if key is None:
            return None
        state = self.body.translation.state
        own = f"{(self.leaf or self.body.call).path}.{key.rpartition('.')[2]}".removeprefix(".")
        return own if state.get(own) is state[key] else key

    def shape_of(self, name: str) -> tuple[int, ...]:
        """The fixed shape of the tensor at an argument, read from the program without making a value of it.

        Raises ImportingError where a size is free: asking torch for its number would settle it.
        """
        shape = self.body.translation.sizes.shape(self.arguments[name].meta["val"])
        if not all(isinstance(size, int) for size in shape):
            raise self.refuse(f"the {name} has sizes that are free", expected="numbers, since weights depend on them")
        return tuple(size for size in shape if isinstance(size, int))

    @property
    def result_shape(self) -> tuple[Dim, ...]:
        """The shape that torch gives the result."""
        return self.body.translation.sizes.shape(self.node.meta["val"])

    @property
    def result_dtype(self) -> str:
        """The element type that torch gives the result."""
        return str(self.node.meta["val"].dtype).removeprefix("torch.")

    def constant(self, node: fx.Node) -> torch.Tensor | None:
        """The value of a tensor that follows from constants; None for one that follows from inputs or weights."""
        return computed(node, self.body.translation.constants)

    def hold(self, name: str, tensor: torch.Tensor) -> Value:
        """A constant of the body."""
        return stored_tensor(self.body, self.body.free_name(name), tensor, None)

    def refuse(self, message: str, expected: str = "") -> ImportingError:
        return ImportingError(f"torch's {self.torch_name}: {message}", expected=expected, received=place_of(self.node))

    # -- what becomes of it ------------------------------------------------------------------------------------------

    def emit(self, operation: str, *inputs: Value, **attributes: Any) -> Value:
        """Applies one of our operations to values in port order. Returns its first result."""
        return self.apply(operation, inputs, attributes).output

    def apply(
        self,
        operation: str,
        inputs: Sequence[Value] | Mapping[str, Value],
        attributes: Mapping[str, Any],
        name: str = "",
    ) -> Node:
        """Applies one of our operations, all of its results included."""
        kind = lookup(operation)
        made = make(kind, without_defaults(kind, attributes))
        title = self.body.free_name(name) if name else self.title(operation)
        return self.body.note(self.body.builder.apply(title, made, inputs, origin=self.body.origin))

    def emit_weighted(
        self, operation: str, inputs: Mapping[str, Value], weights: Mapping[str, str], **attributes: Any
    ) -> Value:
        """The first result of an operation that owns weights."""
        return self.apply_weighted(operation, inputs, weights, **attributes).output

    def apply_weighted(
        self, operation: str, inputs: Mapping[str, Value], weights: Mapping[str, str], **attributes: Any
    ) -> Node:
        """Applies an operation that owns weights: `weights` are their names, and torch's arguments that hold them.

        Where they do not stand under the names of the operation at one path, they are values of their own.
        """
        kind = lookup(operation)
        op = make(kind, without_defaults(kind, attributes))
        held = {name: argument for name, argument in weights.items() if self.given(argument)}
        keys = {name: self.key(argument) for name, argument in held.items()}
        path = _common_path(keys)
        others = weights.keys() - held.keys()
        if path is None or self._has_any(others, path) or not self._can_own(op, inputs, held, path):
            handed = {name: self.tensor(argument) for name, argument in held.items()}
            handed |= self._counters(op, {**inputs, **handed}, path)
            return self.body.note(self.body.builder.apply(self.title(operation), op, {**inputs, **handed}))
        return self.owned(op, inputs, path)

    def _counters(self, op: Operation, inputs: Mapping[str, Value], path: str | None) -> dict[str, Value]:
        """Values for the weights that torch's operation does not read: a norm's count of batches."""
        found: dict[str, Value] = {}
        for weight in op.weights(Inputs({name: value.type for name, value in inputs.items()})):
            if weight.name not in inputs:
                stored = self.body.stored(f"{path}.{weight.name}".removeprefix(".")) if path is not None else None
                found[weight.name] = stored or self.emit("constant", value=0)
        return found

    def owned(self, op: Operation, inputs: Mapping[str, Value], path: str) -> Node:
        """Applies an operation that owns the weights at a path; once more where they have an owner."""
        translation = self.body.translation
        if path not in translation.owners:
            hidden = path == self.body.call.path
            name = self.body.free_name(op.name.rpartition(".")[2]) if hidden else self.body.relative(path)
            node = self.body.note(
                self.body.builder.apply(name, op, inputs, hidden=hidden, ties=self._ties(op, inputs, path))
            )
            translation.owners[path] = (self.body, node)
            translation.written |= {f"{path}.{weight.name}".removeprefix(".") for weight in node.weights}
            return node
        body, first = translation.owners[path]
        if body not in (self.body, self.body.twin):
            raise self.refuse(f"the weights at {path} are used in two modules")
        again = self.body.builder.apply(
            self.title(op.name.rpartition(".")[2]), op, inputs, shares=first.shares or first, hidden=first.hidden
        )
        return self.body.note(again)

    def _ties(self, op: Operation, inputs: Mapping[str, Value], path: str) -> dict[str, str]:
        """For weights that the state dict holds under several keys: the first of them."""
        translation = self.body.translation
        found: dict[str, str] = {}
        for weight in op.weights(Inputs({name: value.type for name, value in inputs.items()})):
            key = f"{path}.{weight.name}".removeprefix(".")
            first = translation.firsts.get(id(translation.state[key]), key)
            if first != key:
                found[weight.name] = first
                translation.tied_to.add(first)
        return found

    def _can_own(self, op: Operation, inputs: Mapping[str, Value], held: Mapping[str, str], path: str) -> bool:
        """Whether the operation can have the weights at a path: nobody has read them as values before."""
        translation = self.body.translation
        read = path not in translation.owners and any(f"{path}.{name}" in translation.written for name in held)
        alone = not read and all(self._is_read_alike(argument) for argument in held.values())
        return alone and self._stand_here(held, path) and self._has_all(op, inputs, path)

    def _is_read_alike(self, name: str) -> bool:
        """Whether all who read the weight at an argument apply this operation to it: else it is a value for all."""
        node = self.arguments[name]
        translation = self.body.translation
        tied = id(translation.state[translation.capture.weights[node]]) in translation.firsts
        if tied and node not in translation.places:
            return True  # each of its keys has an operation
        use = _use(self.node, node)
        return all(_use(other, node) == use for other in node.users if isinstance(other.meta.get("val"), _VALUES))

    def _has_any(self, names: Iterable[str], path: str) -> bool:
        """Whether the module has weights that this application leaves out: a module of ours would apply them."""
        return any(f"{path}.{name}".removeprefix(".") in self.body.translation.state for name in names)

    def _stand_here(self, held: Mapping[str, str], path: str) -> bool:
        """Whether the weights are read by this module alone; tied ones are those of another module."""
        if not f"{path}.".startswith(f"{self.body.call.path}." if self.body.call.path else ""):
            return False
        here = (self.leaf or self.body.call).path == path
        places = self.body.translation.places
        for argument in held.values():
            place = places.get(self.arguments[argument])
            if not (here and self._is_in_several(argument)) and (place is None or not self._is_here(place)):
                return False
        return True

    def _is_here(self, place: ModuleCall) -> bool:
        """Whether a call is that of this body or operation, or the same one in the body that is applied once more."""
        twin = self.body.twin.call if self.body.twin is not None else None
        if place in (self.leaf, self.body.call, twin):
            return True
        return self.leaf is not None and place.path == self.leaf.path and place.parent is twin

    def _is_in_several(self, name: str) -> bool:
        """Whether the weight at an argument is one that several modules own, this one among them."""
        translation = self.body.translation
        node = self.arguments[name]
        key = translation.capture.weights[node]
        return node not in translation.places and owns(self.leaf or self.body.call, translation.state[key])

    def _has_all(self, op: Operation, inputs: Mapping[str, Value], path: str) -> bool:
        """Whether the module has each weight that the operation would own."""
        owned = op.weights(Inputs({name: value.type for name, value in inputs.items()}))
        state = self.body.translation.state
        return all(f"{path}.{weight.name}".removeprefix(".") in state for weight in owned)

    def title(self, operation: str) -> str:
        """The module's name where a module is this operation, else the operation's."""
        if self.leaf is not None and self.leaf.name and self.leaf.path not in self.body.named:
            self.body.named.add(self.leaf.path)
            return self.leaf.name
        stem = self.leaf.name.rpartition(".")[2] if self.leaf is not None else operation
        return self.body.free_name(operation if not stem or stem.isdigit() else stem)


_VALUES = (torch.Tensor, list, tuple)


def _use(reader: fx.Node, weight: fx.Node) -> tuple[Any, ...]:
    """The operation that reads a weight, the argument that it is, and the arguments that are no tensors."""
    arguments = arguments_by_name(reader)
    places = [name for name, value in arguments.items() if value is weight or (_is_list(value) and weight in value)]
    plain = {name: value for name, value in arguments.items() if not isinstance(value, fx.Node) and not _is_list(value)}
    windows = {name: list(value) for name, value in arguments.items() if _is_list(value) and not _holds_nodes(value)}
    return operation_name(reader), places, plain, windows


def _is_list(value: object) -> bool:
    return isinstance(value, (list, tuple))


def _holds_nodes(values: Iterable[object]) -> bool:
    return any(isinstance(value, fx.Node) for value in values)


def _common_path(keys: Mapping[str, str | None]) -> str | None:
    """The path at which all weights stand under their own names; None where there is none."""
    paths = set()
    for name, key in keys.items():
        path, _, last = (key or "").rpartition(".")
        if last != name:
            return None
        paths.add(path)
    return paths.pop() if len(paths) == 1 else None


def without_defaults(kind: type[Operation], attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes that say something: what equals its default is left out."""
    kept: dict[str, Any] = {}
    for name, value in attributes.items():
        field = kind.model_fields.get(name)
        default = field.default if field is not None and not field.is_required() else ...
        if value == default or (value is None and not _admits_none(field)):
            continue
        if isinstance(default, tuple) and isinstance(value, (list, tuple)) and tuple(value) == default:
            continue
        if isinstance(value, (list, tuple)) and name in _ONE_FOR_ALL and len(set(map(str, value))) == 1:
            value = value[0]
        kept[name] = value
    return kept


def _admits_none(field: FieldInfo | None) -> bool:
    """Whether None is a value of an attribute that has another default."""
    return field is not None and type(None) in get_args(field.annotation)


_ONE_FOR_ALL = frozenset({"kernel_size", "stride", "padding", "dilation", "output_padding", "output_size"})
"""Attributes whose number stands for every dimension."""
