"""What is seen of a run while it goes on: a bar on the terminal, and the frames of an animation."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

    from archgraph.runtime.images import Floats

MOST_FRAMES = 50


class Frames:
    """The first batch as it loses its noise: 25 to 50 grids, evenly spaced, and the finished one."""

    def __init__(self) -> None:
        self.pictures: list[Image] = []
        self._every = 1
        self._finished = False

    def take(self, step: int, x: Floats) -> None:
        """Keeps the state after a step, where it is one of those to keep."""
        if self._finished or step % self._every:
            return
        self._append(x)
        if len(self.pictures) >= MOST_FRAMES:
            del self.pictures[::2]
            self._every *= 2

    def finish(self, pictures: Floats) -> None:
        """The first batch is done; what follows is not kept."""
        if not self._finished:
            self._append(pictures)
        self._finished = True

    def _append(self, x: Floats) -> None:
        from archgraph.cli.sample_output import shown

        sheet = shown(x)
        if not self.pictures or sheet != self.pictures[-1]:  # the last step has made the finished pictures
            self.pictures.append(sheet)


@contextmanager
def progress(device: str, n: int | None = None, *, silent: bool = False) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr with the speed (in images, where there are n) and the time left, where somebody looks at it."""
    if silent or not sys.stderr.isatty():
        yield lambda step, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    speed = TextColumn("{task.fields[speed]}")
    columns = (TextColumn(f"sampling on {device}"), BarColumn(), MofNCompleteColumn(), speed, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None, speed="")

        def advance(step: int, total: int) -> None:
            rate = bar.tasks[task].speed
            text = "" if not rate else f"{rate * n / total:.2f} images/s" if n else f"{rate:.1f} steps/s"
            bar.update(task, completed=step, total=total, speed=text)

        yield advance


@contextmanager
def steps(*, silent: bool = False) -> Iterator[Callable[[int, int, str], None]]:
    """A bar on stderr for steps that have names, with the time left, where somebody looks at it."""
    if silent or not sys.stderr.isatty():
        yield lambda done, total, what: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, what: bar.update(task, completed=done, total=total, description=what)
