"""How far a file may be from the network: measured against float64, in units of torch's own float32 error, or of what
rounding can reach where torch was exact by chance or by another kernel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.errors import VerificationError
from archgraph.verify.reference_values import Reference

MEAN_FACTOR, MEAN_FLOOR = 4.0, 1e-6
"""Root mean square error: at most 4 times torch's or what rounding can reach, whichever is more, plus 1e-6 of the
output's own root mean square."""
LARGEST_FACTOR, LARGEST_FLOOR = 10.0, 1e-5
"""Largest error: at most 10 times torch's or what rounding can reach, plus 1e-5 of the output's largest value."""
SHARP = 1e-4
"""A bound that is wider than this part of an output, or of its quietest channel, may hide a fault there, so each node
is looked at by itself."""
LEAST_PART = 32
"""A channel of fewer numbers may be quiet by chance."""


@dataclass(frozen=True, slots=True)
class Run:
    """Under which weights, at which sizes, with which optimisations of ONNX Runtime a file was run."""

    weights: str
    sizes: Mapping[str, int]
    optimised: bool

    def __str__(self) -> str:
        sizes = " ".join(f"{name}={size}" for name, size in self.sizes.items()) or "its only sizes"
        return f"{self.weights} weights, {sizes}, optimisations {'on' if self.optimised else 'off'}"


@dataclass(frozen=True, slots=True)
class Errors:
    """Of torch in float32 and of the file, against float64, and what is allowed: on average, and anywhere.

    `quietest` is the root mean square of the quietest channel of the output. What rounding can reach is 0 where nobody
    had to ask.
    """

    torch_mean: float
    mean: float
    mean_bound: float
    torch_largest: float
    largest: float
    largest_bound: float
    quietest: float = 0.0
    reach_mean: float = 0.0
    reach_largest: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether both errors are within their bounds; what is not a number is not."""
        return bool(self.mean <= self.mean_bound and self.largest <= self.largest_bound)

    @property
    def sharp(self) -> bool:
        """Whether torch's own error alone allows what was found, by a bound that hides nothing."""
        return self.ok and not self.reach_mean and self.mean_bound <= SHARP * self.quietest

    @property
    def allowed(self) -> str:
        """The bounds in words."""
        return f"an error of at most {self.mean_bound:.1e} on average and {self.largest_bound:.1e} anywhere"

    @property
    def found(self) -> str:
        """The errors in words; torch's are what the bounds are multiples of."""
        own = f"torch's own: {self.torch_mean:.1e} and {self.torch_largest:.1e}"
        if self.reach_mean:
            own += f"; rounding reaches {self.reach_mean:.1e} and {self.reach_largest:.1e}"
        return f"{self.mean:.1e} on average, {self.largest:.1e} at most ({own})"

    @property
    def share(self) -> float:
        """The part of the bound that is used: 1 is the limit."""
        pairs = ((self.mean, self.mean_bound), (self.largest, self.largest_bound))
        return max(error / bound if bound else float(error > 0) for error, bound in pairs)


@dataclass(frozen=True, slots=True)
class Measured:
    """One output of one run and its errors."""

    run: Run
    output: str
    errors: Errors

    @property
    def ok(self) -> bool:
        """See `Errors.ok`."""
        return self.errors.ok

    @property
    def share(self) -> float:
        """See `Errors.share`."""
        return self.errors.share

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        head = {"weights": self.run.weights, "sizes": dict(self.run.sizes), "optimised": self.run.optimised}
        return {**head, "output": self.output, **rounded(self.errors)}


def rounded(errors: Errors) -> dict[str, float]:
    """Errors to two digits, since the last bits are the processor's; what rounding can reach where it was asked."""
    left_out = {"quietest"} if errors.reach_mean else {"quietest", "reach_mean", "reach_largest"}
    return {name: float(f"{value:.1e}") for name, value in asdict(errors).items() if name not in left_out}


