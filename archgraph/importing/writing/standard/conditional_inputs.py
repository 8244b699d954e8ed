"""Inputs that a block has under a condition, as masks: which arguments fit to what is read and what is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archgraph.dims import Facts
from archgraph.errors import ArchgraphError
from archgraph.graph.types import Graph
from archgraph.importing.writing.standard.argument_choices import UNSET
from archgraph.language.expressions.expression import compile_expression, is_expression
from archgraph.language.schema.spec import BlockSpec, InputSpec


def fitting_choices(
    block: BlockSpec, choices: Mapping[str, Sequence[Any]], ports: Mapping[str, int], body: Graph
) -> dict[str, Sequence[Any]]:
    """The values to try for each parameter with which a block has those of its conditional inputs that are among
    `ports`, of the element types that the body's inputs at these places have, and no others. None of them is left for
    a parameter where nothing fits."""
    left = dict(choices)
    for one in block.inputs.values():
        names = compile_expression(one.when).names if is_expression(one.when) else frozenset()
        if len(names) != 1 or not names <= left.keys():
            continue
        (name,) = names
        dtype = body.inputs[ports[one.name]].dtype if one.name in ports else None
        left[name] = [value for value in left[name] if _fits(one, name, _told(block, name, value), dtype)]
    return left


def _told(block: BlockSpec, name: str, value: Any) -> Any:
    return block.params[name].default if value is UNSET else value


def _fits(one: InputSpec, name: str, value: Any, dtype: str | None) -> bool:
    """Whether a block has an input of this element type, or has none where that is None, with a parameter's value."""
    try:
        there = compile_expression(one.when).evaluate({name: value}, Facts())
        if not there or dtype is None:
            return bool(there) == (dtype is not None)
        kind = compile_expression(one.dtype).evaluate({name: value}, Facts()) if is_expression(one.dtype) else one.dtype
        return bool(dtype == kind)
    except ArchgraphError:  # it turns on more than this parameter
        return True
