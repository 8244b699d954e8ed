"""What an operation is: attributes, ports, weights, shape rule and cost. No framework is imported here.

An operation is a frozen Pydantic model whose fields are its attributes, under torch's names and with torch's
defaults. Whatever a target needs beyond this contract (a kernel, a module class) is a rule in that target's own file.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import field
from functools import cache
from types import CodeType
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from archgraph.dims import Dim, Facts, product
from archgraph.errors import Problem, SchemaError, UnknownNameError, nearest
from archgraph.ops.registry import Registry
from archgraph.ops.traits import Traits
from archgraph.records import record

FLOAT_TYPES = ("float16", "bfloat16", "float32", "float64")
INTEGER_TYPES = ("int32", "int64")
NUMBER_TYPES = (*FLOAT_TYPES, "uint8", *INTEGER_TYPES)
DTYPES = (*NUMBER_TYPES, "bool")


@record()
class TensorType:
    """Shape and element type of a value. Sizes are ints or symbolic `Size`s."""

    shape: tuple[Dim, ...]
    dtype: str = "float32"

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def elements(self) -> Dim:
        return product(self.shape)

    def __str__(self) -> str:
        return f"[{', '.join(map(str, self.shape))}]" + ("" if self.dtype == "float32" else f" {self.dtype}")


@record()
class Port:
    """An input of an operation. A variadic port takes any number of values, as `name.0`, `name.1` …

    `role` says what its numbers mean where they are no plain features: times of a schedule, a mask, or
    numbers in ascending order along the last dimension.
    """

    name: str
    optional: bool = False
    variadic: bool = False
    dtypes: tuple[str, ...] = FLOAT_TYPES
    role: Literal["", "time", "mask", "sorted"] = ""


@record()
class Init:
    """How a weight starts: `zeros`, `ones`, `constant(value)`, `normal(std)`, `uniform(bound)`,
    `kaiming_uniform` (torch's default for convolutions and linear layers), `xavier_uniform`, `arange` (0, 1, … over
    all elements, the last dimension running fastest), `computed` (by the operations that it reads)."""

    kind: str
    value: float = 0.0


@record()
class Weight:
    """A tensor that an operation owns. `trainable=False` is a buffer. The name '' stands for the node's own path."""

    name: str
    shape: tuple[int, ...]
    init: Init
    trainable: bool = True
    dtype: str = "float32"

    @property
    def elements(self) -> int:
        return int(product(self.shape))  # type: ignore[arg-type]


class Inputs(Mapping[str, TensorType]):
    """The types at an operation's ports, in port order. A port that is not connected is absent."""

    __slots__ = ("_types",)

    def __init__(self, types: Mapping[str, TensorType]):
        self._types = dict(types)

    def __getitem__(self, port: str) -> TensorType:
        return self._types[port]

    def __iter__(self) -> Iterator[str]:
        return iter(self._types)

    def __len__(self) -> int:
        return len(self._types)

    @property
    def main(self) -> TensorType:
        """The type at the first connected port."""
        return next(iter(self._types.values()))

    def all(self, port: str) -> tuple[TensorType, ...]:
        """The types at a variadic port, in order."""
        return tuple(kind for name, kind in self._types.items() if name.startswith(f"{port}."))


@record()
class Example:
    """One application to generate documentation and contract tests from: attributes, and the inputs' types."""

    attributes: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, TensorType] = field(default_factory=dict)


@cache
def _compiled(annotation: str) -> CodeType:
    return compile(annotation, "<annotation>", "eval")


def _read_annotations(kind: type[Operation]) -> None:
    """Puts types for texts. Pydantic would compile the same few texts once more for every attribute."""
    own, names = kind.__annotations__, getattr(sys.modules.get(kind.__module__), "__dict__", {})
    for name, text in own.items():
        with suppress(NameError):  # what is defined further down, or in a function; Pydantic knows what to do
            own[name] = eval(_compiled(text), names) if isinstance(text, str) else text


def _forget_class_variables(kind: type[BaseModel]) -> None:
    """Pydantic has read these annotations, and would again for each contract that is made from this one."""
    for name in kind.__class_vars__ & kind.__annotations__.keys():
        del kind.__annotations__[name]


