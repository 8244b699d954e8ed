"""Activations."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import Term, call, keyword, keywords, method, number, ref
from archgraph.codegen.rules.registry import Site, function, module

_PLAIN = {
    "relu": ("nn.ReLU", "F.relu"),
    "relu6": ("nn.ReLU6", "F.relu6"),
    "silu": ("nn.SiLU", "F.silu"),
    "sigmoid": ("nn.Sigmoid", "torch.sigmoid"),
    "tanh": ("nn.Tanh", "torch.tanh"),
    "hardswish": ("nn.Hardswish", "F.hardswish"),
    "hardsigmoid": ("nn.Hardsigmoid", "F.hardsigmoid"),
}
_WITH_NUMBERS: dict[str, tuple[str, str, dict[str, object]]] = {
    "leaky_relu": ("nn.LeakyReLU", "F.leaky_relu", {"negative_slope": 0.01}),
    "elu": ("nn.ELU", "F.elu", {"alpha": 1.0}),
    "gelu": ("nn.GELU", "F.gelu", {"approximate": "none"}),
    "softplus": ("nn.Softplus", "F.softplus", {"beta": 1.0, "threshold": 20.0}),
}


def _register_plain(name: str, kind: str, head: str) -> None:
    @module(name)
    def as_module(site: Site) -> Term:
        return call(kind)

    @function(name)
    def as_function(site: Site) -> Term:
        return call(head, ref("input"))


def _register_with_numbers(name: str, kind: str, head: str, defaults: dict[str, object]) -> None:
    def given(site: Site) -> tuple[Term, ...]:
        return keywords({key: getattr(site.op, key) for key in defaults}, defaults)

    @module(name)
    def as_module(site: Site) -> Term:
        return call(kind, *given(site))

    @function(name)
    def as_function(site: Site) -> Term:
        return call(head, ref("input"), *given(site))


for _name, _heads in _PLAIN.items():
    _register_plain(_name, *_heads)
for _name, (_kind, _head, _defaults) in _WITH_NUMBERS.items():
    _register_with_numbers(_name, _kind, _head, _defaults)


@module("softmax")
def softmax_module(site: Site) -> Term:
    return call("nn.Softmax", keyword("dim", number("dim", site.op.dim)))


@function("softmax")
def softmax(site: Site) -> Term:
    return call("F.softmax", ref("input"), keyword("dim", number("dim", site.op.dim)))


@function("exp")
def exp(site: Site) -> Term:
    return call("torch.exp", ref("input"))


@function("sqrt")
def sqrt(site: Site) -> Term:
    return call("torch.sqrt", ref("input"))


@function("clamp")
def clamp(site: Site) -> Term:
    bounds = keywords({"min": site.op.min, "max": site.op.max}, {"min": None, "max": None})
    return method(ref("input"), "clamp", *bounds)
