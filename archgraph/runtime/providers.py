"""Opens a file with ONNX Runtime on the device that was asked for, or says why not.

ONNX Runtime falls back to the CPU in three ways without an error: an unknown provider warns, a provider whose library
does not load logs, and a failing run retries. Each is closed here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archgraph.errors import ModelFileError, Problem, ProviderError, RunError, nearest

from .devices import CPU, CUDA, GPU_WHEELS, USE_CPU, cuda_problem, double_installation, load_onnxruntime
from .nativelog import caught_output, reasons

DEVICES = ("auto", "cpu", "cuda")
SILENT = 4  # only what is fatal is logged

# Arithmetic on shapes, which the CUDA provider itself leaves to the CPU: a few integers.
SHAPE_OPERATIONS = frozenset(
    {
        *("Shape", "Size", "Gather", "Slice", "Concat", "Split", "Squeeze", "Unsqueeze", "Reshape", "Expand", "Range"),
        *("Add", "Sub", "Mul", "Div", "Mod", "Neg", "Min", "Max", "Floor", "Ceil", "ReduceProd", "Cast", "Identity"),
        *("Equal", "Less", "Greater", "Not", "And", "Or", "Where", "Constant", "ConstantOfShape"),
    }
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A session of ONNX Runtime, the device it is on, and what a person should know of the choice."""

    session: Any
    device: str
    notes: tuple[str, ...] = field(default=())


def open_model(path: Path, device: str, threads: int | None, tf32: bool) -> Opened:
    """Opens a file. Raises ModelFileError for the file's faults and ProviderError for the device's."""
    if device not in DEVICES:
        raise ProviderError(f"there is no device '{device}'", expected=", ".join(DEVICES), received=device)
    if threads is not None and threads < 1:
        raise RunError("the number of threads must be 1 or more", received=str(threads))
    check_file(path)
    clash = (double_installation(),) if double_installation() else ()
    if device == "cpu":
        return Opened(open_cpu(path, threads), "cpu", clash)
    try:
        return Opened(open_cuda(path, threads, tf32), "cuda", clash)
    except ProviderError as error:
        if device == "cuda":
            raise
        problem = error.problems[0]
        reason = f"{problem.message}: {problem.received}" if problem.received else problem.message
        return Opened(open_cpu(path, threads), "cpu", (*clash, f"running on the CPU, since {reason}"))


def check_file(path: Path) -> None:
    """Raises ModelFileError where there is no file that can be read."""
    if path.is_dir():
        raise ModelFileError(f"{path} is a folder", expected="an ONNX file")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        hint = _beside(path)
        raise ModelFileError(f"{path} cannot be read", received=error.strerror or str(error), hint=hint) from error
    if empty:
        raise ModelFileError(f"{path} is empty", expected="an ONNX file", hint="export it again")


def _beside(path: Path) -> str:
    if path.with_name(f".{path.name}.aside").is_file():
        return f"an export of it was killed; `archgraph verify {path}` puts the older version back"
    return nearest(path.name, [file.name for file in path.parent.glob("*.onnx")]) if path.parent.is_dir() else ""


def open_cpu(path: Path, threads: int | None) -> Any:
    """A session on the CPU. Raises ModelFileError."""
    ort = load_onnxruntime()
    try:
        return ort.InferenceSession(str(path), _options(ort, threads), providers=[CPU])
    except Exception as error:  # ONNX Runtime's classes share no base below Exception
        raise _file_error(path, str(error), ort.__version__) from error


def open_cuda(path: Path, threads: int | None, tf32: bool) -> Any:
    """A session on CUDA alone. Raises ProviderError with the reason and the remedy."""
    if problem := cuda_problem():
        raise ProviderError(problem)
    ort = load_onnxruntime()
    providers = [(CUDA, {"use_tf32": "1" if tf32 else "0"})]
    with caught_output() as log:
        if hasattr(ort, "preload_dlls"):
            ort.preload_dlls()
        try:
            session = ort.InferenceSession(
                str(path), _strict_options(ort, threads), providers=providers, enable_fallback=0
            )
        except Exception as error:
            session, failure = None, error
    if session is None:
        raise _cuda_error(path, str(failure), log.text, ort.__version__) from failure
    if session.get_providers()[0] != CUDA:
        raise ProviderError(_not_loaded(log.text))
    session.disable_fallback()
    if problem := _left_on_cpu(session):
        raise ProviderError(problem)
    return session


def _options(ort: Any, threads: int | None) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = SILENT
    if threads is not None:
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
    return options


def _strict_options(ort: Any, threads: int | None) -> Any:
    """Nodes on the CPU are judged where ONNX Runtime can name them, and forbidden where it cannot."""
    options = _options(ort, threads)
    if hasattr(ort.InferenceSession, "get_provider_graph_assignment_info"):
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    else:
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    return options


def _left_on_cpu(session: Any) -> Problem | None:
    if not hasattr(session, "get_provider_graph_assignment_info"):
        return None
    nodes = [
        (node.op_type, node.name)
        for part in session.get_provider_graph_assignment_info()
        if part.ep_name == CPU
        for node in part.get_nodes()
    ]
    return judge_cpu_nodes(nodes)


def judge_cpu_nodes(nodes: Iterable[tuple[str, str]]) -> Problem | None:
    """A problem where any of the (operation, name) that run on the CPU is more than arithmetic on shapes."""
    heavy = [(operation, name) for operation, name in nodes if operation not in SHAPE_OPERATIONS]
    if not heavy:
        return None
    counts = Counter(operation for operation, _ in heavy)
    return Problem(
        f"{len(heavy)} nodes of the file have no CUDA kernel and would run on the CPU",
        received=", ".join(f"{operation} × {count}" for operation, count in sorted(counts.items())),
        hint=f"export it with another profile or opset, or {USE_CPU}; the first of them is '{heavy[0][1]}'",
    )


def _not_loaded(log: str) -> Problem:
    return Problem(
        "ONNX Runtime cannot load its CUDA provider",
        received=reasons(log) or "no reason given",
        hint=double_installation() or f"{GPU_WHEELS}; or {USE_CPU}",
    )


def _cuda_error(path: Path, message: str, log: str, version: str) -> RunError:
    """Whose fault it was: the file's, a node's without a kernel, or the device's."""
    if any(sign in message for sign in ("INVALID_PROTOBUF", "NO_SUCHFILE", "xternal data", "INVALID_GRAPH")):
        return _file_error(path, message, version)
    if "fallback to CPU EP" in message:
        hint = f"upgrade onnxruntime-gpu, export with another profile, or {USE_CPU}"
        return ProviderError("nodes of the file have no CUDA kernel", received=message, hint=hint)
    told = "; ".join(part for part in (message, reasons(log)) if part)
    return ProviderError(f"{path} cannot be opened on CUDA", received=told, hint=f"{GPU_WHEELS}; or {USE_CPU}")


def _file_error(path: Path, message: str, version: str) -> ModelFileError:
    if "xternal data" in message or "xternal_data" in message:
        hint = "the weights lie in a second file: keep the two together, under the names they were written with"
        return ModelFileError(f"{path} does not find its weights", received=message, hint=hint)
    if "NOT_IMPLEMENTED" in message or "opset" in message or "IR version" in message:
        hint = "upgrade onnxruntime, or export with the portable profile"
        return ModelFileError(f"onnxruntime {version} cannot run {path}", received=message, hint=hint)
    hint = "export or copy it again"
    return ModelFileError(
        f"{path} is damaged, or not an ONNX file", expected="a whole ONNX file", received=message, hint=hint
    )
