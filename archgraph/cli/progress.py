"""Progress of a run: bars on the terminal, and the frames of an animation."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image
    from rich.progress import Progress, TaskID

    from archgraph.artifact.arrays import Floats
    from archgraph.runtime.images import Pixels
    from archgraph.training.progress import Progress as TrainingProgress

MOST_FRAMES = 50
MOST_BYTES = 2**28
"""The memory limit of an animation's frames in bytes: a row of 400 pictures of 64 × 64."""


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
    if not _is_visible(silent):
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
    if not _is_visible(silent):
        yield lambda done, total, what: None
        return
    with _bar("{task.description}") as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, what: bar.update(task, completed=done, total=total, description=what)


@contextmanager
def parts(*, silent: bool = False) -> Iterator[Callable[[str, int, int], None]]:
    """A bar on stderr for each part of the work, where somebody looks at it."""
    if not _is_visible(silent):
        yield lambda what, done, total: None
        return
    with _bar("{task.description}") as bar:
        tasks: dict[str, TaskID] = {}

        def advance(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)

        yield advance


@contextmanager
def files_done(total: int, *, silent: bool = False) -> Iterator[Callable[[int, str], None]]:
    """A bar on stderr for files, where there are several and somebody looks at it; else a line every half a minute."""
    if _is_visible(silent) and total > 1:
        with steps() as advance:
            yield lambda done, name: advance(done, total, name)
        return
    begun = last = time.monotonic()

    def tell(done: int, name: str) -> None:
        nonlocal last
        if silent or done == total or time.monotonic() - last < SECONDS:
            return
        last = time.monotonic()
        seconds = round((last - begun) / done * (total - done))
        print(f"{done:,} of {total:,} files, {seconds // 60}:{seconds % 60:02} left", file=sys.stderr, flush=True)

    yield tell


SHARE, SECONDS = 20, 30.0
"""Without a terminal: so many lines over a run, and one at least every so many seconds."""


@contextmanager
def training(*, silent: bool = False) -> Iterator[Callable[[TrainingProgress], None]]:
    """A bar on stderr with the epoch and the last numbers where somebody looks at it, else a line now and then."""
    if silent:
        yield lambda progress: None
        return
    if not _is_visible(silent):
        yield TrainingLines()
        return
    with _bar("{task.description}", "{task.fields[numbers]}", transient=False) as bar:
        task, known = bar.add_task("", total=None, numbers=""), dict[str, float]()

        def advance(progress: TrainingProgress) -> None:
            if progress.checked or progress.step % 10 == 0 or progress.step == progress.steps:
                known.update(progress.numbers())
            epoch = f"epoch {progress.epoch}/{progress.epochs}"
            bar.update(task, completed=progress.step, total=progress.steps, description=epoch, numbers=listed(known))

        yield advance


class TrainingLines:
    """Plain lines on stderr: the first and the last step, each twentieth of the run, each look at held-out pictures."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun = self._last = clock()
        self._first: int | None = None

    def __call__(self, progress: TrainingProgress) -> None:
        begins = self._first is None
        if self._first is None:
            self._first = progress.step - 1
        due = progress.step % max(1, progress.steps // SHARE) == 0 or self._clock() - self._last >= SECONDS
        if not (begins or due or progress.checked or progress.step == progress.steps):
            return
        self._last = self._clock()
        place = f"step {progress.step:,}/{progress.steps:,}, epoch {progress.epoch}/{progress.epochs}"
        left = "" if begins or progress.checked else self._remaining_time(progress)
        print(f"{place}: {listed(progress.numbers())}{left}", file=sys.stderr, flush=True)

    def _remaining_time(self, progress: TrainingProgress) -> str:
        assert self._first is not None
        each = (self._clock() - self._begun) / max(1, progress.step - self._first)
        seconds = round(each * (progress.steps - progress.step))
        return f", {seconds // 60}:{seconds % 60:02} left" if seconds else ""


def listed(numbers: Mapping[str, float]) -> str:
    """`loss 0.1234, accuracy 0.9`."""
    return ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())


def _is_visible(silent: bool) -> bool:
    return not silent and sys.stderr.isatty()


def _bar(before: str, *behind: str, transient: bool = True) -> Progress:
    """A bar between texts, with how many are done and the time left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    texts = map(TextColumn, behind)
    columns = (TextColumn(before), BarColumn(), MofNCompleteColumn(), *texts, TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=transient)
