"""An exported file as int8: its calibration, what that costs, and whether it is the rounding of its network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph.errors import Problem, VerificationError
from archgraph.verbs.modules import Weights, trained_weights
from archgraph.verbs.networks import Network, as_graph, node_paths

if TYPE_CHECKING:
    from archgraph.quantize import Calibration, Judgement, QuantizeReport


def to_int8(
    file: str | Path,
    path: str | Path,
    calibration: str | Path | Mapping[str, Any] | None = None,
    keep: str | Iterable[str] = (),
    budget: float | None = None,
    samples: int | None = None,
    watch: Callable[[str, int, int], None] | None = None,
    timed: bool = True,
) -> QuantizeReport:
    """Writes the int8 form, for the CPU, of a float32 file that `to_onnx` wrote, and measures what that costs.
    A time branch that lies beside it goes along in float32.

    `calibration` is a folder of images, an `.npz` file, `digits`, or a mapping with an array for each input; without
    it, random numbers serve, and nothing is known of real data. Layers at or below the paths in `keep` stay in
    float32, as do the first, the last and those whose rounding would move the output by more than `budget` (0.03: 3 %
    of its root mean square). Raises ModelFileError, InputError and ExportError.
    """
    from archgraph.quantize import BUDGET, QuantizationRequest, quantize_file, require_other

    source = Path(file)
    require_other(source, Path(path))  # before the data is read
    data = calibration_data(source, calibration, samples)
    asked = QuantizationRequest(data, node_paths(keep), BUDGET if budget is None else budget, timed=timed)
    return quantize_file(source, Path(path), asked, watch)


def verify_int8(
    file: str | Path,
    graph: Network | None = None,
    weights: Weights | None = None,
    calibration: str | Path | Mapping[str, Any] | None = None,
) -> Judgement:
    """Shows that an int8 file is the rounding of its network, and measures again how far its outputs depart.

    Its network is exported in float32 and verified; every operator and every weight of the int8 file is held against
    that. Such a file does not hold the weights it was made of: without `weights`, the trained ones of `graph` serve.
    Raises VerificationError.
    """
    import tempfile

    from archgraph.export import ExportOptions
    from archgraph.quantize import judge, quantization_of
    from archgraph.verify import export_verified
    from archgraph.verify.embedded_spec import graph_in
    from archgraph.verify.reverification import put_in_order, require_unchanged

    path = Path(file)
    put_in_order(path)
    told = quantization_of(path)
    if told is None:
        raise VerificationError(f"{path} is not quantised", hint=f"archgraph verify {path}")
    network = graph_in(path, None if graph is None else as_graph(graph))
    chosen = weights if weights is not None else trained_weights(network)
    if chosen is None:
        require_unchanged(path)
        raise VerificationError(
            f"{path} is quantised: it no longer holds the float32 weights that it should be compared with",
            expected="the weights it was made of",
            hint="--weights FILE; or --spec SPEC, where the spec names trained weights",
        )
    with tempfile.TemporaryDirectory(prefix="archgraph-") as folder:
        exact = Path(folder) / path.name
        try:
            export_verified(network, exact, chosen, ExportOptions(told["profile"], split_time=told["split_time"]))
        except VerificationError as error:  # its first words are of the file in this folder, which nobody knows
            why = [problem for problem in error.problems if folder not in problem.message]
            head = Problem(f"nothing can be shown about {path}: its network in float32 does not stand the proof")
            raise VerificationError(head, *why) from None
        samples = told["calibration"]["observed"] + told["calibration"]["held_out"]
        return judge(path, exact, calibration_data(exact, calibration, samples))


def calibration_data(
    file: Path, calibration: str | Path | Mapping[str, Any] | None = None, samples: int | None = None
) -> Calibration:
    """What a file is calibrated on; see `to_int8`. Raises ModelFileError, InputError."""
    from archgraph.quantize import from_arrays, from_path, from_pictures, read_float_file, synthetic, usual_count

    about = read_float_file(file).about
    count = samples or usual_count(about)
    if calibration is None:
        return synthetic(about, count)
    if isinstance(calibration, Mapping):
        return from_arrays(about, calibration, "the given arrays", count)
    if str(calibration) == "digits":
        from archgraph.training.calibration_images import digits_for

        return from_pictures(about, *digits_for(about.meta), "digits", count)
    return from_path(about, Path(calibration), count)
