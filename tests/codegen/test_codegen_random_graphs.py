"""Graphs that only the builder makes, nested and wired in every way, against torch called node by node.

What a spec can say is drawn in tests/random_networks.
"""

from __future__ import annotations

from random import Random

import pytest
import torch
from codegen_cases import N, Net, op, outputs, shaken
from random_networks.interpretation import Interpreter

from archgraph.codegen import source, to_torch
from archgraph.graph.keys import weights
from archgraph.graph.types import Call, Graph, Value

WIDTH = 4
DRAWS = 100


class Drawing:
    """Draws a graph over vectors of one width. Hidden and dissolved levels, loops, skips and pass-throughs occur."""

    def __init__(self, seed: int):
        self.rng = Random(seed)
        self.names = 0

    def graph(self) -> Graph:
        net = Net(f"random{self.rng.randint(0, 3)}")
        inputs = [net.input(N, WIDTH, name=name) for name in ("x", "temb", "h")[: self.rng.randint(1, 3)]]
        return net.finish(*self.body(net, inputs, depth=2, size=self.rng.randint(2, 6)))

    def name(self, stem: str) -> str:
        self.names += 1
        return f"{stem}{self.names}"

    def body(self, net: Net, inputs: list[Value], depth: int, size: int) -> list[Value]:
        """Fills a body; its outputs are the last value and now and then one before it."""
        values = list(inputs)
        for _ in range(size):
            values += self.item(net, values, depth)
        found = [values[-1]]
        if self.rng.random() < 0.3:
            found.append(self.rng.choice(values))
        return list(dict.fromkeys(found))

    def pick(self, values: list[Value]) -> Value:
        """Mostly the last value, sometimes any."""
        return values[-1] if self.rng.random() < 0.6 else self.rng.choice(values)

    def item(self, net: Net, values: list[Value], depth: int) -> list[Value]:
        kind = self.rng.random()
        if depth and kind < 0.25:
            return self.call(net, values, depth)
        if depth and kind < 0.4:
            return self.repeat(net, values, depth)
        if depth and kind < 0.55:
            return self.lean(net, values)
        return [self.node(net, values)]

    def node(self, net: Net, values: list[Value]) -> Value:
        kind = self.rng.choice(["linear", "linear", "relu", "silu", "add", "mul", "chunk", "identity", "parameter"])
        if kind == "linear":
            return net(self.name("fc"), "linear", self.pick(values), out_features=WIDTH)
        if kind in ("add", "mul"):
            return net(self.name(kind), kind, self.pick(values), self.rng.choice(values))
        if kind == "chunk":
            halves = net.build.apply(self.name("halves"), op("chunk", chunks=2, dim=1), self.pick(values))
            both = [*halves.outputs]
            self.rng.shuffle(both)
            return net(self.name("cat"), "concat", *both)
        if kind == "parameter":
            scale = net(self.name("scale"), "parameter", shape=[WIDTH], init="ones")
            return net(self.name("scaled"), "mul", self.pick(values), scale)
        return net(self.name(kind), kind, self.pick(values))

    def call(self, net: Net, values: list[Value], depth: int) -> list[Value]:
        """A block, a group or a hidden level with one to three inputs."""
        given = [self.pick(values) for _ in range(self.rng.randint(1, 3))]
        inner = net.inner("inner")
        inside = [inner.input(N, WIDTH, name=self.rng.choice(["x", "temb", "skip"])) for _ in given]
        outs = self.body(inner, inside, depth - 1, self.rng.randint(1, 4))
        kind = self.rng.choice(["block", "group"])
        hidden = self.rng.random() < 0.25
        name = self.name("part")
        body = inner.build.finish({str(i): value for i, value in enumerate(outs)})
        how = {"kind": kind, "hidden": hidden, "block": self.rng.choice(["alpha", "beta"]) if kind == "block" else ""}
        net.call(name, body, *given, **how)
        call = net.items[name]
        return list(call.outputs)

    def lean(self, net: Net, values: list[Value]) -> list[Value]:
        """Instances of one block, each without some of its nodes, as `when:` leaves them out: their readers read on."""
        seed, count = self.rng.randint(0, 3), self.rng.randint(2, 4)
        flow, outs = self.pick(values), []
        for _ in range(count):
            plan = Random(seed)
            unit = net.inner("unit")
            known = [unit.input(N, WIDTH, name="x"), unit.input(N, WIDTH, name="temb")]
            for place in range(5):
                main, other = plan.choice(known), plan.choice(known)
                kind = plan.choice(["linear", "linear", "relu", "add", "mul"])
                if self.rng.random() < 0.3:
                    known.append(main)
                elif kind == "linear":
                    known.append(unit(f"fc{place}", "linear", main, out_features=WIDTH))
                else:
                    known.append(unit(f"at{place}", kind, main, *([other] if kind in ("add", "mul") else [])))
            ends = list(dict.fromkeys([known[-1], known[plan.randint(2, 5)]]))
            body = unit.build.finish({str(i): value for i, value in enumerate(ends)})
            name = self.name("lean")
            net.call(name, body, flow, self.rng.choice(values), kind="block", block=f"lean{seed}")
            outs = list(net.items[name].outputs)
            flow = outs[0]
        return outs

    def repeat(self, net: Net, values: list[Value], depth: int) -> list[Value]:
        """Copies of one block, chained, with or without a second port; numbered, or under dotted names."""
        seed, count = self.rng.random(), self.rng.randint(1, 3)
        second = self.rng.random() < 0.5
        given = [self.pick(values), *([self.rng.choice(values)] if second else [])]
        inner = net.inner("copies")
        inside = [inner.input(N, WIDTH, name=name) for name in ("x", "context")[: len(given)]]
        flow = inside[0]
        hidden = self.rng.random() < 0.4
        stem = self.name("many")
        base = self.names
        seen = []
        for i in range(count):
            self.names = base
            self.rng, kept = Random(seed), self.rng
            unit = net.inner("unit")
            own = [unit.input(N, WIDTH, name=value.name) for value in inside]
            outs = self.body(unit, own, 0, 3)[:1]
            self.rng = kept
            name = f"{stem}.{i}" if hidden else str(i)
            flow = inner.call(name, unit.finish(*outs), flow, *inside[1:], kind="block", block=stem)
            seen.append(flow)
        self.names = base + 10
        outputs = [flow, *([seen[0]] if self.rng.random() < 0.2 and count > 1 else [])]
        body = inner.build.finish({str(i): value for i, value in enumerate(outputs)})
        net.call(stem, body, *given, kind="repeat", hidden=hidden)
        call = net.items[stem]
        return list(call.outputs)


