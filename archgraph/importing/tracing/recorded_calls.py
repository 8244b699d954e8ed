"""What a forward computes, as numbers for its values: equal numbers are values that come about in the same way."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor
from torch.overrides import TorchFunctionMode

from archgraph.importing.tracing.recurrent_shapes import is_recurrent, recurrent_result
from archgraph.importing.tracing.source_places import caller
from archgraph.importing.tracing.training_mode import is_known

_RANDOM = ("rand", "bernoulli", "multinomial", "normal", "uniform", "exponential")
_CHANGES = "setitem iadd isub imul itruediv ifloordiv imod ipow iand ior ixor"
_IN_PLACE = frozenset(f"__{name}__" for name in _CHANGES.split())
_TAKES_APART = frozenset({"reshape", "view", "unflatten"})
_ALONG_SEQUENCES = frozenset({"conv1d"})
_GRID = 5
"""How many dimensions an image that is taken apart has at least."""
_OF_THE_MODE = {
    "batch_norm": (("training", 5), ("momentum", 6)),
    "instance_norm": (("use_input_stats", 5), ("momentum", 6)),
    "scaled_dot_product_attention": (("dropout_p", 4),),
}
"""Arguments that are not compared, with their places: batch statistics and dropout are part of the operation."""
_NORM_ARGUMENTS = ("input", "running_mean", "running_var", "weight", "bias", "training")
_NORMS = frozenset({"batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm"})
"""What has the shape of its input: torch would spend most of the time on the steps inside."""


@dataclass(slots=True)
class Numbering:
    """A number for each way in which a value comes about, shared by the runs that are compared."""

    numbers: dict[tuple[Any, ...], int] = field(default_factory=dict)

    def of(self, key: tuple[Any, ...]) -> int:
        return self.numbers.setdefault(key, len(self.numbers))


class RecordedCalls(TorchFunctionMode):
    """Numbers the results of torch's functions while it is active. A change in place renumbers what shares the memory.

    `plain` numbers take a value and the same after dropout for one, `full` ones do not.
    """

    def __init__(self, numbering: Numbering, paths: Mapping[int, str]):
        super().__init__()
        self.frozen_norm = ""
        """Where a batch norm takes its running statistics first."""
        self.steps: list[str] = []
        """The names of the functions, in the order of the run."""
        self.grids: list[torch.Size] = []
        """The shapes in which images are taken apart into windows or blocks, in the order of the run."""
        self.single_places = 0
        """How often a convolution over a sequence leaves a single place of it."""
        self.has_custom_norms = False
        """Whether something else than torch's own modules calls batch norm."""
        self.places: dict[int, str] = {}
        """Where in the source each plain number was computed first, in the order of the run."""
        self.changes: dict[int, str] = {}
        """Where in the source memory is changed first, by the memory."""
        self._numbering = numbering
        self._paths = paths
        self._numbers: dict[int, tuple[int, int]] = {}
        self._changes: dict[int, tuple[int, int]] = {}
        self._alive: list[torch.Tensor] = []

    def full(self, tensor: torch.Tensor) -> int:
        """The number of a value with all dropouts behind it."""
        return self._number(tensor, 0)

    def plain(self, tensor: torch.Tensor) -> int:
        """The number of a value without dropouts."""
        return self._number(tensor, 1)

    def _number(self, tensor: torch.Tensor, kind: int) -> int:
        """The number of a value; one that no function made is known by its identity."""
        made = self._numbers.get(id(tensor))
        if made is None:
            self._alive.append(tensor)
        found = self._numbering.of(("held", id(tensor))) if made is None else made[kind]
        change = self._changes.get(memory_of(tensor)) if self._changes else None
        return found if change is None else self._numbering.of(("changed", found, change[kind]))

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        options = dict(kwargs or {})
        name = getattr(func, "__name__", str(func))
        if _is_dropout(name, args):
            return self._dropout(name, func, args, options)
        self.steps.append(name)
        if name == "contiguous":  # how a value lies in memory is no part of it
            return self._same_value(func(*args, **options), args[0])
        numbers = self._computed(name, func, args, options)
        changed = options.get("out", args[0] if args else None)
        result = _result(func, args, options, changed if _is_in_place(name, options) else None)
        if name in _TAKES_APART and result.ndim >= _GRID:
            self.grids.append(result.shape)
        if name in _ALONG_SEQUENCES and result.shape[-1] == 1:
            self.single_places += 1
        if numbers[1] not in self.places and _holds_tensors(result):
            self.places[numbers[1]] = caller(sys._getframe(1), self._paths)[1]
        functional = getattr(func, "__module__", "") == "torch.nn.functional"  # these have an argument `inplace`
        if isinstance(changed, torch.Tensor) and (_is_in_place(name, options) or (functional and result is changed)):
            self._keep(changed, numbers)
            self._changes[memory_of(changed)] = numbers
            if memory_of(changed) not in self.changes:
                self.changes[memory_of(changed)] = caller(sys._getframe(1), self._paths)[1]
        if result is not changed:
            self._note(result, numbers)
        return result

    def _same_value(self, result: torch.Tensor, read: torch.Tensor) -> torch.Tensor:
        if result is not read:
            self._keep(result, (self.full(read), self.plain(read)))
        return result

    def _dropout(self, name: str, func: Callable[..., Any], args: Any, options: dict[str, Any]) -> Any:
        p = args[1] if len(args) > 1 else options.get("p", 0.5)
        full, plain = self.full(args[0]), self.plain(args[0])
        number = self._numbering.of(("dropout", name.rstrip("_"), full, p)) if p else full
        result = func(*args, **options)
        if result is args[0] and not options.get("inplace"):
            result = torch.ops.aten.alias.default(result)
        self._keep(result, (number, plain))
        return result

    def _computed(self, name: str, func: Any, args: Any, options: dict[str, Any]) -> tuple[int, int]:
        """The numbers of what a function makes."""
        if any(word in name for word in _RANDOM):
            number = self._numbering.of(("random", len(self._numbering.numbers)))
            return number, number
        if name == "batch_norm":
            self._note_norm(args, options)
        places = {place for _, place in _OF_THE_MODE.get(name, ())}
        words = {word for word, _ in _OF_THE_MODE.get(name, ())}
        read = [value for place, value in enumerate(args) if place not in places]
        named = {word: value for word, value in options.items() if word not in words}
        full, plain = (
            self._numbering.of((func, self._argument(read, kind), self._argument(named, kind))) for kind in (0, 1)
        )
        if name == "scaled_dot_product_attention":
            p = args[4] if len(args) > 4 else options.get("dropout_p", 0.0)
            full = self._numbering.of(("dropout", name, full, p)) if p else full
        return full, plain

    def _note_norm(self, args: Any, options: dict[str, Any]) -> None:
        given = dict(zip(_NORM_ARGUMENTS, args, strict=False)) | options
        if given.get("running_mean") is None:
            return
        module, place = caller(sys._getframe(3), self._paths)
        self.has_custom_norms |= module is None or not is_known(module)
        if not given.get("training"):
            self.frozen_norm = self.frozen_norm or place

    def _argument(self, value: Any, kind: int) -> Hashable:
        if isinstance(value, torch.Tensor):
            return ("value", self._number(value, kind))
        if isinstance(value, (list, tuple)):
            return tuple(self._argument(item, kind) for item in value)
        if isinstance(value, Mapping):
            return tuple((key, self._argument(item, kind)) for key, item in value.items())
        return (type(value).__name__, repr(value))

    def _note(self, result: Any, numbers: tuple[int, int]) -> None:
        if isinstance(result, (list, tuple)):
            for place, part in enumerate(result):
                full, plain = (self._numbering.of(("part", number, place)) for number in numbers)
                self._note(part, (full, plain))
        else:
            self._keep(result, numbers)

    def _keep(self, result: Any, numbers: tuple[int, int]) -> None:
        if isinstance(result, torch.Tensor):
            self._numbers[id(result)] = numbers
            self._alive.append(result)


