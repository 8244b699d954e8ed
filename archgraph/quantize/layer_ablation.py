"""The effect on the outputs of rounding a single layer, without running the layers before it.

The float network is run once, with the values laid open that its parts meet at. A layer is rounded by itself, and the
way from there to the outputs is run with what it makes moved by as much; and with what it reads, since others read that
rounded, too. One session serves several layers that follow each other: those that are not looked at are not moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.quantize.inference import run, session
from archgraph.quantize.layer_selection import LayerSelection, between
from archgraph.quantize.qdq import quantised
from archgraph.quantize.ranges import LEVELS, laid_open
from archgraph.quantize.uses import ModelWiring

Values = Mapping[str, Array]

TOGETHER = 10
"""How many layers share a session. With fewer, more is built; with more, more is run."""


@dataclass(frozen=True, slots=True)
class QuantizedLayer:
    """A layer, with the clamp that is rounded as one with it: its nodes, what they read, and what they make."""

    layer: str
    nodes: tuple[str, ...]
    read: str
    made: str

    def rounded(self, model: Any, values: Array) -> Array:
        """The layer's input, rounded as a quantised model rounds it."""
        from onnx import numpy_helper

        node = next(
            node for node in model.graph.node if node.op_type == "QuantizeLinear" and node.input[0] == self.read
        )
        stored = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
        scale, zero = stored[node.input[1]], stored[node.input[2]].astype(np.float32)
        steps = np.clip(np.rint(values / scale) + zero, 0, LEVELS)
        return np.asarray((steps - zero) * scale, np.float32)


def part_of(wiring: ModelWiring, layer: str) -> QuantizedLayer:
    """The nodes that are rounded together with this layer."""
    nodes = (layer, *between(wiring, (layer,)))
    return QuantizedLayer(layer, nodes, wiring.nodes[layer].input[0], wiring.nodes[nodes[-1]].output[0])


class LayerAblation:
    """The outputs of a model with single layers rounded, on calibration batches."""

    def __init__(
        self,
        model: Any,
        wiring: ModelWiring,
        layers: Sequence[str],
        ranges: Mapping[str, tuple[float, float]],
        batches: Sequence[Values],
    ):
        self.model, self.wiring, self.ranges = model, wiring, ranges
        parts = [part_of(wiring, layer) for layer in layers]
        self._groups = [parts[start : start + TOGETHER] for start in range(0, len(parts), TOGETHER)]
        self.outputs = [value.name for value in model.graph.output]
        self._known = list(self._laid_open(batches))
        self.exact = joined({name: known[name] for name in self.outputs} for known in self._known)

    def __iter__(self) -> Iterator[tuple[str, dict[str, Array]]]:
        """Each layer, and the outputs of the model in which only it is rounded."""
        for group in self._groups:
            rest = self._after(group)
            for part in group:
                moves = self._moves(part)
                results = (self._moved(rest, group, *each) for each in zip(self._known, moves, strict=True))
                yield part.layer, joined(results)

    def _laid_open(self, batches: Sequence[Values]) -> Iterator[dict[str, Array]]:
        """All values of the float network that are needed, of each batch."""
        needed = dict.fromkeys(self.outputs)
        for group in self._groups:
            needed |= dict.fromkeys(self._border(group))
            needed |= {name: None for part in group for name in (part.read, part.made)}
        given = {value.name for value in self.model.graph.input}
        names = [name for name in needed if name not in given]
        opened = session(laid_open(self.model, names))
        for batch in batches:
            yield {**batch, **run(opened, batch, names)}

    def _border(self, group: Sequence[QuantizedLayer]) -> list[str]:
        """The values that the nodes after these layers read from other nodes."""
        nodes = [self.wiring.nodes[name] for name in self._downstream_nodes(group)]
        inside = {value for node in nodes for value in node.output}
        read = [value for node in nodes for value in self.wiring.data_inputs(node)]
        return list(dict.fromkeys(value for value in read if value not in inside))

    def _downstream_nodes(self, group: Sequence[QuantizedLayer]) -> list[str]:
        reached = self.wiring.downstream(part.read for part in group)
        return [name for name in self.wiring.nodes if name in reached]

    def _after(self, group: Sequence[QuantizedLayer]) -> Any:
        """A session on all that comes after these parts; what each of them reads and makes can be moved."""
        from onnx import helper

        names = {value: _moved_name(value) for value in _touched(group)}
        nodes = [helper.make_node("Add", [value, _by(value)], [name]) for value, name in names.items()]
        for name in self._downstream_nodes(group):
            node = _copied(self.wiring.nodes[name])
            read = [names.get(value, value) for value in node.input]
            del node.input[:]
            node.input.extend(read)
            nodes.append(node)
        made = {value for node in nodes for value in node.output}
        sample = self._known[0]
        inputs = {value: sample[value] for value in (*self._border(group), *names) if value not in made}
        inputs |= {_by(value): _nothing(sample[value]) for value in names}
        outputs = [names.get(value, value) for value in self.outputs if names.get(value, value) in made]
        return session(_model(self.model, _in_order(nodes, made), inputs, outputs))

    def _moves(self, part: QuantizedLayer) -> Iterator[dict[str, Array]]:
        """How far the rounding of a part moves what it reads and makes, on each batch."""
        nodes = [_copied(self.wiring.nodes[name]) for name in part.nodes]
        exact = _model(self.model, nodes, {part.read: self._known[0][part.read]}, [part.made])
        rounding = quantised(exact, LayerSelection((part.layer,), part.nodes[1:], {}), self.ranges)
        sessions = (session(rounding), session(exact))
        for known in self._known:
            values = known[part.read]
            near = part.rounded(rounding, values)
            found, without = (
                run(opened, {part.read: given})[part.made]
                for opened, given in zip(sessions, (values, near), strict=True)
            )
            yield {part.read: near - values, part.made: found - without}

    def _moved(
        self, rest: Any, group: Sequence[QuantizedLayer], known: Mapping[str, Array], moves: Mapping[str, Array]
    ) -> dict[str, Array]:
        """The outputs of one batch where some values are moved."""
        steps = {_by(value): moves.get(value, _nothing(known[value])) for value in _touched(group)}
        whole = {**known, **steps}
        results = run(rest, {value.name: whole[value.name] for value in rest.get_inputs()})
        return {name: results.get(_moved_name(name), results.get(name, known[name])) for name in self.outputs}


