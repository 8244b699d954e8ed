"""What archgraph does, one function per verb. Each loads the rooms that it needs when it is called."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

from archgraph.errors import ExportError, Problem, SpecError, VerificationError

if TYPE_CHECKING:
    import torch

    from archgraph.graph.diff import Difference
    from archgraph.graph.summary import Summary
    from archgraph.graph.types import Graph
    from archgraph.measure import Report, TimeProfile
    from archgraph.quantize import Calibration, Judgement, QuantizeReport
    from archgraph.verify import Export

Spec: TypeAlias = "str | Path | Mapping[str, Any]"
Network: TypeAlias = "Graph | Spec"
"""What the verbs take: a graph, or anything that `load` makes one of."""


def load(spec: Spec, preset: str | None = None, **params: Any) -> Graph:
    """The proved graph of a spec.

    `spec` is a path (`net.yaml`, `net.yaml@preset`), the name of a shipped model or preset (`resnet50`,
    `ddpm@cifar10`), a mapping, or a file that `to_onnx` wrote (`net.onnx`), of which the embedded spec is read and not
    the weights; `params` override the preset's parameters. Raises SpecError with every independent problem of the file,
    ModelFileError for an ONNX file that archgraph did not write.
    """
    from archgraph.graph.notebook import draw_with
    from archgraph.language.load import load as load_spec

    draw_with(_svg)
    request = _request(spec)
    if _is_exported(request):  # its weights are not read: see `to_torch`
        return _carried(Path(request), preset, params)
    return load_spec(request, preset, **params)


def _request(spec: Spec) -> Spec:
    """Raises SpecError for what is neither a path, a name nor a mapping, and for a file of another kind."""
    from archgraph.artifact.file_kinds import ONNX, SAFETENSORS, kind_of

    if not isinstance(spec, (str, Path, Mapping)):
        raise SpecError(
            "this is no spec",
            expected="a path, a shipped name or a mapping",
            received=type(spec).__name__,
            hint="summarize, render, code, diff and to_onnx take the module itself" if _is_module(spec) else "",
        )
    if isinstance(spec, Mapping) and any(hasattr(value, "shape") for value in spec.values()):
        raise SpecError("this is a state dict, and no spec", hint="hand it over as `weights=`")
    if isinstance(spec, str) and "\n" in spec:
        raise SpecError("this is the text of a spec, and no path", hint="write it to a file, or hand over the mapping")
    kind = "" if isinstance(spec, Mapping) else kind_of(Path(spec))
    if kind and kind != ONNX:
        hint = f"weights have an argument of their own: --weights {spec}" if kind == SAFETENSORS else ""
        raise SpecError(f"{spec} is {kind}, and no spec", expected="a .yaml or .json file", hint=hint)
    return spec


def _is_module(network: object) -> TypeGuard[torch.nn.Module]:
    """Whether it is a module that `to_torch` made."""
    return "_archgraph" in getattr(network, "__dict__", {})


def _carried(path: Path, preset: str | None, params: Mapping[str, Any]) -> Graph:
    """The graph of an exported file. Raises SpecError where parameters are asked for, which are settled in it."""
    from archgraph.verify.embedded_spec import embedded_graph

    if preset or params:
        given = ", ".join([*([f"the preset {preset}"] if preset else []), *params])
        raise SpecError(f"{path} is exported: its parameters are settled", received=given, hint="change its spec")
    return embedded_graph(path)


def _svg(graph: Graph) -> str | None:
    """A picture for a notebook, or None where it cannot be drawn."""
    import tempfile

    from archgraph.errors import ArchgraphError

    try:
        with tempfile.TemporaryDirectory(prefix="archgraph-") as folder:
            return render(graph, Path(folder) / "graph.svg").read_text(encoding="utf-8")
    except (ArchgraphError, ImportError, OSError):  # Graphviz is missing, or too slow
        return None


def _graph(network: Network) -> Graph:
    """A graph as it is, and the one that a module was made from; anything else is loaded. Raises SpecError."""
    from archgraph.graph.types import Graph

    if _is_module(network):
        return _graph_of(network)
    return network if isinstance(network, Graph) else load(network)


def _graph_of(network: Graph | torch.nn.Module) -> Graph:
    """The graph of a network or of a module. Raises CompileError."""
    from archgraph.codegen import graph_of
    from archgraph.graph.types import Graph

    return network if isinstance(network, Graph) else graph_of(network)


def check(spec: Spec, preset: str | None = None, **params: Any) -> list[Graph]:
    """One proved graph per preset, so that every block is looked at. Raises SpecError with the problems of all."""
    from archgraph.language.load import check as check_spec

    if _is_exported(request := _request(spec)):
        return [_carried(Path(request), preset, params)]
    return check_spec(request, preset, **params)


def summarize(
    graph: Network, sizes: Mapping[str, int] | Sequence[Any] | None = None, depth: int | None = None
) -> Summary:
    """Path, operation or block, output shape, parameters and multiply-accumulates of each part, and the totals.

    At symbolic sizes, or at the given ones: `{"N": 1, "H": 224, "W": 224}`, or the shape of the input,
    `(1, 3, 224, 224)`; of several inputs a shape for each. Raises UnknownNameError, ShapeError.
    """
    from archgraph.graph.input_sizes import sizes_from
    from archgraph.graph.summary import summarize as summarize_graph

    network = _graph(graph)
    if depth is not None and (type(depth) is not int or depth < 1):
        raise SpecError("`depth` must be a whole number", expected="at least 1", received=repr(depth))
    return summarize_graph(network, sizes_from(network, sizes), depth)


def render(
    graph: Network,
    path: str | Path,
    depth: int | None = None,
    sizes: Mapping[str, int] | None = None,
    direction: str = "down",
    open: str | Iterable[str] = (),
    fold: str | Iterable[str] = (),
    legend: bool = False,
) -> Path:
    """Draws the network; the suffix decides: .svg, .png, .pdf or .dot.

    `depth` folds blocks; `open` and `fold` name blocks or groups by path that are drawn to full depth, or as one box.
    `sizes` puts numbers in for symbols. `direction` is 'down' or 'right'. `legend` explains the colours. Raises
    RenderError; UnknownNameError for paths and sizes that the network lacks; ShapeError for sizes it does not take.
    """
    from archgraph.diagram import View
    from archgraph.diagram import render as render_graph

    view = View(depth, dict(sizes or {}), direction, _names(open), _names(fold), legend)
    return render_graph(_graph(graph), path, view)


def _names(given: str | Iterable[str]) -> tuple[str, ...]:
    """One path, or several."""
    return (given,) if isinstance(given, str) else tuple(given)


def to_torch(
    graph: Network,
    weights: str | Path | Mapping[str, torch.Tensor] | None = None,
    seed: int = 0,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
) -> torch.nn.Module:
    """An ordinary torch module with the published parameter names, compiled from generated source.

    Weights start as torch starts them, from `seed`, or come from a safetensors file or a state dict (strictly:
    WeightsError lists what is missing, unexpected or misshapen). Those in an exported file (`net.onnx`) are not taken,
    which is a warning: an `open` session runs them. On the device `meta` they have shapes alone. Raises
    ProviderError for a device that is not there, SpecError for a `dtype` that weights cannot have.
    """
    from archgraph.codegen import to_torch as compile_torch

    if hasattr(graph, "state_dict"):
        raise SpecError("this is a module already", expected="a graph or a spec", received=type(graph).__name__)
    if type(seed) is not int:
        raise SpecError("`seed` must be a whole number", received=repr(seed))
    if weights is None and not hasattr(graph, "items") and _is_exported(graph):
        message = (
            f"only the spec is read from {graph}, so the weights are random; `weights=` loads those it was made of"
        )
        warnings.warn(message, stacklevel=2)
    return compile_torch(_graph(graph), weights=weights, seed=seed, device=device, dtype=dtype)


def trained_weights(graph: Network) -> Path | None:
    """The file of trained weights that the spec names in `meta.weights`, in its own folder or below; None without.

    Raises WeightsError where it lies elsewhere or is missing.
    """
    from archgraph.language.trained_weights import trained_weights as find_weights

    return find_weights(_graph(graph))


def code(graph: Network) -> str:
    """The network as plain PyTorch source that needs no archgraph."""
    from archgraph.codegen import source

    return source(_graph(graph))


def to_onnx(
    graph: Network | torch.nn.Module,
    path: str | Path,
    weights: str | Path | None = None,
    profile: str = "portable",
    verify: bool = True,
    split_time: bool | None = False,
    dtype: str | torch.dtype = "float32",
    keep: str | Iterable[str] = (),
    sizes: Mapping[str, int] | Sequence[Any] | None = None,
) -> Export:
    """Writes the network as ONNX and shows that the file computes the same.

    `graph` is a graph, a spec, or a module that `to_torch` made; without `weights`, a graph gets the weights that torch
    would start with.

    - `split_time`: what depends on times and labels alone goes to a second file, `NAME.time.onnx`, which a sampling run
      computes once (None: where there is such work).
    - `dtype` is the element type of most of the work: float32, float16 or bfloat16. Norms, softmax, what depends on
      times alone, and the paths in `keep` stay in float32.
    - `sizes` are numbers for symbols, `{"N": 1, "H": 224, "W": 224}`: the file then takes no other sizes, and is
      faster where its runtime plans ahead. Symbols that are not named stay free.

    Raises WeightsError, ExportError, UnknownNameError or ShapeError for sizes that the network does not take, and
    VerificationError when the file departs from the module.
    """
    from archgraph.export import ExportOptions
    from archgraph.graph.input_sizes import sizes_from
    from archgraph.verify import export_verified

    if not isinstance(path, (str, PathLike)):
        raise ExportError(
            "the second argument is the file to write",
            expected="to_onnx(model, 'net.onnx')",
            received=type(path).__name__,
            hint="no example input is needed: sizes stay free",
        )
    if isinstance(graph, (str, Path, Mapping)):
        graph = load(graph)
    if sizes is not None and not isinstance(sizes, Mapping):
        sizes = sizes_from(_graph_of(graph), sizes)
    kind = str(dtype).removeprefix("torch.")
    options = ExportOptions(profile, kind, _names(keep), sizes or {}, split_time)
    return export_verified(graph, Path(path), weights, options, verify=verify)


def bench(
    network: Network,
    batches: Sequence[int] = (1,),
    sizes: Mapping[str, int] | None = None,
    contenders: Sequence[str] | None = None,
    **how: Any,
) -> Report:
    """Latency, throughput, memory and shares of the machine's peaks, of torch and ONNX Runtime in turns.

    `network` may be an exported file (`net.onnx`). `how` takes `effort` (an `archgraph.measure.Effort`: rounds, and
    seconds or calls in each), `device`, `threads`, `weights`, `seed` and `progress`. Raises InputError, ProviderError;
    a contender that cannot run is a row with its reason.
    """
    from archgraph.measure import bench as bench_network

    subject = Path(network) if _is_exported(network) else _graph(network)
    return bench_network(subject, batches, sizes, contenders, **how)


def profile(path: str | Path, sizes: Mapping[str, int] | None = None, runs: int = 20, **how: Any) -> TimeProfile:
    """Where the time of an exported file goes in ONNX Runtime on the CPU, under the spec's own paths.

    `how` takes `threads` and `seed`. Raises ModelFileError, InputError.
    """
    from archgraph.measure import profile as profile_file
    from archgraph.runtime.file_errors import check_file

    check_file(Path(path))
    return profile_file(path, sizes, runs, **how)


def _is_exported(network: object) -> TypeGuard[str | Path]:
    from archgraph.artifact.file_kinds import ONNX, kind_of

    return isinstance(network, (str, Path)) and (Path(network).suffix == ".onnx" or kind_of(Path(network)) == ONNX)


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
    asked = QuantizationRequest(data, _names(keep), BUDGET if budget is None else budget, timed=timed)
    return quantize_file(source, Path(path), asked, watch)


def verify_int8(
    file: str | Path,
    graph: Network | None = None,
    weights: str | Path | None = None,
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
    network = graph_in(path, None if graph is None else _graph(graph))
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
        from archgraph.train.calibration_images import digits_for

        return from_pictures(about, *digits_for(about.meta), "digits", count)
    return from_path(about, Path(calibration), count)


def diff(a: Network, b: Network) -> Difference:
    """What differs between two networks, by path: operations, attributes, shapes, weights."""
    from archgraph.graph.diff import diff as compare

    return compare(_graph(a), _graph(b))
