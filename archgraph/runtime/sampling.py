"""From noise to pictures: one loop that applies the table of any sampler to any denoiser.

The noise of picture k is drawn from a generator of its own, keyed by the seed and k. So a picture depends neither on
the number of pictures nor on the size of the batches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archgraph.errors import SamplingError

from .denoisers import EXAMPLE, Denoiser, Floats, Opened, Source, opened
from .samplers import Sampler, Table, named_sampler
from .schedules import PREDICTIONS, Schedule, check_choice

OnStep = Callable[[int, int, Floats], None]

DEFAULT_BATCH = 8
START, STEPS = 0, 1  # the two streams of a picture: what it starts from, and what its steps add


@dataclass(frozen=True, slots=True)
class Process:
    """What is settled before the first step: the schedule, what the network predicts, and the steps to take."""

    schedule: Schedule
    prediction: str
    clip: bool
    table: Table


def initial_noise(n: int, shape: Sequence[int], seed: int = 0) -> Floats:
    """The noise [n, *shape] that pictures 0 to n - 1 start from."""
    return _drawn(_streams(seed, range(n), START), tuple(shape))


def sample(
    denoiser: Source,
    *,
    noise: NDArray[Any] | None = None,
    n: int | None = None,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    schedule: Schedule | None = None,
    prediction: str | None = None,
    sampler: str | Sampler = "ddim",
    steps: int = 50,
    clip: bool | None = None,
    seed: int = 0,
    batch: int | None = None,
    on_step: OnStep | None = None,
) -> Floats:
    """Pictures [n, channels, height, width] out of noise, in the network's range ([-1, 1]).

    `denoiser` is a diffusion file, a Session on one, or a function of x [N, C, H, W] and t [N]. What is not given is as
    the file says in `meta.diffusion`; a function gets the linear schedule, epsilon, no clipping and three channels.
    `sampler` is a name, or `named_sampler("ddim", eta=0.5)`. `clip` holds the prediction of x_0 within [-1, 1].
    `on_step(step, total, x)` is called after each step of each batch. Raises SamplingError and InputError.
    """
    with opened(denoiser) as model:
        process = _process(model, schedule, prediction, clip, _table_maker(sampler), steps)
        start = _start(model, noise, n, size, channels, seed)
        parts = _batches(len(start), batch, model.fixed[0])
        finished = []
        for number, part in enumerate(parts):
            report = _reporting(on_step, number * len(process.table), len(parts) * len(process.table))
            streams = _streams(seed, part, STEPS)
            finished.append(_denoised(model.call, start[part.start : part.stop], process, streams, report))
        return np.concatenate(finished)


def _process(
    model: Opened,
    schedule: Schedule | None,
    prediction: str | None,
    clip: bool | None,
    make_table: Sampler,
    steps: int,
) -> Process:
    """What was asked for, then what the file says, then the defaults."""
    if model.diffusion is None and schedule is None:
        raise SamplingError(
            "the file does not say how its diffusion was trained",
            expected=EXAMPLE,
            hint="add `diffusion` to the spec's `meta` and export again, or give the schedule",
        )
    told = model.diffusion or {}
    settled = schedule or Schedule.from_meta(told.get("schedule"))
    kind = prediction or told.get("prediction", "epsilon")
    check_choice("prediction", kind, PREDICTIONS)
    return Process(settled, kind, bool(told.get("clip", False)) if clip is None else clip, make_table(settled, steps))


def _table_maker(sampler: str | Sampler) -> Sampler:
    return named_sampler(sampler) if isinstance(sampler, str) else sampler


def _start(
    model: Opened,
    noise: NDArray[Any] | None,
    n: int | None,
    size: int | tuple[int, int] | None,
    channels: int | None,
    seed: int,
) -> Floats:
    """The noise to start from: what is given, or drawn in the shape that the caller, the file or the default names."""
    if noise is not None:
        return _given_noise(noise, n, size, channels)
    told = model.diffusion or {}
    count = (model.fixed[0] or 1) if n is None else n
    depth = (model.fixed[1] or told.get("channels", 3)) if channels is None else channels
    shape = (count, depth, *_sides(told.get("size", model.fixed[2:]) if size is None else size))
    if not all(isinstance(extent, int) and extent > 0 for extent in shape):
        raise SamplingError("these are no pictures", expected="n, channels and sizes of 1 or more", received=str(shape))
    return initial_noise(shape[0], shape[1:], seed)


def _sides(size: Any) -> tuple[int, int]:
    """Height and width."""
    if isinstance(size, int):
        return size, size
    if size in ((None, None), None):
        raise SamplingError("how large the pictures are is not known", hint="give size=32, or (height, width)")
    if not isinstance(size, (tuple, list)) or len(size) != 2:
        raise SamplingError("this is no size", expected="a number, or height and width", received=repr(size))
    return size[0], size[1]


def _given_noise(
    noise: NDArray[Any], n: int | None, size: int | tuple[int, int] | None, channels: int | None
) -> Floats:
    start = np.asarray(noise)
    if start.ndim != 4 or start.dtype.kind != "f" or not start.size:
        received = f"{start.dtype} {start.shape}"
        raise SamplingError("this is no noise to start from", expected="numbers [N, C, H, W]", received=received)
    asked = (n, channels, *((None, None) if size is None else _sides(size)))
    if any(want is not None and want != have for want, have in zip(asked, start.shape, strict=True)):
        expected = str(tuple("any" if want is None else want for want in asked))
        raise SamplingError(
            "the noise has another shape than was asked for", expected=expected, received=str(start.shape)
        )
    return start.astype(np.float32)


def _batches(n: int, batch: int | None, fixed: int | None) -> list[range]:
    """The pictures of each batch. A file with a fixed batch takes no other."""
    if batch is not None and (not isinstance(batch, int) or batch < 1):
        raise SamplingError("a batch has 1 or more pictures", received=str(batch))
    if fixed is not None and (n % fixed or batch not in (None, fixed)):
        raise SamplingError(
            f"the file takes exactly {fixed} pictures at a time",
            received=f"{n} pictures" + (f" in batches of {batch}" if batch else ""),
            hint=f"ask for a multiple of {fixed} and leave the batch out, or export with a symbolic batch",
        )
    length = fixed or batch or DEFAULT_BATCH
    return [range(first, min(first + length, n)) for first in range(0, n, length)]


def _streams(seed: int, pictures: range, stream: int) -> list[np.random.Generator]:
    """One generator per picture. Raises SamplingError for a seed that is none."""
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise SamplingError("the seed is a whole number of 0 or more", received=repr(seed))
    keys = (np.random.SeedSequence(int(seed), spawn_key=(k, stream)) for k in pictures)
    return [np.random.Generator(np.random.Philox(key)) for key in keys]


def _drawn(streams: Sequence[np.random.Generator], shape: tuple[int, ...]) -> Floats:
    return np.stack([stream.standard_normal(shape, dtype=np.float32) for stream in streams])


def _reporting(on_step: OnStep | None, done: int, total: int) -> Callable[[int, Floats], None]:
    """Counts the steps over all batches."""

    def report(step: int, x: Floats) -> None:
        if on_step is not None:
            on_step(done + step, total, x)

    return report


def _denoised(
    call: Denoiser,
    x: Floats,
    process: Process,
    streams: Sequence[np.random.Generator],
    report: Callable[[int, Floats], None],
) -> Floats:
    """All steps of one batch."""
    for row, t in enumerate(process.table.timesteps.tolist()):
        output = _predicted(call, x, t)
        original, noise = process.schedule.separate(x, output, t, process.prediction)
        if process.clip:
            original = original.clip(-1, 1)
        x = _stepped(process.table, row, x, original, noise)
        if process.table.sigma[row]:
            x += np.float32(process.table.sigma[row]) * _drawn(streams, x.shape[1:])
        if not np.isfinite(x).all():
            hint = "the weights or the element type of the network overflow; clip=True may help"
            raise SamplingError(f"step {row + 1} (t = {t}) gave values that are not finite", hint=hint)
        report(row + 1, x)
    return x


def _predicted(call: Denoiser, x: Floats, t: int) -> Floats:
    output = np.asarray(call(x, np.full(len(x), t, np.int64)))
    if output.shape != x.shape:
        raise SamplingError(
            "the denoiser does not answer with an image like the one it is given",
            expected=str(x.shape),
            received=str(output.shape),
        )
    return output.astype(np.float32, copy=False)


def _stepped(table: Table, row: int, x: Floats, original: Floats, noise: Floats) -> Floats:
    """The next x without its new noise; what has no part in the sum is left out, for it may be infinite."""
    result = np.float32(table.original[row]) * original
    for column, array in ((table.noise, noise), (table.sample, x)):
        if column[row]:
            result += np.float32(column[row]) * array
    return result
