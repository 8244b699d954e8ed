# ruff: noqa: E501 - a table: one entry, one line
"""Operations of other libraries that are written with several of ours, or with one in a certain way."""

from __future__ import annotations

from archgraph.ops.counterparts import Counterpart, named


def _recipe(text: str, shape: str = "[N, 4, H, W]", words: str = "") -> Counterpart:
    return Counterpart(recipe=text, shape=shape, words=words)


_SIZE = "plus: {op: relu, in: x}, flip: {op: mul, in: x, value: -1.0}, minus: relu, size: {op: add, in: [plus, minus]}"
_POOL = "{op: adaptive_avg_pool2d, output_size: 1}"
_ATTENTION = (
    "{nodes: {q: {op: linear, out_features: 8, in: x}, k: {op: linear, out_features: 8, in: x}, "
    "v: {op: linear, out_features: 8, in: x}, attend: {op: scaled_dot_product_attention, num_heads: 2, in: [q, k, v]}, "
    "out_proj: {op: linear, out_features: 8}}}"
)
_LINE, _VOLUME, _LARGE = "[N, 4, L]", "[N, 4, D, H, W]", "[N, 4, 8, H, W]"

ENTRIES: dict[str, Counterpart] = {
    # elementwise
    **named("average", _recipe("{nodes: {both: {op: add, in: [x, y]}, out: {op: mul, value: 0.5}}}")),
    **named("addcmul", _recipe("{nodes: {product: {op: mul, in: [x, y]}, out: {op: add, in: [product, x]}}}")),
    **named("rescaling", _recipe("{nodes: {scaled: {op: mul, value: 0.00392}, out: {op: add, value: -0.5}}}")),
    # activations
    **named(
        "swiglu",
        _recipe(
            "{nodes: {halves: {op: chunk, chunks: 2, dim: -1}, gate: {op: silu, in: halves.0}, out: {op: mul, in: [gate, halves.1]}}}",
            "[N, L, 8]",
        ),
    ),
    # reductions and norms
    **named(
        "reduce_sum_square",
        _recipe("{nodes: {square: {op: mul, in: [x, x]}, total: {op: sum, dim: 1, keepdim: true}}}"),
    ),
    # pools
    **named("GlobalAveragePool GlobalAveragePooling2D SelectAdaptivePool2d", _recipe(_POOL)),
    **named("GlobalMaxPool GlobalMaxPooling2D", _recipe("{op: adaptive_max_pool2d, output_size: 1}")),
    **named("GlobalAveragePooling1D", _recipe("{op: adaptive_avg_pool1d, output_size: 1}", _LINE)),
    **named("GlobalMaxPooling1D", _recipe("{op: adaptive_max_pool1d, output_size: 1}", _LINE)),
    **named("GlobalAveragePooling3D", _recipe("{op: adaptive_avg_pool3d, output_size: 1}", _VOLUME)),
    **named("GlobalMaxPooling3D", _recipe("{op: adaptive_max_pool3d, output_size: 1}", _VOLUME)),
    **named("max_pool1d_with_indices", _recipe("{op: max_pool1d, kernel_size: 2, return_indices: true}", _LINE)),
    **named("max_pool2d_with_indices", _recipe("{op: max_pool2d, kernel_size: 2, return_indices: true}")),
    **named("max_pool3d_with_indices", _recipe("{op: max_pool3d, kernel_size: 2, return_indices: true}", _LARGE)),
    **named(
        "adaptive_max_pool1d_with_indices",
        _recipe(
            "{op: adaptive_max_pool1d, output_size: 1}", _LINE, "the places of the largest values are not to be had"
        ),
    ),
    **named(
        "adaptive_max_pool2d_with_indices",
        _recipe(
            "{op: adaptive_max_pool2d, output_size: 1}", words="the places of the largest values are not to be had"
        ),
    ),
    **named(
        "adaptive_max_pool3d_with_indices",
        _recipe(
            "{op: adaptive_max_pool3d, output_size: 1}", _VOLUME, "the places of the largest values are not to be had"
        ),
    ),
    # convolutions
    **named(
        "DepthwiseConv2D",
        _recipe("{op: conv2d, out_channels: 4, kernel_size: 3, groups: 4}", words="with as many groups as channels"),
    ),
    **named(
        "SeparableConv2D",
        _recipe(
            "{nodes: {depthwise: {op: conv2d, out_channels: 4, kernel_size: 3, groups: 4}, pointwise: {op: conv2d, out_channels: 8, kernel_size: 1}}}"
        ),
    ),
    # padding
    **named("ZeroPad1d ConstantPad1d ZeroPadding1D", _recipe("{op: pad, pad: [1, 1]}", _LINE)),
    **named("ZeroPad2d ConstantPad2d ZeroPadding2D", _recipe("{op: pad, pad: [1, 1, 1, 1]}")),
    **named("ZeroPad3d ConstantPad3d ZeroPadding3D", _recipe("{op: pad, pad: [1, 1, 1, 1, 1, 1]}", _VOLUME)),
    **named("ReflectionPad3d", _recipe("{op: pad, pad: [1, 1, 1, 1, 1, 1], mode: reflect}", _LARGE)),
    **named("ReplicationPad3d", _recipe("{op: pad, pad: [1, 1, 1, 1, 1, 1], mode: replicate}", _VOLUME)),
    **named("CircularPad1d", _recipe("{op: pad, pad: [1, 1], mode: circular}", _LINE)),
    **named("CircularPad2d", _recipe("{op: pad, pad: [1, 1, 1, 1], mode: circular}")),
    **named("CircularPad3d", _recipe("{op: pad, pad: [1, 1, 1, 1, 1, 1], mode: circular}", _VOLUME)),
    **named("ReflectionPad1d", _recipe("{op: pad, pad: [1, 1], mode: reflect}", _LINE)),
    **named("ReflectionPad2d", _recipe("{op: pad, pad: [1, 1, 1, 1], mode: reflect}")),
    **named("ReplicationPad1d", _recipe("{op: pad, pad: [1, 1], mode: replicate}", _LINE)),
    **named("ReplicationPad2d", _recipe("{op: pad, pad: [1, 1, 1, 1], mode: replicate}")),
    # shapes
    # attention
    **named("MultiheadAttention multi_head_attention_forward", _recipe(_ATTENTION, "[N, L, 8]")),
}
