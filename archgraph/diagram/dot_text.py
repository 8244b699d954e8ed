"""Text in DOT: broken into lines, escaped and quoted."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence

GREY, LINE, FRAME, GREEN = "#6B7280", "#9CA3AF", "#D1D5DB", "#3E9B6A"
"""Of small text, arrows, frames, and skips."""


def wrapped(text: str, width: int) -> list[str]:
    """The lines of a text: broken between its parts, which dots separate, and at spaces where a part is too long."""
    lines: list[str] = []
    for part in printable(text).split(" · "):
        if lines and len(lines[-1]) + len(f" · {part}") <= width:
            lines[-1] += f" · {part}"
        else:
            lines += textwrap.wrap(part, width, break_long_words=False, break_on_hyphens=False)
    return lines


def grey(text: str, points: int) -> str:
    return f'<FONT POINT-SIZE="{points}" COLOR="{GREY}">{escaped(text)}</FONT>'


def bold(text: str) -> str:
    return f"<B>{escaped(text)}</B>"


def cell(lines: Sequence[str], width: int, columns: int = 1, right: bool = False) -> str:
    """A cell at least so many points wide. Its lines hold on to one side, so that another font moves only the end."""
    side = "RIGHT" if right else "LEFT"
    span = f' COLSPAN="{columns}"' if columns > 1 else ""
    text = "".join(f'{line}<BR ALIGN="{side}"/>' for line in lines)
    return f'<TD ALIGN="{side}"{span} WIDTH="{width}">{text}</TD>'


def swatch(fill: str, border: str) -> str:
    """A cell that shows a colour."""
    return f'<TD BGCOLOR="{fill}" COLOR="{border}" BORDER="1" FIXEDSIZE="TRUE" WIDTH="16" HEIGHT="9"></TD>'


def table(*rows: str) -> str:
    """Rows of cells, without lines."""
    body = "".join(f"<TR>{row}</TR>" for row in rows)
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{body}</TABLE>'


def padded(text: str) -> str:
    """Text with room around it, so that it lies above or below a line and not on it."""
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3"><TR><TD>{escaped(text)}</TD></TR></TABLE>'


def escaped(text: str) -> str:
    """Text for an HTML-like label, in which Graphviz reads backslashes as escapes too."""
    return html.escape(printable(text)).replace("\\", "\\\\")


def printable(text: str) -> str:
    """Control characters, which XML refuses, become spaces."""
    return re.sub(r"[\x00-\x1f\x7f]", " ", text)


def quoted(text: str) -> str:
    """A DOT string; backslashes stand for themselves, line breaks for `\\n`."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def apart(name: str) -> str:
    """A quoted name that no box has: names of boxes hold no control characters."""
    return quoted(f"\t{name}")


def digraph(lines: Iterable[str]) -> str:
    """A whole DOT text."""
    return "\n".join(["digraph {", *(f"  {line}" for line in lines), "}", ""])


def tip(text: str) -> str:
    """A tooltip without control characters but line breaks."""
    return re.sub(r"[\x00-\x09\x0b-\x1f\x7f]", " ", text)


def sizes_text(sizes: Mapping[str, int]) -> str:
    """` at 32 × 32`, ` at N = 4, 32 × 32`."""
    image = [str(sizes[name]) for name in ("H", "W") if name in sizes]
    others = [f"{name} = {size}" for name, size in sizes.items() if name not in ("H", "W")]
    shown = [*others, " × ".join(image)] if image else others
    return f" at {', '.join(shown)}" if shown else ""
