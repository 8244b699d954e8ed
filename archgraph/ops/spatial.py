"""Families over the number of dimensions: conv1d, conv2d and conv3d are rows of one table, with one contract.

The base class of a family holds its attributes, shape rule and cost for any number of dimensions after the channels. A
row makes the contract of one number, when somebody looks it up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, create_model

from archgraph.ops.attributes import Says, repeated
from archgraph.ops.contract import Example, Operation, TensorType
from archgraph.ops.families import class_name
from archgraph.ops.requirements import require_rank
from archgraph.records import record

_new_class: Any = create_model
"""Class variables are set on what it makes, which its type does not know."""
_COUNTS = {2: "two", 3: "three"}
_LETTERS = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}
_MOST_AXES = 3


@record()
class PerAxis:
    """In an attribute's annotation: a number of at least `minimum` for each dimension, or one for all of them.

    With `null`, null may stand for all numbers, and so may each of `words`; `keeps` says what null means in the place
    of one of several. `item` and `text` are the type of each where it is no plain number, `convert` what makes them.
    """

    minimum: int
    null: bool = False
    keeps: str = ""
    words: tuple[str, ...] = ()
    item: Any = int
    text: str = ""
    convert: Callable[[int], Callable[[Any], Any]] | None = None

    def annotation(self, axes: int) -> Any:
        """The type of the attribute of an operation over that many dimensions."""
        item: Any = self.item | None if self.keeps and axes > 1 else self.item
        kind: Any = tuple.__class_getitem__((item,) * axes)
        for word in self.words:
            kind = kind | Literal[word]
        convert = self.convert(axes) if self.convert else repeated(axes, self.minimum)
        return Annotated[kind | None if self.null else kind, BeforeValidator(convert), Says(self._text(axes))]

    def _text(self, axes: int) -> str:
        said = self.text or f"a whole number of at least {self.minimum}"
        several = f", or {_COUNTS[axes]} of them" if axes > 1 else ""
        words = "".join(f", or {word}" for word in self.words)
        keeps = f"; {self.keeps}" if self.keeps and axes > 1 else ""
        return f"{said}{several}{words}{', or null' if self.null else ''}{keeps}"

    def default(self, value: Any, axes: int) -> Any:
        """A default of the base class as that of an operation over that many dimensions."""
        return (value,) * axes if isinstance(value, int) else value


Each = Annotated[tuple[int, ...], PerAxis(1)]
NaturalEach = Annotated[tuple[int, ...], PerAxis(0)]
OptionalEach = Annotated[tuple[int, ...] | None, PerAxis(1, null=True)]


class SpatialOperation(Operation):
    """Base of what works on the dimensions after the first two: [N, C, ...] with `axes` of them.

    `meaning` may name {axes}, the {image} [N, C, H, W], its {space} H, W, that of the {result} H', W' and the {first}
    letter; examples are written for three dimensions, of which fewer take the last ones.
    """

    axes: ClassVar[int] = 0
    row: ClassVar[SpatialRow]

    def require_space(self, kind: TensorType, port: str = "input") -> None:
        """Raises ShapeError unless the value is [N, C, ...] with as many dimensions as the operation works on."""
        require_rank(kind, 2 + self.axes, port)


@record()
class SpatialRow:
    """An operation over one number of dimensions. `module` is its class in torch.nn, where that is not its own name."""

    name: str
    base: type[SpatialOperation]
    axes: int
    module: str = ""
    paper: str = ""
    examples: tuple[Example, ...] = ()
    """Further ones, of this number of dimensions only."""

    @property
    def constructed(self) -> str:
        """torch's module."""
        return f"nn.{self.module or class_name(self.name)}"

    @property
    def called(self) -> str:
        """torch's function."""
        return f"F.{self.name}"


@record()
class SpatialTable:
    """The rows of a family."""

    rows: Mapping[str, SpatialRow]
    _made: dict[str, type[Operation]] = field(default_factory=dict, compare=False, repr=False)

    def contract(self, name: str) -> type[Operation]:
        """The contract of a row, made once."""
        if name not in self._made:
            self._made[name] = _contract(self.rows[name])
        return self._made[name]

    def attribute(self, name: str) -> type[Operation]:
        """The contract with that class name, as an attribute of the family's module."""
        for each in self.rows:
            if class_name(each) == name:
                return self.contract(each)
        raise AttributeError(f"there is no '{name}' among {', '.join(map(class_name, self.rows))}")


def spatial(*rows: SpatialRow) -> SpatialTable:
    """The table of a family. The names of its rows are in the vocabulary by `ON_DEMAND` of `families.py`. Raises
    ValueError for a second row of one name."""
    found = {row.name: row for row in rows}
    if len(found) < len(rows):
        raise ValueError("a table has two rows of one name")
    return SpatialTable(found)


def _contract(row: SpatialRow) -> type[Operation]:
    base, axes = row.base, row.axes
    fields: dict[str, Any] = dict(_fields(base, axes))
    kind = _new_class(class_name(row.name), __base__=base, __module__=base.__module__, **fields)
    letters = _LETTERS[axes]
    space, result = ", ".join(letters), ", ".join(f"{letter}'" for letter in letters)
    words = {"axes": axes, "image": f"[N, C, {space}]", "space": space, "result": result, "first": letters[0]}
    kind.name, kind.axes, kind.row = row.name, axes, row
    kind.meaning = base.meaning.format(**words)
    kind.family, kind.paper = base.__module__.rpartition(".")[2], row.paper or base.paper
    kind.examples = (*(_cut(each, axes) for each in base.examples), *row.examples)
    made: type[Operation] = kind
    return made


def _fields(base: type[Operation], axes: int) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """The attributes that hold a number for each dimension, with their types and defaults."""
    for name, info in base.model_fields.items():
        for found in info.metadata:
            if isinstance(found, PerAxis):
                default = ... if info.is_required() else found.default(info.default, axes)
                yield name, (found.annotation(axes), default)


def _cut(example: Example, axes: int) -> Example:
    """An example for three dimensions, as one for fewer: its last ones."""
    attributes = {key: _last(value, axes) for key, value in example.attributes.items()}
    inputs = {
        port: TensorType((*kind.shape[:2], *kind.shape[2:][-axes:]), kind.dtype) if kind.rank > 2 else kind
        for port, kind in example.inputs.items()
    }
    return Example(attributes, inputs)


def _last(value: Any, axes: int) -> Any:
    return value[-axes:] if isinstance(value, tuple) and len(value) == _MOST_AXES else value
