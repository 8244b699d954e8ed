"""Which layers become int8 and which stay in float32, with the reason, from the operators of an exported file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from archgraph.errors import InputError, nearest
from archgraph.quantize.uses import ModelWiring

LAYERS = ("Conv", "Gemm", "MatMul")
"""Where the work is, and what the runtime computes on integers: products with weights."""
JOINS = ("Add", "Concat")
CLAMPS = ("Relu", "Clip")
POOLS = ("MaxPool", "AveragePool", "GlobalAveragePool")
_BETWEEN = (*JOINS, *CLAMPS, *POOLS)
_HARMLESS = (*LAYERS, *_BETWEEN, "ReduceMean", "Flatten")
"""Readers that do not amplify rounding as norms do, which divide by a deviation."""

ASKED = "asked for"
FIRST, LAST = "first layer", "last layer"
ASIDE = "does not depend on the picture"
SENSITIVE = "measured sensitivity"


@dataclass(frozen=True, slots=True)
class LayerSelection:
    """Layers to quantise, operators between them that stay on integers, and the layers kept, each with its reason.

    All by the names of their ONNX nodes, which are the paths of the spec.
    """

    layers: tuple[str, ...]
    between: tuple[str, ...]
    kept: Mapping[str, str]

    @property
    def nodes(self) -> tuple[str, ...]:
        """All nodes to hand to the quantiser."""
        return (*self.layers, *self.between)


def choose(
    wiring: ModelWiring, keep: Iterable[str] = (), sensitive: Iterable[str] = (), aside: Sequence[str] = ()
) -> LayerSelection:
    """All layers but the first and last, those that do not depend on the picture, and those that are named.

    `keep` holds paths of the spec, or beginnings of paths; `aside` names layers of the network that are in another
    file. Raises InputError for a path that names no layer, and where nothing is left to quantise.
    """
    layers = weighted(wiring)
    kept = dict.fromkeys(aside, ASIDE) | _layers_left_in_float(wiring, layers)
    kept |= dict.fromkeys(sensitive, SENSITIVE)
    for path in keep:
        kept |= dict.fromkeys(_named(path, (*aside, *layers)), ASKED)
    chosen = tuple(name for name in layers if name not in kept)
    if not chosen:
        raise InputError(
            "nothing of this network can be quantised",
            expected="convolutions or linear layers besides the first and the last one",
            received=f"{len(layers)} of them, all kept in float32" if layers else "no convolution and no linear layer",
        )
    order = {name: place for place, name in enumerate((*aside, *wiring.nodes))}
    return LayerSelection(chosen, between(wiring, chosen), dict(sorted(kept.items(), key=lambda item: order[item[0]])))


def weighted(wiring: ModelWiring) -> tuple[str, ...]:
    """The layers with a constant weight, in the order in which they run."""
    return tuple(
        name
        for name, node in wiring.nodes.items()
        if node.op_type in LAYERS and not node.domain and node.input[1] in wiring.weights
    )


def _layers_left_in_float(wiring: ModelWiring, layers: Sequence[str]) -> dict[str, str]:
    """The first and last layers, and those that do not depend on the picture, each with its reason."""
    seeing = wiring.downstream(wiring.pictures)
    on_the_way = [name for name in layers if name in seeing]
    found = {name: ASIDE for name in layers if name not in seeing}
    later = wiring.downstream({value for name in on_the_way for value in wiring.nodes[name].output})
    earlier = wiring.upstream({value for name in on_the_way for value in wiring.nodes[name].input})
    for name in on_the_way:
        if name not in later:
            found[name] = FIRST
        elif name not in earlier:
            found[name] = LAST
    return found


def _named(path: str, layers: Sequence[str]) -> list[str]:
    """The layers at a path or below it. Raises InputError."""
    found = [name for name in layers if name == path or name.startswith((f"{path}.", f"{path}/"))]
    if not found:
        parts = dict.fromkeys(".".join(name.split(".")[:depth]) for name in layers for depth in range(1, 9))
        raise InputError(
            f"there is no convolution or linear layer at '{path}'",
            expected="a path of the spec, or the beginning of one",
            hint=nearest(path, parts),
        )
    return found


def between(wiring: ModelWiring, layers: Sequence[str]) -> tuple[str, ...]:
    """The operators that go on with the integers of the layers before them, so that none is widened for nothing; means
    of whole images are among them.

    An operator joins in where all that it reads is on integers, something on integers reads it, and no norm does. A
    clamp right behind a layer always joins: it becomes a part of it. Parts of an operation stay as they are: the
    quantiser does not know their types.
    """
    inside = {value for name in layers for value in wiring.nodes[name].output}
    candidates = []
    for name, node in wiring.nodes.items():
        possible = (node.op_type in _BETWEEN or name in wiring.image_means) and wiring.typed.issuperset(node.output)
        if possible and all(value in inside for value in wiring.data_inputs(node)):
            candidates.append(name)
            inside.update(node.output)
    chosen = {*layers, *candidates}
    while dropped := {name for name in candidates if name in chosen and not _stays(wiring, name, chosen)}:
        chosen -= dropped
    return tuple(name for name in candidates if name in chosen)


def _stays(wiring: ModelWiring, name: str, chosen: set[str]) -> bool:
    node = wiring.nodes[name]
    makers = [wiring.makers[value] for value in wiring.data_inputs(node)]
    if any(maker not in chosen for maker in makers):
        return False
    if node.op_type in CLAMPS and wiring.nodes[makers[0]].op_type in LAYERS and wiring.read_once(node.input[0]):
        return True
    readers = wiring.readers_of(node.output[0])
    return any(reader in chosen for reader in readers) and all(
        reader in chosen or wiring.nodes[reader].op_type in _HARMLESS for reader in readers
    )


def spec_path(name: str) -> str:
    """The path of the spec that a node of the file belongs to: a linear layer may be a product and a sum there."""
    return name.split("/")[0]
