"""Random specs in several files: blocks of another file, another network as a block, values inside it, hidden names."""

from __future__ import annotations

from typing import Any

from random_bodies import Body
from random_parts import Spec
from random_rules import Rules

import archgraph as ag
from archgraph.errors import ArchgraphError
from archgraph.ops import TensorType

SHARED, OTHER, SHIPPED = "shared.json", "other.json", "digits_resnet"
FILES = "files"
"""The key under which a drawn spec holds the files that it uses; no key of the language."""


class Files(Rules):
    """Adds what comes from other files."""

    def __init__(self, seed: int):
        super().__init__(seed)
        self.files: Spec = {}

    def other(self, seed: int) -> Spec:
        """Another drawn spec."""
        raise NotImplementedError

    def network(self, body: Body, depth: int) -> bool:
        """Another network as a block, with inputs of its own, or of values inside it."""
        if body.root.sizes is not None or OTHER in self.files:
            return False
        spec = self.other(self.rng.randrange(10**6))
        if "presets" in spec or "use" in spec or not all(isinstance(shape, list) for shape in spec["inputs"].values()):
            return False
        try:
            graph = ag.load(spec)
        except ArchgraphError:
            return False
        names = {port: self.name("given") for port in spec["inputs"]}
        self.files[OTHER] = {**spec, "name": "other"}
        self.inputs |= {names[port]: shape for port, shape in spec["inputs"].items()}
        name = self.name("net")
        given: Any = list(names.values()) if self.rng.random() < 0.5 else names
        body.nodes[name] = {"op": "other", "in": given}
        several = isinstance(spec.get("outputs"), dict)
        for port, value in graph.outputs.items():
            body.add(f"{name}.{port}" if several else name, TensorType(value.shape, value.dtype))
        return True

    def shipped(self, body: Body, depth: int) -> bool:
        """A shipped network with other parameters, of which values inside it are handed out."""
        value = self.pick(body, lambda kind: kind.rank == 4 and isinstance(kind.shape[1], int))
        if value is None or body.root.sizes is not None or SHIPPED in self.files:
            return False
        stem: Spec = {"op": "conv2d", "out_channels": 4, "kernel_size": 3, "padding": 1}
        low = body.infer(stem, [value.kind])
        deep = body.infer({**stem, "out_channels": 6, "stride": 2}, [value.kind])
        if low is None or deep is None:
            return False
        self.files[SHIPPED] = SHIPPED
        kinds = {"conv1": low[0], "relu": low[0], "stage": deep[0]}
        chosen = self.rng.sample(list(kinds), self.rng.randint(1, 3))
        inner: Any = self.rng.choice([chosen, {f"of_{name}": name for name in chosen}])
        given = {"image_channels": value.kind.shape[1], "planes": [4, 6], "depth": 1}
        name = self.name("net")
        body.nodes[name] = {"op": SHIPPED, "in": body.read(value), "outputs": inner, **given}
        for port, source in zip(inner, chosen, strict=True):
            body.add(f"{name}.{port}", kinds[source])
        return True

    def in_files(self, spec: Spec) -> Spec:
        """The spec with the files that it uses, its own blocks in one of them now and then."""
        blocks = spec.get("blocks", {})
        if blocks and not self.files and self.rng.random() < 0.12:
            self.files[SHARED] = {"archgraph": 1, "name": "shared", "blocks": blocks}
            spec = {key: item for key, item in spec.items() if key != "blocks"}
        if not self.files:
            return spec
        written = {name: file for name, file in self.files.items() if isinstance(file, dict)}
        names = {"shared" if name == SHARED else name.partition(".")[0]: name for name in self.files}
        use: Any = {name: f"./{file}" if file in written else self.files[file] for name, file in names.items()}
        if SHARED in written and self.rng.random() < 0.5:
            use = [f"./{SHARED}"]
        elif SHARED in written:
            spec = {**spec, "nodes": _renamed(spec["nodes"], {name: f"shared.{name}" for name in blocks})}
        return {**spec, "use": use, **({FILES: written} if written else {})}

    def hidden_operation(self) -> None:
        """A block of an operation's name, which all nodes of the file mean then."""
        scale = {"op": "mul", "value": 0.5}
        self.blocks["relu"] = {
            "operations": ["relu"],
            "inputs": {"y": ["..."]},
            "nodes": self.rng.choice([{"r": "relu", "halve": scale}, {"halve": scale, "r": "relu"}, {"t": "tanh"}]),
        }


def _renamed(nodes: Spec, names: Spec) -> Spec:
    """Nodes with other names of their blocks."""
    return {name: _applying(node, names) for name, node in nodes.items()}


def _applying(node: Any, names: Spec) -> Any:
    """A node, or one that is an argument, with another name of its block. A mode called `relu` is no block."""
    if isinstance(node, str):
        return names.get(node, node)
    changed = {key: _applying(item, names) for key, item in node.items() if isinstance(item, dict) and "op" in item}
    if isinstance(node.get("op"), str):
        changed["op"] = names.get(node["op"], node["op"])
    if "nodes" in node:
        changed["nodes"] = _renamed(node["nodes"], names)
    return {**node, **changed}
