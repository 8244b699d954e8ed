"""What contradicts itself in a block although every part of it is well formed: names defined twice, presets.

There are two namespaces. Values: inputs, stacks, nodes. Expressions: parameters, symbols of input shapes, `let`, loop
variables. Nothing shadows anything, but for the innermost `i`, `first`, `last`, and for nodes whose name is a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from archgraph.errors import ArchgraphError, SchemaError, UnknownNameError, nearest
from archgraph.language.expressions.expression import is_expression
from archgraph.language.schema.parameter_types import quoted_default
from archgraph.language.schema.spec import BlockSpec, BodySpec, InputSpec, Path
from archgraph.language.schema.validation_errors import KEY
from archgraph.language.schema.value_types import UNNAMED

Found = list[tuple[Path, ArchgraphError]]
RENAME = "nothing may shadow another name: rename one"


def contradictions(block: BlockSpec) -> Found:
    """All problems, each with its path below the block."""
    found: Found = []
    visible = _block_expressions(block, found)
    values: dict[str, str] = dict.fromkeys(block.inputs, "an input")
    _walk(block, block.body, block.where, values, visible, found)
    _check_presets(block, found)
    return found


def _block_expressions(block: BlockSpec, found: Found) -> dict[str, str]:
    visible = dict.fromkeys(block.params, "a parameter")
    for name, given in block.inputs.items():
        for at, entry in enumerate(given.shape):
            if not isinstance(entry, str) or entry in ("...", UNNAMED) or is_expression(entry):
                continue
            if entry in block.params or entry == given.entry:
                what = "a parameter" if entry in block.params else "an entry of 'each'"
                found.append((("inputs", name, "shape", at), _no_symbol(entry, what)))
            else:
                visible[entry] = "a size"
    _declare(block.let, "a value of 'let'", visible, ("let",), found)
    for name, given in block.inputs.items():
        if given.entry in visible:
            error = SchemaError(f"the name '{given.entry}' is taken by {visible[given.entry]}", hint=RENAME)
            found.append((("inputs", name, "as"), error))
    return visible


def _declare(new: Mapping[str, Any], what: str, visible: dict[str, str], path: Path, found: Found) -> None:
    for name in new:
        if name in visible:
            error = SchemaError(f"the name '{name}' is taken by {visible[name]}", hint=RENAME)
            found.append(((*path, name, KEY), error))
        visible[name] = what


def _declare_input(given: InputSpec, values: dict[str, str], visible: dict[str, str], path: Path, found: Found) -> None:
    """The input of a group: its name among the values, the symbols of its shape among the expressions."""
    _declare({given.name: given}, "the input of a group", values, (*path, "inputs"), found)
    for at, entry in enumerate(given.shape):
        if not isinstance(entry, str) or entry in ("...", UNNAMED) or is_expression(entry):
            continue
        if visible.setdefault(entry, "a size") != "a size":
            error = _no_symbol(entry, visible[entry])
            found.append(((*path, "inputs", given.name, "shape", at), error))


def _no_symbol(entry: str, what: str) -> SchemaError:
    return SchemaError(f"'{entry}' is {what}, and a bare name in a shape is a symbol", hint=f"write ={entry}")


def _walk(
    block: BlockSpec, body: BodySpec, where: Path, values: dict[str, str], visible: dict[str, str], found: Found
) -> None:
    """Checks a body, where `values` and `visible` are the names around it."""
    base = where[len(block.where) :]
    for at, stack in enumerate(body.stacks):
        if stack in values:
            error = SchemaError(f"the name '{stack}' is taken by {values[stack]}", hint=RENAME)
            found.append(((*base, "stacks", at), error))
        values[stack] = "a stack"
    for node in body.nodes:
        below = (*base, "nodes", node.name)
        names = dict(visible)
        _declare(node.loop, "a loop variable", names, (*below, "for"), found)
        _declare(node.let, "a value of 'let'", names, (*below, "let"), found)
        if node.body is not None:
            inside = dict(values)
            if node.input is not None:
                _declare_input(node.input, inside, names, below, found)
            _walk(block, node.body, node.where, inside, names, found)
        if node.name in values and not node.name.isdecimal():
            error = SchemaError(f"the name '{node.name}' is taken by {values[node.name]}", hint=RENAME)
            found.append(((*below, KEY), error))
        values[node.name] = "a node"


def _check_presets(block: BlockSpec, found: Found) -> None:
    for preset, values in block.presets.items():
        for name, value in values.items():
            path: Path = ("presets", preset, name)
            if name not in block.params:
                expected = f"one of {', '.join(block.params)}" if block.params else "there are no parameters"
                message = f"the preset '{preset}' sets '{name}', which is no parameter"
                unknown = UnknownNameError(message, expected=expected, hint=nearest(name, block.params))
                found.append(((*path, KEY), unknown))
            elif not is_expression(value):
                _check_type(block, name, value, path, found)
    if block.preset and block.preset not in block.presets:
        missing = UnknownNameError(f"there is no preset '{block.preset}'", hint=nearest(block.preset, block.presets))
        found.append((("preset",), missing))
    for counted in block.parameter_counts:
        if counted is not None and counted not in block.presets:
            error = UnknownNameError(f"there is no preset '{counted}'", hint=nearest(counted, block.presets))
            found.append((("assert", "parameters", counted, KEY), error))


def _check_type(block: BlockSpec, name: str, value: Any, path: Path, found: Found) -> None:
    try:
        block.params[name].check(value)
    except SchemaError as error:
        blamed = quoted_default(block.params[name], name, value)
        if blamed is not None:
            found.append((("params", name), SchemaError(blamed)))
            return
        problem = replace(error.problems[0], message=f"the parameter '{name}' has a wrong value")
        found.append((path, SchemaError(problem)))
