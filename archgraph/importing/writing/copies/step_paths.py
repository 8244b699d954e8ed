"""Where the steps of stages stand in the module tree: paths that count with the stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archgraph.importing.writing.classes.templates import WrittenStatement
from archgraph.importing.writing.modules.copy_pattern import NUMBER, Pattern


@dataclass(frozen=True, slots=True)
class StepPath:
    """The paths of one step in all stages: `prefix` + (`start` + `step` · stage) + `suffix`, and for copies `.` + their
    number + `inner`."""

    prefix: str
    start: int
    step: int
    suffix: str
    inner: str | None = None


def own_path(like: Sequence[StepPath | None] | None, place: int) -> StepPath | None:
    """The path of a step in other networks."""
    return like[place] if like is not None else None


def path_of_step(column: Sequence[WrittenStatement], like: StepPath | None = None) -> StepPath | None:
    """How the paths of a step count; where there is one, as those of another network do."""
    copies = [one.term.value for one in column if isinstance(one.term.value, Pattern) and one.term.kind == "copies"]
    names = [one.prefix for one in copies] or [one.name for one in column]
    if copies and (copies[0].start or not names[0].endswith(".") or len({one.suffix for one in copies}) > 1):
        return None
    for match in NUMBER.finditer(names[0]):
        prefix, suffix = names[0][: match.start()], names[0][match.end() :]
        if (prefix and not prefix.endswith(".")) or (suffix and not suffix.startswith(".")):
            continue  # layer1 and layer2 are names that somebody gave, one by one
        middles = [name[len(prefix) : len(name) - len(suffix)] for name in names]
        if not all(map(str.isdecimal, middles)):
            continue
        inner = copies[0].suffix if copies else None
        if len(names) == 1:
            alone = StepPath(prefix, int(middles[0]), like.step if like is not None else 0, suffix, inner)
            if alone == like:
                return alone
            continue
        start, step = int(middles[0]), int(middles[1]) - int(middles[0])
        if step > 0 and names == [f"{prefix}{start + step * place}{suffix}" for place in range(len(names))]:
            return StepPath(prefix, start, step, suffix, inner)
    return None


def parts_a_level(columns: Sequence[Sequence[WrittenStatement]], others: Sequence[WrittenStatement]) -> bool:
    """Whether a copy takes some of the modules of a numbered level, and others stay behind: `stages.2.0` without
    `stages.2.4`."""
    levels: set[str] = set()
    for column in columns:
        words = [one.path.split(".") for one in column]
        apart = next((place for place, same in enumerate(zip(*words, strict=False)) if len({*same}) > 1), None)
        levels.update(".".join(one[: apart + 1]) + "." for one in words if apart is not None and apart + 1 < len(one))
    return any(one.path.startswith(level) for one in others for level in levels)
