"""The parameters of a class, and what its numbers may come from: arguments of instances, channels of their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archgraph.records import record
from archgraph.structure.naming import Naming
from archgraph.structure.number_kinds import whole_ratio
from archgraph.structure.unification import ABSENT

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "MISSING"})()
"""The default of a parameter that has none."""

_WIDTHS = frozenset(
    {
        "in_channels", "out_channels", "num_features", "num_channels", "in_features", "out_features",
        "normalized_shape", "embedding_dim", "num_embeddings", "size",
    }
)  # fmt: skip
"""Roles of channels and features, which share names with one another. All other numbers are often equal by accident:
they share a name only within one role."""
WIDE = " as a width"
COUNT = "repeat"
"""The role of how many copies there are."""


def is_wide(role: str) -> bool:
    """Whether a number of this role counts channels or features."""
    return role.endswith(WIDE) or role in _WIDTHS


@dataclass(eq=False, slots=True)
class ClassParameter:
    """A parameter of a class, with its value in each instance."""

    name: str
    role: str
    values: list[Any]
    default: Any = MISSING
    wide: bool = False

    @property
    def passed_as(self) -> str:
        """The role of what is passed for it: whether it is a width shows in how the class uses it."""
        return self.name + WIDE if self.wide else self.name

    def argument(self, instance: int) -> Any:
        """What the instance is made with; None where it lacks the part that has the number, and no copies where it is
        how many there are."""
        value = self.values[instance]
        return value if value is not ABSENT else 0 if self.role == COUNT else None


@record()
class Candidates:
    """Named values of one instance that its numbers may come from: its arguments, and the channels of its values.
    `sizes` are those arguments that follow from what the instance reads."""

    arguments: Mapping[str, Any]
    channels: Mapping[str, int]
    sizes: frozenset[str] = frozenset()
    inner: Mapping[str, Any] = field(default_factory=dict)
    """The arguments of the classes inside that are no class of their own: a number that is one of them is called so."""


class KnownNumbers:
    """What the numbers of one class may be: arguments, sizes of what it reads, and the parameters so far."""

    def __init__(self, instances: Sequence[Candidates], naming: Naming):
        self.parameters: list[ClassParameter] = []
        self.taken = set(naming.taken)
        """The names in use."""
        self.arguments = _arguments([one.arguments for one in instances], naming)
        self.inner = _arguments([one.inner for one in instances], naming)
        self.sizes = instances[0].sizes if instances else frozenset()
        """Names of arguments that follow from what the instances read."""
        self.channels = {
            name: [instance.channels.get(name) for instance in instances]
            for name in (instances[0].channels if instances else ())
        }

    def use(self, parameter: ClassParameter, wide: bool) -> ClassParameter:
        """An argument or a parameter that is read from now on."""
        parameter.wide |= wide
        return parameter if parameter in self.parameters else self.add(parameter)

    def add(self, parameter: ClassParameter) -> ClassParameter:
        """A parameter more."""
        self.parameters.append(parameter)
        self.taken.add(parameter.name)
        return parameter


def _arguments(rows: Sequence[Mapping[str, Any]], naming: Naming) -> list[ClassParameter]:
    """The arguments that all instances have, that vary, and whose names are usable."""
    found = []
    for name in rows[0] if rows else ():
        values = [row.get(name, ABSENT) for row in rows]
        values = whole_ratio(name, values) if naming.authors else values
        plain = all(isinstance(value, (int, float)) for value in values)
        if plain and naming.usable(name) and len({(type(v), v) for v in values}) > 1:
            found.append(ClassParameter(name, "argument", values))
    return found
