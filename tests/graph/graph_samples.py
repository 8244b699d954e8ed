"""Graphs built by hand, from operations that own weights in every way there is."""

from __future__ import annotations

from typing import Any, ClassVar

from archgraph.dims import Facts, symbol
from archgraph.graph import Builder, CallSpec, Graph, Node, Value
from archgraph.ops.contract import Init, Inputs, Operation, Port, TensorType, Weight, lookup, make

N, H, W = map(symbol, ("N", "H", "W"))


class FreeTensor(Operation):
    """A tensor without a module, as `parameter` and `buffer` make them."""

    name: ClassVar[str] = "free_tensor"
    ports: ClassVar[tuple[Port, ...]] = ()
    size: int
    trainable: bool = True

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        return (TensorType((self.size,)),)

    def weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        return (Weight("", (self.size,), Init("zeros"), self.trainable),)


class BatchNorm(Operation):
    """The weights of torch's BatchNorm2d: two parameters, three buffers."""

    name: ClassVar[str] = "batch_norm"

    def infer(self, inputs: Inputs, facts: Facts) -> tuple[TensorType, ...]:
        return (inputs["input"],)

    def weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        size = (inputs["input"].shape[1],)
        pair = (Weight("weight", size, Init("ones")), Weight("bias", size, Init("zeros")))
        running = (Weight("running_mean", size, Init("zeros"), False), Weight("running_var", size, Init("ones"), False))
        return (*pair, *running, Weight("num_batches_tracked", (), Init("zeros"), False, "int64"))


def op(name: str, **attributes: Any) -> Operation:
    return make(lookup(name), attributes)


def conv(out_channels: int, kernel_size: int = 3, **attributes: Any) -> Operation:
    return op("conv2d", out_channels=out_channels, kernel_size=kernel_size, padding=kernel_size // 2, **attributes)


def image_builder(name: str = "net", channels: int = 3) -> tuple[Builder, Value]:
    builder = Builder(name)
    return builder, builder.input("image", [N, channels, H, W])


def residual(outer: Builder, x: Value, width: int = 8, order: tuple[str, ...] = ()) -> Graph:
    """conv1, act, conv2, plus the input."""
    builder = Builder("residual", outer.facts)
    inner = builder.input("x", x.shape)
    first = builder.apply("conv1", conv(width), inner)
    act = builder.apply("act", op("silu"), first.output)
    second = builder.apply("conv2", conv(inner.shape[1]), act.output)
    return builder.finish(builder.apply("add", op("add"), [second.output, inner]).output, order=order)


def tower(copies: int = 2, width: int = 8, stride: int = 2) -> Graph:
    """A stem and a chain of residual blocks, as a classifier's stage would be."""
    builder, image = image_builder("tower")
    stem = builder.apply("stem", conv(8, stride=stride), image)
    chain = Builder("stage", builder.facts)
    value = first = chain.input("x", stem.output.shape)
    for i in range(copies):
        body = residual(builder, first, width)
        value = chain.call(str(i), body, [value], as_=CallSpec("block", block="residual")).output
    stage = builder.call("stage", chain.finish(value), [stem.output], as_=CallSpec("repeat"))
    return builder.finish({"features": stage.output})


def nodes(graph: Graph) -> dict[str, Node]:
    return {item.name: item for item in graph.items if isinstance(item, Node)}
