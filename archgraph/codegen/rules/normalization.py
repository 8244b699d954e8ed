"""Normalisation layers."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import Term, call, folded, keyword, keywords, number, ref, sequence, text
from archgraph.codegen.rules.registry import Site, function, module


def _given(site: Site, defaults: dict[str, object]) -> tuple[Term, ...]:
    return keywords({name: getattr(site.op, name) for name in defaults}, defaults)


@module("batch_norm2d")
def batch_norm2d_module(site: Site) -> Term:
    given = _given(site, {"eps": 1e-5, "momentum": 0.1, "affine": True, "track_running_stats": True})
    return call("nn.BatchNorm2d", number("num_features", site.channels()), *given)


@function("batch_norm2d")
def batch_norm2d(site: Site) -> Term:
    names = ("running_mean", "running_var", "weight", "bias")
    training = text("self.training" if site.op.track_running_stats else "True")
    return call(
        "F.batch_norm",
        ref("input"),
        *(site.weight(name) for name in names),
        keyword("training", training),
        *_given(site, {"momentum": 0.1, "eps": 1e-5}),
    )


@module("group_norm")
def group_norm_module(site: Site) -> Term:
    return call(
        "nn.GroupNorm",
        number("num_groups", site.op.num_groups),
        number("num_channels", site.channels()),
        *_given(site, {"eps": 1e-5, "affine": True}),
    )


@function("group_norm")
def group_norm(site: Site) -> Term:
    return call(
        "F.group_norm",
        ref("input"),
        number("num_groups", site.op.num_groups),
        *_affine(site),
        *_given(site, {"eps": 1e-5}),
    )


def _affine(site: Site, *names: str) -> tuple[Term, ...]:
    """Those of weight and bias that there are."""
    given = ((name, site.weight(name)) for name in names or ("weight", "bias"))
    return tuple(keyword(name, weight) for name, weight in given if weight.kind != "text")


@module("layer_norm")
def layer_norm_module(site: Site) -> Term:
    given = _given(site, {"eps": 1e-5, "elementwise_affine": True, "bias": True})
    return call("nn.LayerNorm", _constructed_shape(site), *given)


@function("layer_norm")
def layer_norm(site: Site) -> Term:
    return call("F.layer_norm", ref("input"), _shape(site), *_affine(site), *_given(site, {"eps": 1e-5}))


@module("rms_norm")
def rms_norm_module(site: Site) -> Term:
    return call("nn.RMSNorm", _constructed_shape(site), *_given(site, {"eps": None, "elementwise_affine": True}))


@function("rms_norm")
def rms_norm(site: Site) -> Term:
    return call("F.rms_norm", ref("input"), _shape(site), *_affine(site, "weight"), *_given(site, {"eps": None}))


@module("instance_norm2d")
def instance_norm2d_module(site: Site) -> Term:
    given = _given(site, {"eps": 1e-5, "affine": False})
    return call("nn.InstanceNorm2d", number("num_features", site.channels()), *given)


@function("instance_norm2d")
def instance_norm2d(site: Site) -> Term:
    return call("F.instance_norm", ref("input"), *_affine(site), *_given(site, {"eps": 1e-5}))


def _constructed_shape(site: Site) -> Term:
    shape = site.op.over(site.kind())
    return number("normalized_shape", folded(shape) if len(shape) == 1 else shape)


def _shape(site: Site) -> Term:
    return sequence(*(number("normalized_shape", size) for size in site.op.over(site.kind())))
