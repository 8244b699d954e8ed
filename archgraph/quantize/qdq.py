"""The quantised model, made by onnxruntime.quantization from ranges that are known already."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from archgraph.errors import ExportError
from archgraph.quantize.image_means import image_means, write_as_pools
from archgraph.quantize.layer_selection import LAYERS, LayerSelection
from archgraph.quantize.layout_barriers import insert_layout_barriers, insert_pool_barriers
from archgraph.quantize.uses import ModelWiring
from archgraph.runtime.native_log import captured_output

_INFERRED = ("onnx.infer", "onnxruntime.quant")
"""Tells the quantiser that the types of values stand in the file, as they do: else it writes and reads a copy."""


def quantised_values(wiring: ModelWiring, choice: LayerSelection) -> list[str]:
    """The values that may be rounded: what the chosen nodes read and make."""
    found: dict[str, None] = {}
    for name in choice.nodes:
        node = wiring.nodes[name]
        read = node.input[:1] if node.op_type in (*LAYERS, "Clip") else node.input
        found |= dict.fromkeys(value for value in (*read, *node.output) if value not in wiring.weights)
    return list(found)


def quantised(model: Any, choice: LayerSelection, ranges: Mapping[str, tuple[float, float]]) -> Any:
    """A copy of the model with QuantizeLinear and DequantizeLinear around the chosen nodes.

    uint8 values and int8 weights, one scale for each channel of a weight. What follows a product by a matrix stays
    float32: the runtime adds the bias while it widens. Raises ExportError where the quantiser fails.
    """
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QDQQuantizer, QuantType
    from onnxruntime.quantization.calibrate import TensorsData  # where release 1.22 has it

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    _declare(copy, ranges)
    write_as_pools(copy, image_means(copy) & set(choice.between))
    copy.metadata_props.add(key=_INFERRED[0], value=_INFERRED[1])
    known = {name: tuple(np.array(end, np.float32) for end in ends) for name, ends in ranges.items()}
    try:
        with _quietly():
            quantiser = QDQQuantizer(
                copy,
                True,
                False,
                QuantType.QInt8,
                QuantType.QUInt8,
                TensorsData(CalibrationMethod.MinMax, known),
                list(choice.nodes),
                [],
                sorted({node.op_type for node in copy.graph.node if node.name in choice.nodes}),
                {
                    "MatMulConstBOnly": True,
                    "OpTypesToExcludeOutputQuantization": ["MatMul", "Gemm"],
                    "ForceQuantizeNoInputCheck": True,
                },
            )
            quantiser.quantize_model()
    except Exception as error:  # it raises whatever its parts raise
        raise ExportError("onnxruntime.quantization failed", received=f"{type(error).__name__}: {error}") from error
    return _finished(quantiser.model.model, model, choice)


def _declare(model: Any, values: Iterable[str]) -> None:
    """Gives types to values inside an operation, such as a padded image: the quantiser rounds none of unknown type."""
    import onnx

    known = {value.name for value in (*model.graph.value_info, *model.graph.input, *model.graph.output)}
    for name in values:
        if name not in known:
            model.graph.value_info.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))


def _finished(made: Any, original: Any, choice: LayerSelection) -> Any:
    """The model with the metadata of the original in place of the quantiser's."""
    del made.metadata_props[:]
    made.metadata_props.extend(original.metadata_props)
    insert_pool_barriers(made)
    insert_layout_barriers(made, set(choice.nodes))
    return made


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """The quantiser's warnings are about options that are chosen here; its files go to a folder that goes away."""
    kept, folder = logging.root.manager.disable, tempfile.tempdir
    logging.disable(logging.WARNING)
    try:
        with tempfile.TemporaryDirectory(prefix="archgraph-") as place, captured_output():
            tempfile.tempdir = place
            yield
    finally:
        tempfile.tempdir = folder
        logging.disable(kept)