class Operation(BaseModel):
    """Base of all contracts. Fields are attributes; the rest is declared by class variables and three rules."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        arbitrary_types_allowed=True,
        allow_inf_nan=False,
        defer_build=True,
        hide_input_in_errors=True,
    )

    name: ClassVar[str]
    meaning: ClassVar[str]
    """One line: what it computes, with the shape equation."""
    examples: ClassVar[tuple[Example, ...]]
    traits: ClassVar[Traits] = Traits()
    """Facts that more than one target needs, given where it is registered."""
    family: ClassVar[str] = ""
    paper: ClassVar[str] = ""
    plugin: ClassVar[str] = ""
    """The plugin that it comes from, which has enabled it."""
    ports: ClassVar[tuple[Port, ...]] = (Port("input"),)
    indices: ClassVar[tuple[str, ...]] = ()
    """Ports whose whole numbers are places in something: `index_range` bounds them."""

    def __init_subclass__(cls, **given: Any):
        super().__init_subclass__(**given)
        _read_annotations(cls)

    @classmethod
    def __pydantic_init_subclass__(cls, **given: Any) -> None:
        _forget_class_variables(cls)

    @abstractmethod
    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        """The shape rule. Raises ShapeError; may narrow `facts` where a size must divide or match."""

    def weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        """The tensors it owns, parameters before buffers, each in torch's order."""
        return ()

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        """Multiply-accumulates of one application; 0 where it only moves or maps elements."""
        return 0

    def mixes_batch(self, inputs: Inputs) -> bool:
        """Whether a place of dimension 0 of the results depends on other places of it: with a softmax along it, or a
        concatenation, not with a convolution.

        Asked where dimension 0 of inputs and results is a multiple of a symbolic size that no other dimension knows of.
        What moves or drops that dimension need not answer.
        """
        return False

    def kept_dim(self, inputs: Inputs, port: str, dim: int) -> int | None:
        """The dimension of every result along which the places of dimension `dim` of that input stand: in the same
        order, and each computed of that place alone. None where it is not so, or not known.

        Asked where a batch stands in another dimension than the first, as with the transposition of [N, L, 3, C] to
        [3, N, L, C]; that dimension is a multiple of a symbolic size that no other dimension knows of.
        """
        return None

    def index_range(self, port: str, inputs: Inputs) -> tuple[Dim, Dim]:
        """The least and the largest place that a port of `indices` may hold; outside, torch raises."""
        raise NotImplementedError(f"{self.name} has no indices at '{port}'")

    def index_range_text(self, inputs: Inputs) -> str:
        """What has these places, in words, for messages."""
        low, high = self.index_range(self.indices[0], inputs)
        return f"{self.name} reads places {low} to {high}"

    def normalized_values(self, inputs: Inputs) -> Dim | None:
        """Over how many values it takes each variance, where a single one has none; None where any number does."""
        return None

    @property
    def results(self) -> tuple[str, ...]:
        """Names of the outputs; a single output has no name."""
        return ("",)

    def result_names(self, count: int) -> tuple[str, ...]:
        """Names of so many outputs, where their number follows from the inputs."""
        return self.results


_forget_class_variables(Operation)
Op = TypeVar("Op", bound=type[Operation])
REGISTRY: Registry[type[Operation]] = Registry()


def operation(name: str, traits: Traits = Traits(), family: str = "") -> Callable[[Op], Op]:
    """Registers a contract under its name in the language. A name taken twice is an error, never an overwrite.

    The family is that of its file, unless it is named. A contract in the package of a plugin, `plugin.name`, is
    registered when somebody enables the plugin.
    """

    def register(kind: Op) -> Op:
        room, _, file = kind.__module__.rpartition(".")
        ours = room.partition(".")[0] == "archgraph"
        if ours:
            REGISTRY.add(name, kind)
        kind.name, kind.traits = name, traits
        kind.family = family or (file if ours else name.partition(".")[0])
        return kind

    return register


def lookup(name: str) -> type[Operation]:
    """The contract of that name. Raises UnknownNameError with what does the same."""
    if name not in REGISTRY:
        raise UnknownNameError(Problem(f"there is no operation '{name:.100}'", hint=operation_hint(name, REGISTRY)))
    return REGISTRY[name]


def operation_hint(name: str, known: Collection[str]) -> str:
    """What to write in the place of an unknown operation: its counterpart where another library has it, or a known name
    that a slip of the hand turns into it; '' where there is neither."""
    from archgraph.ops.counterparts import counterpart  # read only where something is wrong
    from archgraph.plugins.installed import hint_for

    inside = next((other for other in known if other.partition(".")[2] == name), "")  # an enabled plugin has it
    if inside:
        return f"did you mean '{inside}'?"
    found = counterpart(name, REGISTRY)
    return found.hint if found is not None else hint_for(name) or nearest(name, known)


def make(kind: type[Operation], attributes: Mapping[str, Any]) -> Operation:
    """An operation with these attributes. Raises SchemaError: unknown, missing or mistyped attributes, all at once."""
    try:
        return kind(**attributes)
    except ValidationError as error:
        from archgraph.ops.attribute_problems import problems_of  # read only where something is wrong

        raise SchemaError(*problems_of(kind, attributes, error)) from None
