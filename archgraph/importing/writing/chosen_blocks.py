"""Networks that apply different blocks in the same places, as ResNet-18 and ResNet-50: the block is a parameter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from archgraph.importing.writing.naming import is_parameter
from archgraph.importing.writing.templates import BodyTemplate, WrittenStatement
from archgraph.importing.writing.weight_names import standard_block
from archgraph.structure.parameters import MISSING
from archgraph.structure.terms import Term, number
from archgraph.structure.unification import ABSENT

CHOICE = "chosen block"
"""The text of a call whose block is its argument `op`: no block is called so."""
_ROLE = "block"


def with_chosen_blocks(templates: Sequence[BodyTemplate], standard: frozenset[str]) -> None:
    """Makes blocks that stand in the same places of different networks an argument of these places.

    Each network applies one of them only, and `standard` blocks take all of the arguments that the others have.
    """
    for blocks in _alternatives(templates):
        used = [{one.term.text for one in template.entries()} & blocks for template in templates]
        calls = [one for template in templates for one in template.entries() if one.term.text in blocks]
        arguments = _arguments(calls)
        plain = all(len(one) < 2 for one in used) and len({_reads(one) for one in calls}) == 1
        taken = all(arguments.keys() <= standard_block(name).params.keys() for name in blocks & standard)
        if plain and taken and "op" not in arguments:
            for template in templates:
                template.statements = [
                    _chosen(one, arguments) if one.term.text in blocks else one for one in template.entries()
                ]


def _alternatives(templates: Sequence[BodyTemplate]) -> list[set[str]]:
    """The sets of blocks of which some networks apply one where others apply another."""
    places: dict[str, set[str]] = {}
    for template in templates:
        for one in template.entries():
            if one.term.kind == "call" and one.path:
                places.setdefault(one.name, set()).add(one.term.text)
    found: list[set[str]] = []
    for blocks in places.values():
        if len(blocks) > 1:
            known = [one for one in found if one & blocks]
            found = [one for one in found if not one & blocks] + [blocks.union(*known)]
    return found


def _reads(statement: WrittenStatement) -> tuple[Any, ...]:
    variables = sum(part.kind == "variable" for part in statement.term.parts)
    return variables, len(statement.outs), statement.term.value, all(_is_number(part) for part in _told(statement))


def _told(statement: WrittenStatement) -> Iterator[Term]:
    return (part for part in statement.term.parts if part.kind != "variable")


def _is_number(part: Term) -> bool:
    return part.kind == "argument" and part.parts[0].kind == "number"


def _arguments(calls: Sequence[WrittenStatement]) -> Mapping[str, Term]:
    """The arguments of all calls by name, without numbers; a default stays where all have it."""
    found: dict[str, Term] = {}
    for call in calls:
        for part in _told(call):
            known = found.get(part.text)
            same = known is None or known.value == part.value
            role = part.parts[0].text if part.parts else ""
            found[part.text] = Term(
                "argument", part.text, (number(role, ABSENT),), value=part.value if same else (MISSING,)
            )
    return found


def _chosen(statement: WrittenStatement, arguments: Mapping[str, Term]) -> WrittenStatement:
    """A call whose block is an argument, and which has all arguments."""
    own = {part.text: part for part in _told(statement)}
    parts = [part for part in statement.term.parts if part.kind == "variable"]
    parts.append(Term("argument", "op", (number(_ROLE, statement.term.text),), value=(MISSING,)))
    for name, part in arguments.items():
        value = own[name].parts[0].value if name in own else ABSENT
        parts.append(part._replace(parts=(number(part.parts[0].text, value),)))
    return replace(statement, term=statement.term._replace(text=CHOICE, parts=tuple(parts)))


def with_arguments_of_others(spec: dict[str, Any]) -> None:
    """Lets blocks that a parameter chooses among take all arguments that are handed to the one which is chosen."""
    choices = {str(value) for value in _values(spec, _chosen_by(spec))}
    for node in _nodes(spec["nodes"]):
        if node.get("op") in {f"={name}" for name in _chosen_by(spec)}:
            given = [key for key in node if is_parameter(key)]
            for name in choices & spec.get("blocks", {}).keys():
                block = spec["blocks"][name]
                missing = [key for key in given if key not in block.get("params", {})]
                if missing:
                    words = {key: _type_elsewhere(key, choices, spec) for key in missing}
                    spec["blocks"][name] = {"params": {**block.get("params", {}), **words}, **_others(block)}


def _others(block: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in block.items() if key != "params"}


def _chosen_by(spec: Mapping[str, Any]) -> list[str]:
    """The parameters whose values are names of blocks."""
    return [
        name
        for name, value in spec.get("params", {}).items()
        if isinstance(value, str) and any(node.get("op") == f"={name}" for node in _nodes(spec["nodes"]))
    ]


def _values(spec: Mapping[str, Any], names: Sequence[str]) -> Iterator[Any]:
    for values in (spec.get("params", {}), *spec.get("presets", {}).values()):
        yield from (values[name] for name in names if name in values)


def _nodes(nodes: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for node in nodes.values():
        if isinstance(node, str):
            yield {"op": node}
        else:
            yield node
            yield from _nodes(node.get("nodes", {}))


def _type_elsewhere(name: str, choices: set[str], spec: Mapping[str, Any]) -> Any:
    """How one of the other blocks declares an argument; it may be lacking."""
    for block in choices & spec["blocks"].keys():
        declared = spec["blocks"][block].get("params", {}).get(name)
        if declared is not None:
            return f"{declared}?" if isinstance(declared, str) and not declared.endswith("?") else declared
    return {"type": "any", "default": None}
