"""The table of a summary in so many columns: what is too wide is shortened so that it stays true."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from archgraph.dims import Dim, symbols_of
from archgraph.graph.input_sizes import InputSizes
from archgraph.graph.text import quantity

if TYPE_CHECKING:
    from archgraph.graph.summary import Summary, SummaryRow
    from archgraph.ops.contract import TensorType

HEADINGS = ("path", "kind", "output", "parameters", "MACs")
COLUMNS = 80
"""Where nothing says how wide the screen is."""
NARROWEST = 60
_NUMERIC = (3, 4)
_LONGEST_SIZE = 6
_LONGEST_SUM = 24
_SEPARATOR = "  "
_NAME_WIDTH = 13
_NO_BREAK = "\u00a0"

Line = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RowForm:
    """How rows are shortened. `names` are short names of long sizes; paths may be those below the row above, and
    numbers of parameters rounded."""

    names: dict[str, str] = field(default_factory=dict)
    relative: bool = False
    rounded: bool = False


def whole_table(found: Summary) -> str:
    """Nothing is shortened, however wide that is."""
    table = [HEADINGS, *(_whole_cells(row) for row in found.rows)]
    lines = _ruled(_aligned(table))
    return "\n".join([found.title, "", *lines, "", *_lines(found.footer(whole=True))]) + "\n"


def fitted_table(found: Summary, columns: int = COLUMNS) -> str:
    """A table of so many columns. Multiply-accumulates are numbers, at sizes that a line below it names."""
    columns = max(columns, NARROWEST)
    at = InputSizes(found.usual)
    rows = [replace(row, cost=replace(row.cost, macs=at(row.cost.macs))) for row in found.rows]
    form, table = _first_that_fits(rows, columns)
    lines = _ruled(_aligned(table) if _width(table) <= columns else _folded(table, columns))
    return "\n".join([*_title(found, columns), "", *lines, "", *_below(found, form, at, columns)]) + "\n"


def _first_that_fits(rows: Sequence[SummaryRow], columns: int) -> tuple[RowForm, list[Line]]:
    kinds = [kind for row in rows for kind in row.outputs[:1]]
    long, every = size_names(kinds, _LONGEST_SIZE), size_names(kinds)
    forms = (
        RowForm(),
        RowForm(long),
        RowForm(every),
        RowForm(every, relative=True),
        RowForm(every, relative=True, rounded=True),
    )
    for form in forms:
        table = [HEADINGS, *_cells(rows, form)]
        if _width(table) <= columns:
            break
    return form, table


def _cells(rows: Iterable[SummaryRow], form: RowForm) -> Iterator[Line]:
    """The texts of the rows, one for each heading."""
    above: list[SummaryRow] = []
    for row in rows:
        del above[row.depth - 1 :]
        label = _below_path(row.short_label, above[-1].path) if form.relative and above else row.short_label
        more = f" +{len(row.outputs) - 1}" if len(row.outputs) > 1 else ""
        parameters = quantity(row.cost.parameters) if form.rounded else f"{row.cost.parameters:,}"
        yield (
            "  " * (row.depth - 1) + label,
            row.kind,
            _type_text(row.outputs[0], form.names) + more,
            parameters if row.cost.parameters else "",
            shortened(row.cost.macs, _LONGEST_SUM) if row.cost.macs != 0 else "",
        )
        above.append(row)


def _below_path(label: str, above: str) -> str:
    """What a path has below that of the row above it. Hidden levels stand in the paths of some operations alone, so
    the levels above need not be neighbours: `up.layer.2.ff.gate` below `up.ff` is `gate`."""
    levels, wanted = label.split("."), above.split(".")
    known, found = 0, 0
    for place, level in enumerate(levels[:-1]):
        if known < len(wanted) and level == wanted[known]:
            known, found = known + 1, place + 1
    return ".".join(levels[found:]) if known == len(wanted) else label


def _whole_cells(row: SummaryRow) -> Line:
    more = f" and {len(row.outputs) - 1} more" if len(row.outputs) > 1 else ""
    return (
        "  " * (row.depth - 1) + row.label,
        row.kind,
        f"{row.outputs[0]}{more}",
        f"{row.cost.parameters:,}" if row.cost.parameters else "",
        quantity(row.cost.macs, whole=True) if row.cost.macs != 0 else "",
    )


# -- sizes -------------------------------------------------------------------------------------------------------------


def size_names(kinds: Iterable[TensorType], longest: int = 1) -> dict[str, str]:
    """Names for sizes with texts longer than that, each after the symbol it is made of: h1 is (H + 1) // 2."""
    sizes = dict.fromkeys(size for kind in kinds for size in kind.shape if not isinstance(size, int))
    taken = {name for size in sizes for name in symbols_of(size)}
    names: dict[str, str] = {}
    for size in sizes:
        if len(text := str(size)) <= longest or text.isidentifier():
            continue
        symbols = sorted(symbols_of(size))
        letter = symbols[0][0].lower() if len(symbols) == 1 else "s"
        free = (f"{letter}{i}" for i in range(1, len(sizes) + len(taken) + 2))
        names[text] = next(name for name in free if name not in taken)
        taken.add(names[text])
    return names