def looked_through(graph: Graph) -> int:
    """How many nodes there are, at every depth."""
    return sum(looked_through(item.body) if isinstance(item, Call) else 1 for item in graph.items)


@pytest.mark.parametrize("first", range(0, DRAWS, 10))
def test_random_graphs_mean_what_their_nodes_mean(first: int) -> None:
    for seed in range(first, first + 10):
        graph = Drawing(seed).graph()
        net = shaken(to_torch(graph), seed)
        state = net.state_dict()
        assert sorted(state) == sorted(item.key for item in weights(graph)), seed
        generator = torch.Generator().manual_seed(seed)
        given = [torch.randn(3, WIDTH, generator=generator) for _ in graph.inputs]
        double = {key: value.double() if value.is_floating_point() else value for key, value in state.items()}
        with torch.no_grad():
            wanted = Interpreter(double, {"N": 3}).run(graph, [each.double() for each in given])
        for ours, theirs in zip(outputs(net, *given), wanted, strict=True):
            torch.testing.assert_close(
                ours.double(), theirs, rtol=1e-4, atol=1e-5, msg=lambda text, seed=seed: f"{seed}: {text}"
            )


def test_the_drawings_have_what_they_are_for() -> None:
    graphs = [Drawing(seed).graph() for seed in range(DRAWS)]
    texts = [source(graph) for graph in graphs]
    assert max(map(looked_through, graphs)) > 20
    for part in ("nn.ModuleList", "nn.Sequential", "    for ", "is not None", "Base(nn.Module)", ".chunk(2, dim=1)"):
        assert any(part in text for text in texts), part
