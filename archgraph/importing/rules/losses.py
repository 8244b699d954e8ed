"""Losses that networks return next to their outputs, and the distances of pairs that these are made of."""

from __future__ import annotations

from archgraph.graph.types import Value
from archgraph.importing.rules.registry import rule
from archgraph.importing.rules.site import Site

_REDUCTIONS = ("none", "mean", "sum")
"""torch's numbers of them, in order."""


@rule("pairwise_distance")
def pairwise_distance(site: Site) -> Value:
    return _distance(site, site.tensor("x1"), site.tensor("x2"), keepdim=site.get("keepdim"))


@rule("mse_loss")
def squared_error(site: Site) -> Value:
    apart = site.emit("sub", site.tensor("self"), site.tensor("target"))
    return _reduced(site, site.emit("square", apart))


@rule("l1_loss")
def absolute_error(site: Site) -> Value:
    return _reduced(site, site.emit("abs", site.emit("sub", site.tensor("self"), site.tensor("target"))))


@rule("triplet_margin_loss")
def triplet_margin(site: Site) -> Value:
    """`max(‖a - p‖ - ‖a - n‖ + margin, 0)`; with `swap`, the positive's distance from the negative counts too."""
    anchor, positive, negative = (site.tensor(name) for name in ("anchor", "positive", "negative"))
    near, far = _distance(site, anchor, positive), _distance(site, anchor, negative)
    if site.get("swap"):
        far = site.emit("minimum", far, _distance(site, positive, negative))
    beyond = site.emit("add", site.emit("sub", near, far), value=site.get("margin", 1.0))
    return _reduced(site, site.emit("clamp", beyond, min=0.0))


def _distance(site: Site, one: Value, other: Value, keepdim: bool = False) -> Value:
    apart = site.emit("add", site.emit("sub", one, other), value=site.get("eps", 1e-6))
    return site.emit("vector_norm", apart, ord=site.get("p", 2.0), dim=[-1], keepdim=keepdim)


def _reduced(site: Site, losses: Value) -> Value:
    word = _REDUCTIONS[site.get("reduction", 1)]
    return losses if word == "none" else site.emit(word, losses)