def _touched(group: Sequence[QuantizedLayer]) -> list[str]:
    """The values that are rounded with these parts."""
    return list(dict.fromkeys(value for part in group for value in (part.read, part.made)))


def _moved_name(value: str) -> str:
    """The name that readers get in place of a value."""
    return f"{value}/moved"


def _by(value: str) -> str:
    """The input that holds the perturbation of a value."""
    return f"{value}/by"


def joined(results: Iterable[Mapping[str, Array]]) -> dict[str, Array]:
    """The outputs of several batches, one after the other."""
    each = list(results)
    return {name: np.concatenate([np.atleast_1d(one[name]) for one in each]) for name in each[0]}


def _nothing(like: Array) -> Array:
    """A zero that can be added to a value, and costs little."""
    return np.zeros((1,) * like.ndim, like.dtype)


def _copied(node: Any) -> Any:
    return type(node).FromString(node.SerializeToString())


def _in_order(nodes: Sequence[Any], made: set[str]) -> list[Any]:
    """The nodes in an order in which each comes after those that it reads. They are nearly in one."""
    done: set[str] = set()
    left, found = list(nodes), []
    while left:
        later = []
        for node in left:
            if any(value in made and value not in done for value in node.input):
                later.append(node)
            else:
                found.append(node)
                done.update(node.output)
        left = later
    return found


def _model(whole: Any, nodes: Sequence[Any], inputs: Mapping[str, Array], outputs: Sequence[str]) -> Any:
    """A model of some nodes of another one, with the weights that they read. Inputs have any sizes."""
    import onnx

    read = {value for node in nodes for value in node.input}
    model = onnx.ModelProto(ir_version=whole.ir_version)
    model.opset_import.extend(whole.opset_import)
    model.graph.name = whole.graph.name
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(item for item in whole.graph.initializer if item.name in read)
    for name, array in inputs.items():
        kind = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
        model.graph.input.append(onnx.helper.make_tensor_value_info(name, kind, [None] * array.ndim))
    known = {value.name: value for value in (*whole.graph.value_info, *whole.graph.output)}
    model.graph.output.extend(known.get(name, onnx.ValueInfoProto(name=name)) for name in outputs)
    inner = {value for node in nodes for value in node.output} - set(outputs)
    model.graph.value_info.extend(known[name] for name in known if name in inner)
    return model
