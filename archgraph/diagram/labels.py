"""What the title, the boxes and the frames of a picture say, as labels and tooltips, and how wide that makes boxes."""

from __future__ import annotations

from archgraph.diagram.heat import Heated
from archgraph.diagram.outline import Box, Group, Outline, groups
from archgraph.diagram.prices import Prices
from archgraph.diagram.roles import COLOURS, Colour
from archgraph.diagram.shapes import count
from archgraph.diagram.text import GREY, LONGEST, escaped, grey, sizes_text, wrapped
from archgraph.diagram.view import View
from archgraph.graph.cost import cost
from archgraph.graph.sizes import concrete_sizes, input_symbols

DARK = "#374151"
NARROWEST, WIDEST, WIDEST_HEATED = 116, 190, 220
"""Points. Boxes of one width make a straight column, so the widest text sets the width of all, within these bounds."""
LETTER, SMALL_LETTER = 6.4, 4.9
"""About how many points wide a letter is, of a name and of a grey line."""


class Labels:
    """The words of one picture: what is coloured by shares says those, else boxes and frames say their parameters."""

    def __init__(self, sketch: Outline, view: View):
        self._sketch = sketch
        self._sizes = dict(view.sizes)
        self._heated = Heated(sketch, view.heat) if view.heat is not None else None
        self._prices = self._heated or Prices(sketch)
        needs = [*map(self._needs, sketch.boxes), *map(self._frame_needs, groups(sketch.tree))]
        self._width = min(WIDEST if self._heated is None else WIDEST_HEATED, max([NARROWEST, *needs]))

    def title(self) -> str:
        """The label of the picture: the name, and what the network costs or what its colours are shares of."""
        name = self._sketch.network.graph.title
        if self._heated is not None:
            return self._heated.title(name, sizes_text(self._sizes))
        title = f"<B>{escaped(name)}</B>"
        return f"{title}  {grey(self._subtitle(), 13)}" if self._subtitle() else title

    def _subtitle(self) -> str:
        """`35.7 M parameters · 6.1 GMACs at 32 × 32`: given sizes, else usual ones, and one sample."""
        graph = self._sketch.network.graph
        single = {"N": 1} if "N" in input_symbols(graph) else {}
        sizes = concrete_sizes(graph, {**single, **self._sizes})
        found = cost(graph, sizes)
        parts = [f"{count(found.parameters) or 'no'} parameters"]
        if isinstance(found.macs, int) and found.macs:
            at = sizes_text({name: size for name, size in sizes.items() if (name, size) != ("N", 1)})
            parts.append(f"{count(found.macs)}MACs{at}")
        return " · ".join(parts)

    # Boxes

    def colour(self, box: Box) -> Colour:
        """By its share, else by its role."""
        return self._heated.colour(box) if self._heated is not None else COLOURS[box.caption.role]

    def of_box(self, box: Box) -> str:
        """Name and cost in the first row, the grey line in the second."""
        price = self._prices.shown(box)
        name = '<BR ALIGN="LEFT"/>'.join(escaped(line) for line in wrapped(box.caption.title))
        line = wrapped(box.caption.line, LONGEST + 12)
        span = ' COLSPAN="2"' if price else ""
        width = "" if box.caption.role in ("join", "move") else f' WIDTH="{self._width}"'
        rows = [f'<TD ALIGN="LEFT"{"" if line else width}><B>{name}</B></TD>']
        rows[0] += f'<TD ALIGN="RIGHT">  {self._cost(price)}</TD>' if price else ""
        rows += [f'<TD ALIGN="LEFT"{span}{width}>{self._small(text)}</TD>' for text in line]
        body = "".join(f"<TR>{row}</TR>" for row in rows)
        return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{body}</TABLE>'

    def _small(self, text: str) -> str:
        """Grey, but on a strong fill dark, so that it can be read."""
        return grey(text, 8) if self._heated is None else grey(text, 8).replace(GREY, DARK)

    def _cost(self, price: str) -> str:
        """A price in passing; a share as large as the name, because the picture is about it."""
        return self._small(price) if self._heated is None else f"<B>{escaped(price)}</B>"

    def _needs(self, box: Box) -> int:
        """About how many points wide the text is; the exact width is the font's affair."""
        price = self._prices.shown(box)
        titles = [LETTER * len(line) for line in wrapped(box.caption.title)]
        lines = [SMALL_LETTER * len(line) for line in wrapped(box.caption.line, LONGEST + 12)]
        each = SMALL_LETTER if self._heated is None else LETTER
        return int(max([max(titles, default=0) + each * (len(price) + 2 * bool(price)), *lines]))

    def box_tooltip(self, box: Box) -> str:
        """What a box stands for, in full; of an input or output, its type."""
        if box.port is not None:
            return f"{box.id} {self._sketch.network.value(box.port).type}"
        return self._sketch.captions.tooltip(box.start, box.stop, box.copies, self._prices.told(box))

    # Frames

    def of_frame(self, group: Group) -> str:
        """The title, and the cost where it is not that of what stands inside."""
        lines = [f'<FONT COLOR="{DARK}">{escaped(line)}</FONT>' for line in self._frame_lines(group)]
        if self._priced(group) and (price := self._prices.shown(group)):
            lines[-1] += f"  {grey(price, 8)}"
        return "".join(f'{line}<BR ALIGN="LEFT"/>' for line in lines)

    def _priced(self, group: Group) -> bool:
        return group.times > 1 or self._heated is not None

    def _frame_lines(self, group: Group) -> list[str]:
        """Short lines, so that arrows into the middle of the frame miss them."""
        *most, last = wrapped(group.title, LONGEST // 2) or [""]
        if group.times == 1:
            return [*most, last]
        times = f"× {group.times}"
        needs = LETTER * len(f"{last} {times}") + SMALL_LETTER * (len(self._prices.shown(group)) + 2)
        return [*most, f"{last} {times}"] if 2 * needs - 28 <= WIDEST else [*most, last, times]

    def _frame_needs(self, group: Group) -> int:
        """The width of a box at which an arrow into its middle misses the title of the frame around it."""
        widths = [LETTER * len(line) for line in self._frame_lines(group)]
        widths[-1] += SMALL_LETTER * (len(self._prices.shown(group)) + 2) if self._priced(group) else 0
        return int(2 * max(widths)) - 28

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
