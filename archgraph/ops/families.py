"""Families of operations are found: each file of a folder is one, so that a new file is all that a new family takes.

No network needs all of them, so they are read on demand: their operations are listed here, and their files, here and in
the targets, are imported when one of them is looked up. A family that is not listed is imported with the vocabulary.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from importlib import import_module
from pkgutil import iter_modules

_ON_DEMAND = {
    "activation": """
        relu relu6 leaky_relu elu silu gelu sigmoid tanh hardswish hardsigmoid softplus softmax clamp
    """,
    "arithmetic": "add sub mul div",
    "attention": "scaled_dot_product_attention",
    "constant": "constant parameter buffer register_buffer",
    "embedding": "embedding sinusoidal_embedding arange",
    "linear": "linear matmul",
    "rank": "flatten unsqueeze squeeze expand select slice",
    "shape": "concat split chunk reshape permute transpose roll",
    "convolution": "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d",
    "conversion": "to",
    "normalization": """
        batch_norm1d batch_norm2d batch_norm3d instance_norm1d instance_norm2d instance_norm3d group_norm layer_norm
        rms_norm local_response_norm
    """,
    "pooling": """
        max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d lp_pool1d lp_pool2d lp_pool3d max_unpool1d
        max_unpool2d max_unpool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d
        adaptive_max_pool2d adaptive_max_pool3d
    """,
    "regularization": """
        dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout stochastic_depth identity detach
    """,
    "resampling": "interpolate",
    "grids": "grid_sample affine_grid",
    "resize": "pixel_shuffle pixel_unshuffle channel_shuffle pad unfold fold",
    "creation": "zeros ones full zeros_like ones_like full_like linspace eye",
    "nonlinearity": """
        celu selu hardshrink softshrink tanhshrink softsign logsigmoid mish threshold log_softmax softmin
        softmax2d hardtanh rrelu prelu glu
    """,
    "recurrence": "lstm gru rnn lstm_cell gru_cell rnn_cell",
    "selection": "where masked_fill",
    "reduction": """
        mean sum amax prod amin any all count_nonzero logsumexp var std vector_norm median var_mean std_mean max min
        argmax argmin
    """,
    "cumulative": "cumsum cumprod logcumsumexp cummax cummin",
    "indexing": """
        gather take_along_dim index_select index scatter scatter_add scatter_reduce index_add index_copy one_hot
        embedding_bag
    """,
    "algebra": "bmm mv dot outer einsum tensordot addmm baddbmm bilinear cross",
    "diagonals": "tril triu diagonal diag_embed",
    "rearranging": """
        stack unbind tile repeat repeat_interleave flip meshgrid movedim unflatten broadcast_tensors
    """,
    "sorting": "topk sort argsort searchsorted bucketize",
    "distance": "normalize cosine_similarity pairwise_distance cdist",
    "unary": """
        sin cos tan asin acos atan sinh cosh asinh acosh atanh square sqrt rsqrt reciprocal exp exp2 expm1 log
        log2 log10 log1p erf erfc abs neg sign floor ceil round trunc frac isnan isinf isfinite logical_not
        bitwise_not nan_to_num
    """,
    "binary": """
        maximum minimum atan2 logical_and logical_or logical_xor pow fmod remainder floor_divide eq ne lt le gt
        ge bitwise_and bitwise_or bitwise_xor
    """,
}
ON_DEMAND: dict[str, tuple[str, ...]] = {family: tuple(names.split()) for family, names in _ON_DEMAND.items()}
"""The operations of each family that is read on demand."""


def import_families(package: str, folder: Iterable[str], without: Collection[str] = ()) -> tuple[str, ...]:
    """Imports every file of a package, in alphabetical order, but those `without` a family and those read on
    demand. Returns their names."""
    skipped = {*without, *ON_DEMAND}
    found = sorted(item.name for item in iter_modules(folder) if not item.ispkg and item.name not in skipped)
    for name in found:
        import_module(f"{package}.{name}")
    return tuple(found)


def class_name(name: str) -> str:
    """The class of a row's contract: `nan_to_num` → NanToNum."""
    return "".join(map(str.capitalize, name.split("_")))
