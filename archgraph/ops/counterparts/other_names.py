"""Names of ONNX, Keras, JAX and Flax for what has another name here."""

from __future__ import annotations

from archgraph.ops.counterparts import Counterpart, named

_CONVOLUTION = (
    ("kernel_shape", "kernel_size"),
    ("strides", "stride"),
    ("pads", "padding"),
    ("dilations", "dilation"),
    ("group", "groups"),
)
_POOL = (("kernel_shape", "kernel_size"), ("strides", "stride"), ("pads", "padding"))
_KERAS_POOL = (("pool_size", "kernel_size"), ("strides", "stride"))
_REDUCTION = (("axes", "dim"), ("keepdims", "keepdim"))

ENTRIES: dict[str, Counterpart] = {
    # ONNX
    "ConvInteger": Counterpart("conv2d", _CONVOLUTION),
    "ConvTranspose": Counterpart("conv_transpose2d", _CONVOLUTION),
    "Gemm": Counterpart("linear"),
    "BatchNormalization": Counterpart("batch_norm2d", (("epsilon", "eps"),)),
    "InstanceNormalization": Counterpart("instance_norm2d", (("epsilon", "eps"),)),
    "LayerNormalization": Counterpart("layer_norm", (("epsilon", "eps"),)),
    "GroupNormalization": Counterpart("group_norm", (("groups", "num_groups"), ("epsilon", "eps"))),
    "RMSNormalization": Counterpart("rms_norm", (("epsilon", "eps"),)),
    "SimplifiedLayerNormalization": Counterpart("rms_norm", (("epsilon", "eps"),)),
    "AveragePool": Counterpart("avg_pool2d", _POOL),
    "MaxPool": Counterpart("max_pool2d", _POOL),
    "ReduceMean": Counterpart("mean", _REDUCTION),
    "ReduceSum": Counterpart("sum", _REDUCTION),
    "ReduceMax": Counterpart("amax", _REDUCTION),
    "ReduceMin": Counterpart("amin", _REDUCTION),
    "ReduceProd": Counterpart("prod", _REDUCTION),
    "ReduceLogSumExp": Counterpart("logsumexp", _REDUCTION),
    "ReduceL2": Counterpart("vector_norm", _REDUCTION),
    "ReduceL1": Counterpart(recipe="{op: vector_norm, ord: 1}"),
    **named("reduce_var variance", Counterpart("var", _REDUCTION)),
    "Resize": Counterpart("interpolate", (("scales", "scale_factor"), ("sizes", "size"))),
    "DepthToSpace": Counterpart("pixel_shuffle", (("blocksize", "upscale_factor"),)),
    "SpaceToDepth": Counterpart("pixel_unshuffle", (("blocksize", "downscale_factor"),)),
    "Range": Counterpart("arange", (("limit", "end"),)),
    "SkipLayerNormalization": Counterpart("layer_norm", (("epsilon", "eps"),)),
    "FastGelu": Counterpart("gelu"),
    "QuickGelu": Counterpart("gelu"),
    # Keras
    "Dense": Counterpart("linear", (("units", "out_features"), ("use_bias", "bias"))),
    "EinsumDense": Counterpart("linear", (("output_shape", "out_features"),)),
    "Conv1DTranspose": Counterpart("conv_transpose1d", (("filters", "out_channels"), ("strides", "stride"))),
    "Conv3DTranspose": Counterpart("conv_transpose3d", (("filters", "out_channels"), ("strides", "stride"))),
    "Conv2DTranspose": Counterpart("conv_transpose2d", (("filters", "out_channels"), ("strides", "stride"))),
    **{f"MaxPooling{n}D": Counterpart(f"max_pool{n}d", _KERAS_POOL) for n in (1, 2, 3)},
    **{f"AveragePooling{n}D": Counterpart(f"avg_pool{n}d", _KERAS_POOL) for n in (1, 2, 3)},
    **{f"UpSampling{n}D": Counterpart("interpolate", (("size", "scale_factor"),)) for n in (1, 2, 3)},
    **{f"SpatialDropout{n}D": Counterpart(f"dropout{n}d", (("rate", "p"),)) for n in (1, 2, 3)},
    "Resizing": Counterpart("interpolate"),
    "Cropping2D": Counterpart("slice"),
    "Cropping1D": Counterpart("slice"),
    "hard_silu": Counterpart("hardswish"),
    # JAX and Flax
    "expand_dims": Counterpart("unsqueeze", (("axis", "dim"),)),
    "dot_general": Counterpart("matmul"),
    "DenseGeneral": Counterpart("linear", (("features", "out_features"),)),
    "conv_general_dilated": Counterpart("conv2d"),
    "Embed": Counterpart("embedding", (("features", "embedding_dim"),)),
    "iota": Counterpart("arange"),
    "dynamic_slice": Counterpart("slice"),
    **named("avg_pool", Counterpart("avg_pool2d", (("window_shape", "kernel_size"), ("strides", "stride")))),
}
