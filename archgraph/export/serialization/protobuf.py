"""The program as protobuf, weights left out: they are streamed behind it. The one file that imports onnx."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import onnx

from archgraph import __version__
from archgraph.artifact.arrays import Array
from archgraph.artifact.metadata_check import BATCH_KEY, BRANCH_KEY, PART_KEY, RANGES_KEY
from archgraph.export.lowering.program import ELEMENT_TYPES, SINGLE, Attribute, Initializer, OnnxNode, Program
from archgraph.export.profiles import Profile
from archgraph.graph.batch_independence import batch_symbol
from archgraph.graph.index_tables import index_ranges
from archgraph.graph.types import Graph
from archgraph.ops.contract import TensorType

FORMAT_VERSION = "1"
_FLOAT, _INT, _STRING, _FLOATS, _INTS = 1, 2, 3, 6, 7


def head(graph: Graph, program: Program, profile: Profile, part: Mapping[str, str] | None = None) -> bytes:
    """The serialised model without its graph: versions and metadata. `part` says how it belongs to another file."""
    model = onnx.ModelProto(ir_version=profile.ir, producer_name="archgraph", producer_version=__version__)
    for domain, number in {"": profile.opset, **profile.domains}.items():
        model.opset_import.add(domain=domain, version=number)
    for key, value in {**(part or {}), **metadata(graph, program, profile)}.items():
        model.metadata_props.add(key=key, value=value)
    return bytes(model.SerializeToString(deterministic=True))


def metadata(graph: Graph, program: Program, profile: Profile) -> dict[str, str]:
    """What the file says of itself: it runs, and can be built again, from this alone."""
    info = graph.info
    return {
        "archgraph.version": FORMAT_VERSION,
        "archgraph.generator": f"archgraph {__version__}",
        "archgraph.profile": profile.name,
        "archgraph.name": graph.name,
        "archgraph.preset": info.preset,
        "archgraph.params": _json(info.params),
        **({"archgraph.sizes": _json(info.sizes)} if info.sizes else {}),
        "archgraph.spec": _json(info.spec),
        "archgraph.constraints": _json([constraint.to_json() for constraint in graph.constraints]),
        "archgraph.inputs": _json({name: _described(kind) for name, kind in program.inputs.items()}),
        "archgraph.outputs": _json({name: _described(kind) for name, kind in program.outputs.items()}),
        "archgraph.meta": _json(info.meta),
        **_batch(graph),
        **_ranges(graph),
        "archgraph.folded": _json(program.folded),
        **_precision(program),
    }


def branch_entry(file: str, sha256: str, branch: Program) -> dict[str, str]:
    """What a main file says of the time branch that lies beside it: its name, its digest, its inputs and outputs."""
    ports = {
        kind: {name: _described(of) for name, of in known.items()}
        for kind, known in (("inputs", branch.inputs), ("outputs", branch.outputs))
    }
    return {BRANCH_KEY: _json({"file": file, "sha256": sha256, **ports})}


def part_entry(main: str) -> dict[str, str]:
    """What the file of a time branch says of the file that it belongs to."""
    return {PART_KEY: main}


def _batch(graph: Graph) -> dict[str, str]:
    """That a batch may be computed in parts, where it may: the name of its size."""
    symbol = batch_symbol(graph)
    return {} if symbol is None else {BATCH_KEY: _json(symbol)}


def _ranges(graph: Graph) -> dict[str, str]:
    """Which whole numbers the inputs may hold, where they are indices."""
    found = index_ranges(graph)
    return {RANGES_KEY: _json({name: item.to_json() for name, item in found.items()})} if found else {}


def _precision(program: Program) -> dict[str, str]:
    """The element type of a file that is not in float32, and what stays so all the same."""
    if program.dtype == SINGLE:
        return {}
    return {"archgraph.dtype": program.dtype, "archgraph.float32": _json(program.kept)}


def _json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    """Read-only mappings and tuples as JSON has them; other values, such as sizes, as their text."""
    return dict(value) if isinstance(value, Mapping) else str(value)


def _described(kind: TensorType) -> dict[str, Any]:
    return {"shape": [size if isinstance(size, int) else str(size) for size in kind.shape], "dtype": kind.dtype}


def body(program: Program, name: str) -> bytes:
    """The serialised graph without its weights: operators, constants, inputs, outputs, shapes of what flows."""
    graph = onnx.GraphProto(name=name)
    for node in program.nodes:
        _fill_node(graph.node.add(), node)
    for constant, array in program.constants.items():
        graph.initializer.add(
            name=constant, dims=array.shape, data_type=ELEMENT_TYPES[str(array.dtype)], raw_data=little_endian(array)
        )
    for values, known in ((graph.input, program.inputs), (graph.output, program.outputs)):
        for value, kind in known.items():
            _fill_value(values.add(), value, kind)
    borders = program.inputs.keys() | program.outputs.keys() | program.initializers.keys() | program.constants.keys()
    for value, kind in program.types.items():
        if value not in borders:
            _fill_value(graph.value_info.add(), value, kind)
    return bytes(graph.SerializeToString(deterministic=True))


def little_endian(array: Array) -> bytes:
    """The bytes of an array as ONNX stores them."""
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _fill_node(proto: Any, node: OnnxNode) -> None:
    proto.op_type, proto.name, proto.domain = node.kind, node.name, node.domain
    proto.input.extend(node.inputs)
    proto.output.extend(node.outputs)
    for name, value in node.attributes.items():
        _fill_attribute(proto.attribute.add(), name, value)


def _fill_attribute(proto: Any, name: str, value: Attribute) -> None:
    proto.name = name
    if isinstance(value, str):
        proto.type, proto.s = _STRING, value.encode()
    elif isinstance(value, float):
        proto.type, proto.f = _FLOAT, value
    elif isinstance(value, int):
        proto.type, proto.i = _INT, value
    elif any(isinstance(item, float) for item in value):
        proto.type = _FLOATS
        proto.floats.extend(value)
    else:
        proto.type = _INTS
        proto.ints.extend(value)


def _fill_value(proto: Any, name: str, kind: TensorType) -> None:
    proto.name = name
    tensor = proto.type.tensor_type
    tensor.elem_type = ELEMENT_TYPES[kind.dtype]
    tensor.shape.SetInParent()
    for size in kind.shape:
        if isinstance(size, int):
            tensor.shape.dim.add(dim_value=size)
        else:
            tensor.shape.dim.add(dim_param=str(size))


def tensor_head(item: Initializer, outside: Mapping[str, str] | None = None) -> bytes:
    """A serialised tensor without its data; `outside` says where the data lies when it is not in this file."""
    proto = onnx.TensorProto(name=item.name, dims=item.shape, data_type=ELEMENT_TYPES[item.dtype])
    if outside is not None:
        proto.data_location = onnx.TensorProto.EXTERNAL
        for key, value in outside.items():
            proto.external_data.add(key=key, value=value)
    return bytes(proto.SerializeToString(deterministic=True))
