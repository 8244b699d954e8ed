"""A run of the sampler, step by step: the file and the torch module denoise the same noise by the same table.

What one evaluation is off, the next ones may amplify. So after each step, x of the file is held against x of the module
in float64, by the error that the module itself makes in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.errors import Problem, SamplingError
from archgraph.export.lowering.emit import output_names
from archgraph.graph.cost import cost
from archgraph.graph.types import Graph
from archgraph.verify.cases import MOST_MACS, Case, cases
from archgraph.verify.reference_values import run_module
from archgraph.verify.tolerance import Errors, errors_of, rounded

if TYPE_CHECKING:
    from torch import nn

    from archgraph.diffusion.coefficients import Table
    from archgraph.diffusion.denoisers import OpenedDenoiser, Ports
    from archgraph.diffusion.denoising_loop import Reading
    from archgraph.diffusion.guidance import Guidance

PICTURES = 2
MOST_STEPS, LEAST_STEPS = 10, 3
SAMPLER = "ddim"
STRENGTH = 2.0
"""Of guidance, where the file names none."""
_RUNS = 3  # the file, and the module in float32 and float64


@dataclass(frozen=True, slots=True)
class TrajectoryStep:
    """The error of x after a step, and the time at which the network was asked last."""

    number: int
    time: float
    errors: Errors


@dataclass(frozen=True, slots=True)
class Trajectory:
    """All steps of a run from one noise."""

    shape: tuple[int, ...]
    labels: tuple[int, ...]
    guidance: float
    steps: tuple[TrajectoryStep, ...]

    @property
    def departure(self) -> TrajectoryStep | None:
        """The first step whose picture is further off than it may be."""
        return next((step for step in self.steps if not step.errors.ok), None)

    def problem(self) -> Problem | None:
        """What is wrong, where something is."""
        found = self.departure
        if found is None:
            return None
        return Problem(
            f"sampling departs at step {found.number} of {len(self.steps)}, at time {found.time:g}",
            expected=found.errors.allowed,
            received=found.errors.found,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data; errors to two digits."""
        return {
            "sampler": SAMPLER,
            "shape": list(self.shape),
            "labels": list(self.labels),
            "guidance": self.guidance,
            "steps": [{"step": one.number, "time": one.time, **rounded(one.errors)} for one in self.steps],
        }

    def text(self) -> str:
        """One line for people."""
        share = max(step.errors.share for step in self.steps)
        return f"sampling: {len(self.steps)} steps of {SAMPLER}, each picture within {share:.0%} of the bound"


def trajectory(graph: Graph, modules: tuple[nn.Module, nn.Module], path: Path, dtype: str) -> Trajectory | None:
    """A run of a diffusion file and of its module, in the file's type and in float64; None for any other network.

    Raises RunError where the file cannot be run.
    """
    from archgraph.diffusion.denoisers import opened, ports
    from archgraph.runtime import Session
    from archgraph.verify.perturbation import DRAWS, spread

    if not graph.info.meta.get("diffusion"):
        return None
    with Session(path, "cpu", cache=False) as session:
        try:
            with opened(session) as model:
                run = _run(graph, model)
        except SamplingError:
            return None  # its inputs are others than those of a sampler
        found = run.walked(model, np.float32)
        calls = [
            replace(model, call=_call(graph, module, ports(session), kind))
            for module, kind in zip(modules, (dtype, "float64"), strict=True)
        ]
        single, exact = run.walked(calls[0], np.float32), run.walked(calls[1], np.float64)
        result = _compared(run, found, single, exact)
        if result.departure is None:
            return result
        moved = [
            run.walked(replace(model, call=_call(graph, modules[1], ports(session), dtype, draw)), np.float64)
            for draw in range(DRAWS)
        ]
    reach = [spread(truth, draws) for truth, *draws in zip(exact, *moved, strict=True)]
    return _compared(run, found, single, exact, reach)


