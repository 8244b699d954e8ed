"""How far a file may be from the network: measured against float64, in units of torch's own float32 error, or of what
rounding can reach where torch was exact by chance or by another kernel."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.errors import VerificationError

if TYPE_CHECKING:
    import onnxruntime
    import torch
    from torch import nn

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


@dataclass(frozen=True, slots=True)
class Reference:
    """What torch computes: in float64, which counts as the truth, and in float32, which says what can be asked."""

    exact: Mapping[str, Array]
    single: Mapping[str, Array]
    reach: Mapping[str, Array] | None = None
    """How far rounding can move each element; None where nobody asked."""


def references(
    module: nn.Module, names: Sequence[str], inputs: Sequence[Mapping[str, Array]], dtype: str = "float32"
) -> list[Reference]:
    """The outputs of a module for each of the inputs, in float64 and in the type of the file.

    Where float16 overflows in torch, bfloat16 says what can be asked.
    """
    exact = in_dtype(module, "float64")
    exacts = [run_module(exact, names, each, "float64") for each in inputs]
    singles = [_in_low(module, names, each, dtype) for each in inputs]
    return [Reference(exact, single) for exact, single in zip(exacts, singles, strict=True)]


def _in_low(module: nn.Module, names: Sequence[str], inputs: Mapping[str, Array], dtype: str) -> dict[str, Array]:
    found = run_module(in_dtype(module, dtype), names, inputs, dtype)
    if dtype == "float16" and not all(np.isfinite(array).all() for array in found.values()):
        return _in_low(module, names, inputs, "bfloat16")
    return found


def in_dtype(module: nn.Module, dtype: str) -> nn.Module:
    """A copy of a module in an element type; itself in float32.

    What is computed in float32 on purpose, as times are, is converted where it meets weights.
    """
    import torch

    if dtype == "float32":
        return module
    kind = getattr(torch, dtype)

    def met(layer: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(_converted(value, kind) if hasattr(value, "is_floating_point") else value for value in given)

    made = copy.deepcopy(module).to(kind)
    for layer in made.modules():
        if next(layer.parameters(recurse=False), None) is not None:
            layer.register_forward_pre_hook(met)
    return made


def run_module(
    module: nn.Module, names: Sequence[str], inputs: Mapping[str, Array], dtype: str = "float32"
) -> dict[str, Array]:
    """A module's outputs by name, in evaluation mode; those in a low type as float32.

    For float32, inputs that are declared in another type stay in it, and so do the outputs that come of them.
    """
    import torch

    declared = dtype == "float32"
    tensors = [torch.from_numpy(array) for array in inputs.values()]
    if not declared:
        tensors = [_converted(tensor, getattr(torch, dtype)) for tensor in tensors]
    with torch.no_grad(), widening(dtype):
        found = module.eval()(*tensors)
    several = found if isinstance(found, (tuple, list)) else [found]
    named = found if isinstance(found, Mapping) else dict(zip(names, several, strict=True))
    outputs = {name: named[name].detach() for name in names}
    wide = torch.float64 if dtype == "float64" else torch.float32
    return {name: (each if declared else _converted(each, wide)).numpy() for name, each in outputs.items()}


def widening(dtype: str) -> AbstractContextManager[Any]:
    """What a module means in float32, whatever type it is converted to: an RMS norm's epsilon is float32's where none
    is named. In float64, what it computes in float32 on purpose, as the sines of times, is computed in float64 too."""
    import torch
    from torch.overrides import TorchFunctionMode

    single, double = torch.float32, torch.float64 if dtype == "float64" else torch.float32

    class Widening(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is torch.Tensor.float:
                return args[0].to(double)
            given = {name: double if value is single else value for name, value in (kwargs or {}).items()}
            if func is torch.nn.functional.rms_norm and given.get("eps") is None:
                given["eps"] = torch.finfo(single).eps
            arguments = [double if value is single else value for value in args]
            try:
                return func(*arguments, **given)
            except RuntimeError as error:
                if "not implemented for" not in str(error):
                    raise
                return _computed_wide(func, arguments, given)

    return nullcontext() if dtype == "float32" else Widening()


def _computed_wide(function: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """A function for which torch has no kernel of a low type on a CPU: in float32, and rounded to that type."""
    import torch

    low = next(value.dtype for value in arguments if isinstance(value, torch.Tensor) and value.is_floating_point())

    def wide(value: Any) -> Any:
        return _converted(value, torch.float32) if isinstance(value, torch.Tensor) else value

    found = function(*map(wide, arguments), **{name: wide(value) for name, value in keywords.items()})
    return tuple(_converted(each, low) for each in found) if isinstance(found, tuple) else _converted(found, low)


def _converted(tensor: Any, kind: torch.dtype) -> Any:
    return tensor.to(kind) if tensor.is_floating_point() else tensor


def session_of(model: str | Path | bytes, optimised: bool) -> onnxruntime.InferenceSession:
    """A session on the CPU that leaves the processor to others when it is idle. Raises VerificationError."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimised else levels.ORT_DISABLE_ALL
    source = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has a class for each of its statuses
        raise VerificationError(f"ONNX Runtime refuses the file: {_reason(error)}") from None


def run_session(session: onnxruntime.InferenceSession, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The outputs of a file by name, or of a copy that takes float32 in the place of float16. Raises
    VerificationError."""
    names = [output.name for output in session.get_outputs()]
    wide = {value.name for value in session.get_inputs() if value.type == "tensor(float)"}
    given = {name: array.astype(np.float32) if name in wide else array for name, array in inputs.items()}
    try:
        return dict(zip(names, session.run(names, given), strict=True))
    except Exception as error:
        raise VerificationError(f"ONNX Runtime cannot run the file: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """What ONNX Runtime says, in one line: of inputs that do not fit, the sizes stand in further ones."""
    return " ".join(str(error).split())[:300]


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
