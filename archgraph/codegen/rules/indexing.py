"""Values read, written and added at places, as calls of torch's."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, item, keyword, method, ref, text
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, function, module
from archgraph.ops import indexing as ops
from archgraph.structure.terms import Term, number


def _register(contract: type[ops.Indexed], *given: str) -> None:
    """A method that takes the dimension and then its other arguments."""

    @function(contract)
    def called(site: TorchRuleContext, op: ops.Indexed) -> Term:
        values = (ref(port) for port in given if site.has(port))
        others = attributes(op, *(key for key in contract.model_fields if key not in ("dim", "value", "reduce")))
        return method(ref("input"), op.name, number("dim", op.dim), *values, *_number(op), *others)


def _number(op: ops.Indexed) -> tuple[Term, ...]:
    """What is written where there is no source, or how what is there is joined with the source."""
    for key in ("value", "reduce"):
        value = getattr(op, key, None)
        if value is not None:
            return (number(key, value),)
    return ()


_register(ops.Gather, "index")
_register(ops.IndexSelect, "index")
_register(ops.Scatter, "index", "src")
_register(ops.ScatterAdd, "index", "src")
_register(ops.ScatterReduce, "index", "src")
_register(ops.IndexAdd, "index", "source")
_register(ops.IndexCopy, "index", "source")


@function(ops.TakeAlongDim)
def take_along_dim(site: TorchRuleContext, op: ops.TakeAlongDim) -> Term:
    return call("torch.take_along_dim", ref("input"), ref("indices"), keyword("dim", number("dim", op.dim)))


@function(ops.Index)
def index(site: TorchRuleContext, op: ops.Index) -> Term:
    leading = op.dim % site.kind().rank * (text(":"),)
    return item(ref("input"), *leading, ref("index"))


@function(ops.OneHot)
def one_hot(site: TorchRuleContext, op: ops.OneHot) -> Term:
    return call("F.one_hot", ref("input"), *attributes(op, "num_classes"))


@module(ops.EmbeddingBag)
def embedding_bag_module(site: TorchRuleContext, op: ops.EmbeddingBag) -> Term:
    sizes = (number(key, getattr(op, key)) for key in ("num_embeddings", "embedding_dim"))
    return call("nn.EmbeddingBag", *sizes, *attributes(op, "mode"))


@function(ops.EmbeddingBag)
def embedding_bag(site: TorchRuleContext, op: ops.EmbeddingBag) -> Term:
    weights = ("per_sample_weights",) if site.has("per_sample_weights") else ()
    given = (keyword(port, ref(port)) for port in weights)
    return call("F.embedding_bag", ref("input"), site.weight("weight"), *attributes(op, "mode"), *given)
