"""Which element type each application computes in: a low one where that is safe, float32 where it is not.

In float32 stay norms, softmax and what else torch.autocast keeps there (the contracts say which), everything that
depends on the time alone, and what the spec or the caller names. Values are cast where the types meet. Inputs and
outputs of the file keep theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace

from archgraph.errors import ExportError, Problem, nearest
from archgraph.export.lowering.applications import LoweredFlow, LoweredStep, Slot
from archgraph.export.lowering.program import SINGLE, Computed
from archgraph.export.profiles import Profile
from archgraph.export.serialization.weights import LOW
from archgraph.graph.types import Graph
from archgraph.ops import activation, grids, normalization, pooling, rank, resampling, resize
from archgraph.ops.contract import Operation
from archgraph.ops.normalization import BatchNorm

DTYPES = (SINGLE, *LOW)

WIDE_OPSET, WIDE_IR = 22, 10
"""The first opset whose convolutions and pools take bfloat16, and the version of the format that goes with it."""

_IR_OF_LATER = 9
"""The version of the format of opsets 19 and 20."""
_MIXED: frozenset[type[Operation]] = frozenset((BatchNorm,))
"""Their operators take low values and float32 weights."""


_WITHOUT_DOUBLE: tuple[type[Operation], ...] = (
    *(activation.GELU, grids.GridSample, resampling.Interpolate, resize.Fold),
    *(normalization.GroupNorm, normalization.InstanceNorm, normalization.LocalResponseNorm),
    *(pooling.AdaptivePool, pooling.MeanPool),
)
"""ONNX Runtime 1.31 has no float64 kernel on a CPU for what they are written with."""
_MOVES_WITHOUT_BFLOAT16: tuple[type[Operation], ...] = (rank.Expand, resize.PixelShuffle, resize.PixelUnshuffle)
"""Other operations that only move data have kernels for every element type."""


def lacks_kernels(op: Operation, dtypes: Collection[str], computed: Computed) -> bool:
    """Whether a CPU cannot compute an application in the types that the spec has, so that it is computed in float32:
    in bfloat16, unless that is the type of the whole file, and float64 for some operations."""
    if "bfloat16" in dtypes and computed.values != "bfloat16":
        return not op.traits.moves_data or isinstance(op, _MOVES_WITHOUT_BFLOAT16)
    return "float64" in dtypes and isinstance(op, _WITHOUT_DOUBLE)


@dataclass(frozen=True, slots=True)
class Precision:
    """The types of all applications of a flow. `kept` are the paths that were asked to stay in float32."""

    low: str = SINGLE
    kept: tuple[str, ...] = ()
    mixed: frozenset[type[Operation]] = _MIXED
    wide: frozenset[type[Operation]] = frozenset()
    single: frozenset[LoweredStep] = field(default=frozenset(), repr=False)

    def of(self, step: LoweredStep, held: str) -> Computed:
        """The types that an application computes in; `held` is that of its main input."""
        op = step.node.op
        if self.low == SINGLE or step in self.single or isinstance(op, tuple(self.wide)):
            return Computed()
        if op.traits.moves_data and len(step.inputs) == 1:
            return Computed(held, held)
        if isinstance(op, tuple(self.mixed)) and getattr(op, "track_running_stats", True):
            return Computed(self.low, SINGLE)
        return Computed() if op.traits.keeps_float32 else Computed(self.low, self.low)


def precision_of(graph: Graph, flow: LoweredFlow, profile: Profile, dtype: str, keep: Iterable[str]) -> Precision:
    """The types of a network. Raises ExportError for an unknown type, and for a path that nothing has."""
    require_known(dtype)
    kept = tuple(dict.fromkeys((*_kept_by_spec(graph), *keep)))
    if dtype == SINGLE:
        return Precision()
    _require_paths(flow, kept)
    chosen = frozenset(step for step in flow.steps if any(_within(step, path) for path in kept))
    mixed = _MIXED | (profile.mixed if dtype == "float16" else frozenset())
    wide = profile.wide if dtype == "bfloat16" else frozenset()
    return Precision(dtype, kept, mixed, wide, chosen | frozenset(_timed(flow)))


def require_known(dtype: str) -> None:
    """Raises ExportError for an element type that no file is written in."""
    if dtype not in DTYPES:
        hint = "int8 is asked for by --quantize" if "int8" in dtype else nearest(dtype, DTYPES)
        raise ExportError(f"there is no element type '{dtype}'", expected=", ".join(DTYPES), received=dtype, hint=hint)
    if dtype == "bfloat16":
        import ml_dtypes  # noqa: F401 - onnx brings it; numpy knows bfloat16 from then on


def raised(profile: Profile, opset: int) -> Profile:
    """The profile with an opset that an operator needs, and the version of the format that goes with it."""
    return replace(profile, opset=opset, ir=_IR_OF_LATER) if opset > profile.opset else profile


def widened(profile: Profile, dtype: str) -> Profile:
    """The profile with the opset that a type needs."""
    return replace(profile, opset=WIDE_OPSET, ir=WIDE_IR) if dtype == "bfloat16" else profile


def _kept_by_spec(graph: Graph) -> tuple[str, ...]:
    """`meta: {export: {float32: [path, …]}}`; a single path may stand alone."""
    said = graph.info.meta.get("export") or {}
    found = said.get(SINGLE) if hasattr(said, "get") else None
    return (found,) if isinstance(found, str) else tuple(map(str, found or ()))


def _within(step: LoweredStep, path: str) -> bool:
    address = step.node.origin.address or step.path
    return any(name == path or name.startswith(f"{path}.") for name in (step.path, address))


def _require_paths(flow: LoweredFlow, kept: tuple[str, ...]) -> None:
    known = sorted({step.path for step in flow.steps} | set(_parents(flow)))
    wrong = [path for path in kept if not any(_within(step, path) for step in flow.steps)]
    if wrong:
        raise ExportError(
            *(
                Problem(
                    f"nothing in the network is called '{path}', so it cannot stay in {SINGLE}",
                    expected="the path of a node or of a block, as `archgraph summary` shows it",
                    hint=nearest(path, known),
                )
                for path in wrong
            )
        )


def _parents(flow: LoweredFlow) -> Iterator[str]:
    for step in flow.steps:
        parts = step.path.split(".")
        yield from (".".join(parts[:end]) for end in range(1, len(parts)))


def _timed(flow: LoweredFlow) -> Iterator[LoweredStep]:
    """What depends on times and labels alone, in a network that takes something larger as well."""
    vectors = {slot for slot in flow.inputs.values() if len(slot.type.shape) < 2}
    if len(vectors) == len(flow.inputs):
        return
    timed: set[Slot] = set(vectors)
    free: set[Slot] = set()  # weights that are values of their own: they go with what they meet
    for step in flow.steps:
        read = set(step.inputs.values())
        if not read:
            free.update(step.outputs)
        elif read <= timed | free and read & timed:
            timed.update(step.outputs)
            yield step
