"""What to say of a change that is about no node: the nearest path, and who removed what it is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from archgraph.errors import ArchgraphError, Problem, nearest
from archgraph.language.extension.change import StatedChange
from archgraph.language.extension.extension import Extension
from archgraph.language.extension.reach import Reach

NODES_SHOWN = 12


def no_match(change: StatedChange, reach: Reach) -> Problem:
    """The problem of a change that is about no node, or about nodes of which nothing is left."""
    text, closed = change.pattern.text, reach.closed.get(change.number)
    if closed is not None and closed is not change:
        what = "removed" if closed.verb == "remove" else "replaced"
        message = f"'{change}' is about what is {what}"
        return Problem(message, change.mark, hint="keep one of the two changes", notes=((str(closed), closed.mark),))
    applied = change.pattern.segments[-1].startswith("<")
    known = [f"<{name}>" for name in reach.applied if not name.startswith("=")] if applied else list(reach.addresses)
    inside = dict.fromkeys(address.rpartition(".")[2] for address in reach.addresses if "." in address)
    hint = _near_path(change, reach) or nearest(text, known) or nearest(change.pattern.segments[-1], inside)
    what = "applies it" if applied and len(change.pattern.segments) == 2 else "has this path"
    inputs = reach.root.definition.block.inputs
    if text in inputs:
        hint = f"'{text}' is an input: write it under 'inputs'"
    elif text in reach.root.definition.block.params:
        hint = f"'{text}' is a parameter: write it under 'params'"
    top = known if applied else _neighbours(text, known)
    more = ", …" if len(top) > NODES_SHOWN else ""
    expected = f"one of {', '.join(top[:NODES_SHOWN])}{more}" if top else ""
    return Problem(f"no node {what}: '{text}'", change.mark, expected=expected, hint=hint)


def _neighbours(path: str, known: Sequence[str]) -> list[str]:
    """The nodes at the last level of a path that there is; numbers of copies are no levels."""
    parent = ""
    for level in path.split(".")[:-1]:
        below = f"{parent}{level}."
        if any(address.startswith(below) for address in known):
            parent = below
        elif not level.isdecimal():
            break
    return [name for name in known if name.startswith(parent) and "." not in name.removeprefix(parent)]


def _one_copy(change: StatedChange, reach: Reach) -> str:
    """How one of the copies of a node is changed, which its path names by a number."""
    levels = change.pattern.text.split(".")
    at = next((place for place, level in enumerate(levels) if level.isdecimal()), 0)
    owner, inner = ".".join(levels[:at]), ".".join(level for level in levels[at:] if not level.isdecimal())
    plain = f"{owner}.{inner}" if inner else owner
    if not at or plain not in reach.addresses:
        return ""
    start, one = f"a change is about all copies: '{plain}'", f"if i == {int(levels[at])} else"
    keys = [] if inner or change.verb != "set" else list(change.value.opened())
    if keys:
        return f"{start}; for one of them: set: {{{owner}: {{{', '.join(f'{key}: =… {one} …' for key in keys)}}}}}"
    applied = {name for visit in reach.visits for node in visit.nodes if node.address == owner for name in node.blocks}
    if len(applied) != 1 or not inner:
        return f"{start}; what differs is an expression: =… {one} …"
    name = applied.pop()
    block = f"blocks: {{one: {{extends: {name}, {change.verb}: … {inner} …}}}}"
    return f"{start}; for one of them a block of its own: {block}, set: {{{owner}: {{op: \"='one' {one} '{name}'\"}}}}"


def _near_path(change: StatedChange, reach: Reach) -> str:
    """What may be meant by a path with the number of a copy in it, or with an operation that no node applies."""
    if hint := _one_copy(change, reach):
        return hint
    for segment in change.pattern.segments:
        name = segment[1:-1]
        if segment.startswith("<") and name not in reach.applied:
            return nearest(segment, [f"<{one}>" for one in reach.applied if not one.startswith("=")])
    return ""


def with_removals(error: ArchgraphError, steps: Sequence[Extension], changes: Sequence[StatedChange]) -> ArchgraphError:
    """The error of a change whose node an earlier file removed, with the line of the removal."""
    gone = {address: (step, mark) for step in steps for address, mark in step.removed.items()}
    problems = []
    for problem in error.problems:
        for change in changes:
            level = next((one for one in _prefixes(change.pattern.text) if one in gone), None)
            if problem.where == change.mark and level is not None and problem.message.startswith("no node"):
                step, mark = gone[level]
                note = (f"{step.name} removes '{level}' here", mark)
                problem = replace(problem, hint=f"{step.name} removed it", notes=(*problem.notes, note))
        problems.append(problem)
    return type(error)(*problems)


def _prefixes(path: str) -> Iterator[str]:
    levels = path.split(".")
    yield from (".".join(levels[: at + 1]) for at in range(len(levels)))