@dataclass(frozen=True, slots=True)
class _TrajectoryRun:
    """What is settled before the first step."""

    noise: Array
    table: Table
    reading: Reading
    guidance: Guidance

    def walked(self, model: OpenedDenoiser, kind: type[np.floating[Any]]) -> list[Array]:
        """x after each step, computed in that element type."""
        from archgraph.diffusion.coefficients import CoefficientRow
        from archgraph.diffusion.denoising_loop import Estimate, applied
        from archgraph.diffusion.guidance import guided

        n, channels = self.noise.shape[:2]
        predict = guided(model, self.guidance, range(n), channels)
        times = self.table.timesteps.dtype
        model.expect(self.table.timesteps, self.guidance.asked)
        seen: list[Array] = []

        def estimate(x: Array, row: CoefficientRow) -> Estimate:
            return self.reading(x, np.asarray(predict(x, np.full(n, row.time, times))), row)

        def finished(step: int, x: Array) -> Array:
            seen.append(x.copy())
            return x

        start = (self.noise * self.table.start).astype(kind)
        applied(self.table, estimate, start, lambda: np.zeros_like(start), finished)
        return seen


def _run(graph: Graph, model: OpenedDenoiser) -> _TrajectoryRun:
    """The run that the file asks for, short and small. Raises SamplingError."""
    from archgraph.diffusion.sampling import reading_of, schedule_for, table_of

    shape, sizes = _shape(graph)
    guidance = _guidance(model, shape[0])
    macs = cost(graph, sizes).macs
    evaluation = (macs if isinstance(macs, int) else MOST_MACS) * (2 if guidance.doubled else 1) * _RUNS
    steps = min(MOST_STEPS, max(LEAST_STEPS, 2 * MOST_MACS // evaluation))
    reading = reading_of(model, None, None, None)
    table = table_of(model, schedule_for(model, None), SAMPLER, steps, 1.0)
    reading.check(table)
    noise = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    return _TrajectoryRun(noise, table, reading, guidance)


def _shape(graph: Graph) -> tuple[tuple[int, ...], Mapping[str, int]]:
    """The smallest pictures that the network takes, two of them unless their number is fixed."""
    (image,) = (value for value in graph.inputs if len(value.shape) == 4)
    sizes = dict(cases(graph)[0].sizes)
    if not isinstance(image.shape[0], int):
        sizes[str(image.shape[0])] = PICTURES
    return Case(sizes, 0).shape(image.shape), sizes


def _guidance(model: OpenedDenoiser, n: int) -> Guidance:
    """Labels where the network takes some, and guidance where it has a label that stands for none."""
    from archgraph.diffusion.guidance import checked_guidance

    if not model.labelled:
        return checked_guidance(model, None, None, 0.0, None, n)
    classes = model.said.get("classes") or 1
    labels = [k % classes for k in range(n)]
    strength = None if "guidance" in model.said or model.said.get("null_label") is None else STRENGTH
    return checked_guidance(model, labels, strength, 0.0, None, n)


def _call(graph: Graph, module: nn.Module, ports: Ports, dtype: str, draw: int | None = None) -> Callable[..., Array]:
    """A module as a function of x, t and labels; with a draw, one in float64 whose operations round as in `dtype`."""
    from archgraph.verify.perturbation import perturbed

    names = list(output_names(graph).values())
    seeds = count((draw or 0) << 20)

    def call(x: Array, t: Array, labels: Array | None) -> Array:
        feeds = ports.feeds(x, t, labels)
        ordered = {value.name: feeds[value.name] for value in graph.inputs}
        if draw is not None:
            return perturbed(module, names, ordered, dtype, next(seeds))[ports.output.name]
        return run_module(module, names, ordered, dtype)[ports.output.name]

    return call


def _compared(
    run: _TrajectoryRun, found: list[Array], single: list[Array], exact: list[Array], reach: list[Array] | None = None
) -> Trajectory:
    """The errors of each step; `reach` is how far rounding moves x there.

    What torch was off before counts too: a lucky step asks for no better one.
    """
    finishing = [row.time for row in run.table.rows if row.finishes]
    steps: list[TrajectoryStep] = []
    mean = largest = 0.0
    for number, (time, ours, theirs, truth) in enumerate(zip(finishing, found, single, exact, strict=True), 1):
        errors = errors_of(truth, theirs, ours, None if reach is None else reach[number - 1])
        mean, largest = max(mean, errors.mean_bound), max(largest, errors.largest_bound)
        steps.append(TrajectoryStep(number, time, replace(errors, mean_bound=mean, largest_bound=largest)))
    labels = () if run.guidance.labels is None else tuple(run.guidance.labels.tolist())
    return Trajectory(run.noise.shape, labels, run.guidance.scale, tuple(steps))
