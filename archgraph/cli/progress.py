"""What is seen of a run while it goes on: bars on the terminal, and the frames of an animation."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image
    from rich.progress import Progress, TaskID

    from archgraph.runtime.images import Floats, Pixels

MOST_FRAMES = 50
MOST_BYTES = 2**28
"""What the sheets of an animation may take in memory: a row of 400 pictures of 64 × 64 takes as much."""


class Frames:
    """All pictures as they lose their noise: 25 to 50 grids, evenly spaced, and the finished one.

    Which steps are kept is settled by the first batch. So many pictures are shown as `MOST_BYTES` allows.
    """

    def __init__(self) -> None:
        self._kept: dict[int, list[Pixels]] = {}
        self._batch: dict[int, Pixels] = {}
        self._finished: list[Pixels] = []
        self._every, self._step = 1, 0
        self.shown = 0

    def take(self, x: Floats) -> None:
        """Keeps the state after the next step of a batch, where it is one of those to keep."""
        from archgraph.runtime import to_pixels

        self._step = step = self._step + 1
        wanted = step in self._kept if self._finished else step % self._every == 0
        room = self._room(x)
        if not wanted or not room:
            return
        self._batch[step] = to_pixels(x[:room])
        if not self._finished and len(self._batch) >= MOST_FRAMES:
            self._every *= 2
            self._batch = {kept: pixels for kept, pixels in self._batch.items() if kept % self._every == 0}

    def finish(self, pictures: Floats) -> None:
        """A batch is done."""
        from archgraph.runtime import to_pixels

        room = self._room(pictures)
        if room:
            for step, pixels in self._batch.items():
                self._kept.setdefault(step, []).append(pixels)
            self._finished.append(to_pixels(pictures[:room]))
            self.shown += len(self._finished[-1])
        self._batch, self._step = {}, 0

    @property
    def pictures(self) -> list[Image]:
        """The frames, without those of a batch that was interrupted."""
        from archgraph.cli.sample_output import sheet_of

        sheets: list[Image] = []
        for parts in (*self._kept.values(), self._finished):
            sheet = sheet_of(parts) if parts else None
            if sheet and (not sheets or sheet != sheets[-1]):  # the last step has made the finished pictures
                sheets.append(sheet)
        return sheets

    def _room(self, x: Floats) -> int:
        """How many of a batch still fit, as large as they are shown."""
        from archgraph.cli.sample_output import enlarged

        _, _, height, width = x.shape
        factor = enlarged(height, width)
        most: int = MOST_BYTES // (MOST_FRAMES * 3 * height * width * factor**2)
        return min(len(x), max(1, most) - self.shown)


@contextmanager
def progress(device: str, n: int | None = None, *, silent: bool = False) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr with the speed (in images, where there are n) and the time left, where somebody looks at it."""
    if not _seen(silent):
        yield lambda step, total: None
        return
    with _bar(f"sampling on {device}", "{task.fields[speed]}", transient=False) as bar:
        task = bar.add_task("", total=None, speed="")

        def advance(step: int, total: int) -> None:
            rate = bar.tasks[task].speed
            text = "" if not rate else f"{rate * n / total:.2f} images/s" if n else f"{rate:.1f} steps/s"
            bar.update(task, completed=step, total=total, speed=text)

        yield advance


@contextmanager
def steps(*, silent: bool = False) -> Iterator[Callable[[int, int, str], None]]:
    """A bar on stderr for steps that have names, with the time left, where somebody looks at it."""
    if not _seen(silent):
        yield lambda done, total, what: None
        return
    with _bar("{task.description}") as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, what: bar.update(task, completed=done, total=total, description=what)


@contextmanager
def parts(*, silent: bool = False) -> Iterator[Callable[[str, int, int], None]]:
    """A bar on stderr for each part of the work, where somebody looks at it."""
    if not _seen(silent):
        yield lambda what, done, total: None
        return
    with _bar("{task.description}") as bar:
        tasks: dict[str, TaskID] = {}

        def advance(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)

        yield advance


def _seen(silent: bool) -> bool:
    return not silent and sys.stderr.isatty()


def _bar(before: str, *behind: str, transient: bool = True) -> Progress:
    """A bar between texts, with how many are done and the time left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    texts = map(TextColumn, behind)
    columns = (TextColumn(before), BarColumn(), MofNCompleteColumn(), *texts, TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=transient)
