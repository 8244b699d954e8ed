"""How far one word is from another, for hints that name what was meant."""

from __future__ import annotations


def edit_distance(a: str, b: str, most: int) -> int:
    """Letters left out, added, exchanged or swapped with their neighbour that turn one text into the other
    (Damerau 1964); more than `most` where there are more."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        older, before, row = before, row, [i]
        for j, other in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return row[-1]


def shared_start(a: str, b: str) -> int:
    """How many letters two words have in common at their start."""
    return next((at for at, (left, right) in enumerate(zip(a, b, strict=False)) if left != right), min(len(a), len(b)))


def slips_allowed(name: str) -> int:
    """How many slips still mean the same name: short names are near to many others by chance."""
    return 0 if len(name) < 2 else 1 if len(name) <= 4 else 2 if len(name) <= 9 else 3
