"""Runs of statements that one statement stands for: from each place on, the run that is worth most."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from archgraph.importing.writing.classes.templates import WrittenStatement

Run = tuple[int, int, WrittenStatement]
"""What a run is worth, how many statements it is, and the one that stands for them."""


def with_best_runs(
    statements: Sequence[WrittenStatement], runs_from: Callable[[int], Iterable[Run | None]]
) -> list[WrittenStatement]:
    """The statements with the best of the runs from each place, which are told by its number, in their place."""
    made: list[WrittenStatement] = []
    place = 0
    while place < len(statements):
        found = filter(None, runs_from(place))
        _, length, statement = max(found, key=lambda run: run[0], default=(0, 1, statements[place]))
        made.append(statement)
        place += length
    return made
