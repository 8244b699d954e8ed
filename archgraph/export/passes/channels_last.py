"""Images that become tokens, and tokens that become images: with the channels last both are a reshape alone.

ONNX Runtime's `prefer_nhwc` leaves the channels last wherever it can, but a reshape stops it, and the transposes around
it stay or wander into what follows. Here they are turned into those that cancel against its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from archgraph.dims import Dim
from archgraph.export.lowering.program import OnnxNode, Program, UniqueNames, constant_text
from archgraph.export.passes.uses import NORMS, ValueUses

CHANNELS_LAST, CHANNELS_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)
_EXCHANGED = (0, 2, 1)
_COPY, _INFER = 0, -1
_WITH_SCALES = 3
"""Inputs of a Resize that is given factors."""


def lay_out(program: Program) -> None:
    """Resizes and reshapes go by way of [N, H, W, C] where the file is to be run so: in float16, whose convolutions use
    tensor cores then, and where a group norm wants it anyway. Convolutions in float32 are slower that way."""
    if program.dtype != "float16" and not any(node.kind in NORMS for node in program.nodes):
        program.layout = "channels_first"
        return
    resize_channels_last(program)
    reshape_channels_last(program)


def resize_channels_last(program: Program) -> None:
    """The nearest pixels by known factors. (Weighted ones have a kernel for channels first only.)"""
    names = _taken(program)
    nodes: list[OnnxNode] = []
    for node in program.nodes:
        nodes.extend(_resized_last(program, names, node))
    program.nodes = nodes


def _resized_last(program: Program, names: UniqueNames, node: OnnxNode) -> list[OnnxNode]:
    scales = (
        program.constants.get(node.inputs[2]) if node.kind == "Resize" and len(node.inputs) == _WITH_SCALES else None
    )
    if scales is None or len(scales) != len(CHANNELS_LAST) or node.attributes["mode"] != "nearest":
        return [node]
    moved = np.ascontiguousarray(scales[list(CHANNELS_LAST)])
    program.constants[constant_text(moved)] = moved
    last, resized = names.take(f"{node.inputs[0]}/last"), names.take(f"{node.outputs[0]}/last")
    return [
        OnnxNode("Transpose", node.inputs[:1], (last,), {"perm": CHANNELS_LAST}, name=last, path=node.path),
        OnnxNode("Resize", (last, "", constant_text(moved)), (resized,), node.attributes, name=resized, path=node.path),
        OnnxNode("Transpose", (resized,), node.outputs, {"perm": CHANNELS_FIRST}, name=node.name, path=node.path),
    ]


def reshape_channels_last(program: Program) -> None:
    """[N, C, H, W] → [N, C, H·W] → [N, H·W, C], and its inverse, go by way of [N, H, W, C]."""
    _Tokens(program).rewrite()


def _taken(program: Program) -> UniqueNames:
    made = (name for node in program.nodes for name in node.outputs)
    held = (program.inputs, program.initializers, program.constants)
    return UniqueNames([*made, *(name for group in held for name in group)])


@dataclass(slots=True)
class _Tokens:
    """One run over a program. `normed` are the results of group norms so far by [N, H, W, C], `lasts` other images with
    their channels last by [N, H, W]; `shapes` are the shapes of either that are at hand."""

    program: Program
    wiring: ValueUses = field(init=False)
    names: UniqueNames = field(init=False)
    normed: dict[tuple[Dim, ...], str] = field(default_factory=dict)
    lasts: dict[tuple[Dim, ...], str] = field(default_factory=dict)
    shapes: dict[tuple[Dim, ...], str] = field(default_factory=dict)
    nodes: list[OnnxNode] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.wiring = ValueUses.of(self.program)
        self.names = _taken(self.program)

    def rewrite(self) -> None:
        for node in self.program.nodes:
            self._note(node)
            if not (self._to_tokens(node) or self._to_image(node)):
                self.nodes.append(node)
        self.program.nodes = self.nodes

    def _note(self, back: OnnxNode) -> None:
        """Remembers what a group norm leaves. ONNX Runtime moves transposes beyond a `Shape`, but not beyond a norm."""
        if back.kind == "Transpose" and self.wiring.maker(back.inputs[0], *NORMS) is not None:
            image = self._shape(back.outputs[0])
            self.normed[tuple(image[axis] for axis in CHANNELS_LAST)] = back.inputs[0]

    def _to_tokens(self, second: OnnxNode) -> bool:
        """Whether a transpose made tokens of an image, and now reshapes one."""
        first = self._pair(second, "Transpose", "Reshape")
        image = self._shape(first.inputs[0]) if first is not None else ()
        if first is None or second.attributes["perm"] != _EXCHANGED or len(image) != 4:
            return False
        batch, channels, height, width = image
        if self._shape(first.outputs[0])[:2] != (batch, channels) or not isinstance(channels, int):
            return False
        last = self._last(first)
        self.lasts[batch, height, width] = last
        target = self._ints([_COPY, _INFER, channels])
        self._add(second, "Reshape", (last, target), second.outputs[0])
        return True

    def _to_image(self, second: OnnxNode) -> bool:
        """Whether a reshape made an image of tokens with the channels first, and now makes one with them last."""
        first = self._pair(second, "Reshape", "Transpose")
        image = self._shape(second.outputs[0])
        if first is None or first.attributes["perm"] != _EXCHANGED or len(image) != 4:
            return False
        batch, channels, height, width = image
        if self._shape(first.outputs[0])[:2] != (batch, channels):
            return False
        target = self._target((batch, height, width, channels))
        if not target:
            return False
        last = self.names.take(f"{second.outputs[0]}/last")
        self._add(first, "Reshape", (first.inputs[0], target), last)
        self._add(second, "Transpose", (last,), second.outputs[0], perm=CHANNELS_FIRST)
        return True

    def _pair(self, second: OnnxNode, kind: str, before: str) -> OnnxNode | None:
        """The operator before one of that kind, where nothing else reads what it leaves."""
        if second.kind != kind:
            return None
        first = self.wiring.maker(second.inputs[0], before)
        return first if first is not None and self.wiring.only_reader(first.outputs[0], kind) is second else None

    def _last(self, first: OnnxNode) -> str:
        """The image that a reshape reads with its channels last: as a group norm has left it, or transposed."""
        image = first.inputs[0]
        back = self.wiring.maker(image, "Transpose")
        if back is not None and back.attributes["perm"] == CHANNELS_FIRST:
            return back.inputs[0]
        last = self.names.take(f"{image}/last")
        self._add(first, "Transpose", (image,), last, perm=CHANNELS_LAST)
        return last

    def _target(self, shape: tuple[Dim, ...]) -> str:
        """The second input of a reshape to [N, H, W, C], without arithmetic on sizes where that can be; '' where it
        cannot be known.

        The shape of a tensor is at hand on the host. What is computed of it is computed on the device, and copied back:
        under `prefer_nhwc` ONNX Runtime forgets that such work is better left to the CPU.
        """
        _, height, width, channels = shape
        if isinstance(channels, int) and isinstance(height, int):
            return self._ints([_COPY, height, _INFER, channels])
        if isinstance(channels, int) and isinstance(width, int):
            return self._ints([_COPY, _INFER, width, channels])
        if shape not in self.shapes:
            self.shapes[shape] = self._computed(shape)
        return self.shapes[shape]

    def _computed(self, shape: tuple[Dim, ...]) -> str:
        """The shape of an image with its channels last that is there; '' where none is like it."""
        if shape in self.normed:
            return self._emit("Shape", (self.normed[shape],), f"{self.normed[shape]}/shape")
        alike = (name for kind, name in self.normed.items() if kind[:3] == shape[:3])
        image, channels = next(alike, self.lasts.get(shape[:3])), shape[3]
        if image is None or not isinstance(channels, int):
            return ""
        sides = self._emit("Shape", (image,), f"{image}/sides", start=1, end=3)
        return self._emit("Concat", (self._ints([_COPY]), sides, self._ints([channels])), f"{image}/{channels}", axis=0)

    def _emit(self, kind: str, inputs: tuple[str, ...], wish: str, **how: int) -> str:
        """An operator more, called after its result."""
        name = self.names.take(wish)
        self.nodes.append(OnnxNode(kind, inputs, (name,), how, name=name))
        return name

    def _ints(self, values: list[int]) -> str:
        """A constant vector of int64."""
        array = np.array(values, dtype=np.int64)
        name = constant_text(array)
        if name not in self.program.constants:
            self.program.constants[name] = array
        return name

    def _shape(self, name: str) -> tuple[Dim, ...]:
        """The shape of a value where it is known, else ()."""
        kind = self.program.types.get(name) or self.program.inputs.get(name)
        return kind.shape if kind is not None else ()

    def _add(self, instead: OnnxNode, kind: str, inputs: tuple[str, ...], output: str, **how: tuple[int, ...]) -> None:
        """An operator in the place of another."""
        self.nodes.append(OnnxNode(kind, inputs, (output,), how, name=instead.name, path=instead.path))
