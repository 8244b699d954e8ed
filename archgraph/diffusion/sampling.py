"""From noise to pictures: what was asked for and what the file says, settled and run batch by batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archgraph.artifact.arrays import Floats
from archgraph.diffusion.coefficients import CoefficientRow, Table
from archgraph.diffusion.denoisers import EXAMPLE, OpenedDenoiser, Source, opened
from archgraph.diffusion.denoising_loop import Estimate, Reading, applied
from archgraph.diffusion.guidance import Guidance, Labels, checked_guidance, guided
from archgraph.diffusion.initial_samples import (
    STEPS,
    InitialSample,
    Seed,
    Size,
    Wanted,
    drawn,
    given_mask,
    given_noise,
    given_picture,
    initial_noise,
    streams,
)
from archgraph.diffusion.samplers import Sampler, named_sampler, sampler_options
from archgraph.diffusion.schedules import Schedule, is_count
from archgraph.errors import SamplingError

__all__ = ["initial_noise", "sample"]

Wide = NDArray[np.float64]
OnStep = Callable[[int, int, Floats], None]
OnBatch = Callable[[range, Floats], None]

DEFAULT_BATCH = 8
DEFAULT_SAMPLER, DEFAULT_STEPS = "ddim", 50


def sample(
    denoiser: Source,
    *,
    noise: NDArray[Any] | None = None,
    n: int | None = None,
    size: Size | None = None,
    channels: int | None = None,
    schedule: Schedule | None = None,
    prediction: str | None = None,
    sampler: str | Sampler | None = None,
    steps: int | None = None,
    clip: bool | None = None,
    threshold: float | None = None,
    labels: Labels | None = None,
    guidance: float | None = None,
    guidance_rescale: float = 0.0,
    null_label: int | None = None,
    init: NDArray[Any] | None = None,
    strength: float | None = None,
    mask: NDArray[Any] | None = None,
    seed: Seed = 0,
    first: int = 0,
    batch: int | None = None,
    on_step: OnStep | None = None,
    on_batch: OnBatch | None = None,
) -> Floats:
    """Pictures [n, channels, height, width] out of noise, in the network's range ([-1, 1]).

    `denoiser` is a diffusion file, a Session on one, or a function of x [N, C, H, W] and t [N], and of labels [N] where
    they are given. What is not given is as the file says in `meta.diffusion`; else it is the linear schedule, epsilon,
    ddim in 50 steps, no clipping and three channels. `noise` is standard normal: a sampler scales it as it needs.

    - `sampler` is a name, or `named_sampler("ddim", eta=0.5)`.
    - `clip` holds the prediction of x_0 within [-1, 1]; `threshold=0.995` thresholds it dynamically.
    - `labels` are one class or one for each picture, by number or by the name in `meta.labels`; `guidance` above 1
      draws them more clearly, `guidance_rescale` (0 to 1) then takes back the contrast that it adds.
    - `init` is a picture to start from, of which `strength` (0 to 1, 0.8) is drawn anew; with a `mask`, all of it where
      the mask is 1, and nothing where it is 0.
    - `seed` is a number, or two to go from the one's picture to the other's in n pictures; picture k has its noise from
      the seed and `first` + k.

    `on_step(step, total, x)` is called after each step of each batch, `on_batch(which, pictures)` after each batch.
    Raises SamplingError and InputError.
    """
    with opened(denoiser) as model:
        wanted = Wanted(_count(n, noise, labels), size, channels)
        start = _start(lambda wanted: _noise(model, wanted, noise, seed, first), wanted, init, mask)
        kinds = schedule_for(model, schedule)
        reading = reading_of(model, prediction, clip, threshold)
        table = table_of(model, kinds, sampler, steps, _strength(start, strength))
        reading.check(table)
        guide = checked_guidance(model, labels, guidance, guidance_rescale, null_label, len(start.noise))
        return _SamplingRun(model, reading, table, guide, start, seed, first).all(batch, on_step, on_batch)


@dataclass(frozen=True, slots=True)
class _SamplingRun:
    """What is settled before the first step."""

    model: OpenedDenoiser
    reading: Reading
    table: Table
    guidance: Guidance
    start: InitialSample
    seed: Seed
    first: int

    def all(self, batch: int | None, on_step: OnStep | None, on_batch: OnBatch | None) -> Floats:
        """The pictures, batch by batch."""
        parts = _batches(len(self.start.noise), batch, self.model.fixed[0])
        self.model.expect(self.table.timesteps, self.guidance.asked)
        pictures = np.empty_like(self.start.noise)
        for number, part in enumerate(parts):
            report = _reporting(on_step, number * self.table.steps, len(parts) * self.table.steps)
            pictures[part.start : part.stop] = self.part(part, report)
            if on_batch is not None:
                on_batch(part, pictures[part.start : part.stop])
        return pictures

    def part(self, part: range, report: Callable[[int, Floats], None]) -> Floats:
        """The pictures of one batch.

        The network sees float32; between its calls x is float64, since a sampler of second order takes x's from each
        other that agree in all digits of a float32 where the noise is 10⁴ times the picture (cosine's last times).
        """
        first = self.table.rows[0]
        x = self.start.x(part, first.signal, first.spread, self.table.start).astype(np.float64)
        predict = guided(self.model, self.guidance, part, x.shape[1])
        generators = streams(self.seed, range(self.first + part.start, self.first + part.stop), STEPS)
        kind = self.table.timesteps.dtype
        levels = self._levels_after()

        def estimate(x: Wide, row: CoefficientRow) -> Estimate:
            return self.reading(x, np.asarray(predict(_narrow(x), np.full(len(x), row.time, kind))), row)

        def finished(step: int, x: Wide) -> Wide:
            x = self.start.kept(x, part, *levels[step - 1])
            seen = _narrow(x)
            if not np.isfinite(seen).all():
                hint = "the weights or the element type of the network overflow; clip=True may help"
                raise SamplingError(f"step {step} of {self.table.steps} gave values that are not finite", hint=hint)
            report(step, seen)
            return x

        return _narrow(applied(self.table, estimate, x, lambda: drawn(generators, x.shape[1:]), finished))

    def _levels_after(self) -> list[tuple[float, float]]:
        """Signal and spread at the end of each step."""
        rows = self.table.rows
        places = [(row.signal, row.spread) for row in rows[1:]] + [(1.0, 0.0)]
        return [place for row, place in zip(rows, places, strict=True) if row.finishes]


def _narrow(x: Wide) -> Floats:
    """x as the network and people see it; what is too large becomes infinite, and is complained of."""
    with np.errstate(over="ignore"):
        return x.astype(np.float32)


def _count(n: int | None, noise: NDArray[Any] | None, labels: Labels | None) -> int | None:
    """As many pictures as labels, where nothing else says how many."""
    if n is None and noise is None and labels is not None and np.ndim(labels) == 1:
        return len(np.asarray(labels))
    return n


def _noise(model: OpenedDenoiser, wanted: Wanted, noise: NDArray[Any] | None, seed: Seed, first: int) -> Floats:
    """The noise that is given, or drawn from the seed. Raises SamplingError."""
    if not is_count(first) or first < 0:
        raise SamplingError("`first` is the number of a picture, 0 or more", received=repr(first))
    return wanted.noise(model, seed, first) if noise is None else given_noise(noise, wanted)


def _start(
    noise_for: Callable[[Wanted], Floats], wanted: Wanted, init: NDArray[Any] | None, mask: NDArray[Any] | None
) -> InitialSample:
    """The noise to start from, and the picture and mask where they are given. Raises SamplingError."""
    if init is None:
        if mask is not None:
            raise SamplingError("a mask needs the picture that it keeps", hint="give init=…")
        return InitialSample(noise_for(wanted))
    picture, wanted = given_picture(init, wanted)
    noise = noise_for(wanted)
    kept = None if mask is None else given_mask(mask, noise.shape)
    return InitialSample(noise, np.broadcast_to(picture, noise.shape), kept)


def _strength(start: InitialSample, strength: float | None) -> float:
    """How much of the steps to take: all, unless there is a picture to start from."""
    if start.init is None:
        if strength is not None:
            raise SamplingError("strength says how much of a picture is drawn anew", hint="give init=…")
        return 1.0
    if strength is None:
        return 0.8 if start.mask is None else 1.0
    number = isinstance(strength, (int, float)) and not isinstance(strength, bool)
    if not number or not 0 < strength <= 1:
        raise SamplingError("strength is out of range", expected="above 0, up to 1", received=str(strength))
    return float(strength)


def schedule_for(model: OpenedDenoiser, schedule: Schedule | None) -> Schedule:
    """The schedule that is given, else the file's. Raises SamplingError."""
    if model.diffusion is None and schedule is None:
        raise SamplingError(
            "the file does not say how its diffusion was trained",
            expected=EXAMPLE,
            hint="add `diffusion` to the spec's `meta` and export again, or give the schedule",
        )
    return schedule or Schedule.from_meta(model.said.get("schedule"))


def reading_of(model: OpenedDenoiser, prediction: str | None, clip: bool | None, threshold: float | None) -> Reading:
    """How the network's output is read: as is given, else as the file says. Raises SamplingError."""
    said = model.said
    held = said.get("clip", False) if clip is None else clip
    limit = said.get("threshold") if threshold is None and clip is None else threshold
    return Reading(said.get("prediction", "epsilon") if prediction is None else prediction, held, limit)


def table_of(
    model: OpenedDenoiser, schedule: Schedule, sampler: str | Sampler | None, steps: int | None, strength: float
) -> Table:
    """The table of the sampler; without its first steps where a run starts from a picture."""
    asked = model.said.get("sampler", DEFAULT_SAMPLER) if sampler is None else sampler
    number = model.said.get("steps", DEFAULT_STEPS) if steps is None else steps
    make = _named(asked, model) if isinstance(asked, str) else asked
    if not callable(make):
        raise SamplingError("this is no sampler", expected="a name, or named_sampler(…)", received=repr(asked))
    table: Table = make(schedule, number)
    skip = number - int(round(number * strength, 9))
    if skip == number:
        raise SamplingError(
            "so little strength leaves no step to take",
            expected=f"at least {1 / number:g} with {number} steps",
            received=str(strength),
        )
    return make(schedule, number, skip=skip) if skip else table


def _named(name: str, model: OpenedDenoiser) -> Sampler:
    """The sampler of a name, with the variance that the file names where it has one."""
    variance = model.said.get("variance")
    chosen = {"variance": variance} if variance is not None and "variance" in sampler_options(name) else {}
    return named_sampler(name, **chosen)


def _batches(n: int, batch: int | None, fixed: int | None) -> list[range]:
    """The pictures of each batch. A file with a fixed batch takes no other."""
    if batch is not None and (not is_count(batch) or batch < 1):
        raise SamplingError("a batch has 1 or more pictures", received=str(batch))
    if fixed is not None and (n % fixed or batch not in (None, fixed)):
        raise SamplingError(
            f"the file takes exactly {fixed} pictures at a time",
            received=f"{n} pictures" + (f" in batches of {batch}" if batch else ""),
            hint=f"ask for a multiple of {fixed} and leave the batch out, or export with a symbolic batch",
        )
    length = fixed or batch or DEFAULT_BATCH
    return [range(first, min(first + length, n)) for first in range(0, n, length)]


def _reporting(on_step: OnStep | None, done: int, total: int) -> Callable[[int, Floats], None]:
    """Counts the steps over all batches."""

    def report(step: int, x: Floats) -> None:
        if on_step is not None:
            on_step(done + step, total, x)

    return report
