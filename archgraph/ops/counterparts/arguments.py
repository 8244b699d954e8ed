"""Arguments under the names that other libraries give them."""

from __future__ import annotations

from collections.abc import Collection

_OURS: dict[str, tuple[str, ...]] = {
    "dim": ("axis", "axes", "dims", "dimension", "normalized_axis"),
    "dims": ("axis", "axes", "dim", "perm", "permutation"),
    "keepdim": ("keepdims", "keep_dims", "keep_dim"),
    "p": ("rate", "prob", "probability", "drop_prob", "drop_rate", "dropout", "dropout_rate", "keep_prob", "ratio"),
    "out_channels": ("filters", "channels", "features", "num_filters", "out_features", "planes", "width", "dim", "dim_out"),
    "out_features": ("units", "hidden_size", "hidden_dim", "features", "out_channels", "output_size", "output_dim", "dim", "dim_out"),
    "kernel_size": ("kernel", "kernel_shape", "pool_size", "window_shape", "window", "size", "ksize", "filter_size", "k"),
    "stride": ("strides", "window_strides", "subsample", "s"),
    "padding": ("pads", "pad", "border_mode"),
    "pad": ("padding", "pads", "paddings"),
    "dilation": ("dilations", "dilation_rate", "rhs_dilation", "rate", "kernel_dilation", "atrous"),
    "groups": ("group", "num_groups", "feature_group_count", "n_groups"),
    "num_groups": ("groups", "group", "n_groups"),
    "bias": ("use_bias", "with_bias", "has_bias", "qkv_bias"),
    "eps": ("epsilon", "variance_epsilon"),
    "affine": ("elementwise_affine", "use_scale", "scale", "center"),
    "elementwise_affine": ("affine", "use_scale", "scale", "center"),
    "normalized_shape": ("shape", "dim", "hidden_size", "features", "normalized_dim"),
    "num_embeddings": ("input_dim", "vocab_size", "num_tokens", "n_vocab"),
    "embedding_dim": ("output_dim", "embed_dim", "hidden_size", "features", "dim", "dim_embed"),
    "num_heads": ("heads", "n_heads", "nhead", "n_head", "num_attention_heads"),
    "is_causal": ("causal", "use_causal_mask"),
    "scale": ("scale_factor", "softmax_scale"),
    "scale_factor": ("scale", "scales", "factor", "upscale_factor"),
    "size": ("sizes", "output_size", "out_size", "target_size"),
    "output_size": ("size", "out_size"),
    "upscale_factor": ("blocksize", "block_size", "scale_factor", "r", "factor"),
    "downscale_factor": ("blocksize", "block_size", "scale_factor", "r", "factor"),
    "mode": ("interpolation", "method", "pad_mode", "padding_mode", "resample", "batch_mode"),
    "negative_slope": ("alpha", "slope", "leak"),
    "alpha": ("a",),
    "approximate": ("approx", "tanh", "mode"),
    "min": ("min_val", "min_value", "low", "lower", "a_min", "lo"),
    "max": ("max_val", "max_value", "high", "upper", "a_max", "hi"),
    "shape": ("size", "sizes", "new_shape", "newshape", "target_shape", "output_shape"),
    "dim0": ("axis1", "axis0", "dim1_", "first"),
    "dim1": ("axis2", "dim2", "second"),
    "shifts": ("shift",),
    "split_size": ("split_sizes", "split_size_or_sections", "sections", "indices_or_sections", "sizes", "split"),
    "chunks": ("n", "num", "sections", "num_chunks", "num_splits"),
    "start": ("starts", "begin"),
    "end": ("ends", "stop", "limit"),
    "step": ("steps", "stride"),
    "index": ("indices", "idx", "i"),
    "value": ("constant", "constant_values", "other", "fill_value", "scalar", "alpha"),
    "start_dim": ("axis", "start", "start_axis"),
    "end_dim": ("end", "stop_axis"),
    "count_include_pad": ("count_padding",),
    "momentum": ("decay",),
    "dtype": ("element_type", "to"),
}
_LEFT_OUT: dict[str, str] = {
    "inplace": "leave it out: values are never changed in place",
    "device": "leave it out: how a network is run is no part of it",
    "dtype": "leave it out: what a node reads decides",
    "training": "leave it out: torch's train() and eval() decide",
    "name": "leave it out: the key before the colon is the name",
    "input_shape": "leave it out: it follows from what the node reads",
    "data_format": "leave it out: images are [N, C, H, W]",
    "activation": "write the activation as the next node",
    "kernel_initializer": "leave it out: weights start as torch starts them",
    "bias_initializer": "leave it out: weights start as torch starts them",
    "return_indices": "leave it out: the places of the largest values are not to be had",
    "auto_pad": "give the padding itself: for an odd kernel of k, padding (k - 1) / 2 keeps the size at stride 1",
    "padding_mode": "put {op: pad, pad: [1, 1, 1, 1], mode: reflect} before it",
    "track_running_stats": "leave it out: it has none",
    "bias": "it has none to leave out",
    "antialias": "there is none yet",
    "recompute_scale_factor": "leave it out: it is never done",
    "align_corners": "there is none here",
    "padding_idx": "leave it out: it acts on gradients alone",
    "max_norm": "there is none yet",
    "sparse": "leave it out: it acts on gradients alone",
    "transposed": "conv_transpose2d is an operation of its own",
    "dropout_p": "put {op: dropout, p: 0.1} after it",
    "enable_gqa": "there is none yet: widen key and value before it",
    "correction": "there is none yet",
    "unbiased": "there is none yet",
}


def argument_hint(name: str, known: Collection[str]) -> str:
    """What an argument of another library is called among the known ones, or why it is not needed; '' for others."""
    for ours, theirs in _OURS.items():
        if ours in known and name in theirs and ours != name:
            return f"did you mean '{ours}'?"
    return _LEFT_OUT.get(name, "")
