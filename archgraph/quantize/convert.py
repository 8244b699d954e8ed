"""The verb: a float32 file becomes an int8 file, and it is measured how far they differ."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from archgraph.artifact.metadata_keys import QUANTIZED
from archgraph.artifact.replacement import require_own_branch
from archgraph.errors import InputError, nearest
from archgraph.quantize.calibration import Calibration, synthetic, usual_count
from archgraph.quantize.layer_selection import LayerSelection, choose, spec_path, weighted
from archgraph.quantize.output_error import OutputDifference, departures, outputs_on, total
from archgraph.quantize.qdq import quantised, quantised_values
from archgraph.quantize.quantized_files import write_quantised
from archgraph.quantize.ranges import Observed, best_range, observe
from archgraph.quantize.report import QuantizeReport
from archgraph.quantize.sensitivity import Ranges, Sensitivity, fewest, sensitivities, shares_of_work
from archgraph.quantize.source_file import FloatFile, read_float_file, require_other
from archgraph.quantize.timing import latencies
from archgraph.quantize.uses import ModelWiring

SCHEMES = ("int8",)
BUDGET = 0.03
"""The relative error that is allowed by default: 30 dB below the output."""
BATCH = 16
ROUNDS = 4
MEASURED_ON = 8
"""How many held-out examples each layer is looked at with."""

Watch = Callable[[str, int, int], None]
"""A callback for progress: the name of the work, how much is done, and of how much."""


@dataclass(frozen=True, slots=True)
class QuantizationRequest:
    """`keep`: paths, or beginnings of paths, that stay in float32. `budget`: the relative error that is allowed."""

    calibration: Calibration | None = None
    keep: tuple[str, ...] = ()
    budget: float = BUDGET
    scheme: str = "int8"
    timed: bool = True


def quantize_file(
    file: Path, path: Path, request: QuantizationRequest | None = None, watch: Watch | None = None
) -> QuantizeReport:
    """Writes the int8 form of an exported float32 file, and its certificate, whole or not at all. A time branch that
    lies beside it goes along as it is.

    Raises ModelFileError, InputError for what cannot be quantised, and ExportError.
    """
    start = time.perf_counter()
    asked = request or QuantizationRequest()
    require_scheme(asked.scheme)
    if not 0 < asked.budget < 1:
        raise InputError("the allowed error must lie between 0 and 1", received=str(asked.budget))
    require_other(file, path)
    source = read_float_file(file)
    if source.branch is not None:
        require_own_branch(path)
    data = asked.calibration or synthetic(source.about, usual_count(source.about))
    search = _RangeSearch(source, data, asked, watch or (lambda what, done, whole: None))
    made, choice, errors = search.run()
    facts = {"source": data.source, "real": data.real, "observed": len(search.fit), "held_out": len(search.held)}
    report = QuantizeReport(
        path=path,
        scheme=asked.scheme,
        sizes=(source.size, 0),
        sha256="",
        layers=tuple(map(spec_path, choice.layers)),
        kept={spec_path(name): reason for name, reason in choice.kept.items()},
        errors=errors,
        budget=asked.budget,
        calibration={**facts, "ranges": search.method},
        latency=None,
        seconds=0.0,
    )
    made.metadata_props.add(key=QUANTIZED.key, value=QUANTIZED.write(report.facts()))
    written = write_quantised(made, source, path, report)
    taken = None
    if asked.timed:
        search.watch("timing", 0, 1)
        before, after = latencies((file, path), search.held.batches(1)[0])
        taken = (before, after)
        search.watch("timing", 1, 1)
    return replace(
        report,
        sizes=(source.size, written.size),
        sha256=written.sha256,
        latency=taken,
        seconds=time.perf_counter() - start,
        time_branch=written.time_branch,
        examples=search.held.fixed or 1,
    )


def require_scheme(name: str) -> None:
    """Raises InputError for a scheme that there is not."""
    if name not in SCHEMES:
        hint = nearest(name, SCHEMES)
        raise InputError(f"nothing is quantised to '{name}'", expected=" or ".join(SCHEMES), hint=hint)


class _RangeSearch:
    """The choice of ranges and of the layers that stay, each by what was measured."""

    def __init__(self, source: FloatFile, data: Calibration, asked: QuantizationRequest, watch: Watch):
        self.model, self.asked, self.watch = source.model, asked, watch
        self.wiring = ModelWiring(source.model, source.features)
        self.aside = () if source.aside is None else weighted(ModelWiring(source.aside))
        self.fit, self.held = source.model_feeds(data).split()
        self.batches = self.held.batches(BATCH)
        self.method = ""

    def run(self) -> tuple[Any, LayerSelection, tuple[OutputDifference, ...]]:
        """The quantised model, what was chosen, and how far it departs."""
        choice = choose(self.wiring, self.asked.keep, aside=self.aside)
        seen = self._observed(choice)
        self.exact = outputs_on(self.model, self.batches)
        made, errors, ranges = self._best_of_two(choice, seen)
        if total(errors) <= self.asked.budget:
            return made, choice, errors
        return self._relieved(made, choice, errors, ranges, seen)

    def _observed(self, choice: LayerSelection) -> dict[str, Observed]:
        names = quantised_values(self.wiring, choice)
        return observe(self.model, names, self.fit.batches(BATCH), lambda *at: self.watch("calibrating", *at))

    def _best_of_two(
        self, choice: LayerSelection, seen: dict[str, Observed]
    ) -> tuple[Any, tuple[OutputDifference, ...], Ranges]:
        """Full ranges or clipped ones, whichever give the smaller error of the output."""
        best: tuple[Any, tuple[OutputDifference, ...], Ranges] | None = None
        whole = {name: (each.low, each.high) for name, each in seen.items()}
        narrowed = {name: best_range(each) for name, each in seen.items()}
        for method, ranges in (("extremes", whole), ("least squares", narrowed)):
            made, errors = self._tried(choice, ranges)
            if best is None or total(errors) < total(best[1]):
                best, self.method = (made, errors, ranges), method
        assert best is not None
        return best

    def _tried(self, choice: LayerSelection, ranges: Ranges) -> tuple[Any, tuple[OutputDifference, ...]]:
        made = quantised(self.model, choice, ranges)
        return made, departures(self.exact, outputs_on(made, self.batches))

    def _relieved(
        self,
        made: Any,
        choice: LayerSelection,
        errors: tuple[OutputDifference, ...],
        ranges: Ranges,
        seen: dict[str, Observed],
    ) -> tuple[Any, LayerSelection, tuple[OutputDifference, ...]]:
        """Keeps the most sensitive layers in float32, until the error is within its budget or nothing is left."""
        found = self._sensitivities(choice, ranges, seen)
        aim, first = self.asked.budget, total(errors)
        for _ in range(ROUNDS):
            stay = fewest(found, first, aim)
            if not stay or len(stay) == len(found):
                break
            tried = choose(self.wiring, self.asked.keep, stay, self.aside)
            made_now, errors_now = self._tried(tried, ranges)
            if total(errors_now) < total(errors):
                made, choice, errors = made_now, tried, errors_now
            if total(errors) <= self.asked.budget:
                break
            aim *= 0.8
        return made, choice, errors

    def _sensitivities(
        self, choice: LayerSelection, ranges: Ranges, seen: dict[str, Observed]
    ) -> Sequence[Sensitivity]:
        work = shares_of_work(self.wiring, choice.layers, self._values_per_example(choice.layers, seen))
        rows = self.held.first(MEASURED_ON)
        return sensitivities(
            self.model, self.wiring, choice.layers, ranges, work, rows, lambda *at: self.watch("sensitivity", *at)
        )

    def _values_per_example(self, layers: Iterable[str], seen: dict[str, Observed]) -> dict[str, int]:
        """How many values each layer makes per example, by the name of what it makes."""
        outputs = [self.wiring.nodes[name].output[0] for name in layers]
        return {name: seen[name].per_example for name in outputs if name in seen}