def _type_text(kind: TensorType, names: dict[str, str]) -> str:
    shape = ", ".join(names.get(str(size), str(size)) for size in kind.shape)
    return f"[{shape}]" + ("" if kind.dtype == "float32" else f" {kind.dtype}")


def shortened(dim: Dim, columns: int) -> str:
    """A count for people; of a sum that is too long as many terms as fit, and how many are left out."""
    if isinstance(dim, int) or len(str(dim)) <= columns:
        return quantity(dim, whole=True)
    terms = _terms(str(dim))
    for kept in range(len(terms) - 1, 0, -1):
        text = f"{' '.join(terms[:kept])} + … ({len(terms) - kept} more)"
        if len(text) <= columns:
            return text
    return f"a sum of {len(terms)} terms"


def _terms(text: str) -> list[str]:
    """The terms of a sum with their signs: `a`, `+ b`, `- c`. Those inside of parentheses stay together."""
    terms, depth, start = [], 0, 0
    for i, char in enumerate(text):
        depth += {"(": 1, ")": -1}.get(char, 0)
        if depth == 0 and text[i : i + 3] in (" + ", " - "):
            terms.append(text[start:i])
            start = i + 1
    return [*terms, text[start:]]


# -- around the table --------------------------------------------------------------------------------------------------


def _title(found: Summary, columns: int) -> list[str]:
    about = " ".join(found.about.split())
    whole = f"{found.title}: {about}" if about else found.title
    return [textwrap.shorten(whole, columns, placeholder=" …") or found.title[: columns - 1] + "…"]


def _below(found: Summary, form: RowForm, at: InputSizes, columns: int) -> Iterator[str]:
    """Names of sizes, inputs, outputs, totals, and at which sizes the rows' numbers are."""
    shown = {text: name for text, name in form.names.items() if form.names}
    named = [("where", ", ".join(_unbroken(f"{name} = {text}") for text, name in shown.items()))] if shown else []
    for name, text in [*named, *found.footer(columns - _NAME_WIDTH)]:
        yield from _hanging(f"{name:<{_NAME_WIDTH}}", text, columns)
    if found.usual:
        sizes = ",".join(f"{name}={size}" for name, size in found.usual.items())
        total = quantity(at(found.cost.macs))
        said = f"the MACs of the rows are at {sizes.replace(',', ', ')}, {total} in all; at others:"
        yield from _hanging("", f"{said} {_unbroken(f'--size {sizes}')}", columns)


def _hanging(head: str, text: str, columns: int) -> list[str]:
    indent = " " * len(head)
    wrapped = textwrap.wrap(text, columns, initial_indent=head, subsequent_indent=indent, break_on_hyphens=False)
    return [line.replace(_NO_BREAK, " ") for line in wrapped] or [head.rstrip()]


def _unbroken(text: str) -> str:
    return text.replace(" ", _NO_BREAK)


def _lines(footer: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{name:<{_NAME_WIDTH}}{text}" for name, text in footer]


# -- alignment ---------------------------------------------------------------------------------------------------------


def _widths(table: Sequence[Line]) -> list[int]:
    return [max(map(len, column)) for column in zip(*table, strict=True)]


def _width(table: Sequence[Line]) -> int:
    return sum(_widths(table)) + len(_SEPARATOR) * (len(HEADINGS) - 1)


def _aligned(table: Sequence[Line], widths: Sequence[int] | None = None) -> list[str]:
    fixed = widths or _widths(table)
    return [_SEPARATOR.join(_padded(line, fixed)).rstrip() for line in table]


def _padded(line: Line, widths: Sequence[int]) -> Iterator[str]:
    for i, (text, width) in enumerate(zip(line, widths, strict=True)):
        yield text.rjust(width) if i in _NUMERIC else text.ljust(width)


def _ruled(lines: list[str]) -> list[str]:
    """The headings, a line, the rows."""
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]


def _folded(table: Sequence[Line], columns: int) -> list[str]:
    """Cells that are too wide are continued on lines below; numbers are never broken."""
    widths = _widths(table)
    while sum(widths) + len(_SEPARATOR) * (len(widths) - 1) > columns:
        widest = max((i for i in range(len(widths)) if i not in _NUMERIC), key=lambda i: widths[i])
        if widths[widest] <= len(HEADINGS[widest]) + 2:
            break
        widths[widest] -= 1
    lines: list[str] = []
    for line in table:
        parts = [pieces(text, width) for text, width in zip(line, widths, strict=True)]
        for k in range(max(map(len, parts))):
            lines += _aligned([tuple(part[k] if k < len(part) else "" for part in parts)], widths)
    return lines


def pieces(text: str, width: int) -> list[str]:
    """A text in parts of that width, broken after a dot, an underscore, a comma or a space where there is one."""
    indent = len(text) - len(text.lstrip())
    found: list[str] = []
    while len(text) > width:
        places = [text.rfind(sign, indent + 1, width) + 1 for sign in "._, "]
        cut = max(places) if max(places) > indent else width
        found.append(text[:cut].rstrip())
        text = " " * min(indent, width // 2) + text[cut:].lstrip()
        indent = min(indent, width // 2)
    return [*found, text]
