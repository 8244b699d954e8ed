"""What the title, the boxes and the frames of a picture say, as labels and tooltips, and how wide that makes boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from archgraph.diagram.changes import Changes
from archgraph.diagram.costs import Prices
from archgraph.diagram.dot_text import GREY, bold, cell, escaped, grey, sizes_text, swatch, table, wrapped
from archgraph.diagram.fonts import width
from archgraph.diagram.heatmap import Heated
from archgraph.diagram.outline import Box, Group, Outline, groups
from archgraph.diagram.roles import COLOURS, Colour, Role
from archgraph.diagram.shapes import count
from archgraph.diagram.view import View
from archgraph.graph.cost import cost
from archgraph.graph.input_sizes import concrete_sizes, input_symbols

DARK = "#374151"
NARROWEST = 116
"""Points."""
NAME, SMALL, HEAD = 10, 8, 13
"""Points of a name, of a grey line, and of the title of the picture."""
GAP = 9
"""Points between a name and its number."""


_HINTING = 1.06
"""How much wider small letters become where they are fitted to the dots of a screen."""
_TITLE = 17
"""Characters in a line of the title of a frame."""
_BESIDE_TITLE = 6
"""Points that a box may be narrower than its frame's title asks for, because it has margins and the title ends before
the arrow."""


@dataclass(frozen=True, slots=True)
class Room:
    """How much room boxes have. Boxes of one width make straight columns, so the widest text sets the width of all, up
    to `widest` points; `name` and `line` are the most characters in a line of a name and of the grey text. A frame's
    title takes at most one `part` of the width of a box, because arrows cross it there."""

    widest: int
    name: int
    line: int
    part: float


_ROOM = {"TB": Room(230, 34, 46, 2), "LR": Room(170, 24, 30, 4 / 3)}
"""By direction: to the right, width is scarce."""


class Labels:
    """The words of one picture: what is coloured by shares says those, else boxes and frames say their parameters."""

    def __init__(self, sketch: Outline, view: View):
        self._sketch = sketch
        self._view = view
        self._sizes = dict(view.sizes)
        self._heated = Heated(sketch, view.heat) if view.heat is not None else None
        self._changes = Changes(sketch, view.changes) if view.changes is not None else None
        self._prices = self._heated or Prices(sketch)
        self._room = _ROOM[view.rankdir]
        needs = [*map(self._needs, sketch.on_the_way), *map(self._frame_needs, groups(sketch.tree))]
        self._width = min(self._room.widest, max([NARROWEST, *needs]))

    def title(self) -> str:
        """The label of the picture: the name, and what the network costs or what its colours are shares of."""
        name = self._sketch.network.graph.title
        if self._heated is not None:
            return self._heated.title(name, sizes_text(self._sizes))
        said = self._subtitle()
        head = cell([bold(name)], width(name, HEAD, bold=True) + GAP)
        rows = [head + cell([grey(said, HEAD)], width(said, HEAD))]
        if self._changes is not None:
            against = grey(self._changes.against, SMALL)
            rows.append(f'<TD ALIGN="LEFT" COLSPAN="2">{against}</TD>')
            rows.append(f'<TD ALIGN="LEFT" COLSPAN="2">{self._changes.legend()}</TD>')
        if self._view.legend:
            rows.append(f'<TD ALIGN="LEFT" COLSPAN="2">{legend(self._roles())}</TD>')
        return table(*rows)

    def _roles(self) -> list[Role]:
        """The roles whose colours the picture shows."""
        shown = {box.caption.role for box in self._sketch.boxes}
        return [role for role in COLOURS if role in shown]

    def _subtitle(self) -> str:
        """`35.7 M parameters · 6.1 GMACs at 32 × 32`: given sizes, else usual ones, and one sample
        where the network takes one."""
        graph = self._sketch.network.graph
        batch = [rule for rule in graph.constraints if rule.symbol == "N"]
        alone = "N" in input_symbols(graph) and all(rule.allows(1) for rule in batch)
        single = {"N": 1} if alone else {}
        sizes = concrete_sizes(graph, {**single, **self._sizes})
        found = cost(graph, sizes)
        parts = [f"{count(found.parameters) or 'no'} parameters"]
        if isinstance(found.macs, int) and found.macs:
            at = sizes_text({name: size for name, size in sizes.items() if (name, size) != ("N", 1)})
            parts.append(f"{count(found.macs)}MACs{at}")
        return " · ".join(parts)

    # Boxes

    def colour(self, box: Box) -> Colour:
        """By its share or by what changed in it, else by its role."""
        shown = self._heated or self._changes
        return shown.colour(box) if shown is not None else COLOURS[box.caption.role]

    def of_box(self, box: Box) -> str:
        """Name and cost in the first row, the grey line in the second."""
        price = self._prices.shown(box)
        room = 0 if self._is_small(box) else self._width
        beside = self._price_needs(price)
        title = wrapped(box.caption.title, self._room.name)
        first = cell([bold(line) for line in title], max(self._title_needs(box), room - beside))
        first += cell([self._cost(price)], beside, right=True) if price else ""
        span = 2 if price else 1
        lines = wrapped(box.caption.line, self._room.line)
        return table(first, *(cell([self._small(text)], max(room, width(text, SMALL)), span) for text in lines))

    def _is_small(self, box: Box) -> bool:
        """Whether a box is as small as its text: what has no work of its own, and tables beside the main way."""
        return box.caption.role in ("join", "move") or self._sketch.is_tabled(box)

    def _small(self, text: str) -> str:
        """Grey, but on a strong fill dark, so that it can be read."""
        return grey(text, SMALL) if self._heated is None else grey(text, SMALL).replace(GREY, DARK)

    def _cost(self, price: str) -> str:
        """A price in passing; a share as large as the name, because the picture is about it."""
        return self._small(price) if self._heated is None else bold(price)

    def _title_needs(self, box: Box) -> int:
        return max((width(line, NAME, bold=True) for line in wrapped(box.caption.title, self._room.name)), default=0)

    def _price_needs(self, price: str) -> int:
        if not price:
            return 0
        return GAP + (width(price, SMALL) if self._heated is None else width(price, NAME, bold=True))

    def _needs(self, box: Box) -> int:
        """How many points wide the text can be in any font of the list."""
        lines = [ceil(_HINTING * width(line, SMALL)) for line in wrapped(box.caption.line, self._room.line)]
        return max([self._title_needs(box) + self._price_needs(self._prices.shown(box)), *lines])

    def box_tooltip(self, box: Box) -> str:
        """What a box stands for, in full; of an input or output, its type."""
        if box.port is not None:
            return f"{box.id} {self._sketch.network.value(box.port).type}"
        return self._sketch.captions.tooltip(box.start, box.stop, box.copies, self._prices.told(box))

    # Frames

    def of_frame(self, group: Group) -> str:
        """The title, and the cost where it is not that of what stands inside."""
        *most, last = self._frame_lines(group)
        price = self._frame_price(group)
        rows = [cell([_dark(line)], width(line, NAME), 2 if price else 1) for line in most]
        beside = cell([grey(price, SMALL)], self._price_needs(price), right=True) if price else ""
        return table(*rows, cell([_dark(last)], width(last, NAME)) + beside)

    def _frame_price(self, group: Group) -> str:
        return self._prices.shown(group) if group.times > 1 or self._heated is not None else ""

    def _frame_lines(self, group: Group) -> list[str]:
        """Short lines, so that arrows into the middle of the frame miss them."""
        *most, last = wrapped(group.title, _TITLE) or [" "]
        if group.times == 1:
            return [*most, last]
        times = f"× {group.times}"
        needs = width(f"{last} {times}", NAME) + self._price_needs(self._frame_price(group))
        return [*most, f"{last} {times}"] if self._box_under(needs) <= self._room.widest else [*most, last, times]

    def _frame_needs(self, group: Group) -> int:
        """The width of a box at which an arrow into its middle misses the title of the frame around it."""
        widths = [width(line, NAME) for line in self._frame_lines(group)]
        widths[-1] += self._price_needs(self._frame_price(group))
        return self._box_under(max(widths))

    def _box_under(self, title: int) -> int:
        """The width of a box whose frame has a title so wide."""
        return int(self._room.part * title) - _BESIDE_TITLE

    def frame_tooltip(self, group: Group) -> str:
        """Its path; of copies that are drawn once, how its numbers are meant."""
        if group.times == 1:
            return group.id
        return "\n".join(
            [
                f"{group.times} copies, drawn once: a number inside is one copy's, or says that it is of all",
                *self._prices.told(group),
            ]
        )


def legend(roles: Sequence[Role]) -> str:
    """A row of swatches: what each colour of the picture means; greys of one look are said once."""
    cells: list[str] = []
    said: set[Colour] = set()
    for role in roles:
        colour = COLOURS[role]
        if colour not in said:
            said.add(colour)
            name = "inputs, outputs, joins" if colour == COLOURS["port"] else role
            cells.append(swatch(colour.fill, colour.border))
            cells.append(cell([grey(name, SMALL)], width(name, SMALL) + GAP))
    return table("".join(cells))


def _dark(text: str) -> str:
    return f'<FONT COLOR="{DARK}">{escaped(text)}</FONT>'
