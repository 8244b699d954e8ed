"""Names of copies and parts in a row as one name: `heads.0`, `heads.1`, `heads.2` are heads, or a slice of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_LEAST_OF_A_SLICE = 3
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class NumberedName:
    """A name, and of which copies or parts it is which: `stem` is what all of them are called, `count` how many there
    are where the stem alone means all of them. `part` is which of several values of a copy it is."""

    name: str
    stem: str = ""
    number: int = -1
    count: int = -1
    part: str = ""

    @property
    def whole(self) -> str:
        """The name with its number, which that of the last copy is left without."""
        if self.part:
            return f"{self.stem}.{self.number}.{self.part}"
        return f"{self.stem}.{self.number}" if self.stem == self.name else self.name


def together(names: Sequence[NumberedName]) -> list[str]:
    """The names, those of one stem whose numbers count as one: all of them, or a slice of at least three."""
    found: list[str] = []
    place = 0
    while place < len(names):
        first = names[place]
        length = 1
        while place + length < len(names) and _follows(first, names[place + length], length):
            length += 1
        if length == first.count and length > 1:
            found.append(first.stem)
        elif length >= _LEAST_OF_A_SLICE:
            found.append(f"{first.stem}[{first.number}:{first.number + length}]")
        else:
            length = 1
            found.append(first.name)
        place += length
    return found


def _follows(first: NumberedName, here: NumberedName, length: int) -> bool:
    return bool(first.stem) and not first.part and here.stem == first.stem and here.number == first.number + length


def counted_name(names: Sequence[str]) -> str:
    """A name for each copy: `parts.1`, `parts.2` → parts.{i + 1}; `parts.2`, `parts.1` → parts.{2 - i}; `down.1.skip`,
    `down.2.skip` → down.{i + 1}.skip."""
    for match in reversed([*_NUMBER.finditer(names[0])]):
        before, start, behind = names[0][: match.start()], int(match[0]), names[0][match.end() :]
        for step, text in ((1, f"i + {start}" if start else "i"), (-1, f"{start} - i")):
            if all(name == f"{before}{start + step * place}{behind}" for place, name in enumerate(names)):
                return f"{before}{{{text}}}{behind}"
    raise AssertionError(f"{names} count")
