"""Networks that apply different blocks in the same places, as ResNet-18 and ResNet-50: the block is a parameter."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from archgraph.importing.writing.classes.templates import BodyTemplate, WrittenStatement
from archgraph.importing.writing.modules.naming import is_parameter
from archgraph.importing.writing.modules.weight_names import standard_block
from archgraph.language.schema.parameter_types import TYPE_WORDS
from archgraph.structure.class_parameters import MISSING
from archgraph.structure.terms import Term, number
from archgraph.structure.unification import ABSENT

CHOICE = "chosen block"
"""The text of a call whose block is its argument `op`: no block is called so."""
BLOCK = "block"
"""The role of the name of a block."""
_NAME = re.compile(r"[A-Za-z_]\w*")


def with_chosen_blocks(templates: Sequence[BodyTemplate], standard: frozenset[str], places_too: bool) -> None:
    """Makes blocks that stand in the same places of different networks an argument of all places that apply them, where
    each network applies one of them only; with `places_too`, of these places, where one applies several.

    `standard` blocks take all of the arguments that the others have.
    """
    for blocks, places in _alternatives(templates):
        used = [{one.term.text for one in template.entries()} & blocks for template in templates]
        everywhere = all(len(one) < 2 for one in used)
        if not everywhere and not places_too:
            continue
        chosen = {
            id(one)
            for template in templates
            for one in template.entries()
            if one.term.kind == "call" and one.term.text in blocks and (everywhere or one.name in places)
        }
        calls = [one for template in templates for one in template.entries() if id(one) in chosen]
        arguments = _arguments(calls)
        taken = all(arguments.keys() <= standard_block(name).params.keys() for name in blocks & standard)
        if len({_reads(one) for one in calls}) == 1 and taken and "op" not in arguments:
            for template in templates:
                template.statements = [
                    _chosen(one, arguments) if id(one) in chosen else one for one in template.entries()
                ]


def _alternatives(templates: Sequence[BodyTemplate]) -> list[tuple[set[str], set[str]]]:
    """The sets of blocks of which some networks apply one where others apply another, and the places of these."""
    places: dict[str, set[str]] = {}
    for template in templates:
        for one in template.entries():
            if one.term.kind == "call" and one.path:
                places.setdefault(one.name, set()).add(one.term.text)
    found: list[tuple[set[str], set[str]]] = []
    for name, blocks in places.items():
        if len(blocks) > 1:
            known = [one for one in found if one[0] & blocks]
            others = [one for one in found if not one[0] & blocks]
            joined = blocks.union(*(one[0] for one in known)), {name}.union(*(one[1] for one in known))
            found = [*others, joined]
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
    parts.append(Term("argument", "op", (number(BLOCK, statement.term.text),), value=(MISSING,)))
    for name, part in arguments.items():
        value = own[name].parts[0].value if name in own else ABSENT
        parts.append(part._replace(parts=(number(part.parts[0].text, value),)))
    return replace(statement, term=statement.term._replace(text=CHOICE, parts=tuple(parts)))


def chosen_call(statement: WrittenStatement, spare: Collection[str]) -> WrittenStatement:
    """A call whose block is an argument, without the `spare` arguments."""
    return _chosen(statement, {part.text: part for part in _told(statement) if part.text not in spare})


def with_arguments_of_others(spec: dict[str, Any]) -> None:
    """Lets blocks that a parameter chooses among take all arguments that are handed to the one which is chosen."""
    own = spec.get("blocks", {})
    nodes = list(_nodes(spec["nodes"]))
    walked = {name: str(values) for node in nodes for name, values in _lists(node).items()}
    for node in nodes:
        choices = _choices(str(node.get("op", "")), walked, spec)
        given = [key for key in node if is_parameter(key)]
        for name in choices & own.keys():
            block = own[name]
            missing = [key for key in given if key not in block.get("params", {})]
            if missing:
                words = {key: _type_elsewhere(key, choices & own.keys(), spec) for key in missing}
                others = {key: value for key, value in block.items() if key != "params"}
                own[name] = {"params": {**block.get("params", {}), **words}, **others}


def _lists(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """The lists that copies of a node walk."""
    return node["for"] if isinstance(node.get("for"), dict) else {}


def _choices(operation: str, walked: Mapping[str, str], spec: Mapping[str, Any]) -> set[str]:
    """The blocks among which parameters choose in the place of an operation, as it is, in an expression, or by the
    lists that copies walk."""
    if not operation.startswith("="):
        return set()
    names = {*_NAME.findall(operation)}
    names |= {word for name in names & walked.keys() for word in _NAME.findall(walked[name])}
    rows = (spec.get("params", {}), *spec.get("presets", {}).values())
    return {word for row in rows for name in names & row.keys() for word in _NAME.findall(str(row[name]))}


def _nodes(nodes: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for node in nodes.values():
        if isinstance(node, str):
            yield {"op": node}
        else:
            yield node
            yield from _nodes(node.get("nodes", {}))


def _type_elsewhere(name: str, blocks: Collection[str], spec: Mapping[str, Any]) -> Any:
    """How one of some blocks declares an argument; it may be lacking."""
    for block in sorted(blocks):
        declared = spec["blocks"][block].get("params", {}).get(name)
        if declared is not None and not str(declared).startswith("="):
            return f"{declared}?" if declared in TYPE_WORDS else declared
    return {"type": "any", "default": None}
