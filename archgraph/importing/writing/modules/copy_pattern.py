"""How the names of copies count."""

from __future__ import annotations

import re
from dataclasses import dataclass

NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Pattern:
    """Names with a number that counts: `prefix` + (`start` + i) + `suffix`.

    `chain` are the ports that each copy takes from the one before, where these are others than the main one. `read` are
    the copies, but for the last, whose results others read as well. `mapped` copies stand side by side. At the ports in
    `own` each copy reads a value of its own, whose number counts with the copies. `parts` are the names of what each
    copy hands out, where others than the next copy read some of it.
    """

    prefix: str
    start: int
    suffix: str
    chain: tuple[str, ...] = ()
    read: tuple[int, ...] = ()
    mapped: bool = False
    own: tuple[str, ...] = ()
    parts: tuple[tuple[str, ...], ...] = ()

    @property
    def text(self) -> str:
        return (
            f"{self.prefix}{{i}}{self.suffix}" if not self.start else f"{self.prefix}{{i + {self.start}}}{self.suffix}"
        )
