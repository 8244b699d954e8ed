"""Profiles: which operators a file may use, and the rule of each operation under them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from archgraph.errors import ExportError, Problem
from archgraph.export.lowering.emission import OnnxRuleContext, Results
from archgraph.export.passes.batch_norm_folding import widen_batch_norms
from archgraph.export.passes.channels_last import lay_out
from archgraph.export.passes.group_norm_fusion import Pass, absorb_activations, absorb_sums
from archgraph.ops import activation, convolution, normalization, pooling, reduction, resampling, resize
from archgraph.ops.contract import Operation
from archgraph.ops.rules import Rules
from archgraph.plugins import ONNX_RULES

Rule: TypeAlias = "Callable[[OnnxRuleContext, Any], Results]"
Form = TypeVar("Form", bound="Rule")


@dataclass(frozen=True, slots=True)
class Profile:
    """What a file may hold. A rule that the profile does not override is its `base`'s. `passes` then join operators
    whose rules could not see each other; `mixed` operations take float16 with weights in float32, and `wide` ones are
    computed in float32 where the rest is in bfloat16, for want of kernels."""

    name: str
    opset: int = 18
    ir: int = 8
    domains: Mapping[str, int] = field(default_factory=dict)
    base: Profile | None = None
    passes: tuple[Pass, ...] = ()
    mixed: frozenset[type[Operation]] = frozenset()
    wide: frozenset[type[Operation]] = frozenset()
    rules: Rules[Rule] = field(
        default_factory=lambda: Rules(package="archgraph.export.rules", plugin_file=ONNX_RULES),
        compare=False,
        repr=False,
    )

    def __post_init__(self) -> None:
        self.rules.title = f"{self.name} rules"

    def rule(self, contract: type[Operation]) -> Rule | None:
        """The rule of an operation, or None where there is none."""
        if contract in self.rules:
            return self.rules[contract]
        return self.base.rule(contract) if self.base else None


PORTABLE = Profile("portable")
CPU = Profile("cpu", domains={"com.microsoft": 1}, base=PORTABLE)
"""ONNX Runtime's own operators where they win on a CPU."""

CUDA = Profile(
    "cuda",
    domains={"com.microsoft": 1},
    base=PORTABLE,
    passes=(absorb_sums, absorb_activations, lay_out, widen_batch_norms),
    mixed=frozenset((normalization.GroupNorm,)),
    wide=frozenset(
        (
            *(pooling.AdaptivePool, pooling.WindowPool, reduction.Amax),
            *(activation.Clamp, activation.ELU, activation.LeakyReLU, activation.ReLU6),
            convolution.TransposedConvolution,
            *(resampling.Interpolate, resize.Pad, resize.Rearrangement),
        )
    ),
)
"""Those that have kernels on CUDA: group norm with the channels last, its activation and the sum before it within.
Images and tokens change into each other with the channels last too."""

PROFILES = {profile.name: profile for profile in (PORTABLE, CPU, CUDA)}


def profile_named(name: str) -> Profile:
    """The profile of that name. Raises ExportError with those that there are."""
    if name not in PROFILES:
        raise ExportError(
            Problem(
                f"there is no profile '{name}'",
                expected=f"one of {', '.join(PROFILES)}",
            )
        )
    return PROFILES[name]


def rule(contract: type[Operation], profile: Profile = PORTABLE) -> Callable[[Form], Form]:
    """Registers the rule of an operation under a profile. A second one is an error, never an overwrite."""

    def register(function: Form) -> Form:
        profile.rules.add(function, contract)
        return function

    return register
