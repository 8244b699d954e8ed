"""Facts about operations that more than one target needs, so that no target keeps lists of their names."""

from __future__ import annotations

from typing import Literal, TypeAlias

from archgraph.records import record

Infinities: TypeAlias = Literal["any", "none", "read"]


@record()
class Traits:
    """What an operation does to the numbers that it reads, whatever its attributes."""

    moves_data: bool = False
    """In evaluation, each element of its results is an element of an input, at a place that shapes decide."""
    keeps_scale: bool = False
    """It computes results that are about as large as its inputs: a sum of two, a padding, an interpolation."""
    normalizes: bool = False
    """It divides by the spread or the mean square of what it reads, so that its scale is lost."""
    keeps_float32: bool = False
    """It is computed in float32 where the rest is in a lower type: what torch.autocast keeps there, and what is like
    that, https://docs.pytorch.org/docs/stable/amp.html#cuda-ops-that-can-autocast-to-float32."""
    gives_probabilities: bool = False
    """Its results are probabilities, and no logits."""
    result_sizes: tuple[str, ...] = ()
    """Attributes that are sizes of the result, and decide nothing else about it."""
    makes_new: bool = False
    """Its results have memory of their own, which its derivatives do not need: whoever alone reads one may overwrite
    it. So it is with a convolution, a norm, a sum; a sigmoid and a softmax need what they made, a reshape hands on the
    memory that it reads, and a linear layer makes tokens as a view of a matrix."""
    may_hand_on: bool = False
    """As `makes_new`, but that its result may be its input itself, as that of dropout is in evaluation."""
    infinities: Infinities = "any"
    """Where its results may be infinite: anywhere, nowhere, or only where what it reads is so, or a number among its
    attributes. What moves data says nothing more. Products with weights and norms count among those that are infinite
    nowhere: weights are finite, and what is infinite by intent, a mask, is handed to neither."""
