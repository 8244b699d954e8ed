"""Names of torch, torchvision and timm for what has another name here."""

from __future__ import annotations

from archgraph.ops.counterparts import Counterpart, named

_SAME = {
    "cat concatenate hstack vstack dstack column_stack": "concat",
    "view view_as reshape_as unflatten ravel": "reshape",
    "swish": "silu",
    "celu": "elu",
    "rrelu": "leaky_relu",
    "clip": "clamp",
    "negative": "neg",
    "absolute": "abs",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
    "fix": "trunc",
    "sgn": "sign",
    "not": "logical_not",
    "and": "logical_and",
    "or": "logical_or",
    "xor": "logical_xor",
    "equal": "eq",
    "not_equal": "ne",
    "less": "lt",
    "less_equal less_or_equal": "le",
    "greater": "gt",
    "greater_equal greater_or_equal": "ge",
    "power float_power": "pow",
    "arctan2": "atan2",
    "mod": "remainder",
    "multiply": "mul",
    "subtract": "sub",
    "divide true_divide": "div",
    "mm bmm dot mv": "matmul",
    "t swapaxes swapdims": "transpose",
    "movedim moveaxis": "permute",
    "narrow": "slice",
    "expand_as broadcast_to": "expand",
    "Upsample upsample_bilinear upsample_nearest UpsamplingNearest2d UpsamplingBilinear2d": "interpolate",
    "SyncBatchNorm batch_norm FrozenBatchNorm2d": "batch_norm2d",
    "instance_norm": "instance_norm2d",
    "Dropout1d Dropout2d Dropout3d feature_dropout": "dropout",
    "UninitializedParameter": "parameter",
    "UninitializedBuffer register_buffer": "buffer",
    "attention sdpa flash_attention memory_efficient_attention": "scaled_dot_product_attention",
    "silu_and_mul": "silu",
    "as_tensor tensor": "constant",
    "positional_encoding get_timestep_embedding Timesteps": "sinusoidal_embedding",
    "global_avg_pool": "adaptive_avg_pool2d",
    "conv": "conv2d",
    "LayerNorm2d": "layer_norm",
    "fc": "linear",
    "noop": "identity",
}
_CASTS = {
    "float": "float32",
    "long": "int64",
    "int": "int32",
    "bool": "bool",
    "half": "float16",
    "double": "float64",
    "bfloat16": "bfloat16",
    "byte": "uint8",
}
_RENAMED = {
    **named("cast type astype convert_element_type", Counterpart("to")),
    **{name: Counterpart(recipe=f"{{op: to, dtype: {dtype}}}") for name, dtype in _CASTS.items()},
    "DropPath": Counterpart("stochastic_depth", (("drop_prob", "p"),)),
    "split_with_sizes": Counterpart("split", (("split_sizes", "split_size"),)),
    "tensor_split": Counterpart("chunk", (("indices_or_sections", "chunks"),)),
    "NonDynamicallyQuantizableLinear": Counterpart("linear"),
}

ENTRIES: dict[str, Counterpart] = dict(_RENAMED)
for _names, _operation in _SAME.items():
    ENTRIES |= named(_names, Counterpart(_operation))
