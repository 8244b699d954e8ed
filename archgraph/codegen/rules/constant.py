"""Constants, free parameters and buffers: attributes of the module around them. Here they are given their values."""

from __future__ import annotations

from collections.abc import Callable

from archgraph.codegen.analysis.terms import call, infix, keyword, method, own, sequence, text
from archgraph.codegen.rules.registry import TorchRuleContext, function
from archgraph.errors import CompileError
from archgraph.ops import constant as ops
from archgraph.ops.contract import Weight
from archgraph.structure.terms import Term, number

DTYPES = {
    "float16": "torch.float16",
    "bfloat16": "torch.bfloat16",
    "float32": "torch.float32",
    "float64": "torch.float64",
    "uint8": "torch.uint8",
    "int32": "torch.int32",
    "int64": "torch.int64",
    "bool": "torch.bool",
}


@function(ops.Parameter)
@function(ops.Buffer)
@function(ops.RegisterBuffer)
@function(ops.Constant)
def attribute(site: TorchRuleContext, op: ops.Parameter | ops.Buffer | ops.RegisterBuffer | ops.Constant) -> Term:
    return own("")


def constant_value(op: ops.Constant) -> Term:
    """The tensor of a constant. It stays where it is made, so that building on the meta device keeps its numbers."""
    return call(
        "torch.tensor",
        number("value", op.value),
        keyword("dtype", text(DTYPES[op.element_type])),
        keyword("device", text('"cpu"')),
    )


def initial(weight: Weight) -> Term:
    """The tensor that a free weight starts as. Raises CompileError for an initialiser it does not know."""
    make = _STARTS.get(weight.init.kind)
    if make is None:
        raise CompileError(
            f"a weight cannot start as '{weight.init.kind}'", expected=", ".join(_STARTS), received=weight.name
        )
    return make(weight)


def _sizes(weight: Weight) -> tuple[Term, ...]:
    return tuple(number("size", size) for size in weight.shape) or (sequence(),)


def _dtype(weight: Weight) -> tuple[Term, ...]:
    return () if weight.dtype == "float32" else (keyword("dtype", text(DTYPES[weight.dtype])),)


def _filled(head: str) -> Callable[[Weight], Term]:
    return lambda weight: call(head, *_sizes(weight), *_dtype(weight))


def _constant(weight: Weight) -> Term:
    value = int(weight.init.value) if weight.dtype in ("int32", "int64") else weight.init.value
    return call(
        "torch.full", sequence(*(number("size", size) for size in weight.shape)), number("init", value), *_dtype(weight)
    )


def _normal(weight: Weight) -> Term:
    drawn = call("torch.randn", *_sizes(weight))
    return drawn if weight.init.value == 1.0 else infix("*", drawn, number("std", weight.init.value))


def _uniform(weight: Weight) -> Term:
    bound = weight.init.value
    return method(call("torch.empty", *_sizes(weight)), "uniform_", number("low", -bound), number("high", bound))


def _kaiming(weight: Weight) -> Term:
    return call("nn.init.kaiming_uniform_", call("torch.empty", *_sizes(weight)), keyword("a", text("math.sqrt(5)")))


def _xavier(weight: Weight) -> Term:
    return call("nn.init.xavier_uniform_", call("torch.empty", *_sizes(weight)))


def _arange(weight: Weight) -> Term:
    dtype = keyword("dtype", text(DTYPES[weight.dtype]))  # torch counts in int64 otherwise
    counted = call("torch.arange", number("size", weight.elements), dtype)
    return counted if len(weight.shape) == 1 else method(counted, "reshape", *_sizes(weight))


_STARTS: dict[str, Callable[[Weight], Term]] = {
    "zeros": _filled("torch.zeros"),
    "ones": _filled("torch.ones"),
    "constant": _constant,
    "normal": _normal,
    "uniform": _uniform,
    "kaiming_uniform": _kaiming,
    "xavier_uniform": _xavier,
    "arange": _arange,
}
