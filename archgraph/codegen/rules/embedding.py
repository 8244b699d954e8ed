"""Integers as vectors."""

from __future__ import annotations

from archgraph.codegen.analysis.terms import call, keyword, local, ref, size
from archgraph.codegen.rules.registry import TorchRuleContext, attributes, define, function, module
from archgraph.ops import embedding as ops
from archgraph.structure.terms import Term, number

define(
    "sinusoidal_embedding",
    '''
def sinusoidal_embedding(
    t: Tensor,
    dim: int,
    flip_sin_to_cos: bool = False,
    freq_shift: float = 1.0,
    max_period: float = 10000.0,
) -> Tensor:
    """Sines and cosines of t · max_period ** (-k / (dim / 2 - freq_shift)), in float32: [N] → [N, dim]."""
    half = dim // 2
    exponents = -math.log(max_period) * torch.arange(half, dtype=torch.float32, device=t.device)
    angles = t[:, None].float() * torch.exp(exponents / (half - freq_shift))
    waves = [angles.cos(), angles.sin()] if flip_sin_to_cos else [angles.sin(), angles.cos()]
    return torch.cat(waves, dim=-1)
''',
)


define(
    "SinusoidalEmbedding",
    '''
class SinusoidalEmbedding(nn.Module):
    """Sines and cosines of the timestep, computed in float32, in the type of the module: [N] → [N, dim]."""

    like: Tensor

    def __init__(
        self,
        dim: int,
        flip_sin_to_cos: bool = False,
        freq_shift: float = 1.0,
        max_period: float = 10000.0,
    ) -> None:
        super().__init__()
        self.dim = dim
        self.options = (flip_sin_to_cos, freq_shift, max_period)
        self.register_buffer("like", torch.empty(0), persistent=False)

    def forward(self, t: Tensor) -> Tensor:
        return sinusoidal_embedding(t, self.dim, *self.options).to(self.like.dtype)

    def extra_repr(self) -> str:
        return f"{self.dim}"
''',
)


@module(ops.Embedding)
def embedding_module(site: TorchRuleContext, op: ops.Embedding) -> Term:
    return call(
        "nn.Embedding",
        number("num_embeddings", op.num_embeddings),
        number("embedding_dim", op.embedding_dim),
    )


@function(ops.Embedding)
def embedding(site: TorchRuleContext, op: ops.Embedding) -> Term:
    return call("F.embedding", ref("input"), site.weight("weight"))


_WAVES = ("flip_sin_to_cos", "freq_shift", "max_period")


@module(ops.SinusoidalEmbedding)
def sinusoidal_embedding_module(site: TorchRuleContext, op: ops.SinusoidalEmbedding) -> Term:
    return call("SinusoidalEmbedding", number("dim", op.dim), *attributes(op, *_WAVES))


@function(ops.SinusoidalEmbedding)
def sinusoidal_embedding(site: TorchRuleContext, op: ops.SinusoidalEmbedding) -> Term:
    waves = call("sinusoidal_embedding", ref("input"), number("dim", op.dim), *attributes(op, *_WAVES))
    return local("cast", waves)


@function(ops.Arange)
def arange(site: TorchRuleContext, op: ops.Arange) -> Term:
    ends = (op.end,) if op.start == 0 and op.step == 1 else (op.start, op.end)
    numbers = [number("end", each) if isinstance(each, float) else size(each) for each in ends]
    steps = () if op.step == 1 else (number("step", op.step),)
    made = call("torch.arange", *numbers, *steps, keyword("device", local("device")))
    return local("cast", made) if op.has_fractions else made
