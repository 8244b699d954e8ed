"""A diagram coloured by what its boxes take of a whole: the share of time, of a box with all that it stands for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from archgraph.diagram.dot_text import escaped, grey
from archgraph.diagram.outline import Box, Group, Outline
from archgraph.diagram.roles import COLOURS, Colour

_SCALE = ((255, 251, 245), (253, 203, 138), (240, 117, 42))
"""From nothing over half to the largest share; the text stays readable on all of it."""
_DARK, _LINE = "#1F2937", "#B8B5B0"
_SWATCHES = 6
_BORDER = 0.72
"""How dark a border is beside its fill."""


@dataclass(frozen=True, slots=True)
class Heat:
    """Shares (0 to 1) of the nodes by path; `whole` says in the title what they are shares of: `19.2 ms a run`."""

    shares: Mapping[str, float]
    whole: str = ""


class Heated:
    """What the boxes and frames of one picture say of their shares: it stands where prices stand otherwise.

    A box or frame has the sum of all that it stands for: in a frame `× n`, of all n copies.
    """

    def __init__(self, sketch: Outline, heat: Heat):
        self._whole = heat.whole
        leaves = sketch.network.leaves
        times = Counter(leaf.path for leaf in leaves)  # what is applied twice has one path
        self._shares = [heat.shares.get(leaf.path, 0.0) / times[leaf.path] for leaf in leaves]
        self._most = max([self.share(box) for box in sketch.boxes if box.port is None], default=0.0)

    def shown(self, item: Box | Group) -> str:
        """`12 %`; nothing for inputs and outputs."""
        return "" if isinstance(item, Box) and item.port is not None else percent(self.share(item))

    def told(self, item: Box | Group) -> list[str]:
        """Lines of a tooltip."""
        return [f"{self.shown(item)} of the time"] if self.shown(item) else []

    def colour(self, box: Box) -> Colour:
        """The box's place on the scale."""
        if box.port is not None:
            return COLOURS["port"]
        return _colour(self.share(box) / self._most if self._most else 0.0)

    def title(self, name: str, at: str) -> str:
        """The label of the picture: the name, what was measured at which sizes, and the scale."""
        beside = max(0.0, 1 - sum(self._shares))
        said = f"{self._whole}{at} · {percent(beside)} outside the boxes".lstrip()
        colours = (_colour(place / (_SWATCHES - 1)).fill for place in range(_SWATCHES))
        swatches = "".join(f'<TD BGCOLOR="{colour}" WIDTH="22" HEIGHT="9"></TD>' for colour in colours)
        explained = "  share of the time, of all copies where a box or frame says × n"
        scale = (
            f"<TD>{_small('0 %')}</TD><TD>{_table(swatches, 1)}</TD>"
            f"<TD>{_small(percent(self._most))}</TD><TD>{_small(explained)}</TD>"
        )
        head = f"<B>{escaped(name)}</B>  {grey(said, 11)}"
        rows = "</TR><TR>".join(f'<TD ALIGN="LEFT">{text}</TD>' for text in (head, _table(scale)))
        return _table(rows)

    def share(self, item: Box | Group) -> float:
        """What a box or a frame takes, with all that it stands for."""
        boxes = item.boxes() if isinstance(item, Group) else (item,)
        return sum(self._shares[leaf] for box in boxes for leaf in box.leaves)


def percent(share: float) -> str:
    """`12 %`, `3.4 %`, `< 0.1 %`, `0 %`."""
    if share <= 0:
        return "0 %"
    if share < 0.001:
        return "< 0.1 %"
    return f"{100 * share:.0f} %" if share >= 0.0995 else f"{100 * share:.1f} %"


def _table(cells: str, border: int = 0) -> str:
    """A row (or rows) of cells, with a thin line around it or none."""
    return (
        f'<TABLE BORDER="{border}" COLOR="{_LINE}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="{1 - border}">'
        f"<TR>{cells}</TR></TABLE>"
    )


def _small(text: str) -> str:
    return f'<FONT POINT-SIZE="8" COLOR="{_DARK}">{escaped(text)}</FONT>'


def _colour(place: float) -> Colour:
    """The fill and border at a place from 0 to 1."""
    at = min(max(place, 0.0), 1.0) * (len(_SCALE) - 1)
    low = min(int(at), len(_SCALE) - 2)
    pairs = zip(_SCALE[low], _SCALE[low + 1], strict=True)
    mixed = [first + (second - first) * (at - low) for first, second in pairs]
    return Colour(_hex(mixed), _hex([_BORDER * part for part in mixed]))


def _hex(parts: list[float]) -> str:
    return "#" + "".join(f"{round(part):02X}" for part in parts)
