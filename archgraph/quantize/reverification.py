"""A quantised file judged once more, against the float32 file of its network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archgraph.artifact.metadata import read_metadata
from archgraph.artifact.metadata_check import entries_of, misstatements
from archgraph.artifact.metadata_keys import PROFILE, QUANTIZED, TIME_BRANCH, stated_errors
from archgraph.errors import Problem, VerificationError
from archgraph.quantize.calibration import Calibration
from archgraph.quantize.output_error import OutputDifference, departures, outputs_on
from archgraph.quantize.proof import differences
from archgraph.quantize.source_file import FloatFile, read_float_file, read_model
from archgraph.quantize.time_branch import branch_differences
from archgraph.runtime.time_branch import TimeBranch

BATCH = 16
TOLERATED = 1.05
"""How much larger a repeated measurement may be: other processors round sums in another order."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The result: every operator and weight is the rounding, and the error of each output, measured and declared."""

    calibration: Mapping[str, Any]
    source: str
    errors: tuple[OutputDifference, ...]
    stated: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        errors = [each.to_json() for each in self.errors]
        stated = {name: error if math.isfinite(error) else None for name, error in self.stated.items()}
        return {"data": self.source, "errors": errors, "stated": {**self.calibration, "relative_error": stated}}

    def text(self) -> str:
        """A line for the proof, and one per output."""
        lines = ["its operators are the network's, its weights the network's but for half a step of rounding"]
        for each in self.errors:
            stated = f"{self.stated[each.output]:.2%} on {self.calibration['source']} when it was written"
            lines.append(
                f"'{each.output}' departs by {each.relative:.2%} ({each.snr:.1f} dB) on {self.source}; {stated}"
            )
        return "\n".join(lines)


def quantization_of(path: Path) -> dict[str, Any] | None:
    """The quantisation that the metadata declare; None where the file is not quantised. Raises ModelFileError."""
    kept = entries_of(read_model(path))
    facts = QUANTIZED.of(kept, path)
    if facts is None:
        return None
    return {**facts, "profile": PROFILE.of(kept), "split_time": TIME_BRANCH.key in kept}


def judge(path: Path, exact: Path, data: Calibration) -> Judgement:
    """Shows that a quantised file is the rounding of a float32 file, and measures the error again.

    Raises VerificationError where it is not, and, on the data that it was measured on, where the error has grown.
    """
    declared = quantization_of(path)
    assert declared is not None, f"{path} is not quantised"
    rounded, source = read_model(path), read_float_file(exact)
    misstated = misstatements(entries_of(source.model), entries_of(rounded))
    wrong = [*misstated, *differences(source.model, rounded), *_time_branch_problems(path, rounded, source)]
    if wrong:
        raise VerificationError(Problem(f"{path} is not the rounding of its network"), *wrong)
    held = source.model_feeds(data).split()[1].batches(BATCH)
    errors = departures(outputs_on(source.model, held), outputs_on(rounded, held))
    stated = stated_errors(declared)
    calibration = declared["calibration"]
    if (data.source, len(data.split()[1])) == (calibration["source"], calibration["held_out"]):
        for each in errors:
            if not each.relative <= stated.get(each.output, 0.0) * TOLERATED + 1e-4:
                raise VerificationError(
                    f"the output '{each.output}' of {path} departs by more than when it was written",
                    expected=f"{stated.get(each.output, 0.0):.2%} of its size on {data.source}",
                    received=f"{each.relative:.2%}",
                )
    return Judgement(calibration, data.source, errors, stated)


def _time_branch_problems(path: Path, model: Any, source: FloatFile) -> Iterator[Problem]:
    """The problems of the time branch. Raises ModelFileError where it is missing, or has changed."""
    entry = read_metadata(entries_of(model), str(path)).time_branch
    if (entry is None) != (source.branch is None):
        yield Problem("one of the two files has a time branch, and the other has none")
    if entry is None or source.branch is None:
        return
    yield from branch_differences(source.aside, read_model(TimeBranch(path, entry).path))
    if (entry.inputs, entry.outputs) != (source.branch.entry.inputs, source.branch.entry.outputs):
        yield Problem("the time branch takes or gives something else than the network's")
