"""Other names that the field has for the choices of archgraph: those of torch, Lightning, diffusers and the papers."""

from __future__ import annotations

from collections.abc import Iterable

SYNONYMS: dict[str, tuple[str, ...]] = {
    # element types, and Lightning's precisions
    **dict.fromkeys(("fp16", "f16", "half", "16", "float16"), ("float16", "16-mixed")),
    **dict.fromkeys(("fp32", "f32", "float", "single", "32", "full", "float32"), ("float32", "32-true")),
    **dict.fromkeys(("bf16", "bfloat", "brain", "bfloat16"), ("bfloat16", "bf16-mixed")),
    **dict.fromkeys(("fp64", "f64", "double", "64"), ("float64",)),
    **dict.fromkeys(("long", "i64"), ("int64",)),
    **dict.fromkeys(("int", "i32"), ("int32", "int64")),
    **dict.fromkeys(("boolean", "bit"), ("bool",)),
    # what a diffusion network predicts
    **dict.fromkeys(("noise", "eps", "ε", "pred_noise", "score"), ("epsilon",)),
    **dict.fromkeys(("v", "v_prediction", "v-prediction", "pred_v"), ("velocity",)),
    **dict.fromkeys(("x0", "x_0", "x_start", "start_x", "image", "data", "pred_x0", "original"), ("sample",)),
    # variances, noise schedules and spacings
    **dict.fromkeys(("fixed_small", "fixed_small_log"), ("small",)),
    **dict.fromkeys(("fixed_large", "fixed_large_log"), ("large",)),
    "learned_range": ("learned",),
    **dict.fromkeys(("squaredcos_cap_v2", "cos"), ("cosine",)),
    "quad": ("scaled_linear",),
    # samplers
    **dict.fromkeys(("euler_a", "euler a", "k_euler_a"), ("euler_ancestral",)),
    **dict.fromkeys(("dpm++_2m", "dpm++", "dpmpp", "dpm_solver++", "dpmsolver++"), ("dpmpp_2m",)),
    **dict.fromkeys(("dpm++_2m_sde", "dpm++_sde", "dpmpp_sde"), ("dpmpp_2m_sde",)),
    **dict.fromkeys(("uni_pc", "uni-pc"), ("unipc",)),
    **dict.fromkeys(("dpm2_a", "dpm_2", "k_dpm_2"), ("dpm2",)),
    "ancestral": ("ddpm",),
    # tasks and devices
    **dict.fromkeys(("classify", "classifier", "image_classification"), ("classification",)),
    **dict.fromkeys(("denoising", "generation", "ddpm", "generative"), ("diffusion",)),
    **dict.fromkeys(("gpu", "nvidia"), ("cuda",)),
}
"""Each name with those of ours that it may mean; only one that may stand at the place is offered."""


def synonym(name: str, known: Iterable[str]) -> str:
    """The known name that means the same, or '' where there is none."""
    meant = SYNONYMS.get(name.strip().lower().removeprefix("torch."), ())
    return next((other for other in meant if other in known), "") if meant else ""
