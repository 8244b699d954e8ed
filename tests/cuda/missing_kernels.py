"""Operators that ONNX Runtime's CUDA provider has no kernels for, and the operations whose files it refuses."""

from __future__ import annotations

WITHOUT_KERNEL = {
    **{operator: {operator.lower()} for operator in ("Acos", "Acosh", "Asin", "Asinh", "Atanh", "Cosh", "Sinh", "Tan")},
    "Atan": {"atan", "atan2"},
    "BitwiseAnd": {"bitwise_and"},
    "BitwiseNot": {"bitwise_not"},
    "BitwiseOr": {"bitwise_or"},
    "BitwiseXor": {"bitwise_xor"},
    "Col2Im": {"fold"},
}
"""Operators that ONNX Runtime's CUDA provider has no kernel for in any type, and the operations that need them."""
LACKING_FOR_SOME: dict[str, dict[str, tuple[str, ...]]] = {
    "RNN": {"rnn": ("float32", "float16", "bfloat16")},  # with relu
    "MaxPool": {"adaptive_max_pool3d": ("bfloat16",)},  # over equal windows
}
"""Operators that have no kernel for some attributes of an operation, and the types for which that is so."""
WITHOUT_BFLOAT16 = {
    **WITHOUT_KERNEL,
    "Less": {"hardtanh"},
    "Elu": {"elu"},
    "LeakyRelu": {"rrelu"},
    "PRelu": {"prelu"},
    "InstanceNormalization": {"group_norm", "instance_norm1d", "instance_norm2d", "instance_norm3d"},
    "MaxPool": {"max_pool1d", "max_pool2d", "max_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d"},
    "Pad": {"conv1d", "conv2d", "conv3d", "local_response_norm", "unfold"},
}
"""Operators that have no kernel in the opset of bfloat16 files, and the operations whose examples need them."""
