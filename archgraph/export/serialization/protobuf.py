"""The program as protobuf, weights left out: they are streamed behind it. The one file that imports onnx."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import onnx

from archgraph import __version__
from archgraph.artifact import metadata_keys as keys
from archgraph.artifact.arrays import Array
from archgraph.export.lowering.program import ELEMENT_TYPES, SINGLE, Attribute, Initializer, OnnxNode, Program, Subgraph
from archgraph.export.profiles import Profile
from archgraph.graph.batch_independence import batch_symbol
from archgraph.graph.index_tables import index_ranges
from archgraph.graph.plugin_use import plugins_in
from archgraph.graph.types import Graph
from archgraph.ops.contract import TensorType

_FLOAT, _INT, _STRING, _GRAPH, _FLOATS, _INTS, _STRINGS = 1, 2, 3, 5, 6, 7, 8


def head(graph: Graph, program: Program, profile: Profile, part: Mapping[str, str] | None = None) -> bytes:
    """The serialised model without its graph: versions and metadata. `part` are entries of
    this file only: how it belongs to another one, where its weights come from."""
    model = onnx.ModelProto(ir_version=profile.ir, producer_name="archgraph", producer_version=__version__)
    for domain, number in {"": profile.opset, **profile.domains}.items():
        model.opset_import.add(domain=domain, version=number)
    for key, value in {**(part or {}), **metadata(graph, program, profile)}.items():
        model.metadata_props.add(key=key, value=value)
    return bytes(model.SerializeToString(deterministic=True))


def metadata(graph: Graph, program: Program, profile: Profile) -> dict[str, str]:
    """The metadata of the file, from which it runs and its network can be rebuilt."""
    info = graph.info
    return {
        **keys.VERSION.with_value(keys.FORMAT),
        **keys.GENERATOR.with_value(f"archgraph {__version__}"),
        **keys.PROFILE.with_value(profile.name),
        **keys.NAME.with_value(graph.name),
        **keys.PRESET.with_value(info.preset),
        **keys.PARAMS.with_value(info.params),
        **(keys.SIZES.with_value(info.sizes) if info.sizes else {}),
        **keys.SPEC.with_value(info.spec),
        **keys.CONSTRAINTS.with_value([constraint.to_json() for constraint in graph.constraints]),
        **keys.INPUTS.with_value(_described(program.inputs)),
        **keys.OUTPUTS.with_value(_described(program.outputs)),
        **keys.META.with_value(info.meta),
        **_batch(graph),
        **_ranges(graph),
        **keys.FOLDED.with_value(program.folded),
        **_precision(program),
        **_plugins(graph),
        **(keys.LAYOUT.with_value(program.layout) if program.layout else {}),
    }


def branch_entry(file: str, sha256: str, branch: Program) -> dict[str, str]:
    """The entry of a main file about the time branch next to it: its name, its digest, its inputs and outputs."""
    ports = {"inputs": _described(branch.inputs), "outputs": _described(branch.outputs)}
    return keys.TIME_BRANCH.with_value({"file": file, "sha256": sha256, **ports})


def part_entry(main: str) -> dict[str, str]:
    """The entry of a time branch about the file that it belongs to."""
    return keys.TIME_BRANCH_OF.with_value(main)


def weights_entry(digests: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The entry about the files that the weights come from; none where they come from memory."""
    return keys.WEIGHTS.with_value(list(digests)) if digests else {}


def _batch(graph: Graph) -> dict[str, str]:
    """That a batch may be computed in parts, where it may: the name of its size."""
    symbol = batch_symbol(graph)
    return {} if symbol is None else keys.BATCH.with_value(symbol)


def _ranges(graph: Graph) -> dict[str, str]:
    """Which whole numbers the inputs may hold, where they are indices."""
    found = index_ranges(graph)
    return keys.RANGES.with_value({name: item.to_json() for name, item in found.items()}) if found else {}


def _plugins(graph: Graph) -> dict[str, str]:
    """Whose operations and blocks the network has, where it has some of plugins."""
    found = plugins_in(graph)
    return keys.PLUGINS.with_value([used.to_json() for used in found]) if found else {}


def _precision(program: Program) -> dict[str, str]:
    """The element type of a file that is not in float32, and what stays so all the same."""
    if program.dtype == SINGLE:
        return {}
    return {**keys.DTYPE.with_value(program.dtype), **keys.FLOAT32.with_value(program.kept)}


def _described(tensors: Mapping[str, TensorType]) -> dict[str, Any]:
    return {name: {"shape": list(kind.shape), "dtype": kind.dtype} for name, kind in tensors.items()}


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
    if node.body is not None:
        _fill_body(proto.attribute.add(name="body", type=_GRAPH).g, node.name, node.body)


def _fill_body(graph: Any, name: str, body: Subgraph) -> None:
    graph.name = f"{name}/body"
    for node in body.nodes:
        _fill_node(graph.node.add(), node)
    for values, known in ((graph.input, body.inputs), (graph.output, body.outputs)):
        for value, kind in known.items():
            _fill_value(values.add(), value, kind)


def _fill_attribute(proto: Any, name: str, value: Attribute) -> None:
    proto.name = name
    if isinstance(value, str):
        proto.type, proto.s = _STRING, value.encode()
    elif isinstance(value, float):
        proto.type, proto.f = _FLOAT, value
    elif isinstance(value, int):
        proto.type, proto.i = _INT, value
    elif any(isinstance(item, str) for item in value):
        proto.type = _STRINGS
        proto.strings.extend(str(item).encode() for item in value)
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