def operands(key: Any) -> Iterator[int]:
    """The numbers of the values that a key of a numbering reads."""
    if isinstance(key, tuple) and len(key) == 2 and key[0] == "value":
        yield key[1]
    elif isinstance(key, tuple):
        for part in key:
            yield from operands(part)


def _result(func: Callable[..., Any], args: Any, options: dict[str, Any], changed: Any) -> Any:
    """What a function makes, without contents. The module's own tensors are not changed."""
    if isinstance(changed, torch.Tensor) and not (isinstance(changed, FakeTensor) or changed.is_meta):
        return changed
    name = getattr(func, "__name__", "")
    if name in _NORMS and args:
        return torch.empty_like(args[0])
    if is_recurrent(name, args):
        return recurrent_result(*args)
    return func(*args, **options)


def _is_dropout(name: str, args: Any) -> bool:
    return name.rstrip("_").endswith("dropout") and bool(args) and isinstance(args[0], torch.Tensor)


def _is_in_place(name: str, options: Mapping[str, Any]) -> bool:
    return (name.endswith("_") and not name.endswith("__")) or name in _IN_PLACE or "out" in options


def _holds_tensors(result: Any) -> bool:
    if isinstance(result, (list, tuple)):
        return any(map(_holds_tensors, result))
    return isinstance(result, torch.Tensor)


def memory_of(tensor: torch.Tensor) -> int:
    """What tensors have in common that are parts of one."""
    return int(tensor.untyped_storage()._cdata) if tensor.layout is torch.strided else id(tensor)
