"""Families that are tables: each row is an operation, and its contract is made when somebody looks it up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import Any, Literal

from pydantic import create_model

from archgraph.ops.contract import (
    DTYPES,
    FLOAT_TYPES,
    INTEGER_TYPES,
    NUMBER_TYPES,
    Example,
    Operation,
)
from archgraph.ops.families import class_name
from archgraph.ops.promotion import floating, kept, truth, whole
from archgraph.ops.traits import Infinities, Traits
from archgraph.records import record

_new_class: Any = create_model
"""Class variables are set on what it makes, which its type does not know."""


@record()
class Types:
    """The element types that an operation reads, and the one of its result where they meet in a certain one."""

    reads: tuple[str, ...]
    gives: Callable[[str], str]

    def meets(self, dtype: str) -> str:
        """The type in which operands of that type are computed."""
        return dtype if self.gives is truth else self.gives(dtype)


REAL = Types(DTYPES, floating)
"""A function of real numbers: whole numbers and truth values are read as float32."""
FLOATS = Types(FLOAT_TYPES, kept)
NUMBERS = Types(NUMBER_TYPES, kept)
ANYTHING = Types(DTYPES, kept)
COUNTS = Types(DTYPES, whole)
"""Numbers; truth values are counted as int64."""
BITS = Types(("uint8", *INTEGER_TYPES, "bool"), kept)
TEST = Types(DTYPES, truth)
"""A question with a truth value as its answer."""

Attributes = Mapping[str, tuple[Any, Any]]
"""The type of each attribute and its default, `...` where it is required."""
Span = Literal[
    "", "same", "negated", "magnitude", "sign", "squared", "inverted",
    "maximum", "minimum", "remainder", "quotient", "common_bits", "count",
]  # fmt: skip


@record()
class Row:
    """An operation: its `name`, which is torch's, what it means, and its ONNX form.

    The forms are expressions over the inputs `x` and `y`, the attributes and numbers: calls are ONNX operators, and
    Python's operators are those for arithmetic and comparison. `onnx` is the form for floating numbers, `double` for
    those of float64, `constant` for those where `y` is a number, `whole` for whole numbers, `truth` for truth values,
    each where it is another one. `span` says what becomes of an interval of whole numbers, `divides` that whole numbers
    have no result for 0, `torch` what torch calls it where that is not torch.NAME.
    """

    name: str
    meaning: str
    onnx: str
    types: Types = REAL
    whole: str = ""
    truth: str = ""
    span: Span = ""
    double: str = ""
    constant: str = ""
    divides: bool = False
    torch: str = ""
    module: str = ""
    paper: str = ""
    attributes: Attributes = field(default_factory=dict)
    examples: tuple[Mapping[str, Any], ...] = ({},)
    infinities: Infinities = "any"

    @property
    def called(self) -> str:
        """torch's function."""
        return self.torch or f"torch.{self.name}"

    def form(self, dtype: str, constant: bool = False) -> str:
        """The ONNX form for an element type, and for a number next to a value."""
        if dtype in FLOAT_TYPES:
            return (constant and self.constant) or (dtype == "float64" and self.double) or self.onnx
        return (self.truth if dtype == "bool" else "") or self.whole or self.onnx


@record()
class OperationTable:
    """The rows of a family, whose contracts have one base class."""

    base: type[Operation]
    rows: Mapping[str, Row]
    equation: str
    traits: Traits
    examples: tuple[Example, ...]
    """Each is shown with the attributes of each of a row's examples."""
    meets: bool = False
    """Whether inputs of any element types meet in one, which is what the operation reads."""
    _made: dict[str, type[Operation]] = field(default_factory=dict, compare=False, repr=False)

    def contract(self, name: str) -> type[Operation]:
        """The contract of a row, made once."""
        if name not in self._made:
            self._made[name] = self._contract(self.rows[name])
        return self._made[name]

    def _contract(self, row: Row) -> type[Operation]:
        name = row.name
        fields: dict[str, Any] = dict(row.attributes)
        kind = _new_class(class_name(name), __base__=self.base, __module__=self.base.__module__, **fields)
        kind.name, kind.meaning, kind.paper = name, f"{row.meaning}: {self.equation}", row.paper
        kind.family = self.base.__module__.rpartition(".")[2]
        kind.traits = replace(self.traits, infinities=row.infinities)
        kind.row = row
        reads = DTYPES if self.meets else row.types.reads
        kind.ports = tuple(replace(port, dtypes=reads) for port in self.base.ports)
        kind.examples = tuple(_examples(row, self.examples))
        made: type[Operation] = kind
        return made

    def has(self, class_: str) -> bool:
        """Whether a row's contract has that class name."""
        return any(class_name(name) == class_ for name in self.rows)

    def attribute(self, name: str) -> type[Operation]:
        """The contract with that class name, as an attribute of the family's module: pickles ask for it."""
        for each in self.rows:
            if class_name(each) == name:
                return self.contract(each)
        raise AttributeError(f"there is no '{name}' in the module {self.base.__module__}")


def _examples(row: Row, shown: Sequence[Example]) -> Iterable[Example]:
    """Numbers in float32, or whole ones where it reads no others."""
    dtype = "float32" if "float32" in row.types.reads else "int64"
    for attributes in row.examples:
        for each in shown:
            inputs = {port: replace(kind, dtype=dtype) for port, kind in each.inputs.items()}
            yield Example({**each.attributes, **attributes}, inputs)


TABLES: list[OperationTable] = []
"""Those that are read so far."""


def tabled(table: OperationTable) -> OperationTable:
    """The table of a family. The names of its rows are in the vocabulary by `ON_DEMAND` of `families.py`."""
    TABLES.append(table)
    return table


def rows(*rows: Row) -> dict[str, Row]:
    """Rows by name, each once. Raises ValueError for a second one."""
    found = {row.name: row for row in rows}
    if len(found) < len(rows):
        raise ValueError("a table has two rows of one name")
    return found
