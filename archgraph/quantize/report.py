"""The report of a quantisation: size, speed and error of int8 compared with float32."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archgraph.quantize.layer_selection import ASIDE
from archgraph.quantize.output_error import OutputDifference, total

MOST_LISTED = 12


@dataclass(frozen=True, slots=True)
class QuantizeReport:
    """`layers` are quantised, `kept` stay in float32 with their reasons: all by the paths of the spec.

    `errors` holds one entry per output, against the float32 file on held-out calibration data. `latency` is in
    milliseconds for `examples`, of float32 and int8; None where it was not measured. `time_branch` is the second
    file, in float32, of a network whose branch of the time is apart: it counts for the sizes and not for the latency,
    since a run of the sampler computes it once.
    """

    path: Path
    scheme: str
    sizes: tuple[int, int]
    sha256: str
    layers: tuple[str, ...]
    kept: Mapping[str, str]
    errors: tuple[OutputDifference, ...]
    budget: float
    calibration: Mapping[str, Any]
    latency: tuple[float, float] | None
    seconds: float
    time_branch: Path | None = None
    examples: int = 1

    @property
    def within_budget(self) -> bool:
        """Whether the error of every output is within the requested budget."""
        return total(self.errors) <= self.budget

    def facts(self) -> dict[str, Any]:
        """The entry of the file's metadata and certificate, without timings."""
        return {
            "scheme": self.scheme,
            "calibration": dict(self.calibration),
            "layers": list(self.layers),
            "kept": dict(self.kept),
            "budget": self.budget,
            "errors": [each.to_json() for each in self.errors],
        }

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        sizes = {"float32": self.sizes[0], "int8": self.sizes[1]}
        latency = None if self.latency is None else {"float32": self.latency[0], "int8": self.latency[1]}
        head = {"file": str(self.path), "sha256": self.sha256, "bytes": sizes, "latency_ms": latency}
        branch = {"time_branch": str(self.time_branch)} if self.time_branch else {}
        return {
            **head,
            **branch,
            **self.facts(),
            "within_budget": self.within_budget,
            "seconds": round(self.seconds, 3),
        }

    def text(self) -> str:
        """A table and two or three lines for people."""
        rows = [("", "float32", "int8", "ratio"), ("size", *_pair(self.sizes[0] / 1e6, self.sizes[1] / 1e6, "MB"))]
        if self.latency is not None:
            rows.append((self._timed(), *_pair(*self.latency, "ms")))
        wide = max(len(row[0]) for row in rows)
        lines = [f"{a:<{wide}}  {b:>10}  {c:>10}  {d:>5}".rstrip() for a, b, c, d in rows]
        lines += [self._error_line(each) for each in self.errors]
        lines.append(f"{len(self.layers)} layers in int8, {len(self.kept)} in float32: {self._reasons()}")
        lines += self._sensitive()
        if self.time_branch:
            lines.append(f"the branch of the time is in {self.time_branch}; the two files belong together")
        if not self.within_budget:
            lines.append(f"the error is above what was allowed ({self.budget:.1%})")
        return "\n".join(lines)

    def _timed(self) -> str:
        """The timed file: of two, the one that each step of a sampler runs."""
        what = "latency of a step" if self.time_branch else "latency"
        return f"{what}, {self.examples} example{'s' if self.examples > 1 else ''}"

    def _error_line(self, each: OutputDifference) -> str:
        classes = "" if each.same_class is None else f"; {each.same_class:.1%} the same class"
        where = f"{self.calibration['held_out']} held-out examples of {self.calibration['source']}"
        return f"'{each.output}' departs by {each.relative:.2%} ({each.snr:.1f} dB) on {where}{classes}"

    def _reasons(self) -> str:
        counts: dict[str, int] = {}
        for reason in self.kept.values():
            counts[reason] = counts.get(reason, 0) + 1
        return ", ".join(f"{reason} × {count}" for reason, count in counts.items())

    def _sensitive(self) -> list[str]:
        """The layers that stay for a reason that is not plain from the network."""
        names = [path for path, reason in self.kept.items() if reason != ASIDE]
        more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
        return [f"float32: {', '.join(names[:MOST_LISTED])}{more}"] if names else []


def _pair(before: float, after: float, unit: str) -> tuple[str, str, str]:
    return f"{before:.2f} {unit}", f"{after:.2f} {unit}", f"{after / before:.2f}"
