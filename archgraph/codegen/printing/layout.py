"""Lines: an expression on one line where it fits, else broken at its last bracket, as ruff breaks it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from archgraph.records import record

WIDTH = 100
STEP = "    "


@record()
class Bracket:
    """Items between brackets. `explode` puts each on a line of its own once it is broken; else one line is tried."""

    opening: str
    items: tuple[Doc, ...]
    closing: str
    explode: bool = False
    comma: bool = True


@record()
class Clause:
    """The end of a comprehension: it has a line of its own once what stands before it is broken."""

    text: str


Doc: TypeAlias = "tuple[str | Bracket | Clause, ...]"


def flat(doc: Doc) -> str:
    """The whole on one line."""
    if len(doc) == 1 and type(doc[0]) is str:
        return doc[0]
    return "".join([part if type(part) is str else _flat_part(part) for part in doc])  # type: ignore[arg-type]


def _flat_part(part: Bracket | Clause) -> str:
    if isinstance(part, Bracket):
        return part.opening + ", ".join(map(flat, part.items)) + part.closing
    return f" {part.text}"


def lines(doc: Doc, indent: str = "", tail: str = "") -> list[str]:
    """The document in lines no wider than WIDTH, where brackets allow it. `tail` follows it on its last line."""
    whole = indent + flat(doc) + tail
    if len(whole) <= WIDTH:
        return [whole]
    if doc and isinstance(doc[-1], Clause):
        return [*lines(doc[:-1], indent), indent + doc[-1].text + tail]
    at = _breakable(doc)
    if at is None:
        return [whole]
    bracket = doc[at]
    assert isinstance(bracket, Bracket)
    head = [*lines(doc[:at], indent, bracket.opening)] if doc[:at] else [indent + bracket.opening]
    return [*head, *_body(bracket, indent + STEP), indent + bracket.closing + flat(doc[at + 1 :]) + tail]


def tuple_lines(before: str, names: Sequence[str], after: Doc, indent: str = "") -> list[str]:
    """Names between two texts: on one line where they fit, else on lines of their own in parentheses, as ruff does."""
    tuple_ = ", ".join(names)
    if len(names) < 2 or len(indent + before + tuple_) + len(flat(after[:1])) <= WIDTH:
        return lines((before + tuple_, *after), indent)
    head, *rest = lines((")", *after), indent)
    return [f"{indent}{before}(", *(f"{indent}{STEP}{name}," for name in names), head, *rest]


def _breakable(doc: Sequence[str | Bracket | Clause]) -> int | None:
    places = [i for i, part in enumerate(doc) if isinstance(part, Bracket) and part.items]
    return places[-1] if places else None


def _body(bracket: Bracket, indent: str) -> list[str]:
    whole = indent + ", ".join(map(flat, bracket.items))
    if len(whole) <= WIDTH and not (bracket.explode and len(bracket.items) > 1):
        return [whole]
    if len(bracket.items) == 1 and not bracket.comma:
        return lines(bracket.items[0], indent)
    return [line for item in bracket.items for line in lines(item, indent, ",")]
