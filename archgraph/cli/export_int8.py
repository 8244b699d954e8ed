"""`archgraph export --quantize`: the float32 file is written and verified aside, then an int8 file is made of it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph.cli.output import Stopwatch, echo, print_json
from archgraph.cli.progress import parts
from archgraph.errors import SpecError

if TYPE_CHECKING:
    from archgraph.quantize import QuantizeReport


@dataclass(frozen=True, slots=True)
class Quantization:
    """The options of a quantisation."""

    scheme: str | None
    calibrate: str | None
    samples: int | None
    error: float | None
    keep: tuple[str, ...]

    def require(self, profile: str) -> None:
        """Raises SpecError for options without `--quantize`, InputError for a scheme or profile that cannot be."""
        from archgraph.quantize import require_profile, require_scheme

        if self.scheme is not None:
            require_scheme(self.scheme)
            require_profile(profile)
            return
        given = {"--calibrate": self.calibrate, "--calibration-samples": self.samples, "--allowed-error": self.error}
        for option, value in given.items():
            if value is not None:
                raise SpecError(f"{option} has no effect without --quantize", hint="--quantize int8")

    def write(self, export: Callable[[Path], Any], path: Path, json: bool, notes: str) -> None:
        """Exports to a temporary folder, quantises to `path`, and prints what was measured."""
        import archgraph

        watch = Stopwatch()
        if self.calibrate is None:
            warn_of_random_numbers()
        with tempfile.TemporaryDirectory(prefix="archgraph-") as folder, parts(silent=json) as progress:
            exact = Path(folder) / path.name
            written = export(exact)
            report = archgraph.to_int8(exact, path, self.calibrate, self.keep, self.error, self.samples, progress)
        if json:
            print_json({**report.to_json(), "float32": written.to_json()})
            return
        self._print(report, written, watch.wrote(path, notes))

    def _print(self, report: QuantizeReport, written: Any, head: str) -> None:
        echo(head)
        echo(report.text())
        shown = written.certificate.text() if written.certificate else "not verified"
        echo(f"the float32 file that it was made of: {shown}")


def warn_of_random_numbers() -> None:
    """Said whenever ranges come from no real data."""
    echo(
        "without --calibrate the ranges come from random numbers: how exact the file is on real data is not known",
        file=sys.stderr,
    )
