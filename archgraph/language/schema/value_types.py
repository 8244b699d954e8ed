"""What each kind of value in a spec may be: functions that return the value, or say what was expected instead.

Pydantic's models of the language are made of them. A message speaks of its key as '{key}'.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import archgraph
from archgraph.errors import ArchgraphError, ExpressionError, SchemaError, nearest
from archgraph.language.expressions.expression import compile_expression, is_expression
from archgraph.language.expressions.values import described
from archgraph.language.schema import names
from archgraph.language.schema.references import OutputNames, reference
from archgraph.language.schema.refusals import Path, RefusedError, collected
from archgraph.ops.contract import DTYPES, lookup

VERSION = 1
_ASSIGNED = re.compile(r"(?<![<>=!])=(?!=)")
UNNAMED = "_"
"""In a shape: a size that has no name."""
MAX_SIZE = 2**31 - 1


def text(value: Any) -> str:
    """Text that is not empty."""
    if isinstance(value, str) and value:
        return value
    raise SchemaError("'{key}' must be text", expected="text", received=described(value))


def texts(value: Any) -> list[str]:
    """A list of texts."""
    if isinstance(value, list) and all(isinstance(entry, str) and entry for entry in value):
        return value
    hint = f"write [{value}]" if isinstance(value, str) else ""
    raise SchemaError(
        "'{key}' must be a list of names", expected="a list of names", received=described(value), hint=hint
    )


def named(check: Callable[[str], str]) -> Callable[[Any], str]:
    """A text that must be a name of a certain kind."""
    return lambda value: check(text(value))


def expressions(value: Any) -> Any:
    """Any value; the expressions in it must compile."""
    found = list(_failing(value, ()))
    if found:
        raise RefusedError(found)
    return value


def _failing(value: Any, path: Path) -> Iterator[tuple[Path, ArchgraphError]]:
    if is_expression(value):
        try:
            compile_expression(value)
        except ArchgraphError as error:
            yield path, error
    elif isinstance(value, list):
        for at, entry in enumerate(value):
            yield from _failing(entry, (*path, at))
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from _failing(entry, (*path, key))


def version(value: Any) -> int:
    """The version of the language."""
    if type(value) is int and value == VERSION:
        return value
    known = f"archgraph: {VERSION}"
    if type(value) is int and value > VERSION:
        raise SchemaError(
            f"the spec needs an archgraph that knows version {value} of the language",
            expected=f"{known}, which archgraph {archgraph.__version__} knows",
            received=str(value),
            hint="pip install --upgrade archgraph",
        )
    raise SchemaError("'archgraph' must be the version of the language", expected=known, received=described(value))


_YAML_1_1 = {"yes": "true", "on": "true", "no": "false", "off": "false"}


def condition(value: Any) -> Any:
    """true, false or an expression."""
    if isinstance(value, bool):
        return value
    if is_expression(value):
        return expressions(value)
    hint = f"write ={value}" if isinstance(value, str) and value else ""
    if isinstance(value, str) and value.lower() in _YAML_1_1:
        hint = f"write {_YAML_1_1[value.lower()]}"
    expected = "true, false or an expression"
    raise SchemaError("'{key}' must be a condition", expected=expected, received=described(value), hint=hint)


def training(value: Any) -> str:
    """The word `only`."""
    if value == "only":
        return "only"
    expected = "only: what is computed in both modes has no such key"
    hint = "write training: only, or leave it out"
    raise SchemaError("'training' has one value", expected=expected, received=described(value), hint=hint)


def count(value: Any) -> Any:
    """A whole number of at least 0, or an expression."""
    if type(value) is int and value >= 0:
        return value
    if is_expression(value):
        return expressions(value)
    hint = f"write ={value}" if isinstance(value, str) and value else ""
    expected = "a whole number of at least 0, or an expression"
    raise SchemaError("'{key}' must be a number of times", expected=expected, received=described(value), hint=hint)


def dimension(value: Any) -> Any:
    """A whole number, or an expression."""
    if type(value) is int:
        return value
    if is_expression(value):
        return expressions(value)
    expected = "a whole number, or an expression"
    raise SchemaError("'{key}' is read along a dimension", expected=expected, received=described(value))


def values(value: Any) -> Any:
    """A list, or an expression that gives one."""
    if isinstance(value, list) or is_expression(value):
        return expressions(value)
    hint = f"write ={value}" if isinstance(value, str) and value.isidentifier() else ""
    raise SchemaError(
        "'for' walks lists, and '{key}' is none",
        expected="a list or an expression",
        received=described(value),
        hint=hint,
    )


UsedEntry = tuple[str | int, str, str]
"""Of an entry of `use`: its key or position, the name that the file is given ('' for none), and the file."""


def used_files(value: Any) -> tuple[UsedEntry, ...]:
    """Files whose blocks are used: a list, or a mapping from names to files."""
    if isinstance(value, list):
        return tuple((at, "", entry) for at, entry in enumerate(texts(value)))
    if isinstance(value, dict) and value:
        collected(((name, "[key]"), name, names.file_name) for name in value)
        return tuple((name, name, file) for name, file in _by_name(value, text).items())
    expected = "a list of files, or names for them: {backbone: resnet@resnet50, own: ./blocks.yaml}"
    raise SchemaError("'{key}' must name files", expected=expected, received=described(value))


def each(value: Any) -> Any:
    """A list, a whole number of at least 0, or an expression that gives one."""
    return values(value) if isinstance(value, list) else count(value)


def operation(value: Any) -> str:
    """The name of an operation or block, or an expression that gives one."""
    if is_expression(value):
        return str(expressions(value))
    return names.operation_name(text(value))


def operations(value: Any) -> list[str]:
    """A list of names of operations."""
    for name in texts(value):
        lookup(name)
    return list(value)


def path(value: Any) -> str:
    """A path; a mapping is one whose braces were not quoted."""
    if isinstance(value, dict) and len(value) == 1 and next(iter(value.values())) in (None, ""):
        braces = f"{{{next(iter(value))}}}"
        received = f"a mapping: YAML reads {braces} as one"
        raise SchemaError("'{key}' must be text", expected="text", received=received, hint=f'write "{braces}"')
    return names.path(text(value))


def single_reference(value: Any) -> str:
    """The name of a value."""
    return reference(text(value))


def inputs(value: Any) -> Any:
    """What `in` holds: a name, a list of names, or names by port."""
    if isinstance(value, str) or (isinstance(value, list) and value):
        return _port_input(value)
    if isinstance(value, dict) and value:
        return _by_name(value, _port_input)
    expected = "a name, a list of names, or names by port: {query: x, key: y}"
    raise SchemaError("'{key}' must name the values that are read", expected=expected, received=described(value))


def _port_input(value: Any) -> Any:
    if isinstance(value, list) and value:
        return collected(((at,), entry, single_reference) for at, entry in enumerate(value))
    return reference(text(value))


def _by_name(value: dict[str, Any], check: Callable[[Any], Any]) -> dict[str, Any]:
    checked = collected(((name,), entry, check) for name, entry in value.items())
    return dict(zip(value, checked, strict=True))


def outputs(value: Any) -> dict[str, OutputNames]:
    """The outputs of a body by name: from a name, a list of names, or a mapping to names and lists of names."""
    if isinstance(value, str):
        return {"": reference(text(value))}
    if isinstance(value, list) and value:
        listed = collected(((at,), entry, _listed_output) for at, entry in enumerate(value))
        if len(set(listed)) < len(listed):
            raise SchemaError("'{key}' names an output twice", received=described(value))
        return {name: name for name in listed}
    if isinstance(value, dict) and value:
        collected(((name, "[key]"), name, names.output_name) for name in value)
        return _by_name(value, _handed_out)
    expected = "a name, a list of names, or a mapping such as {logits: fc}"
    raise SchemaError("'{key}' must name the values that are handed out", expected=expected, received=described(value))


def _handed_out(value: Any) -> OutputNames:
    if not isinstance(value, list):
        return reference(text(value))
    if not value:
        raise SchemaError("this output has no values", expected="a name, or a list of names")
    return tuple(collected(((at,), entry, single_reference) for at, entry in enumerate(value)))


def _listed_output(value: Any) -> str:
    name = reference(text(value))
    if not re.fullmatch(r"[A-Za-z0-9_]+", name):
        hint = f"give it one: {{{re.sub(r'[^A-Za-z0-9]+', '_', name).strip('_')}: {name}}}"
        raise SchemaError(f"the output '{name}' needs a name of its own", hint=hint)
    return name


def shape(value: Any) -> tuple[Any, ...]:
    """A shape: numbers, symbols, expressions, and '...' at the front for any leading dimensions."""
    if not isinstance(value, list):
        raise SchemaError("'{key}' must be a shape", expected="a list such as [N, 3, H, W]", received=described(value))
    return tuple(collected(((at,), entry, _first_size if at == 0 else _size) for at, entry in enumerate(value)))


def _first_size(entry: Any) -> Any:
    return entry if entry == "..." else _size(entry)


def _size(entry: Any) -> Any:
    if type(entry) is int and 0 < entry <= MAX_SIZE:
        return entry
    if entry == "...":
        raise SchemaError("'...' stands for leading dimensions, so it must come first", hint="[..., C]")
    if is_expression(entry):
        return expressions(entry)
    if entry == UNNAMED:
        return entry
    if isinstance(entry, str) and entry:
        return names.expression_name(entry)
    expected = "a whole number of at least 1, a name such as N, _ or an expression"
    raise SchemaError("a size must be a number, a name or an expression", expected=expected, received=described(entry))


def dtype(value: Any) -> str:
    """The name of an element type."""
    if is_expression(value):
        return str(expressions(value))
    if isinstance(value, str) and value in DTYPES:
        return value
    hint = nearest(value, DTYPES) if isinstance(value, str) else ""
    expected = f"one of {', '.join(DTYPES)}"
    raise SchemaError("'{key}' must be an element type", expected=expected, received=described(value), hint=hint)


def bounds(value: Any) -> tuple[str, ...]:
    """Claims of sizes, such as `L <= 1024` or `H % 16 == 0`: one, or a list of them."""
    entries = value if isinstance(value, list) else [value]
    return tuple(
        collected(((at,) if isinstance(value, list) else (), entry, claim) for at, entry in enumerate(entries))
    )


def claim(entry: Any) -> str:
    """An expression with or without its '='."""
    try:
        compile_expression(text(entry))
    except ExpressionError as error:
        if _ASSIGNED.search(str(entry).removeprefix("=")) is None:
            raise
        raise ExpressionError(replace(error.problems[0], hint="a claim compares with ==")) from None
    return str(entry)


def shared(value: Any) -> str:
    """The name of the node whose module is applied again."""
    return reference(text(value))
