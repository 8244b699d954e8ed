"""Values that stand in the graph itself: constants, free parameters and buffers."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import BeforeValidator, model_validator

from archgraph.dims import Facts
from archgraph.errors import ShapeError
from archgraph.ops.attributes import OptionalEpsilon, Positives, Says
from archgraph.ops.constant_tables import table_value
from archgraph.ops.contract import NUMBER_TYPES, Example, Init, Inputs, Operation, Port, TensorType, Weight, operation
from archgraph.ops.traits import Traits

Nested: TypeAlias = "bool | int | float | tuple[Nested, ...]"


def _frozen(value: Any) -> Any:
    """Lists as tuples, at every depth. Raises ValueError for what is no number."""
    if isinstance(value, (list, tuple)):
        return tuple(_frozen(item) for item in value)
    if not isinstance(value, (bool, int, float)):
        raise ValueError(f"{value!r} is not a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not finite")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("a whole number must fit into 64 bits")
    return value


def _shape_of(value: Any) -> tuple[int, ...]:
    """The shape of nested tuples. Raises ValueError where rows differ in length."""
    if not isinstance(value, tuple):
        return ()
    shapes = {_shape_of(item) for item in value}
    if len(shapes) != 1:
        raise ValueError("all rows must have the same length, and at least one number")
    return len(value), *shapes.pop()


def _kinds_of(value: Any) -> set[type]:
    return set().union(*map(_kinds_of, value)) if isinstance(value, tuple) else {type(value)}


def _checked(value: Any) -> Any:
    frozen = _frozen(table_value(value) if isinstance(value, str) else value)
    _shape_of(frozen)
    return frozen


@operation("constant", Traits(keeps_float32=True, infinities="none"))
class Constant(Operation):
    meaning: ClassVar[str] = "A number, or nested lists of numbers, that stand in the file: → the lists' shape"
    ports: ClassVar[tuple[Port, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"value": 2.5}),
        Example({"value": [[1, 2, 3], [4, 5, 6]]}),
        Example({"value": [1, 2], "dtype": "float32"}),
    )

    value: Annotated[
        Any, BeforeValidator(_checked), Says("a number, nested lists of numbers, or npy: and a file of numpy in base64")
    ]
    dtype: Literal["float32", "int64", "bool"] | None = None
    """Default: int64 for whole numbers, bool for true and false, else float32."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the nested lists; () for a number."""
        return _shape_of(self.value)

    @property
    def element_type(self) -> Literal["float32", "int64", "bool"]:
        """The element type in force."""
        kinds = _kinds_of(self.value)
        natural: Literal["float32", "int64", "bool"] = (
            "bool" if kinds == {bool} else "int64" if kinds == {int} else "float32"
        )
        return self.dtype or natural

    @model_validator(mode="after")
    def _check(self) -> Self:
        kinds = _kinds_of(self.value)
        if bool in kinds and kinds != {bool}:
            raise ValueError("true and false cannot stand among numbers")
        held: dict[str, set[type]] = {"bool": {bool}, "int64": {int}, "float32": {int, float}}
        fits = held[self.element_type]
        if not kinds <= fits:
            raise ValueError(f"the value does not fit the dtype {self.element_type}")
        return self

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        return (TensorType(self.shape, self.element_type),)


@operation("parameter", Traits(infinities="none"))
class Parameter(Operation):
    meaning: ClassVar[str] = "A trainable tensor of its own, whose key is the node's path: → shape"
    ports: ClassVar[tuple[Port, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"shape": [1, 1, 4]}),
        Example({"shape": [3], "init": 1e-6}),
        Example({"shape": [4, 6], "init": "normal", "std": 0.02}),
        Example({"shape": [4, 6], "init": "xavier_uniform"}),
    )

    shape: Positives
    init: Annotated[
        Literal["zeros", "ones", "normal", "xavier_uniform", "kaiming_uniform"] | float,
        Says("zeros, ones, normal, xavier_uniform, kaiming_uniform, or a number that fills it"),
    ] = "zeros"
    std: OptionalEpsilon = None
    """Standard deviation of `init: normal`. Default: 1."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_std(self.init, self.std)
        if self.init in ("xavier_uniform", "kaiming_uniform") and len(self.shape) < 2:
            raise ValueError(f"init: {self.init} needs a shape of at least 2 dimensions")
        return self

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        return (TensorType(self.shape),)

    def weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        return (Weight("", self.shape, _start(self.init, self.std)),)


def _check_std(init: str | float, std: float | None) -> None:
    if std is not None and init != "normal":
        raise ValueError("std needs init: normal")


def _start(init: str | float, std: float | None) -> Init:
    if init == "normal":
        return Init("normal", 1.0 if std is None else std)
    return Init(init) if isinstance(init, str) else Init("constant", init)


@operation("buffer")
class Buffer(Operation):
    meaning: ClassVar[str] = "A tensor that is stored but not trained, whose key is the node's path: → shape"
    ports: ClassVar[tuple[Port, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"shape": [3, 4]}),
        Example({"shape": [6], "init": "arange", "dtype": "int64"}),
        Example({"shape": [2], "init": 0.5}),
        Example({"shape": [3, 2], "init": "normal", "std": 10.0}),
    )

    shape: Positives
    init: Annotated[
        Literal["zeros", "ones", "normal", "arange"] | float,
        Says("zeros, ones, normal, arange, or a number that fills it"),
    ] = "zeros"
    std: OptionalEpsilon = None
    """Standard deviation of `init: normal`. Default: 1."""
    dtype: Literal["float32", "int64"] = "float32"

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_std(self.init, self.std)
        if self.dtype == "int64" and self.init == "normal":
            raise ValueError("init: normal needs the dtype float32")
        if self.dtype == "int64" and isinstance(self.init, float) and self.init != int(self.init):
            raise ValueError(f"init: {self.init:g} does not fit the dtype int64")
        return self

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        return (TensorType(self.shape, self.dtype),)

    def weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        return (Weight("", self.shape, _start(self.init, self.std), trainable=False, dtype=self.dtype),)


@operation("register_buffer")
class RegisterBuffer(Operation):
    meaning: ClassVar[str] = (
        "A value that is computed once, when the module is made, and stored but not trained, under the node's path: "
        "[...] → [...]; it follows from constants, by operations without weights that stand in the same body"
    )
    ports: ClassVar[tuple[Port, ...]] = (Port("input", dtypes=(*NUMBER_TYPES, "bool")),)
    examples: ClassVar[tuple[Example, ...]] = ()
    """None by itself: what it reads is computed next to it."""

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        for axis, size in enumerate(inputs.main.shape):
            if not isinstance(size, int):
                raise ShapeError(
                    f"what is stored has one shape, and {size} follows from the inputs",
                    expected="numbers for all sizes",
                    received=f"{size} for dimension {axis} of {inputs.main}",
                    hint="make that size a number or a parameter, or leave register_buffer out",
                    subject="input",
                )
        return (inputs.main,)

    def weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        shape = tuple(size for size in inputs.main.shape if isinstance(size, int))
        return (Weight("", shape, Init("computed"), trainable=False, dtype=inputs.main.dtype),)
