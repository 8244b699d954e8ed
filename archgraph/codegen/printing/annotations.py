"""Types of the parameters of a class and of what its `forward` returns."""

from __future__ import annotations

from typing import Any

from archgraph.codegen.analysis.terms import literal
from archgraph.structure.class_parameters import MISSING, ClassParameter
from archgraph.structure.unification import ABSENT

MOST_LISTED = 8
"""So many tensors are listed in the type of a result."""


def result_annotation(count: int) -> str:
    if count > MOST_LISTED:
        return "tuple[Tensor, ...]"
    return "Tensor" if count == 1 else f"tuple[{', '.join(['Tensor'] * count)}]"


def declared_parameter(parameter: ClassParameter) -> str:
    code = f"{parameter.name}: {_annotation(parameter)}"
    return code if parameter.default is MISSING else f"{code} = {literal(parameter.default)}"


def _annotation(parameter: ClassParameter) -> str:
    """The type of a parameter: what its values have in common, an int where a float may stand left out."""
    kinds = {_type_name(value) for value in parameter.values if value is not ABSENT}
    if parameter.default is None:
        kinds.add("None")
    if {"int", "float"} <= kinds:
        kinds.remove("int")
    return " | ".join(sorted(kinds, key=lambda kind: (kind == "None", kind)))


def _type_name(value: Any) -> str:
    if isinstance(value, tuple):
        inner = sorted({_type_name(part) for part in value})
        return f"tuple[{' | '.join(inner) or 'int'}, ...]"
    return "None" if value is None else type(value).__name__