def measure(reference: Reference, found: Mapping[str, Array], run: Run) -> Iterator[Measured]:
    """The errors of each output. Raises VerificationError where one is missing, or has another shape or element type.

    One side may be in float32 where the other is in float16 or float64, as an output is declared: copies of a file, and
    modules, that run in another type give it so.
    """
    for name, exact in reference.exact.items():
        if name not in found:
            raise VerificationError(f"the file has no output '{name}'", received=", ".join(found))
        ours, single = found[name], reference.single[name]
        if ours.shape != exact.shape or not _comparable(ours.dtype, single.dtype):
            raise VerificationError(
                f"the output '{name}' of the file has another shape or element type than the module's",
                expected=f"{list(exact.shape)} {single.dtype}",
                received=f"{list(ours.shape)} {ours.dtype}",
            )
        reach = None if reference.reach is None else reference.reach[name]
        yield Measured(run, name, errors_of(exact, single, ours, reach))


def _comparable(ours: np.dtype[Any], theirs: np.dtype[Any]) -> bool:
    return ours == theirs or (ours.kind == theirs.kind == "f" and np.dtype(np.float32) in (ours, theirs))


def errors_of(exact: Array, single: Array, ours: Array, reach: Array | None = None) -> Errors:
    """Of torch in float32 and of the file, against float64; `reach` is how far rounding can move each element.

    Where float64 itself is not finite, the others must be so in the same way. Where torch alone is not, the file is
    excused if it is so in the same way; an infinite error of torch's would allow anything.
    """
    truth, told, found = (array.astype(np.float64) for array in (exact, single, ours))
    finite = np.isfinite(truth)
    agree = np.array_equal(truth[~finite], found[~finite], equal_nan=True)
    lost = finite & ~np.isfinite(told)
    judged = finite & ~(lost & ((found == told) | (np.isnan(found) & np.isnan(told))))
    # Infinities are left out before they are subtracted: their difference is no number.
    gaps = [np.abs(each[where] - truth[where]) for each, where in ((told, finite & ~lost), (found, judged))]
    exactly = not np.issubdtype(exact.dtype, np.floating)
    size, top = (0.0, 0.0) if exactly else (_mean(truth[judged]), float(np.abs(truth[judged]).max(initial=0)))
    gaps.append(np.zeros(0) if reach is None else reach[judged])
    means, largest = [_mean(gap) for gap in gaps], [float(gap.max(initial=0)) for gap in gaps]
    return Errors(
        torch_mean=means[0],
        mean=means[1] if agree else float("inf"),
        mean_bound=MEAN_FACTOR * max(means[0], means[2]) + MEAN_FLOOR * size,
        torch_largest=largest[0],
        largest=largest[1],
        largest_bound=LARGEST_FACTOR * max(largest[0], largest[2]) + LARGEST_FLOOR * top,
        quietest=0.0 if exactly else _quietest(np.where(judged, truth, 0.0)),
        reach_mean=means[2],
        reach_largest=largest[2],
    )


def _mean(values: Array) -> float:
    """Root mean square; 0 for nothing. Squares of the largest numbers would overflow, so all are scaled."""
    top = float(np.abs(values).max(initial=0))
    if not 0 < top < float("inf"):  # what is no number stays so
        return top
    return top * float(np.sqrt(np.mean(np.square(values / top))))


def _quietest(values: Array) -> float:
    """The smallest root mean square of a slice along any dimension but the first; slices of zeros do not count."""
    found = [_mean(values)]
    for axis in range(1, values.ndim):
        parts = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)
        if parts.size and parts.shape[1] >= LEAST_PART:
            found += [_mean(part) for part in parts]
    return min((size for size in found if size), default=0.0)


def says_nothing(reference: Reference, name: str) -> bool:
    """Whether an output has no number at all that a file could be held against."""
    exact, single = reference.exact[name], reference.single[name]
    return bool(exact.size) and not (np.isfinite(exact) & np.isfinite(single)).any()
