"""Operators of a profile that have no kernel on the CPU, written out: there a file runs by their definitions.

A copy of the file calls a function of its own instead, whose body holds standard operators. ONNX Runtime puts the body
in the place of the call. So a file for CUDA is verified on any machine: all of it but the kernels of these operators.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from archgraph.artifact.file_names import temporary_of
from archgraph.errors import VerificationError
from archgraph.export.serialization import streaming
from archgraph.verify.low_precision import dtype_of, in_single
from archgraph.verify.nodes_of_file import nodes_of

DOMAIN = "archgraph.defined"

# Group Normalization, https://arxiv.org/abs/1803.08494, over X [N, H, W, C] in float32; activation=1 is SiLU.
_GROUP_NORM = """
GroupNorm <groups, activation, epsilon, channels_last> (X, gamma, beta) => (Y) {
  wide = Cast <to = 1> (X)
  image = Transpose <perm = [0, 3, 1, 2]> (wide)
  size = Shape (image)
  copy = Constant <value_ints = [0]> ()
  rest = Constant <value_ints = [-1]> ()
  groups = Constant <value_int: int = @groups> ()
  number = Reshape (groups, rest)
  parted = Concat <axis = 0> (copy, number, rest)
  rows = Reshape (image, parted)
  along = Constant <value_ints = [2]> ()
  mean = ReduceMean (rows, along)
  centred = Sub (rows, mean)
  squares = Mul (centred, centred)
  variance = ReduceMean (squares, along)
  epsilon = Constant <value_float: float = @epsilon> ()
  raised = Add (variance, epsilon)
  deviation = Sqrt (raised)
  normed = Div (centred, deviation)
  whole = Reshape (normed, size)
  last = Transpose <perm = [0, 2, 3, 1]> (whole)
  scaled = Mul (last, gamma)
  affine = Add (scaled, beta)
  activation = Constant <value_int: int = @activation> ()
  active = Cast <to = 9> (activation)
  gate = Sigmoid (affine)
  one = Constant <value_float = 1.0> ()
  factor = Where (active, gate, one)
  result = Mul (affine, factor)
  Y = CastLike (result, X)
}
"""

# The same of X + skip, with a skip [N, C] for all places.
_SKIP_GROUP_NORM = """
SkipGroupNorm <groups, activation, epsilon, channels_last> (X, gamma, beta, skip) => (Y) {
  places = Constant <value_ints = [1, 2]> ()
  spread = Unsqueeze (skip, places)
  total = Add (X, spread)
  Y = archgraph.defined.GroupNorm <groups: int = @groups, activation: int = @activation,
    epsilon: float = @epsilon, channels_last: int = @channels_last> (total, gamma, beta)
}
"""

DEFINITIONS = {("com.microsoft", "GroupNorm"): _GROUP_NORM, ("com.microsoft", "SkipGroupNorm"): _SKIP_GROUP_NORM}
"""By domain and operator; each written from what ONNX Runtime's documentation says that the operator computes."""


def defined(model: Any) -> tuple[str, ...]:
    """The operators of a model that run by their definitions here, each once."""
    used = {(node.domain, node.op_type) for node in nodes_of(model.graph)}
    return tuple(f"{domain}.{kind}" for domain, kind in DEFINITIONS if (domain, kind) in used)


def written_out(model: Any) -> Any:
    """The model, changed where it has such operators: they become functions that stand in the model itself."""
    import onnx

    if not defined(model):
        return model
    for node in nodes_of(model.graph):
        if (node.domain, node.op_type) in DEFINITIONS:
            node.domain = DOMAIN
    opsets = '"": 18, "archgraph.defined": 1'
    for text in DEFINITIONS.values():
        model.functions.append(onnx.parser.parse_function(f'<domain: "{DOMAIN}", opset_import: [{opsets}]>{text}'))
    model.opset_import.add(domain=DOMAIN, version=1)
    return model


def has_kernels(model: Any) -> bool:
    """Whether the CPU can run a model as it is."""
    return not defined(model) and dtype_of(model) == "float32"


def for_cpu(model: Any, path: Path) -> Any:
    """The model, changed to one that the CPU can run; `path` is its file, beside which weights lie."""
    return in_single(written_out(model), path)


@contextmanager
def runnable(path: Path) -> Iterator[Path]:
    """For as long as this lasts, a copy of a file, beside it, that the CPU can run. Raises VerificationError."""
    import onnx

    with saved(for_cpu(onnx.load(str(path), load_external_data=False), path), path) as copy:
        yield copy


@contextmanager
def saved(model: Any, path: Path) -> Iterator[Path]:
    """For as long as this lasts, a model in a file of its own beside another one, whose weights it may read.

    What is too large for one message lies beside it. Raises VerificationError where there is no room for it.
    """
    import onnx

    copy = temporary_of(path)
    data = temporary_of(path)
    try:
        try:
            if sum(len(tensor.raw_data) for tensor in model.graph.initializer) > streaming.LARGEST_SINGLE_FILE:
                onnx.external_data_helper.convert_model_to_external_data(model, location=data.name)
            onnx.save(model, str(copy))
        except OSError as error:
            raise VerificationError(
                f"{path} cannot be compared: {error.strerror or error}",
                hint=f"a copy of it is written to {path.parent} for a while; verify a copy in another folder",
            ) from None
        yield copy
    finally:
        for file in (copy, data):
            with suppress(OSError):
                file.unlink(missing_ok=True)
