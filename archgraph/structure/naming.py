"""Names of parameters: which a target can use is the target's affair and is handed in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Naming:
    """What a target allows: `usable` says whether a name may be a parameter's, `taken` are the names in use already."""

    usable: Callable[[str], bool]
    taken: frozenset[str] = frozenset()
    authors: bool = False
    """Whether arguments are those of an author's constructors: the width of layers inside of a class is called after
    what the author calls the width that it makes (`mid_chs` beside `out_chs`), and whole ratios are whole numbers."""


def free(stem: str, taken: Iterable[str]) -> str:
    """The name itself, or with the first number that makes it new."""
    known = taken if isinstance(taken, (set, frozenset)) else set(taken)
    if stem not in known:
        return stem
    number = 2
    between = "_" if stem[-1:].isdigit() else ""
    while f"{stem}{between}{number}" in known:
        number += 1
    return f"{stem}{between}{number}"
